"""How code is written: modules of imports and definitions in order, each with the places of the spec that it comes
from.

Whoever writes code neither sorts imports nor breaks lines nor counts blank ones: the formatter does, for all files at
once. What must be right is the code, and its quoting: text of a spec goes through `krepis_generator.quoting`.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable

from msgspec import Struct

from krepis_generator.quoting import docstring
from krepis_spec.document import Span


class File(Struct, frozen=True):
    """A file that is no module, as it is to be; its path is from the project's folder, with `/`."""

    path: str
    text: str
    spans: tuple[Span, ...] = ()


class Definition(Struct, frozen=True):
    """A piece of a module: one or more statements."""

    name: str
    text: str
    spans: tuple[Span, ...]
    apart: bool
    count: int
    """How many statements it has."""
    look: str | None
    """What it may stand close to: the kind of a statement in one line."""


class Module:
    """One Python module. What is imported and not used is left out of it, so a writer says what a piece of code may
    need.
    """

    def __init__(self, path: str, doc: str = "", *, spans: Iterable[Span] = ()) -> None:
        self.path = path
        self.doc = doc
        self.spans = tuple(spans)
        self.definitions: list[Definition] = []
        self.traces: dict[str, tuple[Span, ...]] = {}
        self._names: dict[str, dict[str, None]] = {}
        self._modules: dict[str, None] = {}

    @property
    def name(self) -> str:
        """As it is imported: `bookshop.domain.book`."""
        return self.path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def use(self, module: str, *names: str) -> None:
        """`from module import names`; a name may be `x as y`. What a module would import from itself is there already."""
        if module == self.name:
            return
        self._names.setdefault(module, {}).update(dict.fromkeys(names))

    def use_module(self, name: str) -> None:
        """`import name`; a name may be `x as y`."""
        self._modules[name] = None

    def add(self, name: str, text: str, *, spans: Iterable[Span] = (), apart: bool = False) -> None:
        """The next definition, or other statements under a name of their own (`POST /orders`).

        Lines that look alike (`X = ...` below `Y = ...`) stand together; `apart` puts a blank line before this one.
        Raises `AssertionError`: it does not parse. Only a writer can have made that mistake.
        """
        text = text.strip("\n")
        body = self._parsed(name, text)
        self.definitions.append(Definition(name, text, tuple(spans), apart, len(body), _look(body)))

    def trace(self, name: str, spans: Iterable[Span]) -> None:
        """Where a part of a definition comes from: `SqlBooks.search`."""
        self.traces[name] = (*self.traces.get(name, ()), *spans)

    def render(self) -> str:
        """The module's text, before it is formatted."""
        pieces = [docstring(self.doc), "", *self._imports()]
        before: str | None = None
        for definition in self.definitions:
            if definition.apart or definition.look is None or definition.look != before:
                pieces.append("")
            pieces.append(definition.text)
            before = definition.look
        return "\n".join(pieces).strip("\n") + "\n"

    def _imports(self) -> list[str]:
        modules = [f"import {name}" for name in sorted(self._modules)]
        return modules + [
            f"from {module} import {', '.join(sorted(self._names[module]))}" for module in sorted(self._names)
        ]

    def _parsed(self, name: str, text: str) -> list[ast.stmt]:
        try:
            return ast.parse(text).body
        except (SyntaxError, ValueError) as error:
            raise AssertionError(f"`{name}` in {self.path} is written wrong: {error}\n{text}") from error


def indented(text: str, by: int = 4) -> str:
    """Every line that is not empty, `by` columns further in. Literals of `quoting` have one line, so none changes."""
    return textwrap.indent(text, " " * by)


def _look(body: list[ast.stmt]) -> str | None:
    """What lets lines stand together: the same kind of statement, in one line each."""
    if (
        len(body) == 1
        and body[0].lineno == body[0].end_lineno
        and not isinstance(body[0], ast.ClassDef | ast.FunctionDef)
    ):
        return type(body[0]).__name__
    return None
