"""Bring the database to where the code is, and say where it stands.

examples:
  krepis db upgrade                      run what is pending (or `krepis db upgrade 0003`)
  krepis db downgrade -1                 one step back (or to a revision, or to `base`)
  krepis db status                       exit code 1 when something is pending
  krepis db new "books have authors"     write a revision from what differs between code and database
  krepis db check                        exit code 1 when code and database differ
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from krepis._cli.project import app_name, load_app
from krepis.errors import KrepisError
from krepis.verbs import DONE, NO, WRONG_USE, Console

if TYPE_CHECKING:
    from krepis.app import App
    from krepis.sql import Database

Answer = tuple[int, dict[str, Any], list[str]]
"""The exit code, the facts for `--json`, and the lines for a person."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb's arguments."""
    parser.add_argument("--app", metavar="MODULE:APP", help="the app; krepis.toml of the project names it otherwise")
    verbs = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    upgrade = _action(verbs, "upgrade", "run the pending migrations", "krepis db upgrade")
    upgrade.add_argument("target", nargs="?", default="head", help="a revision, `head` (default), or `+N` steps")
    downgrade = _action(verbs, "downgrade", "take migrations back", "krepis db downgrade -1")
    downgrade.add_argument("target", help="a revision, `base` for an empty database, or `-N` steps")
    _action(verbs, "status", "show the database's revision, the code's, and what is pending", "krepis db status --json")
    new = _action(verbs, "new", "write a migration from what differs", 'krepis db new "books have authors"')
    new.add_argument("message", help="what it changes, in a few words")
    _action(verbs, "check", "show what differs between the code's tables and the database's", "krepis db check")


def main(args: argparse.Namespace, console: Console) -> int:
    """Do it; answers with the exit code."""
    return perform(args, console, load_app(app_name(args.app)))


def perform(args: argparse.Namespace, console: Console, app: App) -> int:
    """Do it on the database of `app`; answers with the exit code."""
    from krepis.sql import Database

    database = app.store
    if not isinstance(database, Database):
        raise KrepisError(f"the app `{app.name}` has no database", code="no_database", exit_code=WRONG_USE)
    code, facts, lines = asyncio.run(_ACTIONS[args.action](database, args))
    console.answer(facts, lines)
    return code


async def _upgrade(database: Database, args: argparse.Namespace) -> Answer:
    from krepis.sql import migrate

    return _changed(database, await migrate.upgrade(database, args.target))


async def _downgrade(database: Database, args: argparse.Namespace) -> Answer:
    from krepis.sql import migrate

    return _changed(database, await migrate.downgrade(database, args.target))


async def _status(database: Database, args: argparse.Namespace) -> Answer:
    from krepis.sql import migrate

    status = await migrate.status(database)
    pending = [{"id": revision.id, "message": revision.message} for revision in status.pending]
    facts = {"database": database.name, "current": status.current, "code": status.heads, "pending": pending}
    lines = [f"database  {database.name}", f"is at     {_names(status.current)}", f"code at   {_names(status.heads)}"]
    lines += [f"pending   {revision.id}  {revision.message}" for revision in status.pending]
    if not status.exists:
        lines.append("there is no database yet: run `krepis db upgrade`")
        return NO, facts, lines
    agree = status.current == status.heads
    lines.append(
        "they agree" if agree else "run `krepis db upgrade`" if pending else "the code is older than the database"
    )
    return DONE if agree else NO, facts, lines


async def _new(database: Database, args: argparse.Namespace) -> Answer:
    from krepis.sql import migrate

    path = await migrate.new(database, args.message)
    lines = [f"wrote {path}", "read it, mend it, then run `krepis db upgrade`"]
    return DONE, {"path": str(path)}, lines


async def _check(database: Database, args: argparse.Namespace) -> Answer:
    from krepis.sql import migrate

    found = await migrate.check(database)
    lines = [*found, "write a migration with `krepis db new`"] if found else ["the tables are as the code says"]
    return NO if found else DONE, {"differences": found}, lines


_ACTIONS: Mapping[str, Callable[[Any, argparse.Namespace], Coroutine[Any, Any, Answer]]] = MappingProxyType(
    {
        "upgrade": _upgrade,
        "downgrade": _downgrade,
        "status": _status,
        "new": _new,
        "check": _check,
    }
)


def _action(verbs: Any, name: str, promise: str, example: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=promise,
        description=f"{promise[0].upper()}{promise[1:]}.",
        epilog=f"example: {example}",
    )
    return action


def _changed(database: Database, change: Any) -> Answer:
    facts = {"database": database.name, "made": change.made, "before": change.before, "after": change.after}
    lines = [f"made {database.name}"] if change.made else []
    if change.before != change.after:
        lines.append(f"{database.name} went from {_names(change.before)} to {_names(change.after)}")
    elif not change.made:
        lines.append(f"{database.name} is at {_names(change.after)}; there was nothing to do")
    return DONE, facts, lines


def _names(revisions: tuple[str, ...]) -> str:
    return ", ".join(revisions) or "no revision"
