"""What was generated, kept as it was: the base of every later merge with what people have changed since.

It is one JSON file, with each line of code in a line of its own. A change of the spec then shows up in it line by line,
which git compares and packs well; and no tool takes a copy for the code itself, as it would a folder of files (tests
found twice, types checked twice).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

VERSION = 1


class Pristine(Struct, frozen=True):
    version: int
    files: dict[str, list[str]]


def to_json(files: Mapping[str, bytes]) -> bytes:
    """`spec.lock/pristine.json` of these files, which are all text in UTF-8."""
    lines = {path: files[path].decode().split("\n") for path in sorted(files)}
    return msgspec.json.format(msgspec.json.encode(Pristine(VERSION, lines)), indent=1) + b"\n"


def from_json(data: bytes) -> dict[str, bytes]:
    """The files, byte for byte. Raises `msgspec.MsgspecError` for what `to_json` has not written."""
    return {path: "\n".join(lines).encode() for path, lines in msgspec.json.decode(data, type=Pristine).files.items()}
