"""What the rules look at: the repository's files, its Python modules and what they import.

A rule is a function from a module (or a text) to its findings. Each is tested twice: on a small bad sample, so that we
know it can fail, and on the repository.
"""

import ast
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = Path("packages/core/src")
GENERATED = ("packages/core/src/krepis/_proto/",)
# What `krepis new` copies: a server like those in examples/, and no part of the package that it lies in.
TEMPLATE = "packages/cli/src/krepis_cli/new/template"


@dataclass(frozen=True)
class Module:
    """One Python file: where it is, what it is imported as, and what it says."""

    path: str
    name: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parsed(self.path, self.text)

    def at(self, node: ast.AST | int, message: str) -> str:
        """A finding in the form that editors can jump to."""
        line = node if isinstance(node, int) else getattr(node, "lineno", 1)
        return f"{self.path}:{line}: {message}"


@dataclass(frozen=True)
class Import:
    """One imported name. `from a import b` may mean the module `a.b` or the name `b` in `a`: `target` is `a.b`."""

    line: int
    module: str
    target: str
    when_loaded: bool
    """Whether it happens as the module is loaded: neither inside a function nor for type checkers alone."""


def refuse(findings: Iterable[str]) -> None:
    """Fail with all of them, one a line."""
    if lines := list(dict.fromkeys(findings)):
        pytest.fail("\n".join(["", *lines]), pytrace=False)


def sample(text: str, *, name: str = "library.domain.book", path: str = "sample.py") -> Module:
    """A module that is not in the repository: what the tests of the rules themselves are made of."""
    return Module(path, name, text)


@cache
def _parsed(path: str, text: str) -> ast.Module:
    return ast.parse(text, filename=path)


@cache
def files() -> tuple[str, ...]:
    """Every file that is or would be committed, as paths from the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = sorted(set(listed.stdout.decode().split("\0")) - {""})
    return tuple(name for name in names if (ROOT / name).is_file())


@cache
def python_files() -> tuple[Module, ...]:
    """Every Python file of the repository, written by a person."""
    paths = [path for path in files() if path.endswith(".py") and not path.startswith(GENERATED)]
    return tuple(Module(path, _dotted(path), (ROOT / path).read_text(encoding="utf-8")) for path in paths)


def modules(folder: Path | str) -> list[Module]:
    """The Python files below a folder; those of the template are in no folder around it."""
    prefix = f"{Path(folder).as_posix()}/"
    found = [module for module in python_files() if module.path.startswith(prefix)]
    return [module for module in found if prefix.startswith(TEMPLATE) or not module.path.startswith(f"{TEMPLATE}/")]


def core() -> list[Module]:
    return modules(CORE)


def examples() -> list[str]:
    """The import names of the servers under examples/, and of the template."""
    return sorted(path.parent.name for path in _servers("*/__init__.py"))


def example_source(name: str) -> Path:
    return next(_servers(name)).relative_to(ROOT)


def _servers(inside: str) -> Iterator[Path]:
    yield from ROOT.glob(f"examples/*/src/{inside}")
    yield from ROOT.glob(f"{TEMPLATE}/src/{inside}")


def project(pyproject: str) -> dict[str, Any]:
    """The `[project]` table of a package."""
    return tomllib.loads((ROOT / pyproject).read_text(encoding="utf-8"))["project"]


def requirements(pyproject: str) -> list[str]:
    """Everything a package asks for, its extras included."""
    found = project(pyproject)
    extras = found.get("optional-dependencies", {})
    return [*found.get("dependencies", []), *(line for lines in extras.values() for line in lines)]


def imports(module: Module) -> Iterator[Import]:
    """Everything a module imports, relative imports resolved."""
    yield from _imports(module, module.tree.body, when_loaded=True)


def _imports(module: Module, body: list[ast.stmt], *, when_loaded: bool) -> Iterator[Import]:
    for statement in body:
        match statement:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(statement.lineno, alias.name, alias.name, when_loaded)
            case ast.ImportFrom(names=names):
                origin = _origin(module, statement)
                for alias in names:
                    yield Import(statement.lineno, origin, f"{origin}.{alias.name}", when_loaded)
            case _:
                late = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) or _for_types_only(statement)
                for inner in blocks(statement):
                    yield from _imports(module, inner, when_loaded=when_loaded and not late)


def _origin(module: Module, statement: ast.ImportFrom) -> str:
    if not statement.level:
        return statement.module or ""
    is_package = module.path.endswith("__init__.py")
    parts = module.name.split(".")
    parent = parts[: len(parts) - statement.level + is_package]
    return ".".join([*parent, *([statement.module] if statement.module else [])])


def _for_types_only(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test)


def blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks inside a compound statement."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(statement, name, None)
        if isinstance(block, list):
            yield block
    for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield part.body


def _dotted(path: str) -> str:
    path = path.removeprefix(TEMPLATE)
    _, inside, below = path.partition("/src/")
    name = (below if inside else path.strip("/")).removesuffix(".py").removesuffix("/__init__")
    return name.replace("/", ".")
