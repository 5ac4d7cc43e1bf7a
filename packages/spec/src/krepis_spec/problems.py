"""What is wrong with a spec: all of it at once, each with its place, the line itself, and what was expected."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from msgspec import Struct

from krepis.errors import KrepisError
from krepis.verbs import printable
from krepis_spec.document import Span
from krepis_spec.excerpt import excerpt

LISTED_MAX = 100
# Longer names are compared with no other: that would take long, and nobody has mistyped one.
NAME_CHARACTERS_MAX = 200


class Problem(Struct, frozen=True):
    """One mistake. `message` says what is there and what was expected, in the words of the language page; `hint`, where
    there is one, what to write instead.
    """

    span: Span
    message: str
    hint: str | None = None


class Problems:
    """Collects mistakes while a spec is read, so that the first one does not hide the others."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}

    def add(self, span: Span, message: str, hint: str | None = None) -> None:
        self._found[Problem(span, message, hint)] = None

    def __bool__(self) -> bool:
        return bool(self._found)

    def sorted(self) -> list[Problem]:
        """By place."""
        return sorted(self._found, key=lambda one: (one.span, one.message))


class SpecRefused(KrepisError):
    """A spec has mistakes. Nothing was built from it. `problems` has all of them; the text lists the first ones."""

    def __init__(self, file: str, lines: tuple[str, ...], problems: list[Problem]) -> None:
        self.file = printable(file)
        self.problems = problems
        count = "1 mistake" if len(problems) == 1 else f"{len(problems):,} mistakes"
        shown = [_rendered(self.file, lines, one) for one in problems[:LISTED_MAX]]
        if len(problems) > LISTED_MAX:
            shown.append(f"... and {len(problems) - LISTED_MAX:,} more: mend these first")
        facts = {"file": self.file, "problems": [_facts(one) for one in problems]}
        super().__init__("\n".join([f"`{self.file}` has {count}", *shown]), facts=facts)


def _rendered(file: str, lines: tuple[str, ...], problem: Problem) -> str:
    at = problem.span
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    end = at.end_column if at.end_line == at.line else len(line) + 1
    text, carets = excerpt(line, at.column - 1, end - 1)
    gutter = f"{at.line:>5} | "
    shown = [
        f"{file}:{at.line}:{at.column}: {printable(problem.message)}",
        (gutter + text).rstrip(),
        f"{'| ':>{len(gutter)}}{carets}",
    ]
    if problem.hint is not None:
        shown.append(f"  hint: {printable(problem.hint)}")
    return "\n".join(shown)


def _facts(problem: Problem) -> dict[str, object]:
    at = problem.span
    place = {"line": at.line, "column": at.column, "end_line": at.end_line, "end_column": at.end_column}
    return {**place, "message": problem.message, "hint": problem.hint}


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known name that was probably meant, if one is near: `cutoff` of it, from 0 to 1, are the same."""
    if len(name) > NAME_CHARACTERS_MAX:
        return None
    names = sorted(known)
    folded = {one.casefold(): one for one in names}
    found = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=cutoff)
    return folded[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint that offers the nearest known name, or lists the names when they are few."""
    names = sorted(known)
    near = nearest(name, names)
    if near is not None:
        return f"did you mean `{near}`?"
    return f"known here: {', '.join(f'`{one}`' for one in names)}" if 0 < len(names) <= 12 else None
