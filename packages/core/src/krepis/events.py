"""What handlers emit, and what reads it: `Events` to write a fact, `Feed` to follow the facts that were written.

```python
async def return_copy(ctx: Context, command: ReturnCopy, *, loans: WritableLoans, events: Events) -> LoanView:
    ...
    await events.emit(ctx, CopyReturned(loan=loan.id, copy=loan.copy))
```

An event is stored in the transaction of the command that emits it, and delivered after it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from msgspec import Struct

from krepis.context import Context
from krepis.message import Event
from krepis.port import WritePort


class Events(WritePort, Protocol):
    """The way out for events. Bound by the part that stores them (`krepis.outbox.Outbox`)."""

    async def emit(self, ctx: Context, event: Event) -> None:
        """Store `event` with the change. It is delivered after the commit, at least once, in order per aggregate."""
        ...


class Recorded(Struct, frozen=True):
    """An event as it was stored.

    `position` rises with each event of the service and never changes; `about` is the aggregate that the event is
    about (`krepis.message.Event`); `at` is the instant of the unit of work that emitted it.
    """

    position: int
    event: Event
    about: str
    at: datetime
    tenant: str | None = None


class Feed(Protocol):
    """Follows the events of a service, for whoever shows them as they happen (server-sent events, WebSocket)."""

    async def last(self) -> int:
        """The position of the newest event that can be read, 0 when there is none."""
        ...

    async def read(self, after: int, names: frozenset[str], tenant: str | None, count_max: int) -> list[Recorded]:
        """At most `count_max` events of these names (class names) after that position, in the order of positions."""
        ...

    async def wait(self, after: int) -> None:
        """Return as soon as there may be an event after that position. Cheap for thousands of waiters."""
        ...

    async def first(self) -> int:
        """The oldest position that is still kept; whoever asks for older ones has lost some."""
        ...
