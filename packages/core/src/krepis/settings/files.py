"""One setting in a file of its own, as secrets are handed to containers: `LIBRARY_KEY_FILE=/run/secrets/key`."""

from __future__ import annotations

import os
import stat

from krepis._lines import safe
from krepis.errors import KrepisError

VALUE_BYTES_MAX = 65_536
"""How large one value may be, in a file or in the environment."""


def read_value(path: str) -> str:
    """The text in a file, without one newline at its end. Raises `KrepisError`, which never shows what is in it."""
    if not path:
        raise KrepisError("names no file", hint="give it a path, or take the variable away")
    try:
        raw = _read(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if len(raw) > VALUE_BYTES_MAX:
        raise KrepisError(f"`{path}` is larger than {VALUE_BYTES_MAX} bytes", hint="is it the right file?")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise KrepisError(f"`{path}` is not UTF-8", hint="write keys that are bytes in base64") from None
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _read(path: str) -> bytes:
    # Not blocking: a pipe that nobody writes to would hold up the start for ever.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb") as file:  # noqa: PTH123 - a handle, and no path
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("it is no plain file")
        return file.read(VALUE_BYTES_MAX + 1)


def _unreadable(path: str, error: Exception) -> KrepisError:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    match error:
        case FileNotFoundError():
            hint = "mount the secret there, or name another file"
        case PermissionError():
            hint = "let the user that the server runs as read it"
        case _:
            hint = "name a plain file"
    return KrepisError(f"`{safe(path)}` can't be read: {said}", hint=hint)
