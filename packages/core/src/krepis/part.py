"""Parts: what an app has beside its handlers, such as an outbox, schedules, limits, metrics, an audit log.

```python
app = App("library", handlers=HANDLERS, parts=(Outbox(), Idempotency(), RateLimits(per_actor=rate(100, 60))), ...)
```

A part is asked once, when the app starts, what it puts around each handler, each unit of work and each door. What it
leaves alone costs nothing afterwards. The first part of an app is the outermost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from krepis.context import Context, Sources
from krepis.port import Interceptor

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.errors import KrepisError, Rejection
    from krepis.events import Feed
    from krepis.files.desk import FileDesk
    from krepis.handler import Handler
    from krepis.http.facts import Answer, Facts
    from krepis.http.table import CompiledDoor
    from krepis.port import Store
    from krepis.wiring import Binding, Graph

Render = Callable[[Any], Any]

Run = Callable[[Context, Any, Render], Coroutine[Any, Any, Any]]
"""Handles one message from outside its unit of work: context, message, and what makes the answer of the result."""

Invoke = Callable[[Context, Any, Any], Awaitable[Any]]
"""Handles one message inside its unit of work: context, message, and the unit (for SQL a `Sql`)."""

Start = Callable[["Facts"], Coroutine[Any, Any, "Answer"]]
"""Answers one request at a door."""


class Part:
    """Derive from it, and override what the part has to say. Every method is called once, when the app starts."""

    def bindings(self) -> Sequence[Binding]:
        """The ports that this part serves; handlers ask for them as for any other."""
        return ()

    def handlers(self) -> Sequence[Callable[..., Any]]:
        """The messages that this part handles itself."""
        return ()

    def interceptors(self) -> Sequence[Interceptor]:
        """What sees every port call, inside the app's own interceptors."""
        return ()

    def statements(self) -> Sequence[Callable[..., Any]]:
        """Functions or classes whose modules hold SQL statements that the store should compile."""
        return ()

    def sources(self, sources: Sources) -> Sources:
        """Where time, chance and log lines come from; `sources` itself to leave them as they are."""
        return sources

    def check(self, graph: Graph, store: Store | None) -> Iterable[KrepisError]:
        """What stands in the way of a start, judged without I/O."""
        del graph, store
        return ()

    def around(self, handler: Handler, proceed: Run) -> Run:
        """What runs around the unit of work of a handler or reaction; `proceed` itself for nothing."""
        del handler
        return proceed

    def inside(self, handler: Handler, proceed: Invoke) -> Invoke:
        """What runs inside the unit of work, in its transaction; a handler without a unit gets one for it."""
        del handler
        return proceed

    def door(self, door: CompiledDoor | None, proceed: Start) -> Start:
        """What runs around a door, before anything of the request is read. `None` stands for what is no door of the
        app: its own pages, and the answers 404 and 405.
        """
        del door
        return proceed

    def refusals(self, door: CompiledDoor) -> Iterable[type[Rejection]]:
        """What this part can refuse at a door, for the OpenAPI document."""
        del door
        return ()

    def files(self, service: Service) -> FileDesk | None:
        """What lands uploads and streams files; only `krepis.files.FileStore` has one."""
        del service
        return None

    def pages(self, service: Service) -> Sequence[tuple[str, Start]]:
        """Paths that this part answers (GET and HEAD) beside the doors, such as `/health`."""
        del service
        return ()

    def feed(self) -> Feed | None:
        """The events of the app as streaming doors read them; only the outbox has one."""
        return None

    async def settle(self, service: Service) -> tuple[int, list[BaseException]]:
        """Do what would happen beside a service that was started `by_hand`, as far as it is due: how much that was,
        and what it raised. `krepis.testing` asks again until there is nothing left.
        """
        del service
        return 0, []

    def running(self, service: Service) -> AbstractAsyncContextManager[Any] | None:
        """What runs beside the service: entered when everything is ready, left before the service drains."""
        del service
        return None
