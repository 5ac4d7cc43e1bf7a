"""What it costs to know the caller of a request: a session's token or an API key, with SQLite in a file.

Each round identifies the same few hundred callers in turn; rounds of all cases are interleaved, and the median is printed,
in microseconds per call. `lag` is `revocation_lag_s`: without it the session is read each time.
"""

import sys
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path
from typing import Any

from bench import report
from bench.micro import measuring
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import MetaData

from krepis import Actor, App, Command, Context
from krepis.accounts import (
    TABLES,
    Accounts,
    AccountSettings,
    Grant,
    Key,
    NewApiKey,
    SessionTokens,
    WritableApiKeys,
    WritableSessions,
    ed25519,
    hs256,
)
from krepis.app import Service
from krepis.identity import Identify
from krepis.sql import Database, include_tables
from krepis.types import Secret

CALLERS = 200


class Open(Command[SessionTokens]):
    subject: str


class MakeKey(Command[NewApiKey]):
    name: str


async def open_session(ctx: Context, command: Open, *, sessions: WritableSessions) -> SessionTokens:
    return await sessions.open(ctx, Grant(command.subject, roles=frozenset({"member"})))


async def make_key(ctx: Context, command: MakeKey, *, keys: WritableApiKeys) -> NewApiKey:
    return await keys.make(ctx, command.name)


def signing_keys() -> dict[str, Key]:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {"HS256": hs256("one", "a secret of the benchmark, of 32 bytes or more"), "Ed25519": ed25519("one", pem)}


async def a_service(stack: AsyncExitStack, path: Path, key: Key, *, lag_s: float, cached_max: int) -> Service:
    metadata = MetaData()
    include_tables(metadata, *TABLES)
    database = Database(f"sqlite:///{path}", metadata=metadata)
    await database.open()
    await database.create_tables()
    await database.close()
    settings = AccountSettings(keys=(key,), issuer="bench", revocation_lag_s=lag_s, cached_max=cached_max)
    app = App("identify", handlers=(open_session, make_key), store=database, parts=(Accounts(settings),))
    return await stack.enter_async_context(app.start())


async def measure(count: int, repeat: int) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(report.scratch())
        cases: dict[str, tuple[Service, list[Identify]]] = {}
        for algorithm, key in signing_keys().items():
            for told, lag_s, cached_max in (
                ("signature verified, session read", 0, 0),
                ("signature remembered, session read", 0, 10_000),
                ("signature and session remembered (lag 60 s)", 60, 10_000),
            ):
                path = folder / f"{len(cases)}.db"
                service = await a_service(stack, path, key, lag_s=lag_s, cached_max=cached_max)
                cases[f"token, {algorithm}: {told}"] = service, await tokens(service)
                if algorithm == "HS256" and cached_max:
                    cases[f"API key: {'remembered (lag 60 s)' if lag_s else 'read'}"] = service, await keys(service)
        return await measuring.steps_in_turns(count, repeat, {name: identifying(*case) for name, case in cases.items()})


async def tokens(service: Service) -> list[Identify]:
    made = [await service.dispatch(service.context(), Open(subject=f"ann{number}")) for number in range(CALLERS)]
    return [Identify(scheme="bearer", credential=Secret(one.access_token)) for one in made]


async def keys(service: Service) -> list[Identify]:
    callers = [service.context(actor=Actor(f"ann{number}")) for number in range(CALLERS)]
    made = [await service.dispatch(ctx, MakeKey(name="robot")) for ctx in callers]
    return [Identify(scheme="api_key", credential=Secret(one.key)) for one in made]


def identifying(service: Service, queries: list[Identify]) -> measuring.Step:
    run = service.plans[Identify].run
    ctx = service.context(timeout=3600)
    turns = cycle(queries)
    return lambda: run(ctx.begin(), next(turns), as_is)


def as_is(answer: Any) -> Any:
    return answer


if __name__ == "__main__":
    sys.exit(measuring.calls("identify", __doc__, measure, count=20_000, head="whose it is"))
