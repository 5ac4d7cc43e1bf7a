"""What one page of a long job answers with."""

from __future__ import annotations

from krepis.message import Value


class Step(Value):
    """`cursor` is where the next page begins, `None` at the end; `done` is how many things this page has done."""

    cursor: str | None
    done: int = 0
