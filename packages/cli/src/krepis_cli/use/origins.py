"""Which lines of the spec each definition of a project comes from, and what a line of the spec became.

That was written down when the project was built, in `spec.lock/provenance.json`:

    {"version": 1, "spec": "bookshop.md",
     "files": {"src/bookshop/domain/book.py": [{"name": "Book", "lines": [20, 31], "spec": [[15, 1, 25, 40]]}]}}

`spec` holds lines and columns; a name that is empty stands for the whole file. People edit what was built. So where a
definition stands is looked up by its name in the file as it is now; what has no name in Python, such as a door, is followed
from the file as it was built.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import Match, SequenceMatcher
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from krepis.errors import KrepisError
from krepis_cli.use.into import LOCK

PROVENANCE = f"{LOCK}/provenance.json"
PRISTINE = f"{LOCK}/pristine.json"
VERSION = 1

_LINE_END = re.compile(r"\r\n?|\n")

Lines = tuple[int, int]
"""The first line and the last one, both included."""


class Origin(Struct, frozen=True):
    """A definition as it was built, and the places of the spec that it comes from."""

    name: str
    lines: Lines
    spec: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def spec_lines(self) -> tuple[Lines, ...]:
        return merged((first, last) for first, _, last, _ in self.spec)


class Origins(Struct, frozen=True):
    """All of a project. `spec` is the spec's path in it, `files` what each file holds, in order."""

    spec: str
    files: dict[str, tuple[Origin, ...]]
    version: int = VERSION

    def of_file(self, path: str) -> tuple[Lines, ...]:
        """All lines of the spec that something in the file comes from."""
        return merged(lines for one in self.files.get(path, ()) for lines in one.spec_lines)


class Lock(NamedTuple):
    """What is kept of the last build: where everything came from, and every file as it was then."""

    origins: Origins
    built: Mapping[str, bytes]

    def text(self, path: str) -> str:
        """A file as it was built; empty when it was not."""
        return self.built.get(path, b"").decode("utf-8", "replace")


class Place(NamedTuple):
    """Where a definition stands now."""

    path: str
    name: str
    lines: Lines
    origin: Origin


def built_root(file: Path) -> Path:
    """The built project that the file lies in, or would. Raises `KrepisError`."""
    whole = Path(file.parent.resolve(), file.name)
    with suppress(OSError):  # no file system has such a name
        for folder in whole.parents:
            if (folder / PROVENANCE).is_file():
                return folder
    raise KrepisError(
        f"`{file}` does not lie in a project that was built from a spec",
        code="not_built",
        hint="name a file of such a project; `krepis use SPEC` builds one",
    )


def read_lock(root: Path) -> Lock:
    """What was kept when the project was built. Raises `KrepisError`: it can't be read."""
    from krepis_generator import pristine

    file = root / PROVENANCE
    try:
        origins = parse_origins(file.read_bytes())
        file = root / PRISTINE
        return Lock(origins, pristine.from_json(file.read_bytes()))
    except OSError as error:
        raise KrepisError(f"`{file}` can't be read: {error.strerror}", code="provenance") from None
    except msgspec.MsgspecError as error:
        raise KrepisError(
            f"`{file}` is not what a build writes: {error}", code="provenance", hint="take it from version control"
        ) from None


def parse_origins(data: bytes) -> Origins:
    """The same, of those bytes. Raises `KrepisError` for another version, and what msgspec raises."""
    version = msgspec.json.decode(data, type=_Version).version
    if version != VERSION:
        raise KrepisError(
            f"`{PROVENANCE}` has version {version}; this Krepis knows version {VERSION}",
            code="provenance",
            hint="upgrade `krepis-cli`" if version > VERSION else "build again with this Krepis",
        )
    return msgspec.json.decode(data, type=Origins)


class _Version(Struct, frozen=True):
    version: int


def places_in(path: str, text: str, origins: Sequence[Origin], built: str) -> Iterator[Place]:
    """Where the definitions of a file, which was built as `built`, stand in its present text; not those that are gone."""
    found = definitions_in(text) if path.endswith(".py") else {}
    moves = Moves(built, text)
    for one in origins:
        if not one.name:
            yield Place(path, "", (1, max(1, len(lines_of(text)))), one)
        elif one.name in found:
            yield Place(path, one.name, found[one.name], one)
        elif not _is_python_name(one.name):
            now = [at for line in range(one.lines[0], one.lines[1] + 1) if (at := moves.to(line))]
            if now:
                yield Place(path, one.name, (now[0], now[-1]), one)


class Moves:
    """Where the lines of one text stand in another."""

    def __init__(self, before: str, after: str) -> None:
        if before == after:
            self._blocks = [Match(0, 0, len(lines_of(before)))]
        else:
            matcher = SequenceMatcher(None, lines_of(before), lines_of(after), autojunk=False)
            self._blocks = matcher.get_matching_blocks()

    def to(self, line: int) -> int:
        """The number that a line of the first has in the second; 0 when it is not there."""
        found = ((old, new) for old, new, size in self._blocks if old < line <= old + size)
        return next((line - old + new for old, new in found), 0)


def definitions_in(text: str) -> dict[str, Lines]:
    """The lines of every definition, by its name from the module's top: `Book`, `SqlBooks.search`. Decorators belong to
    what they decorate; of two with one name the first counts. Nothing where the text is no Python.
    """
    try:
        return dict(reversed(list(_definitions(ast.parse(text).body, ""))))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}


def _definitions(body: Iterable[ast.stmt], above: str) -> Iterator[tuple[str, Lines]]:
    for statement in body:
        name = _name(statement)
        if name:
            decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
            first = min((one.lineno for one in decorators), default=statement.lineno)
            yield above + name, (first, statement.end_lineno or statement.lineno)
        if isinstance(statement, ast.ClassDef):
            yield from _definitions(statement.body, f"{above}{name}.")


def _name(statement: ast.stmt) -> str:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return statement.name
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case _:
            return ""


def merged(lines: Iterable[Lines]) -> tuple[Lines, ...]:
    """The same lines, in order, each once."""
    found: list[Lines] = []
    for first, last in sorted(lines):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def lines_of(text: str) -> list[str]:
    """The lines of a spec or of Python, as both count them: no other sign than these ends one."""
    lines = _LINE_END.split(text)
    return lines if lines[-1] else lines[:-1]


def _is_python_name(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))
