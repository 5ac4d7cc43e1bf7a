"""What it costs to know the caller of a request: a session's token or an API key, with SQLite in a file.

Each round identifies the same few hundred callers in turn; rounds of all cases are interleaved, and the median is printed,
in microseconds per call. `lag` is `revocation_lag_s`: without it the session is read each time.
"""

import argparse
import asyncio
import statistics
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bench import report
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

EXAMPLES = """examples:
  bench/run identify --count 2000 --repeat 3
  bench/run identify --write
"""
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


async def measure(folder: Path, count: int, repeat: int) -> dict[str, float]:
    async with AsyncExitStack() as stack:
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
        figures: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(repeat):
            for name, (service, queries) in cases.items():
                figures[name].append(await timed(service, queries, count))
    return {name: statistics.median(values) for name, values in figures.items()}


async def tokens(service: Service) -> list[Identify]:
    made = [await service.dispatch(service.context(), Open(subject=f"ann{number}")) for number in range(CALLERS)]
    return [Identify(scheme="bearer", credential=Secret(one.access_token)) for one in made]


async def keys(service: Service) -> list[Identify]:
    callers = [service.context(actor=Actor(f"ann{number}")) for number in range(CALLERS)]
    made = [await service.dispatch(ctx, MakeKey(name="robot")) for ctx in callers]
    return [Identify(scheme="api_key", credential=Secret(one.key)) for one in made]


async def timed(service: Service, queries: list[Identify], count: int) -> float:
    run = service.plans[Identify].run
    ctx = service.context(timeout=3600)
    start = time.perf_counter()
    for number in range(count):
        await run(ctx.begin(), queries[number % CALLERS], as_is)
    return (time.perf_counter() - start) / count * 1e6


def as_is(answer: Any) -> Any:
    return answer


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="bench/run identify",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=20_000, help="calls a round (%(default)s)")
    parser.add_argument("--repeat", type=int, default=7, help="rounds (%(default)s)")
    parser.add_argument("--write", action="store_true", help="put the table into bench/RESULTS.md")
    options = parser.parse_args(arguments)
    with report.scratch() as folder:
        figures = asyncio.run(measure(folder, options.count, options.repeat))
    text = "\n".join(
        ["| whose it is | us |", "| :-- | --: |", *(f"| {name} | {us:.1f} |" for name, us in figures.items())]
    )
    print(text)
    if options.write:
        report.write("identify", text, command=["bench/run", "identify", *arguments])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
