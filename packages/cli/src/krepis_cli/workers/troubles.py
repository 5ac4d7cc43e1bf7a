"""What can go wrong with a worker, as one kind of error with a code for each.

| code | what happened |
|:--|:--|
| `worker_unstartable` | the interpreter did not come up |
| `worker_missing` | what was to be called is not there |
| `worker_import` | importing it failed |
| `worker_raised` | it raised an exception |
| `worker_answer` | its answer is no JSON, or too large |
| `worker_exited` | it ended the process (`sys.exit`, `os._exit`) |
| `worker_crashed` | a signal ended the process |
| `worker_killed` | somebody killed it, most likely the kernel for lack of memory |
| `worker_memory` | it had no memory left |
| `worker_timed_out` | it took longer than it may |
| `worker_interrupted` | it was interrupted |

A `KrepisError` that project code raises keeps its sentence, hint and code.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from krepis.errors import KrepisError
from krepis.verbs import printable
from krepis_cli.workers import far_side
from krepis_cli.workers.limits import REPORT

SENTENCE_CHARACTERS_MAX = 500
_FRAME = re.compile(r'^  File "(.+)", line (\d+) in ', re.MULTILINE)
_CURRENT = re.compile(r"^Current thread ", re.MULTILINE)
_HINTS: Mapping[str, str] = MappingProxyType(
    {
        "missing": "is the name right, and is it installed for this interpreter? `krepis doctor` shows which one it is",
        "import": "`--debug` shows the whole way to it",
        "raised": "`--debug` shows the whole way to it",
        "answer": "let it answer with what JSON can hold",
        "exit": "code that is called by Krepis must not end the process",
        "memory": "give it less to do at once, or more memory",
        "interrupted": "somebody sent SIGINT to the worker",
    }
)


class WorkerError(KrepisError):
    """A worker failed at its task. `noise` is the end of what it printed."""

    noise: str = ""


class RemoteTraceback(Exception):
    """The traceback of the worker, as text."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def unstartable(python: str, why: str, noise: str = "", hint: str = "") -> WorkerError:
    """The interpreter did not come up, `why` in words that follow its name."""
    gist = _gist(noise)
    return _error(
        f"`{python}` {why}", "unstartable", hint or (f"it said: {gist}" if gist else "`krepis doctor`"), noise
    )


def died(target: str, code: int, noise: str, *, limited: bool, root: str) -> WorkerError:
    """The process ended in the middle of a call; `code` as in `Popen.returncode`."""
    place = place_of(noise, root)
    if code >= 0:
        return _error(f"`{target}` ended its process with exit code {code}", "exited", _HINTS["exit"], noise)
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    if name == "SIGKILL":
        hint = "the kernel does so when memory is short; `dmesg` tells"
        return _error(f"`{target}` was killed (SIGKILL)", "killed", hint, noise)
    hint = "most likely an extension module" + (", or one that does not expect a limit of memory" if limited else "")
    return _error(f"`{target}` crashed ({name})", "crashed", hint, noise, place=place)


def timed_out(target: str, seconds: float, noise: str, root: str) -> WorkerError:
    """It was ended because its time was over."""
    hint = "the place is where it was then" if (place := place_of(noise, root)) else "does it wait for something?"
    return _error(f"`{target}` did not answer within {seconds:g} s", "timed_out", hint, noise, place=place)


def too_large(target: str, count: int, limit: int, noise: str) -> WorkerError:
    """The answer is beyond the limit, or what came is no answer."""
    return _error(
        f"`{target}` answered with {count} bytes, more than {limit}", "answer", "let it answer with less", noise
    )


def garbled(target: str, noise: str) -> WorkerError:
    """What came over the pipe is no answer, or its other end was closed."""
    hint = "code of a project must leave alone the descriptors that it has not opened"
    return _error(f"`{target}` wrote into the pipe of its worker, or closed it", "answer", hint, noise)


def told(target: str, trouble: Mapping[str, Any], noise: str) -> KrepisError:
    """What the worker itself says of a call that failed."""
    kind = str(trouble["kind"])
    message = str(trouble.get("message", ""))
    if trouble.get("own"):
        error = KrepisError(message, hint=str(trouble["hint"]), code=str(trouble["code"]))
    else:
        shown = printable(message)[:SENTENCE_CHARACTERS_MAX]
        said = f"{trouble.get('type', '')}: {shown}".rstrip(": ")
        sentence = {
            "missing": shown,
            "import": f"`{target}` can't be imported: {said}",
            "raised": f"`{target}` failed: {said}",
            "answer": f"`{target}` has no answer that JSON can hold: {shown}",
            "exit": f"`{target}` called `sys.exit({shown})`",
            "memory": f"`{target}` ran out of memory",
            "interrupted": f"`{target}` was interrupted",
        }[kind]
        code = {"exit": "exited"}.get(kind, kind)
        place = "" if kind in ("answer", "missing") else printable(str(trouble.get("place", "")))
        error = _error(sentence, code, _HINTS[kind], noise, place=place)
    if trouble.get("traceback"):
        error.__cause__ = RemoteTraceback(str(trouble["traceback"]))
    return error


def refuse_arguments(target: str, why: object) -> NoReturn:
    """What the caller hands over is no JSON: a mistake of ours."""
    raise TypeError(f"the arguments of `{target}` are no JSON: {why}")


def place_of(noise: str, root: str) -> str:
    """The innermost line of the project that `faulthandler` has named, else the innermost at all."""
    report = noise[noise.rfind(REPORT) :] if REPORT in noise else ""
    current = _CURRENT.search(report)  # the other threads are listed, too
    frames = _FRAME.findall(report[current.start() :] if current else "")
    frames = [(file, line) for file, line in frames if file != far_side.__file__ and not file.startswith("<")]
    own = [one for one in frames if one[0].startswith(f"{root}/") and "site-packages" not in one[0]]
    for file, line in (own or frames)[:1]:
        return printable(f"{file.removeprefix(f'{root}/')}:{line}")
    return ""


def _gist(noise: str) -> str:
    """The line that says what is wrong: the last one of a traceback, else the first."""
    lines = [line.strip() for line in noise.splitlines() if line.strip()]
    if not lines:
        return ""
    python = any(line.startswith(("Traceback ", 'File "')) for line in lines)
    return printable(lines[-1] if python else lines[0])[:SENTENCE_CHARACTERS_MAX]


def _error(sentence: str, code: str, hint: str, noise: str, *, place: str = "") -> WorkerError:
    error = WorkerError(sentence, hint=hint, code=f"worker_{code}", place=place)
    error.noise = noise
    if REPORT in noise:
        error.__cause__ = RemoteTraceback(noise[noise.rfind(REPORT) :])
    return error
