"""How the rows of a statement become what a method answers: directly, by a function, or with more statements for the lists in them."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from krepis_generator.source import Module, indented
from krepis_generator.sql.selections import OWNER, Child, Selection
from krepis_spec.document import Span
from krepis_spec.naming import class_name

_SIMPLE = MappingProxyType(
    {name: name for name in ("bool", "str", "int", "Decimal", "date", "datetime", "timedelta", "UUID")}
    | dict.fromkeys(("Email", "Url", "Slug"), "str")
)
"""By annotations the classes of single values."""


class Loader(Struct, frozen=True):
    """What a selection needs beside its statement. `into` is the class of a row; `parameters` are those of its further statements."""

    selection: Selection
    into: str | None
    function: str = ""
    is_method: bool = False
    made: str = ""
    parameters: tuple[str, ...] = ()
    constant: str = ""

    @property
    def columns(self) -> str:
        """What is selected: columns, the name of their list, or the table that has just these."""
        return self.constant or ", ".join(self.selection.labelled())

    def asks_for(self, parameter: str) -> bool:
        """Whether a column depends on a parameter."""
        return any(f'bindparam("{parameter}"' in text for text, _ in self.selection.columns.values())

    @property
    def is_direct(self) -> bool:
        return not self.function

    def one(self, statement: str, given: str) -> list[str]:
        """The lines that answer with the only row, or none."""
        if self.is_direct:
            return [f"return await self._sql.first({statement}{given})"]
        if not self.is_method:
            return [
                f"row = await self._sql.first({statement}{given})",
                f"return None if row is None else {self.function}(row)",
            ]
        return [
            f"found = {self.all(statement, given)}",
            "return found[0] if found else None",
        ]

    def all(self, statement: str, given: str) -> str:
        """All that the statement finds, as an expression."""
        return self.of_rows(f"await self._sql.all({statement}{given})")

    def of_rows(self, rows: str) -> str:
        """What the rows stand for."""
        if self.is_direct:
            return rows
        if not self.is_method:
            return f"[{self.function}(row) for row in {rows}]"
        return f"await self.{self.function}({', '.join((rows, *self.parameters))})"


class Loaders:
    """The loaders of one repository; each is written once. `parts` go to the module, `methods` into the class."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.methods: dict[str, str] = {}
        self._known: dict[str, Loader] = {}
        self._spans: tuple[Span, ...] = ()

    def known(self, name: str) -> Loader | None:
        return self._known.get(name)

    def of(
        self,
        name: str,
        selection: Selection,
        text: str,
        made: str,
        parameters: dict[str, str],
        *,
        shared: bool = False,
        whole: str = "",
    ) -> Loader:
        """The loader of rows that become `text`, a `made`. `parameters` are those that its further statements need, with types.
        What several statements select is `shared`, and has a name; `whole` is the table that has just these columns.
        """
        if name in self._known:
            return self._known[name]
        built = selection.is_built_by(text)
        if built is not None:
            loader = Loader(selection, built)
        elif not selection.children and len(selection.columns) == 1 and text.startswith(f"{selection.variable}."):
            loader = Loader(selection, _SIMPLE.get(made))
        else:
            loader = self._written(name, selection, text, made, parameters)
        if shared:
            constant = whole or f"*_{name.upper()}_COLUMNS"
            if not whole:
                listed = ", ".join(selection.labelled())
                self.module.add(constant[1:], f"{constant[1:]} = ({listed},)")
            loader = replace(loader, constant=constant)
        self._known[name] = loader
        return loader

    def _written(self, name: str, selection: Selection, text: str, made: str, parameters: dict[str, str]) -> Loader:
        row = f"_{class_name(name)}Row"
        write_row(self.module, row, selection)
        if not selection.children:
            function = f"_{name}_of"
            self.module.add(function, f"def {function}(row: {row}) -> {made}:\n    return {_bare(text)}")
            return Loader(selection, row, function, made=made)
        function = f"_{name}s" if not name.endswith("s") else f"_all_{name}"
        self.module.use("collections.abc", "Sequence")
        lines, needed = self._children(name, selection, "rows", parameters)
        asked = tuple(key for key in parameters if key in needed)
        given = "".join(f", {key}: {parameters[key]}" for key in asked)
        lines.append(f"return [{_bare(text)} for row in rows]")
        head = f"async def {function}(self, rows: Sequence[{row}]{given}) -> list[{made}]:"
        self.methods[function] = f"{head}\n{indented(chr(10).join(lines))}"
        return Loader(selection, row, function, is_method=True, made=made, parameters=asked)

    def _children(
        self, name: str, selection: Selection, rows: str, parameters: dict[str, str]
    ) -> tuple[list[str], set[str]]:
        lines: list[str] = []
        needed: set[str] = set()
        for child in selection.children:
            more, used = self._child(name, child, rows, selection.variable, parameters)
            lines += more
            needed |= used
        return lines, needed

    def _child(
        self, name: str, child: Child, rows: str, variable: str, parameters: dict[str, str]
    ) -> tuple[list[str], set[str]]:
        inner, item = child.selection, child.selection.variable
        row = f"_{class_name(name)}{class_name(child.local)}Row"
        owner = inner.add(child.owner, "UUID", OWNER)
        self.module.use("uuid", "UUID")
        self.module.use("collections", "defaultdict")
        write_row(self.module, row, inner)
        constant = f"_{name.upper()}_{child.local.upper()}"
        write_statement(
            self.module,
            constant,
            [
                f"select({', '.join(inner.labelled())})",
                f"select_from({child.query.source})",
                f"where({', '.join([*child.query.conditions(), _owners(child.owner)])})",
                f"order_by({', '.join(dict.fromkeys((child.owner, *child.order)))})",
            ],
            row,
        )
        self.module.use("sqlalchemy", "bindparam")
        used = {
            key
            for key in parameters
            if f'bindparam("{key}"' in " ".join((*inner.labelled(), *child.query.conditions()))
        }
        given = "".join(f", {key}={key}" for key in used and parameters if key in used)
        found = f"await self._sql.all({constant}, owners=[{child.key} for {variable} in {rows}{child.guard and f' if {child.guard}'}]{given})"
        lines = [f"{child.local}: defaultdict[UUID, list[{child.annotation}]] = defaultdict(list)"]
        append = f"    {child.local}[{owner}].append({_bare(child.element)})"
        if not inner.children:
            return [*lines, f"for {item} in {found}:", append], used
        found_rows = f"found_{child.local}"
        deeper, more = self._children(f"{name}_{child.local}", inner, found_rows, parameters)
        return [*lines, f"{found_rows} = {found}", *deeper, f"for {item} in {found_rows}:", append], used | more


def write_row(module: Module, name: str, selection: Selection) -> None:
    """The class of the rows of a statement."""
    module.use("krepis", "Value")
    fields = [f"    {label}: {annotation}" for label, (_, annotation) in selection.columns.items()]
    module.add(name, "\n".join([f"class {name}(Value):", *fields]))


def write_statement(
    module: Module, name: str, calls: Sequence[str], into: str | None, *, spans: Sequence[Span] = ()
) -> None:
    """A constant that is a statement, of calls one behind the other."""
    module.use("krepis.sql", "statement")
    module.use("sqlalchemy", "select")
    module.add(name, f"{name} = {statement_of(calls, into)}", spans=spans)


def statement_of(calls: Sequence[str], into: str | None) -> str:
    return f"statement({'.'.join(calls)}{f', into={into}' if into else ''})"


def _owners(owner: str) -> str:
    return f'{owner}.in_(bindparam("owners", expanding=True))'


def _bare(text: str) -> str:
    """Without parentheses around all of it."""
    if not text.startswith("("):
        return text
    depth = 0
    for number, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return text[1:-1] if number == len(text) - 1 else text
    return text
