"""One repository of a project on SQL: its statements, how rows become what the domain knows, and its class."""

from __future__ import annotations

from collections.abc import Iterator

from krepis_generator import names, ports
from krepis_generator.python import Printer
from krepis_generator.repositories import Method, Repositories
from krepis_generator.source import Module, indented
from krepis_generator.sql import questions
from krepis_generator.sql.layout import Table, plain
from krepis_generator.sql.loading import Loader, Loaders, write_statement
from krepis_generator.sql.queries import Query, attribute
from krepis_generator.sql.scalars import Scalars, Tables
from krepis_generator.sql.selections import Selection
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Entity, Field, NoOverlap
from krepis_spec.naming import snake
from krepis_spec.showing import nodes_in


def repository_module(entity: Entity, repositories: Repositories, tables: tuple[Table, ...]) -> Module:
    """The module of a repository."""
    return _Repository(entity, repositories, tables).written()


class _Repository:
    def __init__(self, entity: Entity, repositories: Repositories, tables: tuple[Table, ...]) -> None:
        self.entity = entity
        self.blueprint = repositories.blueprint
        self.repositories = repositories
        self.package = self.blueprint.service.name
        self.one, self.rows = names.one(entity.name), names.rows(entity.name)
        self.module = Module(
            f"src/{self.package}/adapters/sql/{self.rows}.py",
            f"{self.rows.replace('_', ' ').capitalize()} on SQL.",
            spans=[entity.span],
        )
        self.tables = Tables(self.blueprint, tables, self.module)
        self.table = self.tables.entity(entity.name)
        self.loaders = Loaders(self.module)
        self.methods: dict[str, str] = {}

    def written(self) -> Module:
        methods = self.repositories.of(self.entity.name)
        for method in methods:
            self.methods[method.name] = self._method(method)
        self._close(methods)
        return self.module

    # ------------------------------------------------------------------ the whole

    def _close(self, methods: list[Method]) -> None:
        module, name = self.module, f"Sql{names.port(self.entity.name)}"
        port = names.port(self.entity.name, writes=True)
        module.use("krepis.sql", "Sql")
        module.use(f"{self.package}.application.ports", port)
        tables = f"{self.package}.adapters.sql.tables"
        module.use(tables, *self.tables.aliases.tables)
        aliases = [f'{alias} = {table}.alias("{text}")' for alias, (table, text) in self.tables.aliases.aliases.items()]
        definitions, module.definitions = module.definitions, []
        for alias, text in zip(self.tables.aliases.aliases, aliases, strict=True):
            module.add(alias, text)
        module.definitions += definitions
        body = ["def __init__(self, sql: Sql) -> None:\n    self._sql = sql"]
        body += [self.methods[method.name] for method in methods]
        body += self.loaders.methods.values()
        body += [text for key, text in self.methods.items() if key not in {method.name for method in methods}]
        text = f"class {name}({port}):\n" + indented("\n\n".join(body))
        module.add(name, text, spans=[self.entity.span])
        for method in methods:
            if method.expression is not None:
                module.trace(f"{name}.{method.name}", [method.expression.span])
        self._write_row_function(methods)

    def _method(self, method: Method) -> str:
        match method.form:
            case "select":
                return questions.write(method, self.tables, self.loaders)
            case "find" | "find_by" | "find_many" | "find_many_by":
                lines = self._found(method)
            case "view" | "views":
                lines = self._viewed(method)
            case "add" | "save" | "add_many" | "save_many":
                lines = self._written(method)
            case "remove" | "remove_many":
                lines = self._removed(method)
            case "relate" | "unrelate":
                lines = self._related(method)
            case "next_number":
                lines = self._numbered(method)
        head = ports.declaration(method, self.module, self.blueprint)
        return head + "\n" + indented("\n".join(lines))

    # ------------------------------------------------------------------ reading

    def _whole(self) -> Loader:
        """How the entity itself is read."""
        known = self.loaders.known(self.one)
        if known is not None:
            return known
        scalars = Scalars(self.tables)
        row = Query(self.tables.aliases).read_from(self.table, self.entity.name)
        selection = Selection(self.tables, scalars, {})
        text = selection.entity(row)
        is_whole = [column.name for column in self.table.columns] == list(selection.columns)
        return self.loaders.of(
            self.one, selection, text, self.entity.name, {}, shared=True, whole=self.rows if is_whole else ""
        )

    def _found(self, method: Method) -> list[str]:
        self.module.use("sqlalchemy", "bindparam", "select")
        loader = self._whole()
        constant = f"_{method.name.upper()}"
        fields = method.fields or ("id",)
        calls = [f"select({loader.columns})"]
        if method.form in {"find", "find_by"}:
            equal = (f'{attribute(self.rows, field)} == bindparam("{field}")' for field in fields)
            calls.append(f"where({', '.join(equal)})")
            write_statement(self.module, constant, calls, loader.into)
            given = "".join(
                f", {field}={ports.given_name(method, one)}"
                for field, one in zip(fields, method.parameters, strict=True)
            )
            return loader.one(constant, given)
        field, many = fields[0], ports.given_name(method, method.parameters[0])
        calls.append(f'where({attribute(self.rows, field)}.in_(bindparam("{many}", expanding=True)))')
        calls.append(f"order_by({attribute(self.rows, 'id')})")
        write_statement(self.module, constant, calls, loader.into)
        found = loader.all(constant, f", {many}=sorted({many})")
        return [f"return {{{self.one}.{field}: {self.one} for {self.one} in {found}}}"]

    def _viewed(self, method: Method) -> list[str]:
        assert method.view is not None, "a view has a name"
        self.module.use("sqlalchemy", "bindparam", "select")
        scalars = Scalars(self.tables)
        query = Query(self.tables.aliases)
        row = query.read_from(self.table, self.entity.name)
        selection = Selection(self.tables, scalars, {})
        text = selection.view(method.view, row)
        key = selection.add(attribute(row.text, "id"), "UUID", "id") if method.form == "views" else ""
        self.module.use("uuid", "UUID")
        viewer = {"viewer": "UUID | None"} if len(method.parameters) > 1 else {}
        name = snake(method.view)
        known = self.loaders.known(name)
        if known is not None and known.selection.columns != selection.columns:
            name = f"{name}_by_id"
        loader = self.loaders.of(name, selection, text, method.view, viewer, shared=name == snake(method.view))
        asked = f'{attribute(self.rows, "id")} == bindparam("id")'
        if method.form == "views":
            asked = f'{attribute(self.rows, "id")}.in_(bindparam("ids", expanding=True))'
        constant = f"_{method.name.upper()}"
        source = [] if query.is_one_table else [f"select_from({query.source})"]
        calls = [f"select({loader.columns})", *source, f"where({asked})"]
        write_statement(self.module, constant, calls, loader.into, spans=[self.blueprint.view(method.view).span])
        given = ", viewer=viewer" if viewer and loader.asks_for("viewer") else ""
        if method.form == "view":
            return loader.one(constant, f", id=id{given}")
        lines = [f"rows = await self._sql.all({constant}, ids=list(ids){given})"]
        made = loader.of_rows("rows")
        lines.append(f"by_id = {{{key}: shown for row, shown in zip(rows, {made}, strict=True)}}")
        return [*lines, "return [by_id[id] for id in ids if id in by_id]"]

    # ------------------------------------------------------------------ writing

    def _written(self, method: Method) -> list[str]:
        self.module.use(f"{self.package}.adapters.sql.rows", "adding", "saving")
        adds = method.form.startswith("add")
        constant = "_ADD" if adds else "_SAVE"
        if all(definition.name != constant for definition in self.module.definitions):
            self.tables.aliases.of(self.rows, 1)
            self.module.add(constant, f"{constant} = {'adding' if adds else 'saving'}({self.rows})")
        single = method.form in {"add", "save"}
        if single:
            lines = [f"await self._sql.run({constant}, **_row({self.one}))"]
        else:
            lines = [f"await self._sql.run_many({constant}, [_row({self.one}) for {self.one} in {self.rows}])"]
        owners = self.one if single else self.rows
        for field in self.entity.fields:
            if self.tables.layout.form(field.type) == "children" and (adds or field.name in self._changed_fields()):
                lines += self._write_children(field, owners, single=single, adds=adds)
        if self.entity.no_overlap:
            lines += self._checked_overlaps(single=single)
        return self._unless_taken(lines)

    def _unless_taken(self, lines: list[str]) -> list[str]:
        keys = ports.keys_of(self.entity)
        if not keys:
            return lines
        self.module.use(f"{self.package}.adapters.sql.rows", "unique")
        if all(definition.name != "_TAKEN" for definition in self.module.definitions):
            self.module.use("types", "MappingProxyType")
            self.module.use("typing", "Final")
            classes = [names.taken(self.entity.name, key) for key in keys]
            self.module.use(f"{self.package}.domain.{self.one}", *classes)
            before = ("tenant",) if self.entity.per_tenant else ()
            told = [", ".join(f'"{field}"' for field in (*before, *key)) for key in keys]
            pairs = ", ".join(f"({fields},): {name}" for fields, name in zip(told, classes, strict=True))
            self.module.add("_TAKEN", f"_TAKEN: Final = MappingProxyType({{{pairs}}})")
        return ["with unique(_TAKEN):", indented("\n".join(lines))]

    def _changed_fields(self) -> set[str]:
        """The fields that some block sets after the thing was made."""
        found: set[str] = set()
        for body in (
            *(one.body or () for one in self.blueprint.operations),
            *(one.body for one in self.blueprint.reactions),
        ):
            for node in nodes_in(body):
                if isinstance(node, e.Set) and plain(node.of.type) == t.EntityType(self.entity.name):
                    found.add(node.field)
                elif isinstance(node, e.Action) and node.action in {"update", "put"}:
                    about = node.subject if node.of is None else getattr(plain(node.of.type), "name", "")
                    if self.entity.name in {about, node.subject}:
                        found |= {one.name for one in node.keywords}
        return found

    def _write_children(self, field: Field, owners: str, *, single: bool, adds: bool) -> list[str]:
        table = self.tables.layout.child_table(self.entity.name, field.name)
        owner = self.tables.layout.owner_column(self.entity.name)
        type = plain(field.type)
        assert isinstance(type, t.ListType | t.SetType)
        self.tables.aliases.of(table, 1)
        item = names.singular(field.name)
        item = item if item not in {field.name, self.one, "position"} else "item"
        constant = f"_ADD_{field.name.upper()}"
        if all(definition.name != constant for definition in self.module.definitions):
            self.module.add(constant, f"{constant} = adding({table})")
        inner = plain(type.of)
        given = f'"item": {item}'
        if isinstance(inner, t.ValueType):
            given = ", ".join(self._values(self.tables.layout.parts(inner.name), item))
        ordered = f"{self.one}.{field.name}" if isinstance(type, t.ListType) else f"sorted({self.one}.{field.name})"
        row = f'{{"{owner}": {self.one}.id, "position": position, {given}}}'
        loop = "" if single else f"for {self.one} in {owners} "
        lines = [f"await self._sql.run_many({constant}, [{row} {loop}for position, {item} in enumerate({ordered})])"]
        if adds:
            return lines
        drop = f"_DROP_{field.name.upper()}"
        self.module.use("sqlalchemy", "bindparam", "delete")
        self.module.use("krepis.sql", "statement")
        if all(definition.name != drop for definition in self.module.definitions):
            owned = f'{attribute(table, owner)}.in_(bindparam("owners", expanding=True))'
            self.module.add(drop, f"{drop} = statement(delete({table}).where({owned}))")
        ids = f"[{self.one}.id]" if single else f"[{self.one}.id for {self.one} in {owners}]"
        return [f"await self._sql.run({drop}, owners={ids})", *lines]

    def _values(self, fields: tuple[Field, ...], of: str, prefix: str = "", *, optional: bool = False) -> Iterator[str]:
        """The columns of a value with what they keep, as items of a dictionary."""
        for field in fields:
            yield from self._kept(field, f"{of}.{field.name}", f"{prefix}{field.name}", of if optional else "")

    def _kept(self, field: Field, text: str, column: str, guard: str = "") -> Iterator[str]:
        form, type = self.tables.layout.form(field.type), plain(field.type)
        optional = isinstance(field.type, t.OptionalType)
        if form == "period":
            for end in ("start", "end"):
                value = f"None if {text} is None else {text}.{end}" if optional else f"{text}.{end}"
                yield f'"{column}_{end}": {value}'
        elif form == "parts":
            assert isinstance(type, t.ValueType)
            yield from self._values(self.tables.layout.parts(type.name), text, f"{column}_", optional=optional)
        elif form == "column":
            yield f'"{column}": None if {guard} is None else {text}' if guard else f'"{column}": {text}'

    def _write_row_function(self, methods: list[Method]) -> None:
        if all(method.form not in {"add", "save", "add_many", "save_many"} for method in methods):
            return
        self.module.use("collections.abc", "Mapping")
        self.module.use("typing", "Any")
        self.module.use(f"{self.package}.domain.{self.one}", self.entity.name)
        forms = {self.tables.layout.form(field.type) for field in self.entity.fields}
        searched = any(field.searchable for field in self.entity.fields)
        if searched:
            self.module.use(f"{self.package}.domain.{self.one}", "search_text")
        more = [f'"search_text": search_text({self.one})'] if searched else []
        if forms <= {"column", "links"}:
            self.module.use("msgspec.structs", "asdict")
            value = f"{{**asdict({self.one}), {', '.join(more)}}}" if more else f"asdict({self.one})"
        else:
            items = [f'"id": {self.one}.id']
            for field in self.entity.fields:
                items += self._kept(field, f"{self.one}.{field.name}", field.name)
            items += [f'"version": {self.one}.version'] if self.entity.versioned else []
            value = f"{{{', '.join([*items, *more])}}}"
        text = f"def _row({self.one}: {self.entity.name}) -> Mapping[str, Any]:\n    return {value}"
        self.module.add("_row", text, spans=[self.entity.span])

    # ------------------------------------------------------------------ periods that may not overlap

    def _checked_overlaps(self, *, single: bool) -> list[str]:
        for number, rule in enumerate(self.entity.no_overlap):
            self._write_overlap(rule, number)
        call = f"await self._refuse_overlap({self.one})"
        return [call] if single else [f"for {self.one} in {self.rows}:", f"    {call}"]

    def _write_overlap(self, rule: NoOverlap, number: int) -> None:
        constant = "_OVERLAP" if number == 0 else f"_OVERLAP_{number + 1}"
        if any(definition.name == constant for definition in self.module.definitions):
            return
        self.module.use("uuid", "UUID")
        self.module.use("sqlalchemy", "bindparam", "select")
        refusal = names.overlapping(self.entity.name)
        self.module.use(f"{self.package}.domain.{self.one}", refusal, self.entity.name)
        scalars = Scalars(self.tables)
        query = Query(self.tables.aliases)
        row = query.read_from(self.table, self.entity.name)
        start, end = (attribute(row.text, f"{rule.field}_{name}") for name in ("start", "end"))
        conditions = [f'{attribute(row.text, name)} == bindparam("{name}")' for name in rule.per]
        conditions += [
            f'{start} < bindparam("end")',
            f'{end} > bindparam("start")',
            f'{row.text}.c.id != bindparam("id")',
        ]
        tests: list[str] = []
        if rule.where is not None:
            from krepis_generator.sql.scalars import Scope

            conditions.append(scalars.condition(rule.where, Scope(query, {}, row)).text)
            own = {field.name: f"{self.one}.{field.name}" for field in self.entity.fields}
            printer = Printer(self.module, self.package, _Own(), own, {})
            tests.append(printer.code(rule.where).at(4))
        field = next(field for field in self.entity.fields if field.name == rule.field)
        if isinstance(field.type, t.OptionalType):
            tests.append(f"{self.one}.{rule.field} is not None")
        calls = [f"select({row.text}.c.id)", f"where({', '.join(conditions)})", "limit(1)"]
        write_statement(self.module, constant, calls, "UUID", spans=[rule.span])
        given = "".join(f", {name}={self.one}.{name}" for name in rule.per)
        period = f"{self.one}.{rule.field}"
        asked = f"await self._sql.first({constant}, id={self.one}.id{given}, start={period}.start, end={period}.end)"
        body = f"if {' and '.join([*tests, f'{asked} is not None'])}:\n    raise {refusal}"
        known = self.methods.get(
            "_refuse_overlap", f"async def _refuse_overlap(self, {self.one}: {self.entity.name}) -> None:"
        )
        self.methods["_refuse_overlap"] = f"{known}\n{indented(body)}"

    # ------------------------------------------------------------------ removing, relations, numbers

    def _removed(self, method: Method) -> list[str]:
        self.module.use("sqlalchemy", "bindparam", "delete")
        self.module.use("krepis.sql", "statement")
        self.tables.aliases.of(self.rows, 1)
        constant = f"_{method.name.upper()}"
        many = method.form == "remove_many"
        which = (
            f'{self.rows}.c.id.in_(bindparam("ids", expanding=True))'
            if many
            else f'{self.rows}.c.id == bindparam("id")'
        )
        self.module.add(constant, f"{constant} = statement(delete({self.rows}).where({which}))")
        line = f"await self._sql.run({constant}, {'ids=sorted(ids)' if many else 'id=id'})"
        refusal = ports.removal_refusal(self.entity, self.blueprint)
        if refusal is None:
            return [line]
        self.module.use(f"{self.package}.adapters.sql.rows", "unused")
        self.module.use(f"{self.package}.domain.{self.one}", refusal)
        return [f"with unused({refusal}):", f"    {line}"]

    def _related(self, method: Method) -> list[str]:
        field = method.fields[0]
        layout = self.tables.layout
        table = layout.child_table(self.entity.name, field)
        owner, other = layout.owner_column(self.entity.name), layout.other_column(self.entity.name, field)
        self.tables.aliases.of(table, 1)
        constant = f"_{method.name.upper()}"
        same = f'{attribute(table, owner)} == bindparam("id"), {attribute(table, other)} == bindparam("other")'
        self.module.use("krepis.sql", "statement")
        self.module.use("sqlalchemy", "bindparam")
        if method.form == "unrelate":
            self.module.use("sqlalchemy", "delete")
            text = f"statement(delete({table}).where({same}))"
        else:
            self.module.use("sqlalchemy", "exists", "insert", "not_", "select", "Uuid")
            new = 'select(bindparam("id", type_=Uuid()), bindparam("other", type_=Uuid()))'
            there = f"exists().select_from({table}).where({same})"
            text = f'statement(insert({table}).from_select(["{owner}", "{other}"], {new}.where(not_({there}))))'
        self.module.add(constant, f"{constant} = {text}")
        id = ports.given_name(method, method.parameters[0])
        return [f"await self._sql.run({constant}, id={id}, other={method.parameters[1].name})"]

    def _numbered(self, method: Method) -> list[str]:
        self.module.use("sqlalchemy", "func", "select")
        self.tables.aliases.of(self.rows, 1)
        constant = f"_{method.name.upper()}"
        column = attribute(self.rows, method.fields[0])
        write_statement(self.module, constant, [f"select(func.coalesce(func.max({column}), 0) + 1)"], "int")
        return [f"return await self._sql.one({constant})"]


class _Own:
    def holds_row(self, name: e.Name) -> bool:
        return False

    def row(self, entity: str, id: str) -> str:
        raise AssertionError(f"a rule of one row does not look at another {entity}: {id}")
