"""What a verb says, and to whom: the answer on standard output, everything else on standard error.

Nothing of it steers a terminal: each text passes `krepis._cli.printable`. Streams are looked up when they are written
to, so that a test or a program may replace them.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from krepis._cli.printable import RESET, STYLES, printable_lines
from krepis._cli.progress import Progress
from krepis.errors import KrepisError

ASKED_MAX = 3
"""How often a question is asked again when the answer is neither yes nor no."""


class UnwrittenError(OSError):
    """Standard output takes nothing: it is closed, its reader has left, the disk is full. The command says so."""

    def __init__(self, problem: OSError) -> None:
        super().__init__(problem.errno, problem.strerror)
        self.problem = problem


class Console:
    """Where a verb's words go. `live`: standard error is a terminal, so that progress can be shown."""

    def __init__(self, *, json: bool = False, quiet: bool = False, debug: bool = False) -> None:
        self.json = json
        self.quiet = quiet
        self.debug = debug
        self.live = _terminal(sys.stderr)
        self._colourful = _colourful(sys.stdout)

    @property
    def colours(self) -> bool:
        """Whether the answer may be coloured: standard output is a terminal, and `NO_COLOR` is not set."""
        return self._colourful and not self.json

    def answer(self, facts: Mapping[str, Any], lines: str | Iterable[str]) -> None:
        """The result: one JSON object of `facts` with `--json`, else `lines`.

        Raises `UnwrittenError` where standard output takes nothing; that is for the command, not for verbs.
        """
        if self.json:
            self.raw(as_json(facts))
        elif text := lines if isinstance(lines, str) else "\n".join(lines):
            write_answer(printable_lines(text, coloured=self.colours) + "\n")

    def raw(self, text: str) -> None:
        """One line (or more) that is for machines with or without `--json`; JSON that is written already."""
        write_answer(text + "\n")

    def note(self, line: str) -> None:
        """What was done and what to do next, for a person who reads the answer on a terminal; else nothing."""
        if not (self.quiet or self.json) and _terminal(sys.stdout):
            self._say(line)

    def warn(self, line: str) -> None:
        """What a person should know although all went well; silenced by `--quiet`."""
        if not self.quiet:
            self._say(f"krepis: {line}")

    def traceback(self, text: str) -> None:
        """What led to an error, for whoever asked for it with `--debug`."""
        self._say(text.rstrip("\n"))

    def failed(self, error: KrepisError) -> int:
        """Show an error in the command's form; the answer is its exit code."""
        if self.json:
            self.raw(as_json(error_facts(error)))
        else:
            self._say(error_text(error))
        return error.exit_code

    @contextmanager
    def progress(self, what: str, total: int | None = None) -> Generator[Progress]:
        """Count what is done; shown on a terminal when it takes longer than a second."""
        progress = Progress(what, total, live=self.live and not self.quiet)
        try:
            yield progress
        finally:
            progress.end()

    def style(self, text: str, *styles: str) -> str:
        """`text` in these styles ("bold", "dim", "red", "green", "yellow", "cyan"); as it is where there are no colours."""
        if not self.colours:
            return text
        codes = dict(STYLES)
        return "".join(f"\x1b{codes[style]}" for style in styles) + f"{text}\x1b{RESET}"

    def ask(self, question: str, *, default: bool = False) -> bool:
        """Yes or no, asked on the terminal. Raises `KrepisError` where nobody is there to answer."""
        if not _terminal(sys.stdin):
            raise KrepisError(
                f"{question} (standard input is no terminal, so nobody can be asked)",
                code="not_confirmed",
                hint="`--yes` says yes",
            )
        for _ in range(ASKED_MAX):
            self._say(f"{question} [{'Y/n' if default else 'y/N'}]", end=" ")
            answer = sys.stdin.readline()
            word = answer.strip().lower()
            if not word:
                return default if answer else False
            if word in ("y", "yes", "n", "no"):
                return word[0] == "y"
        return False

    def _say(self, text: str, end: str = "\n") -> None:
        try:
            _write(sys.stderr, printable_lines(text) + end)
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):  # nobody listens; the exit code still tells
            return


def write_answer(text: str) -> None:
    """Write to standard output. Raises `UnwrittenError`."""
    if sys.stdout is None:  # it was closed before the command began
        raise UnwrittenError(OSError(errno.EBADF, os.strerror(errno.EBADF)))
    try:
        _write(sys.stdout, text)
    except OSError as problem:
        raise UnwrittenError(problem) from None


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:  # a name that is not UTF-8, or a stream that knows ASCII alone
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def error_text(error: KrepisError) -> str:
    """The one form of errors: `krepis: SENTENCE (CODE)`, then the place and the hint on lines of their own."""
    sentence, *others = str(error.args[0]).split("\n")
    if error.code:
        sentence = f"{sentence[:-1]} ({error.code}):" if sentence.endswith(":") else f"{sentence} ({error.code})"
    lines = [f"krepis: {sentence}", *others]
    lines += [f"  {name}: {text}" for name, text in (("at", error.place), ("hint", error.hint)) if text]
    return "\n".join(lines)


def error_facts(error: KrepisError) -> dict[str, Any]:
    """The same for `--json`."""
    facts = {"error": str(error.args[0]), "code": error.code or "failed", "place": error.place, "hint": error.hint}
    shown: dict[str, Any] = {name: text for name, text in facts.items() if text} | error.facts
    problems = [problem for problem in getattr(error, "problems", ()) if isinstance(problem, KrepisError)]
    if problems:  # of a wiring, of settings
        shown["problems"] = [error_facts(problem) for problem in problems]
    return shown


def as_json(facts: object) -> str:
    """One line of JSON that no terminal takes for more, whatever is in it."""
    from krepis._lines import json_line

    return json_line(facts)


def _terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _colourful(stream: TextIO | None) -> bool:
    return _terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
