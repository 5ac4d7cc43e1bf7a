"""Runs one verb: finds its module, reads its words, shows its errors in one form.

An exception that is no `KrepisError` is a bug, of Krepis or of the project's code: one sentence with its place, exit
code 1, and the traceback in a file of its own (the last one), or on standard error with `--debug` or `KREPIS_DEBUG=1`.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from krepis import __version__
from krepis._cli.codes import DONE, NO, WRONG_USE
from krepis._cli.console import Console, UnwrittenError
from krepis._cli.ending import stopped, unwritten
from krepis._cli.index import cache_folder, installed, module_of
from krepis._cli.overview import overview
from krepis._cli.parser import nearest, parser_of
from krepis._cli.printable import quoted
from krepis._cli.refused import refused
from krepis.errors import KrepisError, Rejection

_COMMON = frozenset(("--json", "--quiet", "--debug"))
_OVERVIEW = frozenset(("-h", "--help", "-V", "--version"))


def run(words: Sequence[str]) -> int:
    """Run the verb that `words` name; the answer is the exit code."""
    console = console_for(words)
    try:
        verb, rest = named(words)
        code = showing_errors(verb, console, lambda: _verb(verb, rest, console))
        _flush()
    except KeyboardInterrupt:
        return stopped()
    except UnwrittenError as lost:
        return unwritten(lost.problem)
    except OSError as problem:
        return unwritten(problem)
    return code


def showing_errors(verb: str, console: Console, act: Callable[[], int]) -> int:
    """Act, and show what goes wrong; the answer is the exit code. What stops the whole command is raised on."""
    try:
        return act()
    except SystemExit as end:  # argparse after `--help`; what a verb runs
        return end.code if isinstance(end.code, int) else DONE if end.code is None else NO
    except UnwrittenError:
        raise
    except Exception as error:  # noqa: BLE001 - the last one who can say it
        if console.debug:
            import traceback

            console.traceback("".join(traceback.format_exception(error)))
        return console.failed(_as_error(error, verb))


def console_for(words: Sequence[str]) -> Console:
    """What errors are shown with, also those in the words themselves."""
    said = set(words[: list(words).index("--")] if "--" in words else words)
    return Console(json="--json" in said, quiet="--quiet" in said, debug="--debug" in said or _debug_wanted())


def _verb(verb: str, words: list[str], console: Console) -> int:
    if not verb or verb == "help" or verb in _OVERVIEW:
        return _about(verb, console)
    module = _module(verb)
    args = parser_of(verb, module).parse_args(words)
    console.json, console.quiet = getattr(args, "json", False), getattr(args, "quiet", False)
    console.debug = getattr(args, "debug", False) or _debug_wanted()
    return int(module.main(args, console))


def _about(verb: str, console: Console) -> int:
    """The overview and the version; without a word the overview tells what was missing."""
    if not verb:
        print(overview(), file=sys.stderr)
        return WRONG_USE
    if verb in ("-V", "--version"):
        console.answer({"version": __version__}, f"krepis {__version__}")
    else:
        summaries = {one[0]: one[2] for one in installed()}
        console.answer({"version": __version__, "verbs": summaries}, overview())
    return DONE


def named(words: Sequence[str]) -> tuple[str, list[str]]:
    """The verb and its words. What every verb takes may also stand before it, and `help VERB` is `VERB --help`."""
    ahead: list[str] = []
    rest = list(words)
    while rest and rest[0] in _COMMON:
        ahead.append(rest.pop(0))
    if rest[:1] == ["help"] and (asked := [word for word in rest[1:] if word not in _COMMON]):
        return asked[0], [*asked[1:], "--help"]
    return (rest[0], [*ahead, *rest[1:]]) if rest else ("", ahead)


def _module(verb: str) -> Any:
    module = module_of(verb)
    if module is not None:
        return _loaded(verb, module)
    is_option = verb.startswith("-")
    near = nearest(verb, _OVERVIEW | _COMMON if is_option else [one[0] for one in installed()])
    raise KrepisError(
        f"`krepis` has no option {quoted(verb)}" if is_option else f"there is no verb {quoted(verb)}",
        code="no_such_option" if is_option else "no_such_verb",
        hint="`krepis --help` lists the verbs"
        if not near
        else f"did you mean `{near if is_option else f'krepis {near}'}`?",
        exit_code=WRONG_USE,
    )


def _loaded(verb: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name is None or not f"{module}.".startswith(f"{missing.name}."):
            raise
        raise KrepisError(
            f"the verb `{verb}` is declared, but there is no module `{missing.name}`",
            code="broken_verb",
            hint="install the package again that adds it",
        ) from None


def _as_error(error: Exception, verb: str) -> KrepisError:
    if isinstance(error, KrepisError):
        return error
    return refused(error) if isinstance(error, Rejection) else _bug(error, verb)


def _bug(error: Exception, verb: str) -> KrepisError:
    """An exception that nobody expected, as an error of the command."""
    import traceback

    last = traceback.extract_tb(error.__traceback__)[-1:]
    said = str(error)
    return KrepisError(
        f"{quoted(f'krepis {verb}')} was stopped by {type(error).__name__}{f': {said}' if said else ''}",
        code="bug",
        place="".join(f"{frame.filename}:{frame.lineno}, in {frame.name}" for frame in last),
        hint=_kept("".join(traceback.format_exception(error))),
    )


def _kept(text: str) -> str:
    """Keep a traceback for whoever wants to look at it; the hint says where it is."""
    path = os.path.join(cache_folder(), "last-traceback.txt")
    try:
        os.makedirs(cache_folder(), exist_ok=True)
        whole = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        with open(os.open(path, whole, 0o600), "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return "`--debug` shows the traceback"
    return f"the traceback is in {path}; `--debug` shows it here"


def _debug_wanted() -> bool:
    return os.environ.get("KREPIS_DEBUG", "") not in ("", "0")


def _flush() -> None:
    """What was said is out, or it was not said."""
    if sys.stdout is not None:
        sys.stdout.flush()
