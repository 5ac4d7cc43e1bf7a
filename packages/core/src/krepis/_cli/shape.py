"""The shape of a verb for completion: read from its parser, which takes its module and argparse to load."""

from __future__ import annotations

import argparse
import importlib
import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from krepis._cli.parser import actions_of, parser_of

if TYPE_CHECKING:
    from krepis._cli.completing import Row
    from krepis._cli.index import Verb

_HARMLESS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-")


def shape(verb: Verb) -> list[Row] | None:
    """Its actions, options and words. `None` when its module fails: completion has nobody to tell that to."""
    try:
        with redirect_stdout(io.StringIO()):  # what a module says while it is loaded is no word
            return list(_rows("", parser_of(verb[0], importlib.import_module(verb[1]))))
    except (Exception, SystemExit):  # noqa: BLE001
        return None


def _rows(place: str, parser: argparse.ArgumentParser) -> Iterator[Row]:
    for name, meaning, inner in actions_of(parser):
        yield place, "action", _word(name), "", "", _meaning(meaning)
        yield from _rows(f"{place} {name}".strip(), inner)
    for action in parser._actions:  # noqa: SLF001 - argparse shows it nowhere else
        if action.help == argparse.SUPPRESS or action.nargs == argparse.PARSER:
            continue
        values = " ".join(map(_word, action.choices or ()))
        meaning = _meaning(parser._get_formatter()._expand_help(action) if action.help else "")  # noqa: SLF001
        if action.option_strings:
            takes = "" if action.nargs == 0 else "1"
            for option in action.option_strings:
                yield place, "option", _word(option), takes, values, meaning
        else:
            takes = "*" if action.nargs in ("*", "+", argparse.REMAINDER) else ""
            yield place, "word", _word(action.dest), takes, values, meaning


def _word(value: object) -> str:
    """A value as a word. Only one that no shell takes for more: it is put into the command line as it is."""
    text = str(value)
    return text if set(text) <= _HARMLESS else ""


def _meaning(text: str) -> str:
    return "".join(one for one in text.partition("\n")[0] if one.isprintable())
