"""Show which plugins are installed, what they add, and whether they answer.

examples:
  krepis plugin list          every plugin: its verb, where it comes from, and what is wrong with it
  krepis plugin show words    one of them, with its options

A plugin is a package with an entry point in the group `krepis.plugins`; docs/plugins.md says how to write one. Exit
codes: 0 done, 1 the plugin that was asked for does not work, 2 wrong use.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from msgspec import Struct

from krepis.errors import KrepisError
from krepis.settings import read_settings
from krepis.verbs import DONE, NO, Console
from krepis_cli.plugins.installed import Plugin, installed_plugins
from krepis_cli.plugins.messages import Description
from krepis_cli.plugins.options import problems, text_of
from krepis_cli.plugins.session import Session
from krepis_cli.plugins.settings import PluginsSettings

ASKED_AT_ONCE_MAX = 4


class State(Struct, frozen=True):
    """What was found out about a plugin: its description, or what is wrong with it."""

    plugin: Plugin
    description: Description | None
    problem: str

    def facts(self) -> dict[str, Any]:
        plugin = self.plugin
        facts: dict[str, Any] = {
            "verb": plugin.verb,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "module": plugin.module,
            "works": not self.problem,
            "problem": self.problem or None,
        }
        return facts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="list | show")
    actions.add_parser("list", help="every plugin, and whether it answers")
    show = actions.add_parser("show", help="one plugin, with its options")
    show.add_argument("name", help="its verb, or the package that it comes with")


def main(args: argparse.Namespace, console: Console) -> int:
    if args.action == "list":
        return _list(console)
    return _show(args.name, console)


def _list(console: Console) -> int:
    states = _states(installed_plugins())
    rows = [(one.plugin.verb, f"{one.plugin.distribution} {one.plugin.version}", _word(one)) for one in states]
    wide = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    lines = [f"{verb:<{wide[0]}}  {origin:<{wide[1]}}  {word}".rstrip() for verb, origin, word in rows]
    console.answer({"plugins": [one.facts() for one in states]}, lines or "no plugin is installed")
    return DONE


def _show(name: str, console: Console) -> int:
    wanted = [plugin for plugin in installed_plugins() if name in (plugin.verb, plugin.distribution)]
    if not wanted:
        raise KrepisError(f"no plugin is called `{name}`", code="no_such_plugin", hint="`krepis plugin list`")
    states = _states(wanted)
    lines = "\n\n".join("\n".join(_lines(one)) for one in states)
    console.answer({"plugins": [one.facts() | _described(one) for one in states]}, lines)
    return NO if any(one.problem for one in states) else DONE


def _states(plugins: Sequence[Plugin]) -> list[State]:
    """Ask all of them, some at a time."""
    limits = read_settings(PluginsSettings)
    pool = ThreadPoolExecutor(ASKED_AT_ONCE_MAX)
    try:
        return list(pool.map(partial(_state, limits), plugins))
    finally:  # after Ctrl-C nobody waits for those that hang: they end with the command
        pool.shutdown(wait=False, cancel_futures=True)


def _state(limits: PluginsSettings, plugin: Plugin) -> State:
    if plugin.refused:
        return State(plugin, None, plugin.refused)
    try:
        session = Session(plugin, limits)
        try:
            description = session.describe()
        finally:
            session.close()
    except KrepisError as error:
        return State(plugin, None, f"{error.args[0]} ({error.code})")
    return State(plugin, description, next(problems(description), ""))


def _word(state: State) -> str:
    return f"not usable: {state.problem}" if state.problem else "works"


def _lines(state: State) -> list[str]:
    plugin = state.plugin
    lines = [
        f"krepis {plugin.verb}",
        f"from     {plugin.distribution} {plugin.version}",
        f"module   {plugin.module}",
        f"state    {_word(state)}",
    ]
    if state.description is None:
        return lines
    lines += [f"option   {one.name:<16} {one.kind:<8} {one.help}".rstrip() for one in state.description.options]
    return [*lines, "", text_of(state.description)]


def _described(state: State) -> dict[str, Any]:
    if state.description is None:
        return {}
    options = [
        {
            "name": one.name,
            "kind": one.kind,
            "help": one.help,
            "default": one.default,
            "choices": list(one.choices),
            "many": one.many,
            "required": one.required,
        }
        for one in state.description.options
    ]
    return {"help": text_of(state.description), "options": options}
