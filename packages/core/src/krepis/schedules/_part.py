"""The part itself: it takes a slot inside the command that runs for it, and follows the schedules beside the service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from krepis.context import Context
from krepis.errors import KrepisError
from krepis.part import Invoke, Part
from krepis.schedules._every import Every
from krepis.schedules._follow import Follower, Followers, Run, Taken
from krepis.schedules._tables import PASS, PASS_LEASED, TABLES, TAKE, Standing
from krepis.sql import Sql, missing_tables

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.handler import Handler
    from krepis.port import Store
    from krepis.wiring import Graph

CONCURRENT_MAX = 4
LOOK_S = 5.0
RETRY_S = 30.0
LEASE_MARGIN_S = 15.0


class Schedules(Part):
    """Runs commands when they are due, as `SYSTEM`, once across all processes of the service.

    - `concurrent_max`: how many of them run at the same time in one process.
    - `look_s`: how long a step of the clock, or the death of another process in the middle of a run, may go unnoticed.
    - `retry_s`: the pause after a failed attempt; each further one is twice as long.
    - `lease_margin_s`: how much longer than its deadline a command that calls out is held for the process that runs it: a
      rollback takes time, and two machines' clocks differ.
    """

    def __init__(
        self,
        *schedules: Every,
        concurrent_max: int = CONCURRENT_MAX,
        look_s: float = LOOK_S,
        retry_s: float = RETRY_S,
        lease_margin_s: float = LEASE_MARGIN_S,
    ) -> None:
        assert concurrent_max > 0, "a schedule that may never run is none"
        self.schedules = schedules
        self.concurrent_max = concurrent_max
        self.look_s = look_s
        self.retry_s = retry_s
        self.lease_margin_s = lease_margin_s
        # The runs of this process, by the identity of their unit's origin, for `inside`.
        self.runs: dict[int, Run] = {}

    def statements(self) -> Sequence[Callable[..., Any]]:
        return (Standing,)

    def check(self, graph: Graph, store: Store | None) -> Iterable[KrepisError]:
        yield from missing_tables(store, TABLES, "schedules")
        for at, schedule in enumerate(self.schedules):
            yield from schedule.problems(graph)
            if any(schedule.name == other.name for other in self.schedules[:at]):
                yield KrepisError(
                    f"two schedules are called `{schedule.name}`", hint="give one of them another: `every(name=...)`"
                )

    def inside(self, handler: Handler, proceed: Invoke) -> Invoke:
        if all(schedule.kind is not handler.message for schedule in self.schedules):
            return proceed
        runs = self.runs

        def inside(ctx: Context, message: Any, unit: Any) -> Any:
            run = runs.get(id(ctx.origin))
            if run is None:  # somebody else's call of the same command
                return proceed(ctx, message, unit)
            return _taken(run, unit, lambda: proceed(ctx, message, unit))

        return inside

    def running(self, service: Service) -> AbstractAsyncContextManager[Any] | None:
        return Followers(self, service)

    async def settle(self, service: Service) -> tuple[int, list[BaseException]]:
        """Run what is due now, one after the other; see `krepis.testing`. What fails is logged, and not raised."""
        places = asyncio.Semaphore(1)
        return sum([await Follower(self, service, one, places).settle() for one in self.schedules]), []


async def _taken(run: Run, sql: Sql, handle: Callable[[], Any]) -> Any:
    """Take the slot in the transaction of the command. Raises `Taken` when it is somebody else's."""
    this = {"schedule": run.schedule.name, "until": run.slot}
    if sql.writing:
        if await sql.first(TAKE, **this) is None:
            raise Taken
        await sql.run(PASS, **this)
        return await handle()
    answer = await handle()
    if not await sql.run(PASS_LEASED, owner=run.owner, **this):
        raise Taken  # the lease ended before the run did
    return answer
