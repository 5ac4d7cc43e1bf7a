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
    part: str = ""  # of Krepis, that is on (or "none"); such a server runs in scenarios of parts and in no other
    shop: str = ""  # "generated" or "by hand"; a bookshop runs in the scenarios of bookshops and in no other

    @property
    def race(self) -> str:
        """Which race it runs in: one section of RESULTS.md, or one family of them."""
        return "parts" if self.part else "bookshop" if self.shop else "servers"

    @property
    def environment(self) -> dict[str, str]:
        return {"BENCH_STORE": self.store, "BENCH_PART": self.part}

    def is_written(self) -> bool:
        return self.shop == "generated" or (APPS / f"{self.module}.py").exists()

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
PARTS_APP = "krepis_parts_app"
IN_ACCOUNTS = "the session is read from a SQLite file at each request"
PARTS = (
    Server("krepis-uvicorn", "krepis_app", "none", "no part", baseline=True, part="none"),
    Server("+token", PARTS_APP, "none", f"`Accounts`, a bearer token; {IN_ACCOUNTS}", part="token"),
    Server("+api-key", PARTS_APP, "none", "`Accounts`, an API key; it is read likewise", part="api-key"),
    Server("+rate-address", PARTS_APP, "none", "`Rates(per_address=...)`, in a file", part="rate-address"),
    Server("+rate-actor", PARTS_APP, "none", "`Rates(per_actor=...)`, in a file; and +token", part="rate-actor"),
    Server("+spans", PARTS_APP, "none", "`Spans`, SDK, batch processor to nowhere", part="spans"),
    Server("+metrics", PARTS_APP, "none", "`Metrics`", part="metrics"),
    Server("+access-log", PARTS_APP, "none", "`AccessLog`, into a file", part="access-log"),
    Server("krepis-uvicorn", "krepis_orders_app", "sqlite", "no part", baseline=True, part="none"),
    Server("+idempotency", PARTS_APP, "sqlite", "`Idempotency`, another key each time", part="idempotency"),
    Server("+audit", PARTS_APP, "sqlite", "`Audit`, with its sequencer", part="audit"),
    Server("+all", PARTS_APP, "sqlite", "all of these and of those above, with a token", part="all"),
)
BY_HAND, BUILT, OF_SPEC = "fastapi_bookshop_app", "bookshop.app", "`krepis use examples/bookshop.md`"
BOOKSHOPS = (
    Server("fastapi-orm", BY_HAND, "sqlite", "SQLAlchemy async ORM, aiosqlite", baseline=True, shop="by hand"),
    Server("krepis-generated", BUILT, "sqlite", OF_SPEC, shop="generated"),
    Server("fastapi-orm", BY_HAND, "postgresql", "SQLAlchemy async ORM, asyncpg", baseline=True, shop="by hand"),
    Server("krepis-generated", BUILT, "postgresql", OF_SPEC, shop="generated"),
)
ALL = (*SERVERS, *PARTS, *BOOKSHOPS)
NAMES = tuple(dict.fromkeys(server.name for server in ALL))
