"""`tests/adapters/`: the contract of each repository, on every store; the one in memory keeps it too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from krepis_generator import names
from krepis_generator.ports import given_name, keys_of, removal_refusal
from krepis_generator.proofs import rows, values
from krepis_generator.proofs.kit import stores
from krepis_generator.python.printer import plain
from krepis_generator.quoting import text_literal
from krepis_generator.repositories import Method, Parameter, Repositories
from krepis_generator.source import Module, indented
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity, Field
from krepis_spec.naming import plural
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type

_CONFTEST = '''
class Repositories:
    """The repositories of one store; each call is a unit of work of its own."""

    def __init__(self, store, **repositories) -> None:
        self.store = store
        self._repositories = repositories

    async def write(self, work):
        return await self.store.transact(context(), "write", lambda unit: work(self._made(unit)))

    async def read(self, work):
        return await self.store.transact(context(), "read", lambda unit: work(self._made(unit)))

    def _made(self, unit):
        return SimpleNamespace(**{name: made(unit) for name, made in self._repositories.items()})


@pytest.fixture
def ctx():
    return context()


@pytest.fixture
async def in_python():
    """The repositories in memory, filled."""
    async with filled(Repositories(MemoryStore(), **IN_MEMORY)) as stored:
        yield stored


@pytest.fixture(params=["in_python", @stores@])
def made(request):
    """The repositories on each store in turn."""
    if request.param == "in_python":
        return Repositories(MemoryStore(), **IN_MEMORY)
    return Repositories(database(request.getfixturevalue(request.param)), **ON_SQL)


@pytest.fixture
async def stored(made):
    """The same, filled."""
    async with filled(made):
        yield made


@asynccontextmanager
async def filled(made):
    """The repositories, open, with everything in `rows.py`."""
    ctx = context()
    await made.store.open()

    async def fill(ports):
@fill@

    await made.write(fill)
    yield made
    await made.store.close()
'''


def adapter_modules(blueprint: Blueprint, repositories: Repositories) -> list[Module]:
    """The contract of each repository, and what the contracts share."""
    tests = [_Contract(blueprint, repositories, entity).module() for entity in blueprint.entities]
    return [_conftest(blueprint), *tests]


def _conftest(blueprint: Blueprint) -> Module:
    module = Module(
        "tests/adapters/conftest.py", "The repositories on each store, with one of each thing and another one in them."
    )
    package = blueprint.service.name
    module.use_module("pytest")
    module.use("contextlib", "asynccontextmanager")
    module.use("types", "SimpleNamespace")
    module.use("krepis.context", "root")
    module.use("krepis.testing", "MemoryStore", "TestSources")
    module.use(f"{package}.app", "database")
    for kind, constant, folder in (("Memory", "IN_MEMORY", "memory"), ("Sql", "ON_SQL", "sql")):
        given: list[str] = []
        for entity in blueprint.entities:
            many, adapter = names.rows(entity.name), f"{kind}{names.port(entity.name)}"
            module.use(f"{package}.adapters.{folder}.{many}", adapter)
            given.append(f'"{many}": {adapter}')
        module.add(constant, f"{constant} = {{{', '.join(given)}}}")
    tenant = ', tenant="one"' if any(entity.per_tenant for entity in blueprint.entities) else ""
    module.add("context", f"def context():\n    return root(TestSources(){tenant})")
    lines: list[str] = []
    for entity in rows.ordered(blueprint):
        for number in (rows.FIRST, rows.SECOND):
            constant = rows.constant(entity.name, number)
            module.use("rows", constant)
            lines.append(f"await ports.{names.rows(entity.name)}.add(ctx, {constant})")
    kinds = ", ".join(text_literal(one) for one in stores(blueprint))
    text = _CONFTEST.replace("@stores@", kinds).replace("@fill@", indented("\n".join(lines), 8))
    module.add("Repositories", text)
    return module


class _Contract:
    def __init__(self, blueprint: Blueprint, repositories: Repositories, entity: Entity) -> None:
        self.blueprint = blueprint
        self.repositories = repositories
        self.entity = entity
        self.one = names.one(entity.name)
        self.said = names.a(names.words(entity.name)).replace(" ", "_")
        self.many = names.rows(entity.name)
        self.first = rows.constant(entity.name)
        self.other = rows.constant(entity.name, rows.SECOND)
        self.written = Module(f"tests/adapters/test_{self.many}.py", spans=[entity.span])

    def module(self) -> Module:
        for method in self.repositories.of(self.entity.name):
            for name, text in self._tests(method):
                self.written.add(name, text)
        return self.written

    def _tests(self, method: Method) -> Iterator[tuple[str, str]]:
        match method.form:
            case "find":
                yield from self._find(method)
            case "find_by":
                yield from self._find_by(method)
            case "find_many" | "find_many_by":
                yield from self._find_many(method)
            case "add":
                yield from self._add(method)
            case "save" | "save_many":
                yield from self._save(method)
            case "remove" | "remove_many":
                yield from self._remove(method)
            case "select":
                yield from self._select(method)
            case "view" | "views":
                yield from self._view(method)
            case _:
                pass

    def _use(self, *constants: str) -> None:
        self.written.use("rows", *constants)

    def _read(self, method: Method | str, *arguments: str, store: str = "stored") -> str:
        name = method if isinstance(method, str) else method.name
        return f"await {store}.read(lambda ports: ports.{self.many}.{name}({', '.join(('ctx', *arguments))}))"

    def _write(self, name: str, *arguments: str) -> str:
        return f"await stored.write(lambda ports: ports.{self.many}.{name}({', '.join(('ctx', *arguments))}))"

    def _find(self, method: Method) -> Iterator[tuple[str, str]]:
        self._use(self.first)
        self.written.use("uuid", "UUID")
        yield (
            "test_found",
            f"""\
async def test_{self.said}_is_found_as_it_was_added(stored, ctx):
    assert {self._read(method, f"{self.first}.id")} == {self.first}""",
        )
        yield (
            "test_not_found",
            f"""\
async def test_{self.said}_that_is_not_there_is_not_found(stored, ctx):
    assert {self._read(method, "UUID(int=0)")} is None""",
        )

    def _find_by(self, method: Method) -> Iterator[tuple[str, str]]:
        self._use(self.first, self.other)
        told = "_and_".join(method.fields)
        own = [f"{self.first}.{field}" for field in method.fields]
        yield (
            f"test_found_by_{told}",
            f"""\
async def test_{self.said}_is_found_by_{told}(stored, ctx):
    assert {self._read(method, *own)} == {self.first}""",
        )
        nobody = self._third(method.fields)
        if nobody is not None:
            yield (
                f"test_not_found_by_{told}",
                f"""\
async def test_{self.said}_with_another_{told}_is_not_found(stored, ctx):
    assert {self._read(method, *nobody)} is None""",
            )

    def _find_many(self, method: Method) -> Iterator[tuple[str, str]]:
        self._use(self.first, self.other)
        key = "id" if method.form == "find_many" else method.fields[0]
        self.written.use("uuid", "UUID")
        nobody = "UUID(int=0)" if key == "id" else (self._third((key,)) or [f"{self.first}.{key}"])[0]
        yield (
            f"test_{method.name}",
            f"""\
async def test_of_many_{plural(self.entity.name)}_those_are_found_by_{key}_that_there_are(stored, ctx):
    found = {self._read(method, f"[{self.first}.{key}, {self.other}.{key}, {nobody}]")}
    assert found == {{{self.first}.{key}: {self.first}, {self.other}.{key}: {self.other}}}""",
        )

    def _add(self, method: Method) -> Iterator[tuple[str, str]]:
        for key in keys_of(self.entity):
            refusal = names.taken(self.entity.name, key)
            changed = self._changed(self.other, but=key, id=3)
            if changed is None:
                continue
            self.written.use_module("pytest")
            self.written.use("krepis", "replace")
            self.written.use(f"{self.blueprint.service.name}.domain.{self.one}", refusal)
            self._use(self.first, self.other)
            same = ", ".join(f"{field}={self.first}.{field}" for field in key)
            yield (
                f"test_taken_{'_'.join(key)}",
                f"""\
async def test_{self.said}_with_the_{"_and_".join(key)}_of_another_is_refused(stored, ctx):
    {self.one} = replace({self.other}, {", ".join((*changed, same))})
    with pytest.raises({refusal}):
        {self._write(method.name, self.one)}""",
            )

    def _save(self, method: Method) -> Iterator[tuple[str, str]]:
        fields = [field for field in self.entity.fields if self._can_change(field)]
        given = ", ".join(f"{field.name}={self.other}.{field.name}" for field in fields)
        if not given:
            return
        self._use(self.first, self.other)
        self.written.use("krepis", "replace")
        if method.form == "save":
            yield (
                "test_saved",
                f"""\
async def test_{self.said}_that_is_saved_replaces_the_one_before(stored, ctx):
    changed = replace({self.first}, {given})
    {self._write(method.name, "changed")}
    assert {self._read("find", f"{self.first}.id")} == changed
    assert {self._read("find", f"{self.other}.id")} == {self.other}""",
            )
            return
        yield (
            "test_saved_many",
            f"""\
async def test_many_{plural(self.entity.name)}_are_saved_at_once(stored, ctx):
    changed = replace({self.first}, {given})
    {self._write(method.name, f"[changed, {self.other}]")}
    assert {self._read("find", f"{self.first}.id")} == changed
    assert {self._read("find", f"{self.other}.id")} == {self.other}""",
        )

    def _can_change(self, field: Field) -> bool:
        """Whether a saved thing may have the other one's value there."""
        keys = {name for key in keys_of(self.entity) for name in key}
        spans = {one.field for one in self.entity.no_overlap}
        if field.immutable or field.name in keys | spans or names.is_relation(field.type):
            return False
        if isinstance(plain(field.type), t.ListType | t.SetType):
            return _is_set(field, self.entity, self.blueprint)
        return (
            rows.example(self.entity, rows.FIRST, self.blueprint)[field.name]
            != (rows.example(self.entity, rows.SECOND, self.blueprint)[field.name])
        )

    def _remove(self, method: Method) -> Iterator[tuple[str, str]]:
        changed = self._changed(self.other, but=(), id=3)
        if changed is None or self.entity.no_overlap:
            return
        self._use(self.first, self.other)
        self.written.use("krepis", "replace")
        gone = "gone.id" if method.form == "remove" else "[gone.id]"
        yield (
            f"test_{method.name}",
            f"""\
async def test_{self.said}_that_is_removed_by_{method.name}_is_gone(stored, ctx):
    gone = replace({self.other}, {", ".join(changed)})
    {self._write("add", "gone")}
    {self._write(method.name, gone)}
    assert {self._read("find", "gone.id")} is None
    assert {self._read("find", f"{self.first}.id")} == {self.first}""",
        )
        held = removal_refusal(self.entity, self.blueprint)
        holder = self._holder()
        if held is not None and holder and method.form == "remove":
            self.written.use_module("pytest")
            self.written.use(f"{self.blueprint.service.name}.domain.{self.one}", held)
            yield (
                "test_held",
                f"""\
async def test_{self.said}_that_something_refers_to_stays(stored, ctx):
    with pytest.raises({held}):
        {self._write(method.name, f"{self.first}.id")}""",
            )

    def _holder(self) -> bool:
        """Whether a row in `rows.py` refers to the first one, and forbids that it goes."""
        return any(
            field.type == t.EntityType(self.entity.name) and field.on_delete in {"forbid", None}
            for other in self.blueprint.entities
            for field in other.fields
        )

    def _select(self, method: Method) -> Iterator[tuple[str, str]]:
        cases = [self._given(method, full=False), self._given(method, full=True)]
        told = ",\n".join(f"{{{', '.join(one)}}}" for one in dict.fromkeys(map(tuple, cases)))
        self.written.use_module("pytest")
        yield (
            f"test_{method.name}",
            f"""\
@pytest.mark.parametrize("given", [{told}])
async def test_{method.name}_has_the_same_answer_on_every_store(stored, in_python, ctx, given):
    answer = {self._read(method, "**given", store="in_python")}
    assert {self._read(method, "**given")} == answer""",
        )

    def _given(self, method: Method, *, full: bool) -> list[str]:
        return [
            f"{text_literal(given_name(method, one))}: {self._argument(one, full=full)}" for one in method.parameters
        ]

    def _argument(self, parameter: Parameter, *, full: bool) -> str:
        type = parameter.type
        if isinstance(type, t.OptionalType) and not full:
            return "None"
        match plain(type):
            case t.EntityType(name=name):
                self._use(rows.constant(name))
                return f"{rows.constant(name)}.id"
            case t.PageType(cursor=cursor):
                form = "Cursor" if cursor else "Offset"
                self.written.use("krepis.types", form)
                return f"{form}(limit=10)"
            case t.ListType(of=of) | t.SetType(of=of):
                return f"[{self._argument(Parameter('item', of), full=full)}]"
            case t.TextType(pattern=None, form="plain"):
                return '"A"'
            case _:
                value = values.plausible(plain(type), parameter.name, self.blueprint)
                return values.spelled(value, type, self.written, self.blueprint)

    def _view(self, method: Method) -> Iterator[tuple[str, str]]:
        self._use(self.first, self.other)
        asked = [f"{self.first}.id"] if method.form == "view" else [f"[{self.other}.id, {self.first}.id]"]
        user = names.user(self.blueprint)
        if len(method.parameters) > 1 and user is not None:
            self._use(rows.constant(user.name))
            asked.append(f"{rows.constant(user.name)}.id")
        yield (
            f"test_{method.name}",
            f"""\
async def test_{method.name}_shows_the_same_on_every_store(stored, in_python, ctx):
    seen = {self._read(method, *asked, store="in_python")}
    assert {self._read(method, *asked)} == seen""",
        )

    def _changed(self, base: str, *, but: tuple[str, ...], id: int) -> list[str] | None:
        """What makes of a row another one: its id, and what only one may have. `None`: there is no other value."""
        self.written.use("uuid", "UUID")
        given = [f"id=UUID(int={rows.id_of(self.entity.name, id, self.blueprint).int})"]
        for key in keys_of(self.entity):
            free = [field for field in key if field not in but]
            third = self._third(tuple(free[:1])) if free else []
            if third is None:
                return None
            given += [f"{name}={code}" for name, code in zip(free[:1], third, strict=True)]
        return list(dict.fromkeys(given))

    def _third(self, fields: tuple[str, ...]) -> list[str] | None:
        """Values that neither of the two rows has."""
        found: list[str] = []
        for name in fields:
            field = next(one for one in self.entity.fields if one.name == name)
            value = _third_value(field, self.entity, self.blueprint)
            if value is None:
                return None
            found.append(values.spelled(value, field.type, self.written, self.blueprint))
        return found


def _third_value(field: Field, entity: Entity, blueprint: Blueprint) -> Any:
    first = rows.example(entity, rows.FIRST, blueprint)[field.name]
    match plain(field.type):
        case t.TextType(form="plain", pattern=None, min=low, max=high):
            return f"Third {field.name}".ljust(low, "x")[:high]
        case t.TextType(pattern=str()) as type:
            return values.text(type, field.name, at=2)
        case t.TextType() as type:
            return values.text(type, f"third-{field.name}")
        case t.IntType():
            return first + 2
        case _:
            return None


def _is_set(field: Field, entity: Entity, blueprint: Blueprint) -> bool:
    """Whether a block gives it another value."""
    return any(
        isinstance(node, e.Set) and node.field == field.name and _names(node.of.type, entity)
        for one in blueprint.operations
        for node in nodes_in(one.body or ())
    )


def _names(type: Type, entity: Entity) -> bool:
    return plain(type) == t.EntityType(entity.name)
