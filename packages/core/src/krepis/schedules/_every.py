"""The declaration of one schedule."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from krepis.errors import KrepisError
from krepis.message import Command
from krepis.schedules._slots import Slots, latest, read_slots
from krepis.schedules._tables import NAME_CHARACTERS_MAX, Standing

if TYPE_CHECKING:
    from krepis.wiring import Graph

TIMEOUT_S = 300.0
ATTEMPTS_MAX = 3
GRACE_S = 60.0
MISSED_MAX_S = 7 * 86_400.0

Missed = Literal["once", "skip", "all"]


class Every(Struct, frozen=True):
    """One schedule. Made by `every`."""

    text: str
    message: Any
    zone: str | None
    missed: str
    name: str
    tenant: str | None
    timeout_s: float
    attempts_max: int
    grace_s: float
    missed_max_s: float

    @property
    def kind(self) -> Any:
        """The class of its message."""
        given: Any = self.message
        if _is_command(given):
            return given.__class__
        return typing.get_type_hints(given).get("return") if callable(given) else None

    def made(self, slot: datetime) -> Any:
        """The message for a slot."""
        return self.message if _is_command(self.message) else self.message(slot)

    def problems(self, graph: Graph) -> Iterator[KrepisError]:
        """What is wrong with it."""
        place = f"the schedule `{self.name}`"
        handler = graph.handlers.get(self.kind)
        if handler is None or handler.kind != "command":
            yield KrepisError(
                f"{place} runs `{getattr(self.kind, '__name__', self.kind)}`, which is no command of the app",
                hint="give `every` a command, or a function of the slot that says which one it makes: `-> Import`",
            )
        if not 1 <= len(self.name) <= NAME_CHARACTERS_MAX or not (self.name.isascii() and self.name.isprintable()):
            yield KrepisError(
                f"{place}: a name has 1 to {NAME_CHARACTERS_MAX} printable ASCII characters", hint="every(name=...)"
            )
        if self.missed not in ("once", "skip", "all"):
            yield KrepisError(f"{place}: `missed` is `{self.missed}`", hint="write `once`, `skip` or `all`")
        if self.attempts_max < 1 or self.timeout_s <= 0:
            yield KrepisError(f"{place} has no attempt, or no time", hint="give it at least one, and some")
        try:
            read_slots(self.text, self.zone)
        except KrepisError as problem:
            yield KrepisError(f"{place}: {problem.args[0]}", hint=problem.hint)

    def slots(self) -> Slots:
        """When it is due. Raises `KrepisError`."""
        return read_slots(self.text, self.zone)

    def due(
        self, slots: Slots, standing: Standing, now: datetime, begun: datetime | None
    ) -> tuple[datetime, bool] | None:
        """The slot that is next and not later than `now`, and whether it is run or passed over; `None` for nothing.

        `begun` is when a run began that did not end: its slot was in time, however late it is now.
        """
        if self.missed == "all":
            start = max(standing.slot, now - timedelta(seconds=self.missed_max_s))
            slot = next(slots.after(start))
            return None if slot > now else (slot, True)
        found = latest(slots, standing.slot, now)
        if found is None:
            return None
        late = now - found > timedelta(seconds=self.grace_s)
        # A failure, too, was one of that slot only if it was due by then.
        tried = any(one is not None and found <= one for one in (begun, standing.wait_until))
        return found, not (self.missed == "skip" and late and not tried)


def every(
    text: str,
    message: Command[Any] | Callable[[datetime], Any],
    *,
    zone: str | None = None,
    missed: Missed = "once",
    name: str | None = None,
    tenant: str | None = None,
    timeout_s: float = TIMEOUT_S,
    attempts_max: int = ATTEMPTS_MAX,
    grace_s: float = GRACE_S,
    missed_max_s: float = MISSED_MAX_S,
) -> Every:
    """Run `message` whenever `text` says: `every("0 3 * * *", ReleaseUncollected(), zone="Europe/Berlin")`.

    - `text`: cron, or words; see `krepis.schedules._slots`. `zone` is UTC unless it is given.
    - `message`: a command, or a function of the slot (in UTC) that makes one: `def daily(slot: datetime) -> Import`.
    - `missed`: what happens to slots at which nothing ran. `once` runs the last of them, `skip` none that is later than
      `grace_s`, `all` each of them in order, back to `missed_max_s` ago.
    - `name`: the key of the schedule; the name of its message unless it is given.
    - `timeout_s`: the deadline of a run. `attempts_max`: how often a slot is tried before it is given up.

    Whether all that means something is said when the app starts.
    """
    kind = type(message).__name__ if _is_command(message) else getattr(message, "__name__", str(message))
    return Every(
        text.strip(), message, zone, missed, name or kind, tenant, timeout_s, attempts_max, grace_s, missed_max_s
    )


def _is_command(given: Any) -> bool:
    return isinstance(given, Command)
