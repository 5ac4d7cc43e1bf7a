"""What a plugin has said about its options becomes an argument parser, and what was read becomes plain data for it."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from krepis.verbs import printable
from krepis_cli.plugins.messages import Description, Option

RESERVED = frozenset({"help", "json", "quiet", "debug", "dry-run", "yes"})
"""Options that every verb of a plugin has already."""

_DEST = "plugin option "


def add_options(parser: argparse.ArgumentParser, description: Description) -> None:
    """Add them to the parser of the verb. Raises `ValueError`, whose text says what can't be."""
    for problem in problems(description):
        raise ValueError(problem)
    text = text_of(description)
    parser.description = _escaped(text) if "%(prog)" in text else text
    for option in description.options:
        if option.name.startswith("--"):
            _add_option(parser, option)
        else:
            _add_word(parser, option)


def arguments(description: Description, args: argparse.Namespace) -> dict[str, Any]:
    """What the words of the command line say, by the names of the options without dashes before them."""
    values = vars(args)
    found = {
        option.name: list(values[_DEST + option.name] or ()) if option.many else values[_DEST + option.name]
        for option in description.options
    }
    return {name.lstrip("-").replace("-", "_"): value for name, value in found.items()}


def text_of(description: Description) -> str:
    """The help, such that a terminal only shows it."""
    return "\n".join(map(printable, description.help.split("\n"))).strip()


def _escaped(text: str) -> str:
    """A text that argparse shows as it is: it fills in what stands behind a percent sign, in some texts always."""
    return text.replace("%", "%%")


def problems(description: Description) -> Iterator[str]:
    """Everything that stands against these options."""
    seen: set[str] = set()
    open_end = ""
    for option in description.options:
        bare = option.name.lstrip("-")
        if bare in RESERVED:
            yield f"`{option.name}` is an option of every verb"
        if bare in seen:
            yield f"`{option.name}` is there twice"
        seen.add(bare)
        is_word = not option.name.startswith("--")
        if is_word and open_end:
            yield f"`{option.name}` comes after `{open_end}`, which takes every word that is left"
        if is_word and (option.many or not option.required):
            open_end = option.name
        if option.kind == "flag" and (is_word or option.many or option.required or option.default is not None):
            yield f"`{option.name}` is a flag: it is there or not, and nothing else"
        if (option.kind == "choice") != bool(option.choices):
            yield f"`{option.name}` has choices exactly when its kind is `choice`"
        if not _default_fits(option):
            yield f"`{option.name}` can't have the default {option.default!r}"


def _default_fits(option: Option) -> bool:
    if option.default is None:
        return True
    if option.required or option.many or isinstance(option.default, bool):
        return False
    kinds = {"integer": int, "number": int | float}
    right = isinstance(option.default, kinds.get(option.kind, str))
    return right and (option.kind != "choice" or option.default in option.choices)


def _add_option(parser: argparse.ArgumentParser, option: Option) -> None:
    dest = _DEST + option.name
    words = _help(option)
    if option.kind == "flag":
        parser.add_argument(option.name, dest=dest, action="store_true", help=words)
        return
    parser.add_argument(
        option.name,
        dest=dest,
        type=_READERS[option.kind],
        action="append" if option.many else "store",
        default=option.default,
        choices=option.choices or None,
        required=option.required,
        metavar=option.kind.upper() if not option.choices else None,
        help=words,
    )


def _add_word(parser: argparse.ArgumentParser, option: Option) -> None:
    count = ("+" if option.required else "*") if option.many else (None if option.required else "?")
    parser.add_argument(
        _DEST + option.name,
        type=_READERS[option.kind],
        nargs=count,
        default=option.default,
        choices=option.choices or None,
        metavar=option.name.upper(),
        help=_help(option),
    )


def _help(option: Option) -> str:
    shown = "" if option.default is None else f"(default: {option.default})"
    return _escaped(printable(f"{option.help} {shown}".strip()))


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # JSON has no such numbers
        raise argparse.ArgumentTypeError(f"`{text}` is no number")
    return number


_READERS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {"text": str, "choice": str, "integer": int, "number": _number}
)
