"""The gate of a project: which checks it has, and what one of them said."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

GATE = ("lint", "format", "types", "tests")
"""They judge a project as a whole, its tests among it; each task of a build is judged with it."""

Outcome = Literal["passed", "failed", "not run"]


class Check(Struct, frozen=True):
    """One part of the gate. `said`: why it was not run, or the end of what it printed when it failed."""

    name: str
    command: str
    outcome: Outcome
    seconds: float = 0.0
    said: str = ""
