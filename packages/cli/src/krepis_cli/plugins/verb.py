"""A verb of a plugin: it runs in a process of its own, and what it proposes is one operation of the log.

This is the module of all of them; the index of the command names it for each verb in the entry point group
`krepis.plugins`. Which verb is meant is known by the name of its parser: one place less in which the command has to
know that there are plugins.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from krepis.errors import KrepisError
from krepis.settings import read_settings
from krepis.verbs import Console, Progress
from krepis_cli.history import OperationLog, Proposal
from krepis_cli.history.diff import summary
from krepis_cli.plugins.installed import plugin_of
from krepis_cli.plugins.messages import Answer, Ask, Finished, Message, ProgressMade, Propose, Say, Warn
from krepis_cli.plugins.options import add_options, arguments
from krepis_cli.plugins.proposals import project_of, put_into
from krepis_cli.plugins.session import Session
from krepis_cli.plugins.settings import PluginsSettings
from krepis_cli.project import project_root


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Start the plugin and ask it about its options; it stays for `main`, or leaves with the command."""
    plugin = plugin_of(parser.prog.rpartition(" ")[2])
    session = Session(plugin, read_settings(PluginsSettings))
    atexit.register(session.close)
    description = session.describe()
    try:
        add_options(parser, description)
    except ValueError as wrong:
        session.close()
        raise KrepisError(
            f"the plugin `{plugin.verb}` describes itself wrongly: {wrong}",
            code="plugin_description",
            place=f"{plugin.distribution} {plugin.version} ({plugin.module})",
        ) from None
    parser.add_argument("--dry-run", action="store_true", help="show what it would change, and change nothing")
    parser.add_argument("--yes", action="store_true", help="answer each question with yes")
    parser.epilog = f"A plugin: `krepis plugin show {plugin.verb}`."
    parser.set_defaults(session=session, description=description)


def main(args: argparse.Namespace, console: Console) -> int:
    """Let the plugin run; answers with the exit code that it has finished with."""
    session: Session = args.session
    heard = _Heard(session, console, yes=args.yes)
    try:
        for message in session.run(_facts(args, console)):
            heard.take(message)
    except KeyboardInterrupt:
        session.close(interrupt=True)
        raise
    except BaseException:
        session.kill()
        raise
    finally:
        heard.close()
        session.close()
        if console.debug and (words := session.last_words()):
            console.traceback(f"{session.plugin.verb} said on standard error:\n{words}")
    heard.conclude(args, dry_run=args.dry_run)
    return heard.exit_code


class _Heard:
    """What a plugin has said so far: some of it is passed on at once, the rest when it has finished."""

    def __init__(self, session: Session, console: Console, *, yes: bool) -> None:
        self.exit_code = 0
        self._yes = yes
        self._session = session
        self._console = console
        self._verb = session.plugin.verb
        self._answer = Answer()
        self._proposed: list[Propose] = []
        self._bars = ExitStack()
        self._bar: tuple[str, Progress] | None = None

    def take(self, message: Message) -> None:
        """Do what one message asks for."""
        match message:
            case Say(text):
                self._console.note(text)
            case Warn(text):
                self._console.warn(f"{self._verb}: {text}")
            case ProgressMade():
                self._progress(message)
            case Ask(question, default):
                self.close()
                self._session.reply(yes=self._yes or self._console.ask(question, default=default))
            case Answer():
                self._answer = message
            case Propose():
                self._proposed.append(message)
            case Finished(exit_code):
                self.exit_code = exit_code
            case _:
                raise KrepisError(f"the plugin `{self._verb}` said something at the wrong time", code="plugin_message")

    def close(self) -> None:
        """Take away the line that shows progress."""
        self._bar = None
        self._bars.close()

    def conclude(self, args: argparse.Namespace, *, dry_run: bool) -> None:
        """Do what was proposed, as one operation, and give the answer."""
        facts: dict[str, Any] = dict(self._answer.facts)
        lines = list(self._answer.lines)
        if self._proposed:
            with self._proposal(arguments(args.description, args)) as (log, proposal):
                changes = proposal.changes()
                facts |= {"changes": [summary(change) for change in changes], "operation": None}
                if dry_run:
                    lines.append(proposal.diff().rstrip("\n") or "nothing would change")
                elif operation := log.apply(proposal):
                    facts["operation"] = operation.id
                    lines += [summary(change) for change in changes]
        self._console.answer(facts, lines)
        if number := facts.get("operation") if self._proposed else None:
            self._console.note(f"operation {number}; `krepis undo` takes it back")

    @contextmanager
    def _proposal(self, said: dict[str, Any]) -> Generator[tuple[OperationLog, Proposal]]:
        root = project_of(_project(), self._verb)
        with OperationLog(root, told=self._console.warn) as log:
            proposal = log.propose(
                self._verb, {"plugin": self._session.plugin.distribution, "arguments": _recorded(said)}
            )
            for one in self._proposed:
                put_into(proposal, one.changes)
            yield log, proposal

    def _progress(self, made: ProgressMade) -> None:
        if self._bar is None or self._bar[0] != made.what:
            self.close()
            self._bar = (made.what, self._bars.enter_context(self._console.progress(made.what, made.total)))
        bar = self._bar[1]
        bar.step(max(0, made.done - bar.done))


def _facts(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    """What a plugin is told when it runs."""
    root = _project()
    return {
        "arguments": arguments(args.description, args),
        "project": None if root is None else os.fspath(root),
        "folder": os.getcwd(),  # noqa: PTH109 - a plain string
        "json": console.json,
        "quiet": console.quiet,
        "terminal": {
            "colours": console.colours,
            "live": console.live,
            "columns": shutil.get_terminal_size().columns,
        },
    }


def _project() -> Path | None:
    try:
        return project_root()
    except KrepisError:
        return None


def _recorded(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as the log keeps them: what is not UTF-8 is a question mark there."""
    return json.loads(json.dumps(arguments, ensure_ascii=False).encode("utf-8", "replace"))
