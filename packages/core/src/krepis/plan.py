"""The compiled plan of a handler: builds its adapters, runs it in one unit of work, renders its answer inside.

Compiled once, when the app starts. While a call is served nothing is looked up: the generated `invoke` names each
adapter's factory and each keyword of the handler directly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Executor
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from krepis.access import Gate, NothingHere
from krepis.context import Context
from krepis.errors import DeadlinePassed, KrepisError, NotFound, OutboundInTransactionError
from krepis.handler import Finder, Handler
from krepis.part import Invoke, Part, Render, Run
from krepis.port import Interceptor, Mode, OutboundPort, PortCall, Store, extends, nature_of

if TYPE_CHECKING:
    from krepis.wiring import Binding

CALL_KEY_CHARACTERS = 32
"""Hexadecimal digits of the key that one outbound call gets."""

Arguments = Sequence[tuple[str, int]]
"""Which keyword of a function gets the adapter of which step."""


class Step:
    """One adapter of a unit: `make` gets the adapters at `needs`, or the unit itself where `needs` says `unit`."""

    __slots__ = ("binding", "make", "needs")

    def __init__(self, make: Callable[..., Any], needs: tuple[int | str, ...], binding: Binding) -> None:
        self.make = make
        self.needs = needs
        self.binding = binding


class Surroundings:
    """What an app puts around each of its handlers."""

    __slots__ = ("executor", "interceptors", "parts", "store")

    def __init__(
        self, store: Store | None, interceptors: Sequence[Interceptor], parts: Sequence[Part], executor: Executor
    ) -> None:
        self.store = store
        self.interceptors = interceptors
        self.parts = parts
        self.executor = executor


class Plan:
    """How one message is handled. `run` is the way in.

    `look` judges the caller without handling anything: it raises what the finder and the policy raise. It is `None`
    where the policy doesn't look at the thing.
    """

    __slots__ = ("_invoke", "_seek", "_store", "_waits", "gate", "handler", "look", "mode", "run")

    def __init__(
        self,
        handler: Handler,
        steps: Sequence[Step],
        arguments: Arguments,
        around: Surroundings,
        *,
        found: tuple[Finder, Arguments] | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.handler = handler
        self.gate = gate
        self._store = around.store
        uses_unit = any("unit" in step.needs for step in steps)
        mode = _mode(handler, steps)
        looks = gate if found is not None and gate is not None and gate.needs_thing else None
        guarded = tuple(_guarded(steps, mode, handler.message.__name__, around.interceptors))
        invoke, waits = _compile(handler, guarded, arguments, around.executor, found, looks)
        proceed: Invoke = invoke if waits else _awaited(invoke)
        inside = proceed
        for part in reversed(around.parts):
            inside = part.inside(handler, inside)
        self._waits = waits or inside is not proceed
        self._invoke = inside if self._waits else invoke
        self.mode: Mode | None = mode if uses_unit or inside is not proceed else None
        if self.mode is not None and around.store is None:
            raise KrepisError(
                f"a part of the app needs a unit of work for `{handler.message.__name__}`, and the app has no store",
                hint="give it one with `App(store=...)`",
            )
        self.look: Callable[[Context, Any], Coroutine[Any, Any, None]] | None = None
        if looks is not None and found is not None:
            self._seek = _compile_look(guarded, found, looks)
            self.look = self._look
        run: Run = self._run_bare if self.mode is None else self._run_in_unit
        if gate is not None:
            run = _gated(gate, run)
        for part in reversed(around.parts):
            run = part.around(handler, run)
        self.run = run

    async def _run_bare(self, ctx: Context, message: Any, render: Render) -> Any:
        answer = self._invoke(ctx, message, None)
        return render((await answer) if self._waits else answer)

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

    async def _look(self, ctx: Context, message: Any) -> None:
        if self._store is None or self.mode is None:
            await self._seek(ctx, message, None)
        else:
            await self._store.transact(ctx, "read", lambda unit: self._seek(ctx, message, unit))


def _mode(handler: Handler, steps: Sequence[Step]) -> Mode:
    if handler.kind == "query":
        return "read"
    outbound = any(extends(step.binding.port, OutboundPort) for step in steps)
    # What burns CPU in a thread must not keep others from writing meanwhile.
    return "phased" if outbound or handler.offload else "write"


def _gated(gate: Gate, run: Run) -> Run:
    def gated(ctx: Context, message: Any, render: Render) -> Coroutine[Any, Any, Any]:
        gate.admit(ctx.actor)
        return run(ctx, message, render)

    return gated


def _awaited(invoke: Callable[..., Any]) -> Invoke:
    async def awaited(ctx: Context, message: Any, unit: Any) -> Any:
        return invoke(ctx, message, unit)

    return awaited


def _guarded(steps: Sequence[Step], mode: Mode, message: str, interceptors: Sequence[Interceptor]) -> Iterator[Step]:
    """The steps with their interception built in; without an interceptor an adapter is handed over bare."""
    for step in steps:
        binding = step.binding
        chain = (*interceptors, *binding.interceptors)
        if extends(binding.port, OutboundPort) and mode == "phased":
            yield Step(_intercepting(step, binding, chain, message), ("unit", *step.needs), binding)
        elif chain:
            yield Step(_intercepting(step, binding, chain), step.needs, binding)
        else:
            yield step


def _intercepting(
    step: Step, binding: Binding, chain: Sequence[Interceptor], calls_out_for: str | None = None
) -> Callable[..., Any]:
    proxy = proxy_class(binding.port)

    def make(*parts: Any) -> Any:
        return proxy(step.make(*parts), chain)

    def make_outside(unit: Any, *parts: Any) -> Any:
        return proxy(step.make(*parts), (_Outside(unit, calls_out_for), *chain))

    return make if calls_out_for is None else make_outside


class _Outside:
    """Keeps outbound calls outside of write transactions, and gives the read connection back while they take.

    Under an idempotency key each call gets a key of its own. A command that is run again makes the same calls in the
    same order, and so with the same keys.
    """

    def __init__(self, unit: Any, message: str | None) -> None:
        self._unit = unit
        self._message = message
        self._calls = 0

    async def __call__(self, call: PortCall, proceed: Callable[[], Awaitable[Any]]) -> Any:
        if call.ctx.idempotency_key is not None:
            call.ctx = call.ctx.narrow(idempotency_key=self._key(call, call.ctx))
        if self._unit is None:  # a command that only calls out
            return await proceed()
        if self._unit.writing:
            raise OutboundInTransactionError(
                f"`{call.port}.{call.method}` was called while a write transaction is open",
                hint="first read, then call, then write with a version check; or let a reaction call it later",
            )
        await self._unit.release()
        return await proceed()

    def _key(self, call: PortCall, ctx: Context) -> str:
        """The caller's key belongs to the caller and the message, so both are in it, and this call by its number."""
        self._calls += 1
        actor = None if ctx.actor is None else ctx.actor.id
        named = (ctx.idempotency_key, ctx.tenant, actor, self._message, call.port, call.method, self._calls)
        return sha256(repr(named).encode()).hexdigest()[:CALL_KEY_CHARACTERS]


def proxy_class(port: type[Any]) -> type[Any]:
    """A class with the port's methods, each of which goes through the interceptors. Built once, when the app starts."""

    def __init__(self: Any, inner: Any, interceptors: Sequence[Interceptor]) -> None:  # noqa: N807
        self._inner = inner
        self._interceptors = tuple(interceptors)

    return type(f"Intercepted{port.__name__}", (), {"__init__": __init__} | dict(_proxied(port)))


def _proxied(port: type[Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    def method(name: str, nature: str) -> Callable[..., Any]:
        async def call(self: Any, ctx: Context, *args: Any, **kwargs: Any) -> Any:
            inner = getattr(self._inner, name)
            seen = PortCall(port.__name__, name, ctx, args, kwargs, nature)

            def proceed_from(index: int) -> Callable[[], Awaitable[Any]]:
                if index == len(self._interceptors):
                    return lambda: inner(seen.ctx, *args, **kwargs)
                return lambda: self._interceptors[index](seen, proceed_from(index + 1))

            return await proceed_from(0)()

        return call

    for name in port_methods(port):
        yield name, method(name, nature_of(port, name))


def port_methods(port: type[Any]) -> tuple[str, ...]:
    """The names of the methods that a port promises, in the order of their definition."""
    names: dict[str, None] = {}
    for cls in reversed(port.__mro__):
        if cls.__module__ not in ("typing", "builtins", "abc"):
            names |= dict.fromkeys(n for n, v in vars(cls).items() if callable(v) and not n.startswith("_"))
    return tuple(names)


def _compile(
    handler: Handler,
    steps: Sequence[Step],
    arguments: Arguments,
    executor: Executor,
    found: tuple[Finder, Arguments] | None,
    gate: Gate | None,
) -> tuple[Callable[[Context, Any, Any], Any], bool]:
    """Generate `invoke(ctx, message, unit)`; the second is whether its result is awaited."""
    names: dict[str, Any] = {"handler": _in_thread(handler, executor) if handler.offload else handler.function}
    lines = _making(steps, names)
    call = f"handler(ctx, message{', thing' if handler.thing is not None else ''}{_keywords(arguments)})"
    waits = handler.waits or handler.offload
    if found is None:
        return _generated("def invoke(ctx, message, unit):", [*lines, f"return {call}"], names), waits
    lines += [*_seeking(found, gate, names), f"return {'await ' * waits}{call}"]
    return _generated("async def invoke(ctx, message, unit):", lines, names), True


def _compile_look(
    steps: Sequence[Step], found: tuple[Finder, Arguments], gate: Gate
) -> Callable[[Context, Any, Any], Awaitable[None]]:
    names: dict[str, Any] = {}
    lines = [*_making(steps, names), *_seeking(found, gate, names)]
    return _generated("async def invoke(ctx, message, unit):", lines, names)


def _making(steps: Sequence[Step], names: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for index, step in enumerate(steps):
        names[f"make{index}"] = step.make
        needs = ", ".join("unit" if need == "unit" else f"part{need}" for need in step.needs)
        lines.append(f"part{index} = make{index}({needs})")
    return lines


def _seeking(found: tuple[Finder, Arguments], gate: Gate | None, names: dict[str, Any]) -> list[str]:
    finder, arguments = found
    hides = gate is not None and gate.hides
    names["finder"] = _hiding(finder) if hides else finder.function
    lines = [f"thing = {'await ' * (finder.waits or hides)}finder(ctx, message{_keywords(arguments)})"]
    if gate is not None:
        names["allow"] = gate.allow
        lines.append("allow(ctx.actor, thing)")
    return lines


def _hiding(finder: Finder) -> Callable[..., Any]:
    """A finder whose own 404 looks like the one of whoever may not see the thing."""

    async def hiding(ctx: Context, message: Any, **ports: Any) -> Any:
        try:
            found = finder.function(ctx, message, **ports)
            return (await found) if finder.waits else found
        except NotFound:
            raise NothingHere from None

    return hiding


def _in_thread(handler: Handler, executor: Executor) -> Callable[..., Any]:
    async def in_thread(*args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(executor, handler.function, *args)

    return in_thread


def _keywords(arguments: Arguments) -> str:
    return "".join(f", {name}=part{index}" for name, index in arguments)


def _generated(head: str, lines: Sequence[str], names: dict[str, Any]) -> Callable[..., Any]:
    """Only indexes and the parameter names of handlers and finders enter the text, never input."""
    text = "\n    ".join((head, *(lines or ("pass",))))
    exec(text, names)  # noqa: S102 - the text is made of what this module and the app's own signatures name
    return names["invoke"]
