"""`application/ports.py` of a project: what handlers ask of repositories and of the world outside, and how each method is declared."""

from __future__ import annotations

from collections.abc import Iterator

from krepis_generator import names
from krepis_generator.annotations import Annotations
from krepis_generator.domain.things import is_held
from krepis_generator.quoting import docstring
from krepis_generator.repositories import Method, Parameter, Repositories
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity, Port
from krepis_spec.naming import class_name, plural, snake
from krepis_spec.showing import nodes_in
from krepis_spec.types import RecordType, Type


def write(blueprint: Blueprint, repositories: Repositories) -> Module:
    """The module of all ports: a reading and a writing one for each repository, and the outbound ones."""
    package, title = blueprint.service.name, blueprint.service.title
    module = Module(
        f"src/{package}/application/ports.py",
        f"The ports of the {title[:1].lower()}{title[1:]}. Queries take the reading ones, commands the writing ones, "
        "which extend them.",
        spans=[blueprint.service.span],
    )
    for entity in repositories.entities():
        for method in repositories.of(entity):
            _write_records(module, method, blueprint)
    for entity in repositories.entities():
        _write_repository(module, blueprint.entity(entity), repositories)
    for port in blueprint.ports:
        _write_outbound(module, port, blueprint)
    return module


def records_of(method: Method) -> dict[Type, str]:
    """The classes of the records that a `select` answers with; they stand in `application/ports.py`, innermost first."""
    found: dict[Type, str] = {}
    if method.form == "select":
        for node in nodes_in(method.expression):
            if isinstance(node, e.Record) and node.type not in found:
                number = len(found) + 1
                found[node.type] = f"{class_name(method.name)}Answer{number if number > 1 else ''}"
    return dict(reversed(found.items()))


def page_of(method: Method) -> Parameter | None:
    """The parameter that says which page is asked for."""
    return next((one for one in method.parameters if isinstance(one.type, t.PageType)), None)


def given_name(method: Method, parameter: Parameter) -> str:
    """The name of a parameter: several values of a field are called after the field."""
    if method.form == "find_many_by":
        return plural(method.fields[0])
    by_id = method.form in {"find", "view", "remove", "relate", "unrelate"}
    return "id" if by_id and parameter == method.parameters[0] else parameter.name


def local_name(method: Method, wanted: str) -> str:
    """A name for a local of a method that none of its parameters has."""
    taken = {given_name(method, one) for one in method.parameters}
    return next(name for name in (wanted, f"{wanted}_found", f"the_{wanted}") if name not in taken)


def declaration(method: Method, module: Module, blueprint: Blueprint) -> str:
    """`async def find(self, ctx: Context, id: UUID) -> Book | None:`, with all that it needs imported."""
    written = Annotations(blueprint, module)
    module.use("krepis", "Context")
    given = [f"{given_name(method, one)}: {_parameter(method, one, module, written)}" for one in method.parameters]
    if method.form == "select" and given:
        given.insert(0, "*")
    return f"async def {method.name}({', '.join(('self', 'ctx: Context', *given))}) -> {result(method, module, blueprint)}:"


def result(method: Method, module: Module, blueprint: Blueprint) -> str:
    """The type of what a method answers."""
    match method.form:
        case "find" | "find_by":
            return f"{_entity(method.entity, module, blueprint)} | None"
        case "find_many":
            module.use("uuid", "UUID")
            return f"dict[UUID, {_entity(method.entity, module, blueprint)}]"
        case "find_many_by":
            key = Annotations(blueprint, module).domain(_item(method.parameters[0].type))
            return f"dict[{key}, {_entity(method.entity, module, blueprint)}]"
        case "view":
            return f"{_view(method, module, blueprint)} | None"
        case "views":
            return f"list[{_view(method, module, blueprint)}]"
        case "select":
            assert method.result is not None, "a question has an answer"
            return _selected(method, method.result, module, blueprint)
        case "next_number":
            return "int"
        case _:
            return "None"


def element_type(method: Method, type: Type, module: Module, blueprint: Blueprint) -> str:
    """One thing of the answer of a `select`: an entity is itself, or the view that is asked for."""
    match type:
        case t.EntityType(name=name):
            return _view(method, module, blueprint) if method.view is not None else _entity(name, module, blueprint)
        case t.ViewType(name=name):
            module.use(f"{blueprint.service.name}.application.views", name)
            return name
        case RecordType():
            name = records_of(method)[type]
            module.use(f"{blueprint.service.name}.application.ports", name)
            return name
        case t.ListType(of=of):
            return f"tuple[{element_type(method, of, module, blueprint)}, ...]"
        case t.OptionalType(of=of):
            return f"{element_type(method, of, module, blueprint)} | None"
        case _:
            return Annotations(blueprint, module).domain(type)


def _selected(method: Method, type: Type, module: Module, blueprint: Blueprint) -> str:
    if isinstance(type, t.ListType | t.SetType):
        of = element_type(method, type.of, module, blueprint)
        if page_of(method) is not None:
            module.use("krepis.types", "Page")
            return f"Page[{of}]"
        return f"list[{of}]"
    return element_type(method, type, module, blueprint)


def _parameter(method: Method, one: Parameter, module: Module, written: Annotations) -> str:
    match one.type:
        case t.EntityType(name=name) if method.form in {"add", "save"}:
            return _entity(name, module, written.blueprint)
        case t.ListType(of=t.EntityType(name=name)) if method.form in {"add_many", "save_many"}:
            module.use("collections.abc", "Collection")
            return f"Collection[{_entity(name, module, written.blueprint)}]"
        case t.ListType(of=of) | t.SetType(of=of):
            module.use("collections.abc", "Collection")
            return f"Collection[{written.domain(of)}]"
        case t.OptionalType(of=t.ListType(of=of) | t.SetType(of=of)):
            module.use("collections.abc", "Collection")
            return f"Collection[{written.domain(of)}] | None"
        case t.PageType(cursor=cursor):
            name = "Cursor" if cursor else "Offset"
            module.use("krepis.types", name)
            return name
        case _:
            return written.domain(one.type)


def _item(type: Type) -> Type:
    assert isinstance(type, t.ListType), "several are asked for"
    return type.of


def _entity(name: str, module: Module, blueprint: Blueprint) -> str:
    module.use(f"{blueprint.service.name}.domain.{names.one(name)}", name)
    return name


def _view(method: Method, module: Module, blueprint: Blueprint) -> str:
    assert method.view is not None, "a view is named"
    module.use(f"{blueprint.service.name}.application.views", method.view)
    return method.view


def _write_records(module: Module, method: Method, blueprint: Blueprint) -> None:
    for type, name in records_of(method).items():
        assert isinstance(type, RecordType)
        module.use("krepis", "Value")
        lines = [f"class {name}(Value):"]
        for field in type.fields:
            renamed = ""
            if snake(field.name) != field.name:
                module.use("krepis", "field")
                renamed = f' = field(name="{field.name}")'
            lines.append(f"    {snake(field.name)}: {_record_field(method, field.type, module, blueprint)}{renamed}")
        spans = [] if method.expression is None else [method.expression.span]
        module.add(name, "\n".join(lines), spans=spans)


def _record_field(method: Method, type: Type, module: Module, blueprint: Blueprint) -> str:
    if isinstance(type, t.EntityType):
        module.use("uuid", "UUID")
        return "UUID"
    return element_type(method, type, module, blueprint)


def _write_repository(module: Module, entity: Entity, repositories: Repositories) -> None:
    methods = repositories.of(entity.name)
    module.use("typing", "Protocol")
    module.use("krepis", "ReadPort", "WritePort")
    reading, writing = names.port(entity.name), names.port(entity.name, writes=True)
    for name, bases, mine in (
        (reading, "ReadPort, Protocol", [method for method in methods if not method.writes]),
        (writing, f"{reading}, WritePort, Protocol", [method for method in methods if method.writes]),
    ):
        body = "\n\n".join(_method(module, method, entity, repositories) for method in mine)
        many = names.rows(entity.name).replace("_", " ")
        body = body or f'    """{many.capitalize()}{", and nothing to write" if name == writing else ""}."""'
        module.add(name, f"class {name}({bases}):\n{body}", spans=[entity.span])
        for method in mine:
            if method.expression is not None:
                module.trace(f"{name}.{method.name}", [method.expression.span])


def _method(module: Module, method: Method, entity: Entity, repositories: Repositories) -> str:
    head = f"    {declaration(method, module, repositories.blueprint)}"
    told = method.doc or _told(method, entity, repositories)
    if not told:
        return f"{head} ..."
    return f"{head}\n        {docstring(told, 8)}\n        ..."


def _told(method: Method, entity: Entity, repositories: Repositories) -> str:
    """What is not said by the name."""
    one = names.words(entity.name)
    match method.form:
        case "find_many":
            return "Those of them that there are, by id."
        case "find_many_by":
            return f"Those of them that there are, by {names.words(method.fields[0])}."
        case "view":
            return f"What callers see of {names.a(one)}."
        case "views":
            return "What callers see of those that there are, in the order of the ids."
        case "add" | "save" | "add_many" | "save_many":
            return _raised(entity)
        case "remove" | "remove_many":
            raised = removal_refusal(entity, repositories.blueprint)
            return f"Raises `{raised}`." if raised else ""
        case "relate" | "unrelate":
            return "Doing it twice is doing it once."
        case "next_number":
            return f"One more than the highest {names.words(method.fields[0])} that there is."
        case _:
            return ""


def _raised(entity: Entity) -> str:
    classes = [names.taken(entity.name, key) for key in keys_of(entity)]
    if entity.no_overlap:
        classes.append(names.overlapping(entity.name))
    return f"Raises {_listed(f'`{name}`' for name in classes)}." if classes else ""


def keys_of(entity: Entity) -> list[tuple[str, ...]]:
    """The fields, alone or together, of which no two have the same values."""
    single = [(field.name,) for field in entity.fields if field.unique or field.name == entity.address]
    return [*single, *(key for key in entity.unique if key not in single)]


def removal_refusal(entity: Entity, blueprint: Blueprint) -> str | None:
    """The rejection for what can't be removed, where something may stand in the way."""
    return names.in_use(entity.name) if is_held(entity.name, blueprint) else None


def _listed(names: Iterator[str]) -> str:
    all_of = list(names)
    return ", ".join(all_of[:-1]) + (" or " if len(all_of) > 1 else "") + all_of[-1]


def _write_outbound(module: Module, port: Port, blueprint: Blueprint) -> None:
    module.use("typing", "Protocol")
    module.use("krepis", "Context", "OutboundPort")
    written = Annotations(blueprint, module)
    lines = [f"class {port.name}(OutboundPort, Protocol):"]
    if port.doc:
        lines += [f"    {docstring(port.doc, 4)}", ""]
    for operation in port.operations:
        answer = f"{class_name(port.name)}{class_name(operation.name)}Answer"
        if isinstance(operation.answers, RecordType):
            module.use("krepis", "Value")
            fields = [f"    {snake(one.name)}: {written.domain(one.type)}" for one in operation.answers.fields]
            module.add(answer, "\n".join([f"class {answer}(Value):", *fields]), spans=[operation.span])
        given = [f"{one.name}: {written.domain(one.type)}" for one in operation.inputs]
        head = ", ".join(["self", "ctx: Context", *(["*"] if given else []), *given])
        said = written.domain(operation.answers, name=answer)
        if operation.doc:
            lines.append(f"    async def {operation.name}({head}) -> {said}:")
            lines += [f"        {docstring(operation.doc, 8)}", "        ...", ""]
        else:
            lines += [f"    async def {operation.name}({head}) -> {said}: ...", ""]
        module.trace(f"{port.name}.{operation.name}", [operation.span])
    module.add(port.name, "\n".join(lines), spans=[port.span])
