"""How much of a generated project its own tests notice: small mistakes are put into its source, one at a time, and its tests run.

    .venv/bin/python -m bench.mutants PROJECT --count 200 --seed 1

PROJECT is a built project. Each mutant is a copy of it with one change, drawn from all that are possible (`OPERATORS`) by the seed. A
mutant is killed when a test fails, or when the tests take more than `--seconds`. Migrations, settings and what only says something
(docstrings, annotations) are left alone. The tests that take long (`slow`) run with `--all`.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[1]
LEFT_OUT = ("migrations", "settings.py", "__init__.py")
NO_COPY = shutil.ignore_patterns("__pycache__", ".pytest_cache", ".hypothesis", ".ruff_cache", ".git", "var", ".venv")

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add}


class Mutant(NamedTuple):
    """One change: where, what, and the text of the file with it."""

    file: Path
    line: int
    change: str
    text: str


class Site(NamedTuple):
    """A place in a tree, by the number of its node in the order of `ast.walk`, and what can be done there."""

    file: Path
    node: int
    operator: str


def flipped(node: ast.AST) -> ast.AST | None:
    """`<` is `<=`, `==` is `!=`, `in` is `not in`."""
    if not isinstance(node, ast.Compare) or type(node.ops[0]) not in _COMPARISONS:
        return None
    node.ops[0] = _COMPARISONS[type(node.ops[0])]()
    return node


def negated(node: ast.AST) -> ast.AST | None:
    """The condition of an `if` is the other way round."""
    if not isinstance(node, ast.If | ast.IfExp):
        return None
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return node


def joined(node: ast.AST) -> ast.AST | None:
    """`and` is `or`."""
    if not isinstance(node, ast.BoolOp):
        return None
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return node


def added(node: ast.AST) -> ast.AST | None:
    """`+` is `-`, `*` is `+`."""
    if not isinstance(node, ast.BinOp | ast.AugAssign) or type(node.op) not in _ARITHMETIC:
        return None
    node.op = _ARITHMETIC[type(node.op)]()
    return node


def changed(node: ast.AST) -> ast.AST | None:
    """A number is one more, a text has more, a truth is a lie."""
    if not isinstance(node, ast.Constant) or node.value is None or node.value is Ellipsis:
        return None
    match node.value:
        case bool():
            node.value = not node.value
        case int() | float():
            node.value += 1
        case str():
            node.value += "X"
        case _:
            return None
    return node


def dropped(node: ast.AST) -> ast.AST | None:
    """A statement is not there."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Await | ast.Call):
        return ast.Pass()
    return None


def not_raised(node: ast.AST) -> ast.AST | None:
    """What is refused is not."""
    return ast.Pass() if isinstance(node, ast.Raise) else None


def swapped(node: ast.AST) -> ast.AST | None:
    """Two arguments stand in each other's place."""
    if not isinstance(node, ast.Call):
        return None
    named = [one for one in node.keywords if one.arg is not None]
    if len(node.args) >= 2 and not any(isinstance(one, ast.Starred) for one in node.args):
        node.args[-1], node.args[-2] = node.args[-2], node.args[-1]
    elif len(named) >= 2:
        named[-1].value, named[-2].value = named[-2].value, named[-1].value
    else:
        return None
    return node


OPERATORS: dict[str, Callable[[ast.AST], ast.AST | None]] = {
    operator.__name__: operator for operator in (flipped, negated, joined, added, changed, dropped, not_raised, swapped)
}


def sites(project: Path) -> list[Site]:
    """Every place where something can be changed, in the order of the files."""
    found: list[Site] = []
    for file in sorted((project / "src").rglob("*.py")):
        if any(part in LEFT_OUT for part in file.parts):
            continue
        tree = ast.parse(file.read_text())
        silent = _silent(tree)
        for number, node in enumerate(ast.walk(tree)):
            if id(node) in silent:
                continue
            for name, operator in OPERATORS.items():
                if operator(copy.deepcopy(node)) is not None:
                    found.append(Site(file.relative_to(project), number, name))
    return found


def mutant(project: Path, site: Site) -> Mutant:
    """The file with that change."""
    tree = ast.parse((project / site.file).read_text())
    node = list(ast.walk(tree))[site.node]
    before = ast.unparse(node)
    found = OPERATORS[site.operator](node)
    assert found is not None, "a site is where the operator changes something"
    if found is not node:
        tree = _Replacing(node, found).visit(tree)
    after = ast.unparse(found)
    text = ast.unparse(ast.fix_missing_locations(tree))
    return Mutant(site.file, getattr(node, "lineno", 0), f"{site.operator}: {_short(before)} -> {_short(after)}", text)


class _Replacing(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old = old
        self._new = new

    def visit(self, node: ast.AST) -> ast.AST:
        return ast.copy_location(self._new, node) if node is self._old else self.generic_visit(node)


def _silent(tree: ast.Module) -> set[int]:
    """Nodes that say something and do nothing: docstrings, and annotations that are no limits."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found |= {id(node), id(node.value)}
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            annotations = [one.annotation for one in _arguments(node) if one.annotation] + [node.returns]
            found |= {id(inner) for one in annotations if one is not None for inner in ast.walk(one)}
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
            found |= {id(inner) for inner in ast.walk(node)}
    return found


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.arg]:
    yield from (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)


def _short(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= 90 else f"{one[:87]}..."


def killed(project: Path, changed_file: Mutant | None, options: Sequence[str], seconds: float) -> bool:
    """Whether the tests of a copy with that change fail, or don't end."""
    with tempfile.TemporaryDirectory(prefix="krepis-mutant-") as name:
        copied = Path(name) / "project"
        shutil.copytree(project, copied, ignore=NO_COPY)
        if changed_file is not None:
            (copied / changed_file.file).write_text(changed_file.text)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *options]
        environment = {**os.environ, "PYTHONPATH": str(copied / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            run = subprocess.run(
                command, cwd=copied, env=environment, capture_output=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return True
        return run.returncode != 0


def commit() -> str:
    run = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("project", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=180.0, help="how long the tests of one mutant may take")
    parser.add_argument("--all", action="store_true", help="the slow tests, too")
    given = parser.parse_args()
    options = [] if given.all else ["-m", "not slow"]
    started = time.monotonic()
    if killed(given.project, None, options, given.seconds):
        print("the tests fail without any change", file=sys.stderr)
        return 2
    places = sites(given.project)
    drawn = Random(given.seed).sample(places, min(given.count, len(places)))
    survivors: list[Mutant] = []
    for number, site in enumerate(drawn, 1):
        one = mutant(given.project, site)
        if not killed(given.project, one, options, given.seconds):
            survivors.append(one)
            print(f"survived  {one.file}:{one.line}  {one.change}", flush=True)
        if sys.stderr.isatty():
            print(f"{number}/{len(drawn)}", end="\r", file=sys.stderr)
    share = 1 - len(survivors) / max(1, len(drawn))
    print(
        f"{len(drawn) - len(survivors)} of {len(drawn)} killed ({share:.0%}), drawn from {len(places)} with seed {given.seed},"
        f" at commit {commit()}, in {time.monotonic() - started:.0f} s"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
