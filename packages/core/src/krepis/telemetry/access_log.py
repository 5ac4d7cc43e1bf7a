"""`AccessLog`: one log line for each request, when its answer has ended."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from krepis.context import Sources
from krepis.deadline import CallerGone
from krepis.http.facts import Answer, Facts
from krepis.part import Part, Start
from krepis.telemetry._ends import GONE, METHODS, NO_ROUTE, at_the_end

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.http.table import CompiledDoor


class AccessLog(Part):
    """A line `request` (level `info`) with the method, the door's route, the status, the bytes of the answer's body, the
    seconds it took, and what every line has: trace, message (`intent`), actor, tenant.

    The route is the door's pattern (`/orders/{order}`), never the path: paths hold what callers have put there.
    """

    def __init__(self) -> None:
        self._sources: Sources | None = None

    def door(self, door: CompiledDoor | None, proceed: Start) -> Start:
        route = NO_ROUTE if door is None else door.pattern

        async def logged(facts: Facts) -> Answer:
            def ended(status: int, sent: int) -> None:
                self._write(facts, route, status, sent)

            try:
                reply = await proceed(facts)
            except CallerGone:
                ended(GONE, 0)
                raise
            return at_the_end(facts, reply, ended)

        return logged

    def running(self, service: Service) -> AbstractAsyncContextManager[Any] | None:
        self._sources = service.sources
        return None

    def _write(self, facts: Facts, route: str, status: int, sent: int) -> None:
        sources = self._sources
        if sources is None:
            return
        seconds = round(sources.monotonic() - facts.started, 6)
        method = facts.method if facts.method in METHODS else "other"
        line = {"method": method, "route": route, "status": status, "bytes": sent, "seconds": seconds}
        if facts.ctx is None:
            sources.emit("info", "request", line)
        else:
            facts.ctx.log.info("request", **line)
