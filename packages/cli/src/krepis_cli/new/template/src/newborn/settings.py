"""What whoever runs the service can decide. `krepis config show` lists it with where each value comes from."""

from typing import ClassVar

from krepis.settings import Settings


class NewbornSettings(Settings):
    """From `krepis.toml` (`[newborn]`), the environment (`NEWBORN_...`) and files (`NEWBORN_..._FILE`)."""

    PREFIX: ClassVar[str] = "NEWBORN"

    database: str = "sqlite:///newborn.db"
