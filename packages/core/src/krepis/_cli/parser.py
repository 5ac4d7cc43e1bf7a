"""How a verb's words are read: argparse, whose complaints become errors of the command, with the nearest right word."""

from __future__ import annotations

import argparse
import sys
from argparse import _SubParsersAction  # pyright: ignore[reportPrivateUsage] - argparse shows it nowhere else
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any, NoReturn, cast

from krepis._cli.codes import WRONG_USE
from krepis._cli.console import write_answer
from krepis._cli.printable import QUOTED_MAX, quoted
from krepis.errors import KrepisError

COMMON = (
    ("--json", "print one JSON object, errors too"),
    ("--quiet", "print the answer and errors, nothing else"),
    ("--debug", "show the traceback of an error"),
)
"""The options of every verb; those that a verb has itself are left alone."""


class Parser(argparse.ArgumentParser):
    """argparse that raises `KrepisError` (exit code 2) where it would print its usage, and knows the nearest right word."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("allow_abbrev", False)
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options)
        self._words: tuple[str, ...] = ()

    def error(self, message: str) -> NoReturn:
        missing = message.removeprefix("the following arguments are required: ")
        if missing == message:
            raise _wrong(self.prog, message.replace("argument ", "", 1), "wrong_use")
        # A misspelt option is what went wrong; that a word is missing, too, may even follow from it.
        for word in self._words:
            if word.startswith("--") and word not in _options(self) and (near := nearest(word, _options(self))):
                raise _wrong(self.prog, f"`{self.prog}` has no option {quoted(word)}", "no_such_option", near)
        raise _wrong(self.prog, f"`{self.prog}` needs {missing}", "wrong_use")

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - it has overloads
        self._words = tuple(args or ())
        known, rest = self.parse_known_args(args, namespace)
        if not rest:
            return known
        parsers = [self, *_chosen(self, known)]
        chosen = parsers[-1]
        options = {option for parser in parsers for option in _options(parser)}
        word = rest[0].partition("=")[0]
        if word.startswith("-") and word != "-":
            raise _wrong(
                chosen.prog, f"`{chosen.prog}` has no option {quoted(word)}", "no_such_option", nearest(word, options)
            )
        raise _wrong(
            chosen.prog, f"`{chosen.prog}` takes no further word, and there is {quoted(rest[0])}", "too_many_words"
        )

    def _print_message(self, message: str, file: Any = None) -> None:
        if file in (None, sys.stdout):  # argparse would pass over an output that takes nothing
            write_answer(message)
        else:
            super()._print_message(message, file)

    @classmethod
    def common(cls) -> Parser:
        """A parser of the options that every verb has, and of nothing else."""
        parser = cls(prog="krepis VERB")
        _add_common(parser)
        return parser

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        words = [str(choice) for choice in action.choices]
        if isinstance(action, _SubParsersAction):
            raise _wrong(
                self.prog,
                f"`{self.prog}` has no action {quoted(str(value))}",
                "no_such_action",
                nearest(str(value), words),
            )
        name = action.option_strings[0] if action.option_strings else str(action.metavar or action.dest)
        raise _wrong(
            self.prog,
            f"{quoted(str(value))} is not among the values of `{name}`: {', '.join(words)}",
            "wrong_use",
            nearest(str(value), words),
        )


def parser_of(verb: str, module: ModuleType) -> Parser:
    """The parser of a verb: what it declares, and the options that all verbs have."""
    parser = Parser(prog=f"krepis {verb}", description=(module.__doc__ or "").strip())
    module.add_arguments(parser)
    for one in _all(parser):
        if not list(_choosing(one)) or one is parser:
            _add_common(one)
    return parser


def actions_of(parser: argparse.ArgumentParser) -> list[tuple[str, str, argparse.ArgumentParser]]:
    """Name, meaning and parser of each action of a verb (or of an action)."""
    found: list[tuple[str, str, argparse.ArgumentParser]] = []
    for one in _choosing(parser):
        meanings = {choice.dest: choice.help or "" for choice in one._choices_actions}  # noqa: SLF001
        found += [(name, meanings.get(name, ""), inner) for name, inner in one.choices.items()]
    return found


def _wrong(prog: str, sentence: str, code: str, near: str = "") -> KrepisError:
    hint = f"did you mean `{near}`?" if near else f"`{prog} --help` explains it"
    return KrepisError(sentence, code=code, hint=hint, exit_code=WRONG_USE)


def nearest(word: str, words: Iterable[str]) -> str:
    """Which of `words` was meant, or nothing."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word[:QUOTED_MAX], sorted(words), 1, 0.6)), "")


def _add_common(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("options of every verb")
    for option, words in COMMON:
        if option not in _options(parser):
            group.add_argument(option, action="store_true", default=argparse.SUPPRESS, help=words)


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return list(parser._option_string_actions)  # noqa: SLF001 - argparse tells it nowhere else


def _choosing(parser: argparse.ArgumentParser) -> Iterator[_SubParsersAction[argparse.ArgumentParser]]:
    for one in parser._actions:  # noqa: SLF001
        if isinstance(one, _SubParsersAction):
            yield cast("_SubParsersAction[argparse.ArgumentParser]", one)


def _all(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for _, _, inner in actions_of(parser):
        yield from _all(inner)


def _chosen(parser: argparse.ArgumentParser, known: argparse.Namespace) -> Iterator[argparse.ArgumentParser]:
    """The parsers of the actions that were named."""
    for choosing in _choosing(parser):
        inner = choosing.choices.get(str(getattr(known, choosing.dest, None)))
        if inner is not None:
            yield inner
            yield from _chosen(inner, known)
