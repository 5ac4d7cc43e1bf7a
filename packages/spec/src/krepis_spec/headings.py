"""Headings of sections: which kind of section one begins, and what stands behind the kind."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import get_args

from msgspec import Struct

from krepis_spec.document import Kind, Span, Text
from krepis_spec.problems import Problems, nearest
from krepis_spec.texts import text_of, words

# How a heading of each kind is written.
FORMS = MappingProxyType(
    {
        "service": "## Service",
        "value": "## Value X",
        "entity": "## Entity X",
        "access": "## Access",
        "view": "## View X of E",
        "command": "## Command name",
        "query": "## Query name",
        "event": "## Event X",
        "when": "## When X",
        "port": "## Port X",
        "seed": "## Seed",
        "scenario": "## Scenario name",
        "always": "## Always",
        "load": "## Load",
    }
)
ONCE = frozenset({"service", "access", "seed", "always", "load"})

_SECTIONS = f"the sections are {', '.join(f'`{form}`' for form in FORMS.values())}"
_KINDS: tuple[Kind, ...] = get_args(Kind)
# A heading without structure below it is prose for people unless it is nearer than this: `## Overview` is no view.
_NEAR = 0.75
_OF = re.compile(r"(?:^|[ \t])of(?:[ \t]|$)", re.IGNORECASE)


class Heading(Struct, frozen=True):
    """A heading as it is read. `kind` is `None` where the first word begins no section; `guess` is then the kind that
    may have been meant, and `near` whether that is likely even where the section has nothing but prose.
    """

    text: Text
    kind: Kind | None
    guess: Kind | None = None
    near: bool = False
    name: Text | None = None
    of: Text | None = None

    @property
    def word(self) -> str:
        return _word(self.text)


def heading_of(lines: tuple[str, ...], text: Text) -> Heading:
    """What the text of a heading says."""
    word = _word(text)
    kind = kind_of(word)
    guess = kind or kind_of(nearest(word, _KINDS) or "")
    name, of = _name(lines, text, len(word), guess)
    near = kind is not None or nearest(word, _KINDS, cutoff=_NEAR) is not None
    return Heading(text, kind, guess, near, name, of)


def kind_of(word: str) -> Kind | None:
    """The kind that a word stands for, whatever its case."""
    return next((kind for kind in _KINDS if kind == word.casefold()), None)


def check_heading(heading: Heading, problems: Problems) -> None:
    """Report a name that is missing, or that does not belong there."""
    kind = heading.kind
    if kind is None:
        return
    word, span = heading.word, heading.text.span
    if kind in ONCE and heading.name is not None:
        problems.add(heading.name.span, f"`{word}` takes no name", f"write `{FORMS[kind]}`")
    elif kind not in ONCE and heading.name is None:
        problems.add(span, f"`{word}` needs a name", f"write `{FORMS[kind]}`")
    elif kind == "view" and heading.of is None:
        problems.add(span, "a view says what it is a view of", f"write `{FORMS[kind]}`")


def report_unknown(heading: Heading, problems: Problems) -> None:
    """Say that a heading begins no section although one was probably meant."""
    span, guess = heading.text.span, heading.guess
    if not heading.word:
        problems.add(span, "an empty heading begins no section", _SECTIONS)
        return
    form = FORMS[guess] if guess is not None else ""
    if guess is not None and guess not in ONCE and heading.name is not None:
        form = f"## {guess.capitalize()}{heading.text.text[len(heading.word) :]}"
    hint = f"did you mean `{form}`?" if form else _SECTIONS
    word = Span(span.line, span.column, span.line, span.column + len(heading.word))
    problems.add(word, f"`{heading.word}` begins no section", hint)


def _word(text: Text) -> str:
    return text.text.split(maxsplit=1)[0] if text.text else ""


def _name(lines: tuple[str, ...], text: Text, skipped: int, kind: Kind | None) -> tuple[Text | None, Text | None]:
    if not text.text[skipped:].strip():
        return None, None
    span = text.span
    rest = text_of(lines, (span.line - 1, span.column - 1 + skipped), (span.end_line - 1, span.end_column - 1))
    rest = words(rest)
    found = list(_OF.finditer(rest.text)) if kind == "view" else []
    if not found:
        return rest, None
    return _part(rest, 0, found[-1].start()), _part(rest, found[-1].end(), len(rest.text))


def _part(text: Text, start: int, end: int) -> Text | None:
    name = text.text[start:end].strip(" `")
    at = text.span
    if not name or at.line != at.end_line or at.end_column - at.column != len(text.text):
        return Text(name, at) if name else None
    start = at.column + text.text.index(name, start)
    return Text(name, Span(at.line, start, at.line, start + len(name)))
