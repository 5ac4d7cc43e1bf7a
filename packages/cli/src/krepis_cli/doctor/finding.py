"""What a probe has found, and how probes run other programs."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct, field, to_builtins
from msgspec.structs import replace

from krepis.verbs import printable

State = Literal["ok", "missing", "broken"]
PROGRAM_S = 5.0
SAID_CHARACTERS_MAX = 300


class Finding(Struct, frozen=True):
    """One thing that a machine has or lacks.

    - `state`: `ok`, `missing` (it is not there) or `broken` (it is there and can't be used).
    - `needed`: nothing works without it, here and now; the rest is for what not everybody does.
    - `said`: what was found; `remedy`: what to do, in one line, where something is to be done.
    - `details`: further lines for people; `facts`: plain data for programs.
    """

    name: str
    state: State
    said: str
    remedy: str = ""
    needed: bool = False
    details: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def harmless(self) -> Finding:
        """The same, with nothing in its words that steers a terminal."""
        details = tuple(map(printable, self.details))
        return replace(self, said=printable(self.said), remedy=printable(self.remedy), details=details)

    @property
    def bad(self) -> bool:
        """Whether it stands in the way."""
        return self.needed and self.state != "ok"

    def plain(self) -> dict[str, Any]:
        """As it goes over a pipe, and into `--json`."""
        return to_builtins(self)


def first_line(command: Sequence[str], seconds: float = PROGRAM_S) -> str | None:
    """The first line that a program prints when it ends well; `None` when it is not there, fails or hangs."""
    try:
        ran = subprocess.run(  # noqa: S603 - programs that the probes name
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if ran.returncode != 0:
        return None
    lines = ran.stdout.decode("utf-8", "replace").splitlines()
    return printable(lines[0])[:SAID_CHARACTERS_MAX] if lines else ""
