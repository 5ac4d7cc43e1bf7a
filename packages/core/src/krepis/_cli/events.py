"""Look at events whose reactions have failed for good (dead letters), and deliver them again.

examples:
  krepis events list                         the oldest first; exit code 1 when there are any
  krepis events show 42                      the event at position 42: its body, and what each reaction raised
  krepis events replay 42                    deliver it again (or `--all`)
  krepis events replay 42 --reaction library.mail.on_returned
  krepis events discard 42                   throw it away (or `--all`)
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from krepis._cli.project import app_name, load_app
from krepis.errors import KrepisError, Malformed
from krepis.verbs import DONE, NO, WRONG_USE, Console

if TYPE_CHECKING:
    from krepis.app import App
    from krepis.outbox.letters import Letter
    from krepis.sql import Database

LISTED_MAX = 1000
"""How many dead letters one call works on."""

Answer = tuple[int, dict[str, Any], list[str]]
"""The exit code, the facts for `--json`, and the lines for a person."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb's arguments."""
    parser.add_argument("--app", metavar="MODULE:APP", help="the app; krepis.toml of the project names it otherwise")
    verbs = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = _action(verbs, "list", "list dead letters", "krepis events list --max 20")
    listed.add_argument(
        "--max", type=_count, default=100, metavar="N", help=f"at most so many, up to {LISTED_MAX} (100)"
    )
    listed.add_argument("--after", type=int, default=0, metavar="POSITION", help="only those after that position")
    show = _action(verbs, "show", "show one event with its errors", "krepis events show 42")
    show.add_argument("position", type=int, help="as `krepis events list` shows it")
    for name, promise in (("replay", "deliver dead letters again"), ("discard", "throw dead letters away")):
        action = _action(verbs, name, promise, f"krepis events {name} 42")
        action.add_argument("position", type=int, nargs="?", help="as `krepis events list` shows it")
        action.add_argument("--all", action="store_true", help=f"every dead letter, at most {LISTED_MAX}")
        action.add_argument("--reaction", metavar="NAME", help="only the delivery to this reaction")


def main(args: argparse.Namespace, console: Console) -> int:
    """Do it; answers with the exit code."""
    return perform(args, console, load_app(app_name(args.app)))


def perform(args: argparse.Namespace, console: Console, app: App) -> int:
    """Do it on the database of `app`; answers with the exit code."""
    from krepis.outbox import Outbox
    from krepis.sql import Database

    database = app.store
    if not isinstance(database, Database) or not any(isinstance(part, Outbox) for part in app.parts):
        raise KrepisError(
            f"the app `{app.name}` has no outbox",
            code="no_outbox",
            hint="add `Outbox()` to its parts",
            exit_code=WRONG_USE,
        )
    code, facts, lines = asyncio.run(_opened(database, args))
    console.answer(facts, lines)
    return code


async def _opened(database: Database, args: argparse.Namespace) -> Answer:
    await database.open()
    try:
        return await _ACTIONS[args.action](database, args)
    finally:
        await database.close()


async def _list(database: Database, args: argparse.Namespace) -> Answer:
    from krepis.outbox import letters

    found = await letters.listed(database, after=args.after, count_max=args.max)
    waiting, dead = await letters.count(database)
    lines = [_line(letter) for letter in found]
    lines.append(f"{dead} dead, {waiting} deliveries wait")
    if found:
        lines.append("`krepis events show POSITION` shows one, `krepis events replay POSITION` delivers it again")
    return NO if found else DONE, {"dead": dead, "waiting": waiting, "letters": to_builtins(found)}, lines


async def _show(database: Database, args: argparse.Namespace) -> Answer:
    from krepis._system import SystemSources
    from krepis.outbox import letters
    from krepis.wire import unpack

    found = await letters.of_event(database, args.position)
    stored = await letters.opened(database, args.position)
    if not found or stored is None:
        raise _none(args.position)
    first = found[0]
    facts: dict[str, Any] = {"letters": to_builtins(found), "body": stored.body}
    lines = [
        f"event     {first.name} about {first.about}",
        f"position  {first.position}",
        f"id        {first.id}",
        f"emitted   {first.at.isoformat()}",
    ]
    if first.tenant is not None:
        lines.append(f"tenant    {first.tenant}")
    try:
        ctx = unpack(stored.context, SystemSources())
    except Malformed as unreadable:
        lines.append(f"context   {unreadable.sentence}")
    else:
        actor = None if ctx.actor is None else ctx.actor.id
        facts |= {"trace": ctx.trace.id, "intents": ctx.intents, "actor": actor}
        lines += [
            f"trace     {ctx.trace.id}",
            f"intents   {' -> '.join(ctx.intents)}",
            f"actor     {actor or '(none)'}",
        ]
    lines += [f"body      {stored.body}", ""]
    for letter in found:
        lines.append(f"{letter.reaction}: {letter.attempts} attempts, given up {letter.died_at.isoformat()}")
        lines.append(f"  {letter.error}")
    return DONE, facts, lines


async def _replay(database: Database, args: argparse.Namespace) -> Answer:
    from krepis.outbox import letters

    return await _each(database, args, "replayed", letters.replay)


async def _discard(database: Database, args: argparse.Namespace) -> Answer:
    from krepis.outbox import letters

    return await _each(database, args, "discarded", letters.discard)


async def _each(
    database: Database,
    args: argparse.Namespace,
    word: str,
    act: Callable[[Database, list[Letter]], Coroutine[Any, Any, list[Letter]]],
) -> Answer:
    from krepis.outbox import letters

    if (args.position is None) != args.all:
        raise KrepisError("name one position, or `--all`", code="wrong_use", exit_code=WRONG_USE)
    found = (
        await letters.listed(database, count_max=LISTED_MAX)
        if args.all
        else await letters.of_event(database, args.position)
    )
    chosen = [letter for letter in found if args.reaction in (None, letter.reaction)]
    if not chosen and not args.all:
        raise _none(args.position)
    done = await act(database, chosen)
    lines = [*(_line(letter) for letter in done), f"{word} {len(done)}"]
    return DONE, {word: to_builtins(done)}, lines


_ACTIONS: Mapping[str, Callable[[Any, argparse.Namespace], Coroutine[Any, Any, Answer]]] = MappingProxyType(
    {"list": _list, "show": _show, "replay": _replay, "discard": _discard}
)


def _none(position: int) -> KrepisError:
    sentence = f"there is no dead letter at position {position}"
    return KrepisError(sentence, code="no_such_letter", hint="`krepis events list` lists them")


def _line(letter: Letter) -> str:
    error = " ".join(letter.error.split())
    return f"{letter.position:>8}  {letter.name} about {letter.about}  {letter.reaction}  {error[:100]}"


def _count(text: str) -> int:
    number = int(text)
    if not 0 < number <= LISTED_MAX:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and {LISTED_MAX}")
    return number


def _action(verbs: Any, name: str, promise: str, example: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=promise,
        description=f"{promise[0].upper()}{promise[1:]}.",
        epilog=f"example: {example}",
    )
    return action
