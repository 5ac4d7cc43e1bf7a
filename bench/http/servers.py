"""Who races. One line per server; `bench/README.md` says what an app must answer."""

from dataclasses import dataclass
from pathlib import Path

APPS = Path(__file__).resolve().parent / "apps"

# All on the same server with the same settings: one worker, no access log, uvloop and httptools by name.
UVICORN = (
    *("-m", "uvicorn", "--host", "127.0.0.1", "--workers", "1", "--loop", "uvloop", "--http", "httptools"),
    *("--backlog", "1024", "--no-access-log", "--log-level", "warning"),
)


@dataclass(frozen=True)
class Server:
    name: str
    module: str
    store: str  # "none", "sqlite" or "postgresql": the scenarios that it runs in
    note: str
    baseline: bool = False  # what the ratios of its scenarios compare with

    def is_written(self) -> bool:
        return (APPS / f"{self.module}.py").exists()

    def command(self, python: Path, port: int) -> list[str]:
        return [str(python), *UVICORN, "--port", str(port), f"{self.module}:app"]


SERVERS = (
    Server("fastapi", "fastapi_app", "none", "pydantic", baseline=True),
    Server("litestar", "litestar_app", "none", "msgspec"),
    Server("starlette", "starlette_app", "none", "pydantic by hand"),
    Server("blacksheep", "blacksheep_app", "none", "pydantic"),
    Server("krepis-uvicorn", "krepis_app", "none", "validation, context and deadline on"),
    Server("asgi-raw", "asgi_raw", "none", "no framework, msgspec: the floor under all of these"),
    Server("fastapi-orm", "fastapi_orm_app", "sqlite", "SQLAlchemy async ORM, aiosqlite", baseline=True),
    Server("fastapi-raw", "fastapi_sqlite_app", "sqlite", "sqlite3 in the thread pool"),
    Server("litestar-raw", "litestar_sqlite_app", "sqlite", "sqlite3 in the thread pool"),
    Server("krepis-uvicorn", "krepis_orders_app", "sqlite", "command, unit of work, repository"),
    Server("asgi-raw", "asgi_raw_sqlite", "sqlite", "no framework, one connection, sqlite3 on the loop"),
    Server("fastapi-orm", "fastapi_orm_app", "postgresql", "SQLAlchemy async ORM, asyncpg", baseline=True),
    Server("fastapi-raw", "fastapi_asyncpg_app", "postgresql", "asyncpg"),
    Server("litestar-raw", "litestar_asyncpg_app", "postgresql", "asyncpg"),
    Server("krepis-uvicorn", "krepis_orders_app", "postgresql", "command, unit of work, repository"),
)
NAMES = tuple(dict.fromkeys(server.name for server in SERVERS))
