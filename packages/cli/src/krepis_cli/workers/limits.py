"""What a worker may take: time, memory, words."""

from __future__ import annotations

from msgspec import Struct

ANSWER_BYTES_MAX = 64 << 20
NOISE_BYTES_KEPT = 64 << 10
"""How much of what a call prints is kept, its end."""
NOISE_LINES_SHOWN_MAX = 200
"""How many lines of it are shown while it runs; the rest is counted."""

REPORT = "Fatal Python error: "
"""What `faulthandler` begins with when it says where a process was as it died."""


class Limits(Struct, frozen=True):
    """Times in seconds, sizes in bytes.

    - `start_s`: until the interpreter is up; `call_s`: one call, imports included.
    - `memory_bytes`: the address space of the worker (`RLIMIT_AS`), `None` for what the machine has. What it asks for
      beyond fails with `MemoryError`. macOS knows the limit and does not keep it.
    - `answer_bytes`: the largest answer, as JSON.
    """

    start_s: float = 30.0
    call_s: float = 60.0
    memory_bytes: int | None = None
    answer_bytes: int = ANSWER_BYTES_MAX


DEFAULTS = Limits()
