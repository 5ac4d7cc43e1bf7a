"""Resolves an app: every handler's ports to adapters, or every problem that stands in the way.

Everything is decided here, when the app starts; while a call is served nothing is looked up.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeVar, cast

from msgspec import Struct

from krepis.context import Sources
from krepis.errors import KrepisError
from krepis.handler import Finder, Handler, read_finder, read_handler
from krepis.message import Event
from krepis.plan import Step, port_methods
from krepis.port import Interceptor, OutboundPort, Port, Store, WritePort, extends

P = TypeVar("P")

Scope = Literal["app", "unit"]


class Binding(Struct, frozen=True):
    """Which adapter stands behind a port. Made with `bind`."""

    port: type[Any]
    factory: Callable[..., Any]
    scope: Scope
    interceptors: tuple[Interceptor, ...] = ()

    @property
    def name(self) -> str:
        """The adapter's name, for messages to people."""
        return getattr(self.factory, "__qualname__", repr(self.factory))


def bind(
    port: type[P], factory: Callable[..., P], *, scope: Scope = "unit", through: Sequence[Interceptor] = ()
) -> Binding:
    """Put an adapter behind a port, and behind every reading port that it extends.

    `factory` is a class or function whose parameters are resolved by type: the store's unit (`Sql`), `Sources`, and
    other ports. Scope `unit` builds one for each unit of work, around its transaction; scope `app` builds one when the
    app starts (and enters and leaves it when it is an async context manager). `through` are interceptors of this port
    alone, the first one outermost: retries, a circuit breaker, a cache.
    """
    return Binding(port, factory, scope, tuple(through))


class Need(Struct, frozen=True):
    """One constructor parameter of an adapter: `of` is `unit`, `sources`, or the binding that it takes; `port` is the one
    that it asked for, which may be less than what the binding serves.
    """

    name: str
    of: Literal["unit", "sources"] | Binding
    port: type[Any] | None = None


class Graph:
    """What was resolved: the handlers, the reactions by their event, the finders by message, what each binding needs."""

    def __init__(
        self,
        functions: Sequence[Callable[..., Any]],
        bindings: Sequence[Binding],
        store: Store | None,
        *,
        reactions: Sequence[Callable[..., Any]] = (),
        finders: Sequence[Callable[..., Any]] = (),
    ) -> None:
        self.problems: list[KrepisError] = []
        self.handlers: dict[type[Any], Handler] = {}
        self.reactions: dict[type[Event], list[Handler]] = {}
        self.finders: dict[type[Any], Finder] = {}
        self.needs: dict[Binding, tuple[Need, ...]] = {}
        self._bindings = bindings
        self._unit_type = None if store is None else store.unit_type
        self._ports: dict[type[Any], Binding | None] = {}
        for function in functions:
            self._add_handler(function)
        for function in reactions:
            self._add_reaction(function)
        for function in finders:
            self._add_finder(function)
        for port, group in _by_port(bindings).items():
            self._check_port(port, group)
        for binding in bindings:
            self.needs[binding] = tuple(self._read_needs(binding))
        for binding in bindings:
            self._check_binding(binding)
        for handler in (*self.handlers.values(), *(one for some in self.reactions.values() for one in some)):
            self._check_handler(handler)
        for finder in self.finders.values():
            self._check_finder(finder)

    def steps(
        self, asker: Handler | Finder, app_adapters: dict[Binding, Any], steps: list[Step]
    ) -> list[tuple[str, int]]:
        """Add the adapters that a handler or finder needs to `steps`, and say which of them goes to which keyword."""

        def place(binding: Binding) -> int:
            for at, step in enumerate(steps):
                if step.binding is binding:
                    return at
            step = self._step(binding, app_adapters, place)
            steps.append(step)
            return len(steps) - 1

        # The intercepted face of an adapter is the port that it is bound to: the widest one that anybody may ask for.
        chosen = [(name, self._ports[port]) for name, port in asker.ports]
        return [(name, place(binding)) for name, binding in chosen if binding is not None]

    def _step(self, binding: Binding, app_adapters: dict[Binding, Any], place: Callable[[Binding], int]) -> Step:
        if binding in app_adapters:
            adapter = app_adapters[binding]
            return Step(lambda: adapter, (), binding)
        needs = self.needs[binding]
        parts = tuple("unit" if isinstance(need.of, str) else place(need.of) for need in needs)
        return Step(_factory(binding.factory, needs), parts, binding)

    def reaches(self, handler: Handler, port: type[Any]) -> bool:
        """Whether a handler asks for `port` or a wider one, or one of its adapters does, however far behind."""
        return any(self._way(port, asked, self._ports.get(asked)) for _, asked in handler.ports)

    def app_order(self) -> Iterator[Binding]:
        """The bindings of scope `app`, each after those that it needs."""
        done: list[Binding] = []

        def visit(binding: Binding) -> Iterator[Binding]:
            if binding in done:
                return
            for need in self.needs[binding]:
                if isinstance(need.of, Binding):
                    yield from visit(need.of)
            done.append(binding)
            yield binding

        for binding in self._bindings:
            if binding.scope == "app":
                yield from visit(binding)

    def _add_handler(self, function: Callable[..., Any]) -> None:
        try:
            handler = read_handler(function)
        except KrepisError as problem:
            self.problems.append(problem)
            return
        if handler.kind == "reaction":
            self._problem(f"`{handler.name}` is a reaction among the handlers", "list it in `App(reactions=...)`")
            return
        other = self.handlers.setdefault(handler.message, handler)
        if other is not handler:
            self.problems.append(
                KrepisError(
                    f"`{handler.message.__name__}` has two handlers: `{other.name}` and `{handler.name}`",
                    hint="a message has one handler; remove one of them from the app",
                )
            )

    def _add_reaction(self, function: Callable[..., Any]) -> None:
        try:
            reaction = read_handler(function)
        except KrepisError as problem:
            self.problems.append(problem)
            return
        if reaction.kind != "reaction":
            self._problem(
                f"`{reaction.name}` is no reaction: its message is no Event", "list it in `App(handlers=...)`"
            )
            return
        others = self.reactions.setdefault(reaction.message, [])
        if any(other.name == reaction.name for other in others):
            self._problem(
                f"the reaction `{reaction.name}` is listed twice", "a reaction is known by its name: keep one"
            )
            return
        others.append(reaction)

    def _add_finder(self, function: Callable[..., Any]) -> None:
        try:
            finder = read_finder(function)
        except KrepisError as problem:
            self.problems.append(problem)
            return
        for message in finder.messages:
            other = self.finders.setdefault(message, finder)
            if other is not finder:
                self._problem(
                    f"`{message.__name__}` has two finders: `{other.name}` and `{finder.name}`",
                    "a message is about one thing; remove one of them",
                )
            if message not in self.handlers:
                self._problem(
                    f"the finder `{finder.name}` is for `{message.__name__}`, which has no handler",
                    "add its handler to `App(handlers=...)`",
                )

    def _check_finder(self, finder: Finder) -> None:
        for name, port in finder.ports:
            found = self._find(port, f"the finder `{finder.name}`")
            self._ports[port] = found
            if self._way(WritePort, port, found) or extends(port, OutboundPort):
                self._problem(
                    f"the finder `{finder.name}` can reach more than the service's own data through `{name}`",
                    f"let `{name}` be a reading port",
                )

    def _check_port(self, port: type[Any], group: list[Binding]) -> None:
        if len(group) > 1:
            names = " and ".join(f"`{binding.name}`" for binding in group)
            self.problems.append(
                KrepisError(f"the port `{port.__name__}` has two adapters: {names}", hint="bind one of them")
            )
        for name in port_methods(port):
            parameters = list(inspect.signature(getattr(port, name)).parameters)
            if len(parameters) < 2 or parameters[1] != "ctx":
                self.problems.append(
                    KrepisError(
                        f"the port method `{port.__name__}.{name}` does not take `ctx` first",
                        hint=f"write `async def {name}(self, ctx: Context, ...)`",
                    )
                )

    def _read_needs(self, binding: Binding) -> Iterator[Need]:
        factory = binding.factory
        try:
            target = factory.__init__ if isinstance(factory, type) else factory
            hints = typing.get_type_hints(target)
            parameters = list(inspect.signature(factory).parameters.values())
        except Exception as error:  # noqa: BLE001 - whatever an annotation raises is the builder's to see
            self._problem(f"the constructor of `{binding.name}` can't be read: {error}", "annotate its parameters")
            return
        for parameter in parameters:
            wanted = hints.get(parameter.name)
            if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
                continue
            if wanted is not None and wanted is self._unit_type:
                yield Need(parameter.name, "unit")
            elif wanted is Sources and binding.scope == "app":
                yield Need(parameter.name, "sources")
            elif extends(wanted, Port):
                found = self._find(cast(type[Any], wanted), f"the adapter `{binding.name}`")
                if found is not None:
                    yield Need(parameter.name, found, cast(type[Any], wanted))
            elif parameter.default is inspect.Parameter.empty:
                self._problem(
                    f"the adapter `{binding.name}` asks for `{parameter.name}: {_type_name(wanted)}`, which the app "
                    "does not have",
                    "it may ask for the store's unit, for ports and, in scope `app`, for Sources; give the rest with a "
                    "function that returns it"
                    if self._unit_type
                    else "the app has no store: give it one with `App(store=...)`",
                )

    def _check_binding(self, binding: Binding) -> None:
        for need in self.needs[binding]:
            if binding.scope == "app" and (
                need.of == "unit" or (isinstance(need.of, Binding) and need.of.scope == "unit")
            ):
                self._problem(
                    f"the adapter `{binding.name}` lives as long as the app but needs `{need.name}` of one unit of work",
                    'bind it with scope="unit"',
                )
        cycle = self._cycle(binding, ())
        if cycle and cycle[0] == min(cycle, key=lambda member: member.name):
            chain = " -> ".join(f"`{member.name}`" for member in (*cycle, cycle[0]))
            self._problem(f"adapters need each other in a circle: {chain}", "take one of the parameters out")
        if isinstance(binding.factory, type):
            missing = [n for n in port_methods(binding.port) if not _implements(binding.factory, binding.port, n)]
            if missing:
                names = ", ".join(f"`{name}`" for name in missing)
                self._problem(
                    f"the adapter `{binding.name}` does not have {names} of the port `{binding.port.__name__}`",
                    "write what is missing; a type checker shows the signatures",
                )

    def _check_handler(self, handler: Handler) -> None:
        if handler.thing is not None and handler.message not in self.finders:
            self._problem(
                f"the handler `{handler.name}` takes a thing as its third parameter, and `{handler.message.__name__}` has "
                "no finder",
                "add one to `App(finders=...)`, or put ports after `*`",
            )
        for name, port in handler.ports:
            found = self._find(port, f"the handler `{handler.name}`")
            self._ports[port] = found
            if handler.kind == "query":
                path = self._way(WritePort, port, found)
                if path:
                    self._problem(
                        f"the query `{handler.message.__name__}` can reach a writing port: "
                        + " -> ".join(f"`{step}`" for step in (handler.name, *path)),
                        f"let `{name}` be a reading port, or make the message a Command",
                    )

    def _way(
        self, to: type[Any], port: type[Any], binding: Binding | None, seen: tuple[Binding, ...] = ()
    ) -> tuple[str, ...]:
        """The way from a port to one of the kind `to`, through what its adapter asks for; empty when there is none."""
        if extends(port, to):
            return (port.__name__,)
        if binding is None or binding in seen:
            return ()
        for need in self.needs[binding]:
            if isinstance(need.of, Binding):
                path = self._way(to, need.port or need.of.port, need.of, (*seen, binding))
                if path:
                    return (port.__name__, *path)
        return ()

    def _find(self, port: type[Any], asker: str) -> Binding | None:
        exact = [binding for binding in self._bindings if binding.port is port]
        wider = [binding for binding in self._bindings if extends(binding.port, port)]
        candidates = exact or wider
        if not candidates:
            self._problem(
                f"{asker} needs the port `{port.__name__}`, and no adapter is bound to it",
                f"add `bind({port.__name__}, ...)` to the adapters of the app",
            )
            return None
        if not exact and len(candidates) > 1:
            names = " and ".join(f"`{binding.name}`" for binding in candidates)
            self._problem(
                f"{asker} needs the port `{port.__name__}`, which {names} both serve", "bind one to it by name"
            )
        return candidates[0]

    def _cycle(self, binding: Binding, path: tuple[Binding, ...]) -> tuple[Binding, ...]:
        if binding in path:
            return path if path[0] is binding else ()
        for need in self.needs.get(binding, ()):
            if isinstance(need.of, Binding):
                found = self._cycle(need.of, (*path, binding))
                if found:
                    return found
        return ()

    def _problem(self, sentence: str, hint: str) -> None:
        if all(problem.args[0] != sentence for problem in self.problems):
            self.problems.append(KrepisError(sentence, hint=hint))


def _factory(factory: Callable[..., Any], needs: Sequence[Need]) -> Callable[..., Any]:
    if not needs or _positional(factory, needs):
        return factory
    names = [need.name for need in needs]
    return lambda *parts: factory(**dict(zip(names, parts, strict=True)))


def _positional(factory: Callable[..., Any], needs: Sequence[Need]) -> bool:
    parameters = [p for p in inspect.signature(factory).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    return [p.name for p in parameters[: len(needs)]] == [need.name for need in needs]


def _implements(adapter: type[Any], port: type[Any], name: str) -> bool:
    """Whether `adapter` has a method of its own; one inherited from the Protocol has no body."""
    method = getattr(adapter, name, None)
    return callable(method) and method is not getattr(port, name)


def _by_port(bindings: Sequence[Binding]) -> dict[type[Any], list[Binding]]:
    ports: dict[type[Any], list[Binding]] = {}
    for binding in bindings:
        ports.setdefault(binding.port, []).append(binding)
    return ports


def _type_name(wanted: Any) -> str:
    return getattr(wanted, "__name__", str(wanted)) if wanted is not None else "(no annotation)"
