"""How the command ends where it could not go on: Ctrl-C, a reader that left, an output that takes nothing.

- Ctrl-C: a word on standard error, then the process ends by SIGINT itself, so that a shell (and a loop in it) sees what
  happened; it shows as 130.
- A reader that left (`krepis ... | head -1`): quietly by SIGPIPE, as other programs; it shows as 141.
- Standard output is closed or the disk is full: a sentence, exit code 1. What was done stays done.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys

from krepis._cli.codes import NO


def stopped() -> int:
    """The end after Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second one ends it at once, whatever still wants to be tidied up
    _say("\nkrepis: stopped by Ctrl-C")
    return _by(signal.SIGINT)


def unwritten(problem: OSError) -> int:
    """The end when standard output takes no more."""
    _silence()
    if isinstance(problem, BrokenPipeError):
        return _by(getattr(signal, "SIGPIPE", None))
    _say(f"krepis: standard output can't be written to: {problem.strerror or problem} (no_output)")
    return NO


def _by(number: signal.Signals | None) -> int:
    """End as that signal ends a program that does not know it; where there are no such signals, its exit code."""
    if number is None or os.name == "nt":
        return NO
    # The signal would pass over what was registered: programs that a verb has started, say.
    atexit._run_exitfuncs()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


def _say(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return


def _silence() -> None:
    """What still waits in the buffer goes nowhere; otherwise the interpreter would fail on it once more."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
    except OSError:
        return
