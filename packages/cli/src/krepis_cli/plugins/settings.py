"""What a plugin may take: `[plugins]` in krepis.toml, or `KREPIS_PLUGINS_...` in the environment."""

from __future__ import annotations

from typing import Annotated, ClassVar

from krepis.settings import Settings
from krepis.types import between


class PluginsSettings(Settings):
    """Limits of a plugin's process; times in seconds. The time in which a person is asked is not counted.

    - `start_s`: from its start to its first message, and to the description of its verb.
    - `silence_s`: the longest time without a message while it runs.
    - `run_s`: how long it may run in all.
    - `stop_s`: how long it may take to leave, when it has finished or was interrupted, before it is killed.
    - `line_bytes`, `output_bytes`: how long one message may be, and all of them together.
    """

    PREFIX: ClassVar[str] = "KREPIS_PLUGINS"
    SECTION: ClassVar[str] = "plugins"

    start_s: Annotated[float, between(0.1, 600)] = 10
    silence_s: Annotated[float, between(0.1, 86_400)] = 60
    run_s: Annotated[float, between(0.1, 604_800)] = 3_600
    stop_s: Annotated[float, between(0, 600)] = 2
    line_bytes: Annotated[int, between(1_024, 1 << 30)] = 16 << 20
    output_bytes: Annotated[int, between(1_024, 1 << 32)] = 256 << 20
