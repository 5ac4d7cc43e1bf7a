"""Ports: the only ways out of the application. Each is a `Protocol` whose methods take `ctx` first.

- `ReadPort` looks into the service's own data and changes nothing. Queries may have these.
- `WritePort` changes the service's own data, inside the command's transaction. Only commands may have these.
- `OutboundPort` reaches another system (mail, payment). It is never awaited while a write transaction is open.

```python
class Books(ReadPort, Protocol):
    async def find(self, ctx: Context, isbn: str) -> Book | None: ...

class Shelves(Books, WritePort, Protocol):
    async def add(self, ctx: Context, book: Book) -> None: ...
```

A port may extend a reading one with writes, as `Shelves` does: queries take `Books`, commands take `Shelves`, and one
adapter serves both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from krepis.context import Context

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_NATURE = "__krepis_nature__"

Mode = Literal["read", "write", "phased"]
"""How a unit of work treats its store: read-only; one write transaction from the start; or, for a command that also
calls outbound ports, reads outside a transaction until the first write begins one."""


class Port(Protocol):
    """What all ports are."""


class ReadPort(Port, Protocol):
    """Answers from the service's own data."""


class WritePort(Port, Protocol):
    """Changes the service's own data."""


class OutboundPort(Port, Protocol):
    """Talks to another system."""


def safe(method: F) -> F:
    """Mark a port method that only looks: it may be called again, and its answer may be kept for a while (RFC 9110,
    section 9.2.1, says the same of GET).
    """
    setattr(method, _NATURE, "safe")
    return method


def idempotent(method: F) -> F:
    """Mark a port method that changes as much when it is called twice: it may be called again (RFC 9110, 9.2.2)."""
    setattr(method, _NATURE, "idempotent")
    return method


def nature_of(port: type[Any], method: str) -> str:
    """How a port method is marked: `safe`, `idempotent`, or nothing. What a `ReadPort` alone promises is safe."""
    marked = getattr(getattr(port, method, None), _NATURE, "")
    return marked or ("safe" if extends(port, ReadPort) and not extends(port, WritePort) else "")


def extends(port: Any, base: type[Any]) -> bool:
    """Whether `port` is derived from `base` by name; a Protocol's own `issubclass` asks for the shape instead."""
    return isinstance(port, type) and base in port.__mro__


class Store(Protocol):
    """Something that runs units of work: `krepis.sql.Database`, or `krepis.testing.MemoryStore`.

    `unit_type` is what adapters of scope `unit` ask for in their constructor (`Sql`); the store hands one to `work`.
    """

    unit_type: ClassVar[type[Any]]

    def prepare(self, adapters: Sequence[Callable[..., Any]]) -> None:
        """See, before `open`, which adapters will be built on the store: it may compile their statements."""
        ...

    async def open(self) -> None:
        """Connect, and refuse with a `KrepisError` when code and store disagree."""
        ...

    async def close(self) -> None:
        """Let go of everything, waiting for nothing."""
        ...

    def transact(self, ctx: Context, mode: Mode, work: Callable[[Any], Awaitable[T]]) -> Awaitable[T]:
        """Run `work` in one transaction: commit its result or roll back and raise.

        When the store reports a conflict the unit is run again (after `ctx.origin.rewind()`), until the deadline.
        """
        ...


class Interceptor(Protocol):
    """Sees every port call of an app: recording, replay, faults, spans and retries are interceptors."""

    async def __call__(self, call: PortCall, proceed: Callable[[], Awaitable[Any]]) -> Any:
        """Answer for the call; usually with `await proceed()`."""
        ...


class PortCall:
    """One call of a port, as an interceptor sees it: `port` and `method` by name, the context and the arguments.

    An interceptor may put a narrowed context into `ctx`; the adapter gets that one. `nature` is how the method is
    marked: `safe`, `idempotent`, or nothing.
    """

    __slots__ = ("args", "ctx", "kwargs", "method", "nature", "port")

    def __init__(
        self, port: str, method: str, ctx: Context, args: tuple[Any, ...], kwargs: dict[str, Any], nature: str = ""
    ) -> None:
        self.port = port
        self.method = method
        self.ctx = ctx
        self.args = args
        self.kwargs = kwargs
        self.nature = nature
