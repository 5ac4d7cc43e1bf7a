"""The compiled plan of a handler: builds its adapters, runs it in one unit of work, renders its answer inside.

Compiled once, when the app starts. While a call is served nothing is looked up: the generated `invoke` names each
adapter's factory and each keyword of the handler directly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any, cast

from krepis.context import Context
from krepis.errors import DeadlinePassed, OutboundInTransactionError
from krepis.handler import Handler
from krepis.port import Interceptor, Mode, OutboundPort, PortCall, Store, extends

Render = Callable[[Any], Any]


class Step:
    """One adapter of a unit: `make` gets the adapters at `needs`, or the unit itself where `needs` says `unit`."""

    __slots__ = ("make", "needs", "port")

    def __init__(self, make: Callable[..., Any], needs: tuple[int | str, ...], port: type[Any] | None) -> None:
        self.make = make
        self.needs = needs
        self.port = port


class Plan:
    """How one message is handled. `run` is the only way in."""

    __slots__ = ("_executor", "_invoke", "_store", "_waits", "handler", "mode", "run")

    def __init__(
        self,
        handler: Handler,
        steps: Sequence[Step],
        arguments: Sequence[tuple[str, int]],
        store: Store | None,
        interceptors: Sequence[Interceptor],
        executor: Executor,
    ) -> None:
        self.handler = handler
        uses_store = any("unit" in step.needs for step in steps)
        self.mode: Mode | None = _mode(handler, steps) if uses_store else None
        self._store = store
        self._executor = executor
        self._waits = handler.waits
        self._invoke = _compile(handler.function, _guarded(steps, self.mode, interceptors), arguments)
        self.run: Callable[[Context, Any, Render], Awaitable[Any]]
        if handler.offload:
            self.run = self._run_offloaded
        else:
            self.run = self._run_bare if self.mode is None else self._run_in_unit

    async def _run_bare(self, ctx: Context, message: Any, render: Render) -> Any:
        answer = self._invoke(ctx, message, None)
        return render((await answer) if self._waits else answer)

    async def _run_offloaded(self, ctx: Context, message: Any, render: Render) -> Any:
        loop = asyncio.get_running_loop()
        return render(await loop.run_in_executor(self._executor, self._invoke, ctx, message, None))

    async def _run_in_unit(self, ctx: Context, message: Any, render: Render) -> Any:
        async def work(unit: Any) -> Any:
            answer = self._invoke(ctx, message, unit)
            rendered = render((await answer) if self._waits else answer)
            deadline = ctx.deadline
            # The last moment at which nothing has happened yet: after the commit it is too late to say "too late".
            if deadline is not None and deadline < ctx.origin.sources.monotonic():
                raise DeadlinePassed
            return rendered

        store = cast(Store, self._store)
        return await store.transact(ctx, cast(Mode, self.mode), work)


def _mode(handler: Handler, steps: Sequence[Step]) -> Mode:
    if handler.kind == "query":
        return "read"
    outbound = any(extends(step.port, OutboundPort) for step in steps)
    return "phased" if outbound else "write"


def _guarded(steps: Sequence[Step], mode: Mode | None, interceptors: Sequence[Interceptor]) -> Iterator[Step]:
    """The steps with their interception built in; without an interceptor an adapter is handed over bare."""
    for step in steps:
        chain = list(interceptors) if step.port is not None else []
        outbound = extends(step.port, OutboundPort)
        if outbound and mode == "phased":
            yield Step(_intercepting(step, chain, outside=True), ("unit", *step.needs), step.port)
        elif chain:
            yield Step(_intercepting(step, chain, outside=False), step.needs, step.port)
        else:
            yield step


def _intercepting(step: Step, chain: Sequence[Interceptor], *, outside: bool) -> Callable[..., Any]:
    port = cast(type[Any], step.port)
    proxy = proxy_class(port)

    def make(*parts: Any) -> Any:
        return proxy(step.make(*parts), chain)

    def make_outside(unit: Any, *parts: Any) -> Any:
        return proxy(step.make(*parts), (*chain, _Outside(unit)))

    return make_outside if outside else make


class _Outside:
    """Keeps outbound calls outside of write transactions, and gives the read connection back while they take."""

    def __init__(self, unit: Any) -> None:
        self._unit = unit

    async def __call__(self, call: PortCall, proceed: Callable[[], Awaitable[Any]]) -> Any:
        if self._unit.writing:
            raise OutboundInTransactionError(
                f"`{call.port}.{call.method}` was called while a write transaction is open",
                hint="first read, then call, then write with a version check; or let a reaction call it later",
            )
        await self._unit.release()
        return await proceed()


def proxy_class(port: type[Any]) -> type[Any]:
    """A class with the port's methods, each of which goes through the interceptors. Built once, when the app starts."""

    def __init__(self: Any, inner: Any, interceptors: Sequence[Interceptor]) -> None:  # noqa: N807
        self._inner = inner
        self._interceptors = tuple(interceptors)

    return type(f"Intercepted{port.__name__}", (), {"__init__": __init__} | dict(_proxied(port)))


def _proxied(port: type[Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    def method(name: str) -> Callable[..., Any]:
        async def call(self: Any, ctx: Context, *args: Any, **kwargs: Any) -> Any:
            inner = getattr(self._inner, name)
            seen = PortCall(port.__name__, name, ctx, args, kwargs)

            def proceed_from(index: int) -> Callable[[], Awaitable[Any]]:
                if index == len(self._interceptors):
                    return lambda: inner(ctx, *args, **kwargs)
                return lambda: self._interceptors[index](seen, proceed_from(index + 1))

            return await proceed_from(0)()

        return call

    for name in port_methods(port):
        yield name, method(name)


def port_methods(port: type[Any]) -> tuple[str, ...]:
    """The names of the methods that a port promises, in the order of their definition."""
    names: dict[str, None] = {}
    for cls in reversed(port.__mro__):
        if cls.__module__ not in ("typing", "builtins", "abc"):
            names |= dict.fromkeys(n for n, v in vars(cls).items() if callable(v) and not n.startswith("_"))
    return tuple(names)


def _compile(
    function: Callable[..., Any], steps: Iterator[Step], arguments: Sequence[tuple[str, int]]
) -> Callable[[Context, Any, Any], Any]:
    """Generate `invoke(ctx, message, unit)`. Only integers and the handler's own parameter names enter the text."""
    lines = ["def invoke(ctx, message, unit):"]
    names: dict[str, Any] = {"handler": function}
    for index, step in enumerate(steps):
        names[f"make{index}"] = step.make
        needs = ", ".join("unit" if need == "unit" else f"part{need}" for need in step.needs)
        lines.append(f"    part{index} = make{index}({needs})")
    keywords = "".join(f", {name}=part{index}" for name, index in arguments)
    lines.append(f"    return handler(ctx, message{keywords})")
    exec("\n".join(lines), names)  # noqa: S102 - the text is made above of indexes and identifiers, never of input
    return names["invoke"]
