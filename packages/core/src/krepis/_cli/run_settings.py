"""What `krepis run` takes from `[run]` in krepis.toml and from `KREPIS_RUN_...`; its flags come after both."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec.structs import asdict

from krepis.settings import Settings, read_settings
from krepis.types import between


class RunSettings(Settings):
    """How a server runs. Each setting has a flag of the same name."""

    PREFIX: ClassVar[str] = "KREPIS_RUN"
    SECTION: ClassVar[str] = "run"

    engine: Literal["standard"] = "standard"
    host: str = "127.0.0.1"
    port: Annotated[int, between(0, 65535)] = 8000
    workers: Annotated[int, between(1, 256)] = 1
    header_bytes: Annotated[int, between(1_024, 1_048_576)] = 65_536
    header_seconds: Annotated[int, between(1, 600)] = 10
    keep_alive: Annotated[int, between(1, 3_600)] = 15
    graceful: Annotated[int, between(0, 3_600)] = 15


def run_defaults() -> dict[str, Any]:
    """The defaults of the flags. Raises `SettingsError`."""
    return asdict(read_settings(RunSettings))
