"""The form of generated code: imports sorted, unused ones gone, lines broken as everybody's formatter breaks them.

All files of a project are formatted in two runs of ruff, in a folder that nobody else sees and by settings that stand
here: neither the settings of the machine nor those of the folder that the project goes into change a byte. Formatting
moves lines and nothing else, so that statement by statement the formatted code is still the written one; that is how
its places are found.
"""

from __future__ import annotations

import ast
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import ruff
from msgspec import Struct

from krepis_generator.quoting import WIDTH
from krepis_generator.source import Module
from krepis_spec.document import Span

TARGET = "py311"
RUN_S_MAX = 60.0

_Body = Sequence[ast.stmt]


class Place(Struct, frozen=True):
    """Lines of a formatted file, from 1, both included, and the places of the spec that they come from."""

    name: str
    first: int
    last: int
    spans: tuple[Span, ...]


def formatted(modules: Sequence[Module], *, package: str) -> dict[str, str]:
    """The formatted text of each module, by its path. `package` is the project's own, whose imports stand last.

    Raises `AssertionError`: a module does not parse. Nobody but us can have made that mistake.
    """
    with tempfile.TemporaryDirectory(prefix="krepis-") as name:
        folder = Path(name)
        for module in modules:
            file = folder / module.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(module.render(), encoding="utf-8", newline="\n")
        own = f'lint.isort.known-first-party=["{package}"]'
        _ruff(folder, "check", "--quiet", "--fix", "--exit-zero", "--select", "I,F401", "--config", own)
        _ruff(folder, "format", "--quiet")
        return {module.path: (folder / module.path).read_text(encoding="utf-8") for module in modules}


def places(module: Module, text: str) -> tuple[Place, ...]:
    """Where each definition of the module stands in its formatted text, and the parts of those that have traces of
    their own.
    """
    body = [statement for statement in ast.parse(text).body if not _is_heading(statement)]
    assert len(body) == sum(one.count for one in module.definitions), (
        f"formatting changed the statements of {module.path}"
    )
    found = [Place("", 1, max(1, text.count("\n")), module.spans)] if module.spans else []
    at = 0
    for definition in module.definitions:
        mine = body[at : at + definition.count]
        at += definition.count
        if mine:
            found.append(Place(definition.name, _first(mine[0]), _last(mine[-1]), definition.spans))
            found.extend(_parts(module, mine))
    return tuple(found)


def _parts(module: Module, body: _Body) -> Iterator[Place]:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            for inner in statement.body:
                name = f"{statement.name}.{_name(inner)}"
                if name in module.traces:
                    yield Place(name, _first(inner), _last(inner), module.traces[name])


def _name(statement: ast.stmt) -> str:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return statement.name
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case _:
            return ""


def _is_heading(statement: ast.stmt) -> bool:
    """An import, or the docstring of the module, which is its first statement and the only text alone in the first
    line.
    """
    return isinstance(statement, ast.Import | ast.ImportFrom) or (
        statement.lineno == 1 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _first(statement: ast.stmt) -> int:
    """Decorators belong to what they decorate."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min((one.lineno for one in decorators), default=statement.lineno)


def _last(statement: ast.stmt) -> int:
    return statement.end_lineno or statement.lineno


def _ruff(folder: Path, *arguments: str) -> None:
    settings = ("--isolated", "--no-cache", "--target-version", TARGET, "--config", f"line-length={WIDTH}")
    run = subprocess.run(  # noqa: S603 - the binary of our own dependency
        [ruff.find_ruff_bin(), *arguments, *settings, "."],
        cwd=folder,
        env={},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=RUN_S_MAX,
        check=False,
    )
    assert run.returncode == 0, f"`ruff {arguments[0]}` refused the generated code:\n{run.stdout}{run.stderr}"
