"""Reads a handler's signature: which message it takes, what it answers with, which ports it needs.

A handler is a plain function: `ctx` first, its message second, ports by type after `*`. A handler of an event is a
reaction. A finder has the same form; it answers with the thing that its messages are about, for the policy and for
handlers that take it as their third parameter.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any, Literal, TypeGuard, TypeVar, Union, cast, get_args, get_origin

from msgspec import Struct

from krepis.context import Context
from krepis.errors import KrepisError
from krepis.message import Command, Event, Query
from krepis.port import Port, extends

F = TypeVar("F", bound=Callable[..., Any])

_OFFLOAD = "__krepis_offload__"


class Handler(Struct, frozen=True):
    """One use case: the function, its message and what it declares.

    `thing` is the type of the third parameter, which gets what the message's finder has found; `None` without one.
    """

    function: Callable[..., Any]
    message: type[Any]
    kind: Literal["command", "query", "reaction"]
    answer: Any
    ports: tuple[tuple[str, type[Any]], ...]
    waits: bool
    offload: bool
    thing: Any = None

    @property
    def name(self) -> str:
        """Where it stands, for messages to people."""
        return f"{self.function.__module__}.{self.function.__qualname__}"


class Finder(Struct, frozen=True):
    """Finds what messages are about: `async def loan_of(ctx, message: ShowLoan | RenewLoan, *, loans: Loans) -> Loan`.

    It reads only those fields of a message that come from the path, since it is also asked when the others don't fit.
    """

    function: Callable[..., Any]
    messages: tuple[type[Any], ...]
    answer: Any
    ports: tuple[tuple[str, type[Any]], ...]
    waits: bool

    @property
    def name(self) -> str:
        """Where it stands, for messages to people."""
        return f"{self.function.__module__}.{self.function.__qualname__}"


def offload(function: F) -> F:
    """Mark a `def` handler that burns CPU: it runs in a thread, away from the loop, and so has no ports."""
    setattr(function, _OFFLOAD, True)
    return function


def read_handler(function: Callable[..., Any]) -> Handler:
    """The handler or reaction that `function` is. Raises `KrepisError` with a hint when it is none."""
    name, hints, parameters = _signature(function)
    form = _form(function)
    message: Any = hints.get(parameters[1].name)
    if not _is_message(message):
        raise KrepisError(
            f"the second parameter of `{name}` is not a Command or Query but `{message}`",
            hint=f"annotate `{parameters[1].name}` with the message class",
        )
    kind = "command" if Command in message.__mro__ else "query" if Query in message.__mro__ else "reaction"
    rest = parameters[2:]
    thing: Any = None
    if rest and rest[0].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and not extends(hints.get(rest[0].name), Port):
        thing = hints.get(rest.pop(0).name, Any)
    handler = Handler(
        function=function,
        message=message,
        kind=kind,
        answer=None if kind == "reaction" else answer_type(message),
        ports=tuple(_port(name, parameter, hints) for parameter in rest),
        waits=inspect.iscoroutinefunction(function),
        offload=getattr(function, _OFFLOAD, False),
        thing=thing,
    )
    promised = hints.get("return", handler.answer)
    if not _fits(promised, handler.answer):
        raise KrepisError(
            f"the handler `{name}` answers with `{_shown(promised)}`, its message `{message.__name__}` promises "
            f"`{_shown(handler.answer)}`",
            hint="let both say the same",
        )
    if handler.offload and (handler.waits or handler.ports or handler.kind == "reaction"):
        raise KrepisError(
            f"the offloaded handler `{name}` is `async`, takes ports or is a reaction",
            hint=f"an offloaded handler is a pure `def`: give it its data in the message; {form}",
        )
    return handler


def read_finder(function: Callable[..., Any]) -> Finder:
    """The finder that `function` is. Raises `KrepisError` with a hint when it is none."""
    name, hints, parameters = _signature(function)
    wanted: Any = hints.get(parameters[1].name)
    messages = get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,)
    for message in messages:
        if not _is_message(message) or Event in message.__mro__:
            raise KrepisError(
                f"the second parameter of the finder `{name}` is not a Command or Query but `{message}`",
                hint="annotate it with the messages that it finds things for: `message: ShowLoan | RenewLoan`",
            )
    if hints.get("return") in (None, NoneType):
        raise KrepisError(
            f"the finder `{name}` does not say what it finds", hint="annotate it: `-> Loan`, and raise a NotFound"
        )
    return Finder(
        function=function,
        messages=messages,
        answer=hints["return"],
        ports=tuple(_port(name, parameter, hints) for parameter in parameters[2:]),
        waits=inspect.iscoroutinefunction(function),
    )


def _form(function: Any) -> str:
    return f"write it as `async def {getattr(function, '__name__', 'handler')}(ctx: Context, message: M, *, port: P)`"


def _signature(function: Any) -> tuple[str, dict[str, Any], list[inspect.Parameter]]:
    """Name, annotations and parameters of a function that begins with `ctx` and a message."""
    name = f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', function)}"
    form = _form(function)
    if not inspect.isfunction(function):
        raise KrepisError(f"`{name}` is not a function", hint=form)
    try:
        hints = typing.get_type_hints(function)
    except Exception as error:
        raise KrepisError(
            f"the annotations of `{name}` can't be read: {error}",
            hint="import the names that they use at run time, not under TYPE_CHECKING",
        ) from error
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].name != "ctx" or hints.get("ctx") is not Context:
        raise KrepisError(f"the handler `{name}` does not take `ctx: Context` first", hint=form)
    if len(parameters) < 2 or parameters[1].kind is inspect.Parameter.KEYWORD_ONLY:
        raise KrepisError(f"the handler `{name}` takes no message", hint=form)
    return name, hints, parameters


def _fits(given: Any, promised: Any) -> bool:
    """Whether a handler's annotation keeps its message's promise: the same type, a subclass, or a part of a union."""
    if Any in (given, promised) or given == promised:
        return True
    if given is None or promised is None:
        return (given or type(None)) == (promised or type(None)) or type(None) in get_args(promised)
    if isinstance(given, type) and isinstance(promised, type):
        return issubclass(given, promised)
    options = get_args(promised) if get_origin(promised) in (Union, UnionType) else (promised,)
    return all(part in options for part in (get_args(given) if get_origin(given) in (Union, UnionType) else (given,)))


def _shown(answer: Any) -> str:
    return answer.__name__ if isinstance(answer, type) else str(answer)


def _is_message(wanted: Any) -> TypeGuard[type[Any]]:
    return isinstance(wanted, type) and issubclass(wanted, Command | Query | Event)


def answer_type(message: type[Any]) -> Any:
    """The `R` of `Command[R]` or `Query[R]`; `Any` when the message doesn't say."""
    for cls in message.__mro__:
        for base in getattr(cls, "__orig_bases__", ()):
            if get_origin(base) in (Command, Query):
                (answer,) = get_args(base)
                return Any if isinstance(answer, TypeVar) else answer
    return Any


def _port(name: str, parameter: inspect.Parameter, hints: dict[str, Any]) -> tuple[str, type[Any]]:
    if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        raise KrepisError(
            f"`{parameter.name}` of the handler `{name}` comes before `*`",
            hint="ports are declared after `*`, everything else travels in the message",
        )
    port = hints.get(parameter.name)
    if not extends(port, Port):
        raise KrepisError(
            f"`{parameter.name}` of the handler `{name}` is not a port but `{port}`",
            hint="derive its Protocol from ReadPort, WritePort or OutboundPort",
        )
    return parameter.name, cast(type[Any], port)
