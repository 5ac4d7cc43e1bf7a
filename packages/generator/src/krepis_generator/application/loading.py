"""The first half of a handler: everything that its decision has to know, read in the order in which it can be.

What callers name is looked up first (what is not there is refused), then what the block looks up and asks, and rows on the other side of
references level by level, each with one call for all of them.

One module because all reads of a handler share what is at hand: which row stands in which local, and how the next read gets at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from krepis_generator import names, shown
from krepis_generator.domain.decisions import has_addresses, input_records, names_entity
from krepis_generator.domain.plan import Plan, own_nodes, walked
from krepis_generator.frame.things import thing_of
from krepis_generator.python import Printer
from krepis_generator.python.code import Code
from krepis_generator.python.printer import plain
from krepis_generator.repositories import Method, Parameter, Repositories
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Input
from krepis_spec.expressions import Expression
from krepis_spec.facts import EACH, Login, Lookup, Numbering, Outcome, Question, Reach, Touch, type_at
from krepis_spec.naming import snake
from krepis_spec.showing import nodes_in
from krepis_spec.types import RecordType, Type

RESERVED = ("ctx", "command", "query", "event", "changes", "changed", "events", "decide")


class Loaded(Struct, frozen=True):
    """Rows at hand: one in a local (`optional` where there may be none), or several, as an expression that iterates over them."""

    text: str
    several: bool
    optional: bool = False


class HandlerRows:
    """Rows in a handler: structs in locals, and dictionaries by id of what was loaded in one go."""

    def __init__(self, plan: Plan) -> None:
        self.structs: dict[str, None] = {}
        self.tables: dict[str, str] = {}
        self.single: dict[str, str] = {}
        self._plan = plan

    def holds_row(self, name: e.Name) -> bool:
        return name.name in self.structs

    def row(self, entity: str, id: str) -> str:
        if entity in self.single:
            return self.single[entity]
        assert entity in self.tables, f"no {entity} was read for `{self._plan.operation.name}`"
        return f"{self.tables[entity]}[{id}]"


class HandlerPrinter(Printer):
    """Prints in a handler, where what a question has given are rows, not ids."""

    def __init__(self, module: Module, package: str, rows: HandlerRows, records: Mapping[Type, str]) -> None:
        super().__init__(module, package, rows, {}, records)
        self.handler_rows = rows
        self.row_lists: dict[str, None] = {}

    def variables(self, variables: tuple[str, ...], source: Expression) -> list[str]:
        for name in variables:
            self.handler_rows.structs.pop(name, None)
            if self.gives_rows(source):
                self.handler_rows.structs[name] = None
        return super().variables(variables, source)

    def gives_rows(self, source: Expression) -> bool:
        """Whether its items are rows."""
        match source:
            case e.Name(name=name):
                return name in self.row_lists
            case e.Call(function="sorted" | "list" | "reversed" | "take" | "skip" | "top", arguments=arguments):
                return self.gives_rows(arguments[0])
            case _:
                return False

    def code(self, node: Expression) -> Code:
        if isinstance(node, e.Call) and node.arguments and self.gives_rows(node.arguments[0]):
            for one in node.keywords:
                if isinstance(one.value, e.Lambda):
                    self.handler_rows.structs[one.value.parameter] = None
        return super().code(node)


class Loading:
    """Writes the reads. `missing` says what happens where something that was named is not there: refused, or nothing follows."""

    def __init__(
        self, plan: Plan, module: Module, repositories: Repositories, message: str, *, missing_ends: bool = False
    ) -> None:
        self.plan = plan
        self.blueprint = plan.blueprint
        self.module = module
        self.repositories = repositories
        self.message = message
        self.package = plan.blueprint.service.name
        self.rows = HandlerRows(plan)
        self.printer = HandlerPrinter(module, self.package, self.rows, input_records(plan.operation))
        self.lines: list[str] = []
        self.ports: dict[str, tuple[str, str]] = {}
        self.loaded: dict[Reach, Loaded] = {}
        self.values: dict[str, str] = {}
        """What the decision is given, by the names of the block."""
        self.thing = None if missing_ends else thing_of(plan.blueprint, plan.operation)
        self._missing_ends = missing_ends
        self._by_address: dict[str, str] = {}
        self._parts: dict[str, list[str]] = {}
        self._actor_known = False
        self._locals: dict[str, None] = dict.fromkeys(RESERVED)

    # ------------------------------------------------------------------ ports and names

    def repository(self, entity: str, *, writes: bool = False) -> str:
        """The argument that is the repository of that entity."""
        rows = names.rows(entity)
        known = self.ports.get(rows)
        port = names.port(entity, writes=writes or (known is not None and known[1].startswith("Writable")))
        self.ports[rows] = (f"{self.package}.application.ports", port)
        return rows

    def outside(self, module: str, port: str, name: str) -> str:
        """Another port."""
        self.ports[name] = (module, port)
        return name

    def local(self, wanted: str) -> str:
        """A name for a local that nothing else has."""
        taken = {
            *names.BUILTINS,
            *self._locals,
            *(names.rows(one.name) for one in self.blueprint.entities),
            *self.ports,
        }
        name = next(one for one in _numbered(wanted) if one not in taken)
        self._locals[name] = None
        return name

    # ------------------------------------------------------------------ everything

    def all(self) -> None:
        """All reads of the plan."""
        self._given()
        self._of_inputs()
        for read in self.plan.facts.reads:
            self._prepare(self._needed_by(read))
            self._read(read)
        self._prepare((*self.plan.facts.decided, *self._shown()))

    def _shown(self) -> list[Touch]:
        """The row that is shown as it is."""
        value, view = self.plan.returned(), self.plan.operation.answer.view
        if self.plan.answers() != "entity" or not isinstance(value, e.Name) or view is None:
            return []
        entity = plain(value.type)
        if value.name not in self.plan.facts.roots or not isinstance(entity, t.EntityType):
            return []
        if shown.needs_rows(self.blueprint.view(view), self.blueprint):
            return []
        return [Touch(Reach(value.name), entity.name)]

    def actor(self, *, optional: bool) -> str:
        """The id of who calls."""
        if not self._actor_known:
            function = "caller_or_none" if optional else "caller"
            self.module.use(f"{self.package}.application.callers", function)
            self.lines.append(f"actor = {function}(ctx)")
            self._locals["actor"] = None
            self._actor_known = True
        return "actor"

    def _given(self) -> None:
        for name, type in self.plan.roots.items():
            if name == "actor":
                self.values["actor"] = self.actor(optional=isinstance(type, t.OptionalType))
            elif name == "now":
                self.values["now"] = "ctx.now()"
            elif name == "tenant":
                self.values["tenant"] = "ctx.tenant"
            else:
                self.values[name] = f"{self.message}.{name}"
            self.printer.names[name] = self.values[name]
        for one in self.plan.operation.inputs:
            if one.empty_is_none:
                self.values[one.name] = f"{self.message}.{one.name} or None"
                self.printer.names[one.name] = f"({self.values[one.name]})"

    # ------------------------------------------------------------------ what callers name

    def _of_inputs(self) -> None:
        many: dict[str, list[Input]] = {}
        for one in self.plan.operation.inputs:
            inner = plain(one.type)
            if isinstance(inner, t.EntityType):
                self._one_named(one, inner.name)
            elif names_entity(one.type):
                for entity in dict.fromkeys(_entities_in(one.type)):
                    many.setdefault(entity, []).append(one)
            elif isinstance(inner, t.SecretType) and one.name in self._used():
                self._hash(one)
        for entity, inputs in many.items():
            self._many_named(entity, inputs)
        asked = {node.name for read in self.plan.facts.reads for node in _names(read)}
        for one in dict.fromkeys(one for inputs in many.values() for one in inputs):
            converted = self._converted(one)
            if one.name in asked and converted != f"{self.message}.{one.name}":
                local = self.local(f"given_{one.name}")
                self.lines.append(f"{local} = {converted}")
                converted = local
            self.values[one.name] = self.printer.names[one.name] = converted

    def _used(self) -> set[str]:
        return {
            node.name
            for statement, _ in walked(self.plan.facts.body)
            for node in own_nodes(statement)
            if isinstance(node, e.Name)
        }

    def _hash(self, given: Input) -> None:
        """A password goes in as its hash."""
        passwords = self.outside("krepis.accounts", "Passwords", "passwords")
        local = self.local(f"hashed_{given.name}")
        call = f"await {passwords}.hash(ctx, {self.message}.{given.name})"
        if isinstance(given.type, t.OptionalType):
            call = f"None if {self.message}.{given.name} is None else {call}"
        if given.may_be_absent:
            self.module.use("krepis.types", "ABSENT")
            call = f"ABSENT if {self.message}.{given.name} is ABSENT else {call}"
        self.lines.append(f"{local} = {call}")
        self.values[given.name] = self.printer.names[given.name] = local

    def _one_named(self, given: Input, entity: str) -> None:
        name = given.name
        self.rows.structs[name] = None
        if self.thing is not None and name == self.thing.name:
            self._locals[name] = None
            self.printer.names[name] = name
            self.loaded[Reach(name)] = Loaded(name, several=False)
            self.values[name] = f"{name}.id"
            return
        local = self.local(name)
        optional = isinstance(given.type, t.OptionalType)
        self.printer.names[name] = local
        self.loaded[Reach(name)] = Loaded(local, several=False, optional=optional)
        self.values[name] = f"None if {local} is None else {local}.id" if optional else f"{local}.id"
        asked = f"{self.message}.{name}"
        find = f"await {self._find(entity)}(ctx, {asked})"
        if given.may_be_absent:
            self._maybe_absent(given, local, find, entity)
        elif optional:
            self.lines += [f"{local} = None if {asked} is None else {find}"]
            self.lines += [f"if {asked} is not None and {local} is None:", *self._refusal(entity, asked)]
        else:
            self.lines += [f"{local} = {find}", f"if {local} is None:", *self._refusal(entity, asked)]

    def _maybe_absent(self, given: Input, local: str, find: str, entity: str) -> None:
        asked = f"{self.message}.{given.name}"
        self.module.use("krepis.types", "ABSENT")
        nothing = f"{asked} is ABSENT" + (f" or {asked} is None" if isinstance(given.type, t.OptionalType) else "")
        self.lines.append(f"{local} = None if {nothing} else {find}")
        there = f"{asked} is not ABSENT" + (
            f" and {asked} is not None" if isinstance(given.type, t.OptionalType) else ""
        )
        self.lines += [f"if {there} and {local} is None:", *self._refusal(entity, asked)]
        self.values[given.name] = f"ABSENT if {asked} is ABSENT else None if {local} is None else {local}.id"

    def _find(self, entity: str) -> str:
        method = self.repositories.find_by(
            entity, "id" if self._missing_ends else self.blueprint.entity(entity).address
        )
        return f"{self.repository(entity)}.{method.name}"

    def _refusal(self, entity: str, asked: str) -> list[str]:
        if self._missing_ends:
            return ["    return"]
        self.module.use(f"{self.package}.domain.{names.one(entity)}", names.missing(entity))
        return [f"    raise {names.missing(entity)}({names.one(entity)}={asked})"]

    def _many_named(self, entity: str, inputs: list[Input]) -> None:
        """One read for all of one entity that the inputs name, and the refusal of those that are not there."""
        address = "id" if self._missing_ends else self.blueprint.entity(entity).address
        method = self.repositories.find_many_by(entity, address)
        local = self.local("found" if len(self._all_named()) == 1 else f"found_{names.rows(entity)}")
        self._by_address[entity] = local
        loops = [loop for one in inputs for loop in self._loops_to(one, entity)]
        asked = (
            f"{{{loops[0][0]}{loops[0][1]}}}" if len(loops) == 1 else f"{{{', '.join(f'*({a}{b})' for a, b in loops)}}}"
        )
        self.lines.append(f"{local} = await {self.repository(entity)}.{method.name}(ctx, {asked})")
        for value, loop in loops:
            heads, conditions = _heads(loop)
            indent = ""
            for head in heads:
                self.lines.append(f"{indent}{head}:")
                indent += "    "
            condition = " and ".join([*conditions, f"{value} not in {local}"])
            self.lines += [f"{indent}if {condition}:", *(indent + one for one in self._refusal(entity, value))]
        self._parts.setdefault(entity, []).append(
            f"**{local}"
            if address == "id"
            else f"**{{{names.one(entity)}.id: {names.one(entity)} for {names.one(entity)} in {local}.values()}}"
        )

    def _all_named(self) -> set[str]:
        return {
            entity
            for one in self.plan.operation.inputs
            if not isinstance(plain(one.type), t.EntityType)
            for entity in _entities_in(one.type)
        }

    def _loops_to(self, given: Input, entity: str) -> Iterator[tuple[str, str]]:
        """`line.book` and ` for line in command.lines`, for each place of that entity in an input."""
        yield from self._places(given.type, f"{self.message}.{given.name}", names.singular(given.name), "", entity)

    def _places(self, type: Type, text: str, word: str, loops: str, entity: str) -> Iterator[tuple[str, str]]:
        match type:
            case t.OptionalType(of=of):
                if _is_at(of, entity) or not isinstance(of, t.ListType | t.SetType):
                    yield from self._places(of, text, word, f"{loops} if {text} is not None", entity)
                else:
                    yield from self._places(of, f"({text} or ())", word, loops, entity)
            case t.ListType(of=of) | t.SetType(of=of):
                yield from self._places(of, word, names.singular(word), f"{loops} for {word} in {text}", entity)
            case RecordType(fields=fields):
                for field in fields:
                    yield from self._places(
                        field.type, f"{text}.{field.name}", names.singular(field.name), loops, entity
                    )
            case t.EntityType(name=name) if name == entity:
                yield text, loops
            case _:
                pass

    def _converted(self, given: Input) -> str:
        """The input with the ids of what callers have named by their addresses."""
        return self._with_ids(given.type, f"{self.message}.{given.name}", names.singular(given.name))

    def _with_ids(self, type: Type, text: str, word: str) -> str:
        if not self._missing_ends and not has_addresses(type, self.blueprint):
            return text
        if self._missing_ends and not names_entity(type):
            return text
        match type:
            case t.EntityType(name=name):
                known = self._by_address[name]
                plainly = self._missing_ends or self.blueprint.entity(name).address == "id"
                return text if plainly else f"{known}[{text}].id"
            case t.OptionalType(of=of):
                return f"None if {text} is None else {self._with_ids(of, text, word)}"
            case t.ListType(of=of):
                return f"[{self._with_ids(of, word, names.singular(word))} for {word} in {text}]"
            case t.SetType(of=of):
                return f"{{{self._with_ids(of, word, names.singular(word))} for {word} in {text}}}"
            case RecordType(fields=fields):
                name = input_records(self.plan.operation)[type]
                self.module.use(self.plan.module, name)
                given = ", ".join(
                    f"{field.name}={self._frozen(field.type, f'{text}.{field.name}')}" for field in fields
                )
                return f"{name}({given})"
            case _:
                return text

    def _frozen(self, type: Type, text: str) -> str:
        converted = self._with_ids(type, text, names.singular(text.rpartition(".")[2]))
        if isinstance(type, t.ListType):
            return f"tuple({converted})"
        return converted

    # ------------------------------------------------------------------ what the block looks up and asks

    def _needed_by(self, read: object) -> list[Touch]:
        """The rows that the arguments of a read look at."""
        wanted = {node.name for node in _names(read)}
        return [touch for touch in self.plan.facts.asked if touch.reach.root in wanted]

    def _read(self, read: object) -> None:
        match read:
            case Lookup() if read.loops:
                self._look_up_all(read)
            case Lookup():
                self._look_up(read)
            case Question():
                self._ask(read)
            case Numbering():
                method = self.repositories.next_number(read.entity, read.field)
                call = f"await {self.repository(read.entity, writes=True)}.{method.name}(ctx)"
                if read.several:
                    self.module.use("itertools", "count")
                    call = f"count({call})"
                self._known(read.name, call)
            case Outcome():
                self._call_out(read)
            case Login():
                self._log_in(read)
            case _:
                raise AssertionError("there are no other reads")

    def _known(self, name: str, call: str) -> str:
        local = self.local(name)
        self.lines.append(f"{local} = {call}")
        self.values[name] = self.printer.names[name] = local
        return local

    def _look_up(self, read: Lookup) -> None:
        method = self.repositories.find_by(read.entity, *read.fields)
        values = [self.printer.text(value) for value in read.values]
        call = f"await {self.repository(read.entity)}.{method.name}(ctx, {', '.join(values)})"
        if read.guards:
            test = " and ".join(self.printer.code(one).at(4) for one in read.guards)
            call = f"{call} if {test} else None"
        local = self._known(read.name, call)
        self.rows.structs[read.name] = None
        optional = not read.required
        self.loaded[Reach(read.name)] = Loaded(local, several=False, optional=optional)
        self.values[read.name] = f"None if {local} is None else {local}.id" if optional else f"{local}.id"
        if read.required:
            self.lines += [f"if {local} is None:", *self._refusal(read.entity, values[0])]

    def _look_up_all(self, read: Lookup) -> None:
        """One read for all rounds of a loop."""
        method = self.repositories.find_many_by(read.entity, read.fields[0])
        loops = ""
        for loop in read.loops:
            source = self.printer.code(loop.source).text
            variables = ", ".join(self.printer.variables(loop.variables, loop.source))
            loops += f" for {variables} in {source}"
        value = self.printer.text(read.values[0])
        local = self.local(f"found_{names.rows(read.entity)}")
        self.lines.append(f"{local} = await {self.repository(read.entity)}.{method.name}(ctx, {_set(value, loops)})")
        if read.required:
            heads, _ = _heads(loops)
            indent = ""
            for head in heads:
                self.lines.append(f"{indent}{head}:")
                indent += "    "
            refusal = [indent + one for one in self._refusal(read.entity, value)]
            self.lines += [f"{indent}if {value} not in {local}:", *refusal]
        one = names.one(read.entity)
        self.values[read.name] = f"{{key: {one}.id for key, {one} in {local}.items()}}"
        self.printer.names[read.name] = local
        self.loaded[Reach(read.name, (EACH,))] = Loaded(f"{local}.values()", several=True)

    def _ask(self, read: Question) -> None:
        local = self._known(read.name, f"await {self.question(read, read.name, view=None)[0]}")
        type = plain(read.expression.type)
        if isinstance(type, t.EntityType):
            self.rows.structs[read.name] = None
            optional = isinstance(read.expression.type, t.OptionalType)
            self.loaded[Reach(read.name)] = Loaded(local, several=False, optional=optional)
            self.values[read.name] = f"None if {local} is None else {local}.id" if optional else f"{local}.id"
        elif isinstance(type, t.ListType | t.SetType) and isinstance(type.of, t.EntityType):
            one = names.one(type.of.name)
            self.loaded[Reach(read.name, (EACH,))] = Loaded(local, several=True)
            self.printer.row_lists[read.name] = None
            self.values[read.name] = f"[{one}.id for {one} in {local}]"

    def question(
        self, read: Question, name: str, *, view: str | None, page: Input | None = None, doc: str = ""
    ) -> tuple[str, Method]:
        """The call that asks a question, not awaited, and its method."""
        viewer = view is not None and shown.needs_viewer(self.blueprint.view(view), self.blueprint)
        parameters = [Parameter(given, value.type) for given, value in read.arguments]
        arguments = [f"{given}={self.printer.text(value)}" for given, value in read.arguments]
        if page is not None and all(one.name != page.name for one in parameters):
            parameters.append(Parameter(page.name, page.type))
            arguments.append(f"{page.name}={self.message}.{page.name}")
        if viewer:
            parameters.append(Parameter("viewer", t.OptionalType(t.UuidType())))
            arguments.append(f"viewer={self.viewer()}")
        known = {one.name: one for one in self.repositories.of(read.entity)}
        method = name if name not in known else f"{self.plan.operation.name}_{name}"
        asked = self.repositories.select(
            read.entity, method, read.expression, tuple(parameters), view=view, doc=doc.partition("\n\n")[0]
        )
        given_text = "".join(f", {one}" for one in arguments)
        return f"{self.repository(read.entity)}.{method}(ctx{given_text})", asked

    def viewer(self) -> str:
        """The id of who looks, or none."""
        if self._actor_known:
            return "actor"
        self.module.use(f"{self.package}.application.callers", "caller_or_none")
        return "caller_or_none(ctx)"

    def _log_in(self, read: Login) -> None:
        """Whose password it is; the throttle of logins counts what is wrong."""
        method = self.repositories.find_by(read.entity, *read.fields)
        save = self.repositories.write(read.entity, "save")
        values = [self.printer.text(value) for value in read.values]
        repository = self.repository(read.entity, writes=True)
        local = self._known(read.name, f"await {repository}.{method.name}(ctx, {', '.join(values)})")
        logins = self.outside("krepis.accounts", "Logins", "logins")
        rehashed = self.local("rehashed")
        self.module.use("krepis", "replace")
        stored = f"None if {local} is None else {local}.{read.secret}"
        given = f"account={values[0]}, password={self.printer.text(read.password)}, stored={stored}, client=''"
        self.lines += [
            f"{rehashed} = await {logins}.check(ctx, {given})",
            f'assert {local} is not None, "without an account no password is right"',
            f"if {rehashed} is not None:",
            f"    await {repository}.{save.name}(ctx, replace({local}, {read.secret}={rehashed}))",
        ]
        self.rows.structs[read.name] = None
        self.loaded[Reach(read.name)] = Loaded(local, several=False)
        self.values[read.name] = f"{local}.id"

    def token_for(self, user: Expression) -> str:
        """A session of that user: the token that opens it."""
        self.module.use("krepis.accounts", "Grant")
        sessions = self.outside("krepis.accounts", "WritableSessions", "sessions")
        row = self.printer.row(user)
        entity = plain(user.type)
        assert isinstance(entity, t.EntityType)
        has_roles = any(field.name == "roles" for field in self.blueprint.entity(entity.name).fields)
        roles = f", frozenset({row}.roles)" if has_roles else ""
        return f"(await {sessions}.open(ctx, Grant(str({row}.id){roles}))).access_token"

    def _call_out(self, read: Outcome) -> None:
        port = self.outside(f"{self.package}.application.ports", read.port, snake(read.port))
        given = "".join(f", {one.name}={self.printer.field(one.value, one.value.type)}" for one in read.arguments)
        self._known(read.name, f"await {port}.{read.operation}(ctx{given})")

    # ------------------------------------------------------------------ rows on the other side of references

    def _prepare(self, touches: Iterable[Touch]) -> None:
        """Reads the rows that are touched, those nearest to what is at hand first."""
        levels: dict[int, dict[str, list[Reach]]] = {}
        for touch in touches:
            for reach, entity in self._ways(touch):
                level = levels.setdefault(self._depth(reach), {}).setdefault(entity, [])
                if reach not in self.loaded and reach not in level:
                    level.append(reach)
        for depth in sorted(levels):
            for entity, ways in levels[depth].items():
                self._load(entity, ways)

    def _ways(self, touch: Touch) -> Iterator[tuple[Reach, str]]:
        """The way to the rows, and before it the ways to those on the way."""
        for length in range(len(touch.reach.steps)):
            before = Reach(touch.reach.root, touch.reach.steps[:length])
            type = type_at(before, self.plan.facts.roots, self.blueprint)
            if isinstance(type, t.EntityType):
                yield before, type.name
        yield touch.reach, touch.entity

    def _depth(self, reach: Reach) -> int:
        return sum(
            isinstance(
                type_at(Reach(reach.root, reach.steps[:length]), self.plan.facts.roots, self.blueprint), t.EntityType
            )
            for length in range(len(reach.steps))
        )

    def _load(self, entity: str, ways: Sequence[Reach]) -> None:
        ahead: list[Reach] = []
        for way in ways:
            if way.root == "actor" and not way.steps:
                self._load_user(entity)
            elif self._is_named(way):
                self.loaded[way] = Loaded(f"{self._by_address[entity]}.values()", several=True)
            else:
                ahead.append(way)
        if not ahead:
            return
        if len(ahead) == 1 and EACH not in ahead[0].steps and not self._is_several(ahead[0]):
            self._load_one(entity, ahead[0])
        else:
            self._load_many(entity, ahead)

    def _load_user(self, entity: str) -> None:
        method = self.repositories.find(entity)
        local = self.local(names.one(entity))
        self.module.use("krepis.access", "NotSignedIn")
        call = f"await {self.repository(entity)}.{method.name}(ctx, actor)"
        if isinstance(self.plan.roots["actor"], t.OptionalType):
            self.lines.append(f"{local} = None if actor is None else {call}")
        else:
            self.lines += [f"{local} = {call}", f"if {local} is None:", "    raise NotSignedIn"]
        self.loaded[Reach("actor")] = Loaded(
            local, several=False, optional=isinstance(self.plan.roots["actor"], t.OptionalType)
        )
        self.rows.single.setdefault(entity, local)

    def _is_named(self, way: Reach) -> bool:
        """Whether callers have named it inside of a list or a record: then it was looked up by its address."""
        inputs = {one.name: one for one in self.plan.operation.inputs}
        if way.root not in inputs or isinstance(plain(inputs[way.root].type), t.EntityType):
            return False
        return self._depth(way) == 0

    def _is_several(self, way: Reach) -> bool:
        parent, _ = self._parent(way)
        return parent in self.loaded and self.loaded[parent].several

    def _parent(self, way: Reach) -> tuple[Reach, tuple[str, ...]]:
        """The row that the way goes on from, and the rest of the way."""
        for length in range(len(way.steps) - 1, -1, -1):
            before = Reach(way.root, way.steps[:length])
            if isinstance(type_at(before, self.plan.facts.roots, self.blueprint), t.EntityType):
                return before, way.steps[length:]
        return Reach(way.root), way.steps

    def _load_one(self, entity: str, way: Reach) -> None:
        method = self.repositories.find(entity)
        id, conditions = self._id_of(way)
        local = self.local(way.steps[-1] if way.steps else names.one(entity))
        call = f"await {self.repository(entity)}.{method.name}(ctx, {id})"
        if conditions:
            self.lines.append(f"{local} = {call} if {' and '.join(conditions)} else None")
        else:
            self.lines += [f"{local} = {call}", f'assert {local} is not None, "it is referred to"']
        self.loaded[way] = Loaded(local, several=False, optional=bool(conditions))
        self.rows.single.setdefault(entity, local)

    def _id_of(self, way: Reach) -> tuple[str, list[str]]:
        """The id that a way without loops leads to, and what must hold for there to be one."""
        parent, rest = self._parent(way)
        if parent not in self.loaded:
            return self.printer.names.get(way.root, way.root), []
        row = self.loaded[parent]
        text, conditions = row.text, [f"{row.text} is not None"] if row.optional else []
        type = type_at(parent, self.plan.facts.roots, self.blueprint)
        for step in rest:
            field = self._field_type(type, step)
            text = f"{text}.{step}"
            if isinstance(field, t.OptionalType):
                conditions.append(f"{text} is not None")
            type = plain(field)
        return text, conditions

    def _field_type(self, type: Type, step: str) -> Type:
        match type:
            case t.EntityType(name=name):
                fields = self.blueprint.entity(name).fields
                return next(field.type for field in fields if field.name == step)
            case t.ValueType(name=name):
                fields = self.blueprint.value(name).fields
                return next(field.type for field in fields if field.name == step)
            case RecordType(fields=parts):
                return next(field.type for field in parts if field.name == step)
            case t.ListType(of=of) | t.SetType(of=of):
                return of
            case _:
                raise AssertionError(f"there is no `{step}`")

    def _load_many(self, entity: str, ways: Sequence[Reach]) -> None:
        method = self.repositories.find_many(entity)
        ids = [self._ids_of(way) for way in ways]
        if len(ids) == 1:
            text, loop = ids[0]
            asked = _set(text, loop)
        else:
            asked = (
                f"{{{', '.join(f'*({a}{b})' if ' for ' in b else f'*([{a}]{b} else [])' if b else a for a, b in ids)}}}"
            )
        local = self.local(f"found_{names.rows(entity)}")
        self.lines.append(f"{local} = await {self.repository(entity)}.{method.name}(ctx, {asked})")
        self._parts.setdefault(entity, []).append(f"**{local}")
        self.rows.tables[entity] = local
        for way in ways:
            self.loaded[way] = Loaded(f"{local}.values()", several=True)

    def _ids_of(self, way: Reach) -> tuple[str, str]:
        """`line.book` and ` for line in order.lines`."""
        parent, rest = self._parent(way)
        loops = ""
        if parent in self.loaded:
            row = self.loaded[parent]
            type = type_at(parent, self.plan.facts.roots, self.blueprint)
            text = row.text
            if row.several:
                assert isinstance(type, t.EntityType)
                text = names.one(type.name)
                loops = f" for {text} in {row.text}"
            elif row.optional:
                loops = f" if {row.text} is not None"
        else:
            text, type = self.printer.names.get(way.root, way.root), plain(self.plan.facts.roots[way.root])
        for number, step in enumerate(rest):
            field = self._field_type(type, step)
            if step == EACH:
                word = names.singular(rest[number - 1]) if number else "one"
                loops += f" for {word} in {text}"
                text = word
            else:
                text = f"{text}.{step}"
            if isinstance(field, t.OptionalType) and isinstance(plain(field), t.ListType):
                text = f"({text} or ())"
            elif isinstance(field, t.OptionalType):
                loops += f" if {text} is not None"
            type = plain(field)
        return text, loops

    # ------------------------------------------------------------------ what the decision is given

    def table(self, entity: str) -> str:
        """All rows of that entity that are at hand, by id."""
        parts = list(self._parts.get(entity, ()))
        for reach, row in self.loaded.items():
            if type_at(reach, self.plan.facts.roots, self.blueprint) != t.EntityType(entity):
                continue
            if not row.several:
                part = f"{row.text}.id: {row.text}"
                parts.append(f"**({{}} if {row.text} is None else {{{part}}})" if row.optional else part)
            elif reach.steps == (EACH,) and isinstance(self._source(reach), Lookup | Question):
                one = names.one(entity)
                parts.append(f"**{{{one}.id: {one} for {one} in {row.text}}}")
        parts = list(dict.fromkeys(parts))
        if len(parts) == 1 and parts[0].startswith("**") and not parts[0].startswith("**("):
            return parts[0][2:]
        return f"{{{', '.join(parts)}}}"

    def _source(self, reach: Reach) -> object:
        return next((read for read in self.plan.facts.reads if read.name == reach.root), None)

    def struct(self, entity: str) -> str:
        """The one row of that entity."""
        way = self.plan.reaches(entity)[0]
        return self.loaded[way].text

    def inline_last_table(self, entity: str) -> str:
        """The table of that entity; where its read was the last thing before, the call itself instead of a local."""
        text = self.table(entity)
        if self.lines and self.lines[-1].startswith(f"{text} = await "):
            return self.lines.pop().removeprefix(f"{text} = ")
        return text


def _numbered(wanted: str) -> Iterator[str]:
    yield wanted
    yield f"{wanted}_found"
    number = 2
    while True:
        yield f"{wanted}_{number}"
        number += 1


def _set(value: str, loops: str) -> str:
    """`{line.book for line in lines}`; what is a set of all of them needs no loop."""
    head = f" for {value} in "
    if loops.startswith(head) and " for " not in loops[len(head) :] and " if " not in loops:
        return f"set({loops[len(head) :]})"
    return f"{{{value}{loops}}}"


def _entities_in(type: Type) -> Iterator[str]:
    match type:
        case t.EntityType(name=name):
            yield name
        case t.OptionalType(of=of) | t.ListType(of=of) | t.SetType(of=of):
            yield from _entities_in(of)
        case RecordType(fields=fields):
            for field in fields:
                yield from _entities_in(field.type)
        case _:
            pass


def _is_at(type: Type, entity: str) -> bool:
    return isinstance(type, t.EntityType) and type.name == entity


def _heads(loops: str) -> tuple[list[str], list[str]]:
    """` for a in b if c` as heads of statements, and what must hold."""
    heads: list[str] = []
    conditions: list[str] = []
    for part in loops.split(" for "):
        if not part.strip():
            continue
        head, *tests = part.split(" if ")
        if head.strip():
            heads.append(f"for {head}")
        conditions += tests
    return heads, conditions


def _names(read: object) -> list[e.Name]:
    match read:
        case Lookup(values=values, guards=guards, loops=loops):
            given: tuple[Expression, ...] = (*values, *guards, *(loop.source for loop in loops))
        case Question(arguments=arguments):
            given = tuple(value for _, value in arguments)
        case Outcome(arguments=arguments):
            given = tuple(one.value for one in arguments)
        case _:
            given = ()
    return [node for node in nodes_in(given) if isinstance(node, e.Name)]
