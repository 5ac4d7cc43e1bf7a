"""One repository of a project in memory: the same methods as on SQL, over rows in dictionaries."""

from __future__ import annotations

from krepis_generator import names, ports
from krepis_generator.memory.paging import cursor_lines
from krepis_generator.memory.printing import MemoryPrinter, is_over_rows
from krepis_generator.python.printer import plain
from krepis_generator.repositories import Method, Repositories
from krepis_generator.source import Module, indented
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Entity
from krepis_spec.expressions import Expression

_UNIT = "self._unit"


def repository_module(entity: Entity, repositories: Repositories) -> Module:
    """The module of a repository."""
    return _Repository(entity, repositories).written()


class _Repository:
    def __init__(self, entity: Entity, repositories: Repositories) -> None:
        self.entity = entity
        self.blueprint = repositories.blueprint
        self.repositories = repositories
        self.package = self.blueprint.service.name
        self.one, self.rows = names.one(entity.name), names.rows(entity.name)
        self.module = Module(
            f"src/{self.package}/adapters/memory/{self.rows}.py",
            f"{self.rows.replace('_', ' ').capitalize()} in memory.",
            spans=[entity.span],
        )
        self.helpers: dict[str, str] = {}

    def written(self) -> Module:
        methods = self.repositories.of(self.entity.name)
        name, port = f"Memory{names.port(self.entity.name)}", names.port(self.entity.name, writes=True)
        self.module.use("krepis.testing", "MemoryUnit")
        self.module.use(f"{self.package}.adapters.memory", "tables")
        self.module.use(f"{self.package}.application.ports", port)
        body = [f"def __init__(self, unit: MemoryUnit) -> None:\n    {_UNIT} = unit"]
        body += [self._method(method) for method in methods]
        body += self.helpers.values()
        text = f"class {name}({port}):\n" + indented("\n\n".join(body))
        self.module.add(name, text, spans=[self.entity.span])
        for method in methods:
            if method.expression is not None:
                self.module.trace(f"{name}.{method.name}", [method.expression.span])
        return self.module

    @property
    def _rows(self) -> str:
        return f"tables.{self.rows}({_UNIT})"

    def _method(self, method: Method) -> str:
        match method.form:
            case "select":
                lines = self._asked(method)
            case "view" | "views":
                lines = self._viewed(method)
            case _:
                lines = self._plain(method)
        return ports.declaration(method, self.module, self.blueprint) + "\n" + indented("\n".join(lines))

    def _plain(self, method: Method) -> list[str]:
        one, rows = self.one, self._rows
        match method.form:
            case "find":
                return [f"return {rows}.get(id)"]
            case "find_by":
                given = [ports.given_name(method, parameter) for parameter in method.parameters]
                tests = (f"{one}.{field} == {name}" for field, name in zip(method.fields, given, strict=True))
                return [f"return next(({one} for {one} in {rows}.all() if {' and '.join(tests)}), None)"]
            case "find_many":
                return [f"return {{{one}.id: {one} for {one} in {rows}.all() if {one}.id in ids}}"]
            case "find_many_by":
                field, many = method.fields[0], ports.given_name(method, method.parameters[0])
                return [f"return {{{one}.{field}: {one} for {one} in {rows}.all() if {one}.{field} in {many}}}"]
            case "add" | "save":
                return [f"self._put({one})"] if self._has_rules(one) else [f"{rows}.put({one})"]
            case "add_many" | "save_many":
                put = f"self._put({one})" if self._has_rules(one) else f"{rows}.put({one})"
                return [f"for {one} in {self.rows}:", f"    {put}"]
            case "remove":
                return [f"tables.remove_{one}({_UNIT}, id)"]
            case "remove_many":
                return ["for id in sorted(ids):", f"    tables.remove_{one}({_UNIT}, id)"]
            case "relate" | "unrelate":
                what = "put" if method.form == "relate" else "discard"
                return [f"tables.{one}_{method.fields[0]}({_UNIT}).{what}(id, {method.parameters[1].name})"]
            case "next_number":
                return [f"return max(({one}.{method.fields[0]} for {one} in {rows}.all()), default=0) + 1"]
            case _:
                raise AssertionError(f"`{method.form}` is written elsewhere")

    def _has_rules(self, one: str) -> bool:
        """Whether a row may be refused; the function that says so is written then."""
        keys = ports.keys_of(self.entity)
        if not keys and not self.entity.no_overlap:
            return False
        lines: list[str] = []
        module = f"{self.package}.domain.{one}"
        for key in keys:
            refusal = names.taken(self.entity.name, key)
            self.module.use(module, refusal)
            same = [f"other.{field} == {one}.{field}" for field in key]
            same += [f"{one}.{name} is not None" for name in key if self._is_optional(name)]
            lines += [f"if any({' and '.join(same)} for other in others):", f"    raise {refusal}"]
        for rule in self.entity.no_overlap:
            refusal = names.overlapping(self.entity.name)
            self.module.use(module, refusal)
            tests = [f"other.{name} == {one}.{name}" for name in rule.per]
            tests += [
                f"other.{rule.field}.start < {one}.{rule.field}.end",
                f"other.{rule.field}.end > {one}.{rule.field}.start",
            ]
            if self._is_optional(rule.field):
                tests = [f"other.{rule.field} is not None", f"{one}.{rule.field} is not None", *tests]
            if rule.where is not None:
                tests = [self._where(rule.where, one), self._where(rule.where, "other"), *tests]
            lines += [f"if any({' and '.join(tests)} for other in others):", f"    raise {refusal}"]
        self.module.use(module, self.entity.name)
        head = f"def _put(self, {one}: {self.entity.name}) -> None:"
        others = f"others = [other for other in {self._rows}.all() if other.id != {one}.id]"
        self.helpers["_put"] = "\n".join(
            [head, *(f"    {line}" for line in (others, *lines, f"{self._rows}.put({one})"))]
        )
        return True

    def _where(self, condition: Expression, row: str) -> str:
        printer = MemoryPrinter(self.module, self.blueprint, _UNIT, {})
        printer.about(self.entity.name, row)
        return printer.code(condition).at(4)

    def _is_optional(self, name: str) -> bool:
        return any(field.name == name and isinstance(field.type, t.OptionalType) for field in self.entity.fields)

    # ------------------------------------------------------------------ questions and views

    def _viewed(self, method: Method) -> list[str]:
        assert method.view is not None, "a view has a name"
        printer = MemoryPrinter(self.module, self.blueprint, _UNIT, {})
        made = printer.view(method.view, self.one)
        if method.form == "view":
            return [f"{self.one} = {self._rows}.get(id)", f"return None if {self.one} is None else {made}"]
        return [
            f"found = {{{self.one}.id: {self.one} for {self.one} in {self._rows}.all()}}",
            f"return [{printer.view(method.view, 'found[id]')} for id in ids if id in found]",
        ]

    def _asked(self, method: Method) -> list[str]:
        node = method.expression
        assert node is not None, "a question is an expression"
        printer = MemoryPrinter(self.module, self.blueprint, _UNIT, ports.records_of(method))
        for record in ports.records_of(method).values():
            self.module.use(f"{self.package}.application.ports", record)
        printer.hold(node)
        page = ports.page_of(method)
        type = plain(node.type)
        if isinstance(type, t.ListType | t.SetType):
            return self._several(method, printer, node, page.name if page is not None else None)
        if isinstance(type, t.EntityType):
            return self._single(method, printer, node)
        return [f"return {printer.text(node)}"]

    def _several(self, method: Method, printer: MemoryPrinter, node: Expression, page: str | None) -> list[str]:
        found, items = (ports.local_name(method, name) for name in ("found", "items"))
        lines = [f"{found} = {printer.text(node)}"]
        shown_as = self._shown(method, printer, node, "row")
        if page is None:
            return [*lines, f"return [{shown_as} for row in {found}]" if shown_as != "row" else f"return list({found})"]
        type = next(one.type for one in method.parameters if one.name == page)
        assert isinstance(type, t.PageType)
        self.module.use("krepis.types", "Page")
        if type.cursor:
            return [*lines, *cursor_lines(self.module, method, printer, node, page, shown_as)]
        lines.append(f"{items} = {found}[{page}.offset : {page}.offset + {page}.limit]")
        return [*lines, f"return Page(items=[{shown_as} for row in {items}], total=len({found}))"]

    def _single(self, method: Method, printer: MemoryPrinter, node: Expression) -> list[str]:
        lines = [f"row = {printer.text(node)}"]
        shown_as = self._shown(method, printer, node, "row")
        return [*lines, "return row" if shown_as == "row" else f"return None if row is None else {shown_as}"]

    def _shown(self, method: Method, printer: MemoryPrinter, node: Expression, row: str) -> str:
        type = plain(node.type)
        inner = plain(type.of) if isinstance(type, t.ListType | t.SetType) else type
        if not isinstance(inner, t.EntityType):
            return row
        held = row if self._gives_rows(node) else printer.known(inner.name, row)
        return held if method.view is None else printer.view(method.view, held)

    def _gives_rows(self, node: Expression) -> bool:
        return is_over_rows(node) or (
            isinstance(node, e.Call)
            and node.function in {"first", "last", "min", "max"}
            and is_over_rows(node.arguments[0])
        )
