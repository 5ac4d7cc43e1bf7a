"""Look at the audit log, and find out whether somebody has changed it.

examples:
  krepis audit verify                          exit code 1 and the first broken place, if there is one
  krepis audit verify --anchor 120:9f86d0...   also that it still goes through what was printed then
  krepis audit anchor                          the end of the chain, to be kept elsewhere
  krepis audit list --command PayFine          the newest entries first
  krepis audit export > audit.ndjson           every row, one JSON object a line
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec import json

from krepis._cli.console import as_json
from krepis._cli.project import app_name, load_app
from krepis._system import SystemSources
from krepis.context import root
from krepis.errors import KrepisError
from krepis.verbs import DONE, NO, WRONG_USE, Console, printable

if TYPE_CHECKING:
    from krepis.app import App
    from krepis.audit import Audit, Row
    from krepis.sql import Database, Sql

SHOWN_DEFAULT = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb's arguments."""
    parser.add_argument("--app", metavar="MODULE:APP", help="the app; krepis.toml of the project names it otherwise")
    verbs = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = _action(verbs, "verify", "find the first row that was changed, removed, inserted or moved")
    verify.add_argument("--anchor", action="append", default=[], metavar="N:HASH", help="what `anchor` printed before")
    shown = _action(verbs, "list", "show entries, the newest first")
    shown.add_argument("--limit", type=int, default=SHOWN_DEFAULT, help="how many at most (%(default)s)")
    for name in ("command", "actor", "tenant"):
        shown.add_argument(f"--{name}", help=f"only of this {name}")
    export = _action(verbs, "export", "print every row as a line of JSON, the oldest first")
    export.add_argument("--after", type=int, default=-(2**63), metavar="N", help="only what comes after this number")
    _action(verbs, "anchor", "print the end of the chain, to be kept elsewhere")


def main(args: argparse.Namespace, console: Console) -> int:
    """Do it; answers with the exit code."""
    return perform(args, console, load_app(app_name(args.app)))


def perform(args: argparse.Namespace, console: Console, app: App) -> int:
    """Do it on the audit log of `app`; answers with the exit code."""
    from krepis.audit import Audit
    from krepis.sql import Database

    part = next((part for part in app.parts if isinstance(part, Audit)), None)
    database = app.store
    if part is None or not isinstance(database, Database):
        raise KrepisError(
            f"the app `{app.name}` has no audit log",
            code="no_audit_log",
            hint="add `Audit(...)` to its parts",
            exit_code=WRONG_USE,
        )
    return asyncio.run(_opened(database, part, args, console))


async def _opened(database: Database, part: Audit, args: argparse.Namespace, console: Console) -> int:
    try:
        await database.open()
        return await _ACTIONS[args.action](database, part, args, console)
    finally:
        await database.close()


async def _verify(database: Database, part: Audit, args: argparse.Namespace, console: Console) -> int:
    from krepis.audit import verify
    from krepis.audit.chain import read_anchor

    anchors = [read_anchor(text) for text in args.anchor]
    verdict = await verify(database, _ctx(), part.hashing, anchors)
    broken = verdict.broken
    facts = {"count": verdict.count, "head": verdict.head, "pending": verdict.pending, "broken": broken}
    if broken is None:
        lines = [f"{verdict.count} entries, none changed; {verdict.pending} wait for their number"]
    else:
        lines = [
            f"broken at {broken.number} ({broken.kind}): {broken.sentence}",
            f"the {verdict.count} before it are as they were written",
        ]
    console.answer(facts, lines)
    return DONE if broken is None else NO


async def _anchor(database: Database, part: Audit, args: argparse.Namespace, console: Console) -> int:
    from krepis.audit import verify

    verdict = await verify(database, _ctx(), part.hashing)
    if verdict.broken is not None:
        sentence = f"broken at {verdict.broken.number}: {verdict.broken.sentence}"
        raise KrepisError(sentence, code="broken", hint="`krepis audit verify` says more")
    if verdict.head is None:
        raise KrepisError("there are no entries yet", code="no_entries")
    console.answer({"anchor": verdict.head}, str(verdict.head))
    return DONE


async def _list(database: Database, part: Audit, args: argparse.Namespace, console: Console) -> int:
    from krepis.audit import tables

    wanted = {name: value for name in ("command", "actor", "tenant") if (value := getattr(args, name)) is not None}

    async def work(sql: Sql) -> list[Row]:
        found: list[Row] = []
        before = 2**63 - 1
        while len(found) < args.limit and (page := await sql.all(tables.ROWS_BEFORE, before=before)):
            found += [row for row in page if all(getattr(row, name) == value for name, value in wanted.items())]
            before = page[-1].number
        return found[: max(0, args.limit)]

    found = await database.transact(_ctx(), "read", work)
    console.answer({"entries": found}, map(_words, found))
    return DONE


async def _export(database: Database, part: Audit, args: argparse.Namespace, console: Console) -> int:
    from krepis.audit.verify import rows

    async def work(sql: Sql) -> None:
        async for row in rows(sql, args.after):
            console.raw(as_json(row))

    await database.transact(_ctx(), "read", work)
    return DONE


_ACTIONS: Mapping[str, Callable[[Any, Any, argparse.Namespace, Console], Coroutine[Any, Any, int]]] = MappingProxyType(
    {"verify": _verify, "anchor": _anchor, "list": _list, "export": _export}
)


def _action(verbs: Any, name: str, promise: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=promise,
        description=f"{promise[0].upper()}{promise[1:]}.",
        epilog=f"example: krepis audit {name}",
    )
    return action


def _ctx() -> Any:
    return root(SystemSources(), intents=("audit",))


def _words(row: Row) -> str:
    """One line for people. What callers have sent is shown as JSON, so that no terminal takes it for more."""
    said = json.decode(row.entry)
    actor = json.encode(row.actor).decode() if row.actor is not None else "nobody"
    tenant = "" if row.tenant is None else f" tenant={json.encode(row.tenant).decode()}"
    message = json.encode(said["message"]).decode()
    outcome = "" if said["outcome"] == "done" else f" ({said['outcome']})"
    return printable(f"{row.number:>6}  {row.at:%Y-%m-%d %H:%M:%S}  {actor}{tenant}  {row.command}{outcome} {message}")
