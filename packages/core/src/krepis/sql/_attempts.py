"""What both engines share about units of work: when one is spent, and running one again."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol, TypeVar

from krepis.context import Context
from krepis.sql._limits import Limits
from krepis.sql._waiting import Again, Patience
from krepis.sql.errors import CheckViolation, ConstraintViolation, StoreAway, TransactionSpentError

T = TypeVar("T")

LOST_MAX = 2
"""A connection may die once under a unit (the server was restarted); when the next one dies too, the store is away."""


class Lost(Again):
    """The connection died before COMMIT was sent: nothing has changed, and another connection may do."""


class Unit(Protocol):
    """`fault` is why a unit can't go on, or `None`."""

    fault: BaseException | None


class Spent:
    """Stands where the cursor was, so that the hot path needs no check; whoever still sends a statement is told."""

    def __init__(self, sentence: str, hint: str) -> None:
        self._error = sentence, hint

    def execute(self, *_: object) -> NoReturn:
        raise TransactionSpentError(self._error[0], hint=self._error[1])

    executemany = execute


def spent_by_failure() -> Spent:
    return Spent(
        "an earlier statement of this unit of work failed, so it can only be rolled back",
        "put `async with sql.savepoint():` around a statement that may fail",
    )


def spent_by_end() -> Spent:
    return Spent("this unit of work has ended", "keep no repository beyond the handler that it was given to")


def check_unspent(unit: Unit) -> None:
    """A unit that caught the failure of a statement and went on as if nothing had been can't be committed."""
    if unit.fault is None:
        return
    if isinstance(unit.fault, (ConstraintViolation, CheckViolation)):
        spent_by_failure().execute()
    raise unit.fault


def prefer_again(unit: Unit, error: BaseException) -> None:
    """Whatever the handler made of a conflict, the unit is run again; only a cancellation is stronger."""
    if isinstance(unit.fault, Again) and error is not unit.fault and not isinstance(error, CancelledError):
        raise unit.fault from error


async def run_again(ctx: Context, limits: Limits, first: Again, once: Callable[[], Awaitable[T]]) -> T:
    """After a `first` attempt has failed: pause, rewind and try, until it works or `Patience` ends."""
    patience = Patience(ctx, wait_max_s=limits.wait_max_s, attempts_max=limits.attempts_max)
    signal, lost = first, 0
    while True:
        lost += isinstance(signal, Lost)
        if lost == LOST_MAX:
            raise StoreAway from signal
        await patience.pause()
        ctx.origin.rewind()
        try:
            return await once()
        except Again as another:
            signal = another
