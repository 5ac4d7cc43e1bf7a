"""Where everything comes from: which lines of a file, which places of the spec."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from krepis_generator.formatting import Place

VERSION = 1


class Provenance(Struct, frozen=True):
    """A piece of a file and its places in the spec. The name is that of the definition; empty for a whole file."""

    file: str
    place: Place


def to_json(spec: str, found: Iterable[Provenance]) -> bytes:
    """`spec.lock/provenance.json`: a piece has one line, so that a change of one is a change of one line.

    ```json
    {"version": 1, "spec": "bookshop.md",
     "files": {"src/...py": [{"name": "PlaceOrder", "lines": [3, 9], "spec": [[71, 1, 75, 40]]}]}}
    ```
    """
    files: dict[str, list[str]] = {}
    for one in found:
        place = one.place
        entry = {
            "name": place.name,
            "lines": [place.first, place.last],
            "spec": [[at.line, at.column, at.end_line, at.end_column] for at in place.spans],
        }
        files.setdefault(one.file, []).append(_text(entry))
    shown = ",\n".join(
        f"    {_text(file)}: [\n      {_joined(entries)}\n    ]" for file, entries in sorted(files.items())
    )
    return f'{{\n  "version": {VERSION},\n  "spec": {_text(spec)},\n  "files": {{\n{shown}\n  }}\n}}\n'.encode()


def _joined(entries: list[str]) -> str:
    return ",\n      ".join(entries)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
