"""What whoever runs the library can decide. `krepis config show` lists it with where each value comes from."""

from typing import Annotated

from krepis import field
from krepis.settings import Settings
from krepis.types import Secret, between, secret_length


class LibrarySettings(Settings):
    """From `krepis.toml` (`[library]`), the environment (`LIBRARY_...`) and files (`LIBRARY_..._FILE`)."""

    database: str = "sqlite:///library.db"
    token_key: Annotated[Secret, secret_length(32, 512)]
    files_folder: str = "var/files"
    mail_folder: str = "var/mail"
    catalogue: str = "http://127.0.0.1:8001"
    trusted_proxies: list[str] = field(default_factory=list)
    requests_per_minute: Annotated[int, between(1, 1_000_000)] = 600
    password_memory_kib: Annotated[int, between(8, 1_048_576)] = 65_536
