"""`krepis run` in a project, with the project's interpreter, in the place of this process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

from krepis.errors import KrepisError


def serve(folder: Path, python: str, *, quiet: bool) -> NoReturn:
    """Become `krepis run`: signals, Ctrl-C and the exit code are its own. Raises `KrepisError` when it can't be started."""
    words = [python, "-m", "krepis", "run", *(["--quiet"] if quiet else [])]
    try:
        os.chdir(folder)
        os.execv(python, words)  # noqa: S606 - a program and its words, no shell
    except OSError as error:
        raise KrepisError(
            f"the project can't be served: {error.strerror}", place=python, hint="`krepis run`, in the project"
        ) from None
