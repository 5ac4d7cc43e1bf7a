"""What `krepis run` takes from `[run]` in krepis.toml and from `KREPIS_RUN_...`; its flags come after both."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from krepis.settings import Settings
from krepis.types import between


class RunSettings(Settings):
    """How a server runs; times in seconds. Each setting has a flag of the same name.

    - `header_bytes`, `header_seconds`: how large headers may be, and how long they may take.
    - `pipelined`: requests of one connection that wait for their answers, beside the one that is answered.
    - `keep_alive`: how long a connection may be idle between two requests.
    - `stall_seconds`: a caller who takes nothing of what is sent for so long is cut.
    - `graceful`: how long what runs may take to end at a stop.
    """

    PREFIX: ClassVar[str] = "KREPIS_RUN"
    SECTION: ClassVar[str] = "run"

    engine: Literal["standard"] = "standard"
    host: str = "127.0.0.1"
    port: Annotated[int, between(0, 65535)] = 8000
    workers: Annotated[int, between(1, 256)] = 1
    header_bytes: Annotated[int, between(1_024, 1_048_576)] = 65_536
    header_seconds: Annotated[int, between(1, 600)] = 10
    pipelined: Annotated[int, between(0, 10_000)] = 100
    keep_alive: Annotated[int, between(1, 3_600)] = 15
    stall_seconds: Annotated[int, between(1, 3_600)] = 60
    graceful: Annotated[int, between(0, 3_600)] = 15
