"""`adapters/memory/tables.py` of a project: its tables, and what goes with something that is removed."""

from __future__ import annotations

from collections.abc import Iterator

from krepis_generator import names, ports
from krepis_generator.python.printer import plain
from krepis_generator.repositories import Repositories
from krepis_generator.source import Module, indented
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity, Field


def tables_module(blueprint: Blueprint, repositories: Repositories) -> Module:
    """The module of all tables."""
    package = blueprint.service.name
    module = Module(f"src/{package}/adapters/memory/tables.py", "The tables in memory.")
    module.use("krepis.testing", "MemoryUnit")
    for entity in blueprint.entities:
        rows = names.rows(entity.name)
        module.use(f"{package}.domain.{names.one(entity.name)}", entity.name)
        module.use(f"{package}.adapters.memory.rows", "Rows")
        tenanted = ", tenanted=True" if entity.per_tenant else ""
        table = f'unit.table("{rows}", {entity.name}{tenanted})'
        one = names.one(entity.name)
        module.add(
            rows,
            f"def {rows}(unit: MemoryUnit) -> Rows[{entity.name}]:\n    return Rows({table}, lambda {one}: {one}.id)",
            spans=[entity.span],
        )
        for field in entity.fields:
            if names.is_relation(field.type):
                _write_links(module, entity, field, blueprint)
    removed = [
        entity
        for entity in blueprint.entities
        if any(method.form in {"remove", "remove_many"} for method in repositories.of(entity.name))
    ]
    for entity in _with_what_goes(removed, blueprint):
        _write_removal(module, entity, blueprint, asked=entity in removed)
    return module


def _write_links(module: Module, entity: Entity, field: Field, blueprint: Blueprint) -> None:
    name = f"{names.one(entity.name)}_{field.name}"
    package = blueprint.service.name
    module.use(f"{package}.adapters.memory.rows", "Links")
    module.use("uuid", "UUID")
    tenanted = ", tenanted=True" if entity.per_tenant else ""
    module.add(
        name,
        f'def {name}(unit: MemoryUnit) -> Links:\n    return Links(unit.table("{name}", tuple[UUID, UUID]{tenanted}))',
        spans=[field.span],
    )


def _references(blueprint: Blueprint, entity: str) -> list[tuple[Entity, Field]]:
    return [
        (other, field)
        for other in blueprint.entities
        for field in other.fields
        if plain(field.type) == t.EntityType(entity)
    ]


def _with_what_goes(removed: list[Entity], blueprint: Blueprint) -> list[Entity]:
    """Those that are removed, and those that go with them."""
    found: dict[str, Entity] = {}

    def add(entity: Entity) -> None:
        if entity.name not in found:
            found[entity.name] = entity
            for other, field in _references(blueprint, entity.name):
                if field.on_delete == "delete":
                    add(other)

    for entity in removed:
        add(entity)
    return list(found.values())


def _write_removal(module: Module, entity: Entity, blueprint: Blueprint, *, asked: bool) -> None:
    """What the foreign keys of a database do."""
    one, rows = names.one(entity.name), names.rows(entity.name)
    package = blueprint.service.name
    module.use("uuid", "UUID")
    lines = [*_cascades(module, entity, blueprint)]
    tests = list(_holds(entity, blueprint))
    if tests:
        module.use(f"{package}.adapters.memory.rows", "HeldError")
    for test in tests:
        lines += [f"if any({test}):", "    raise HeldError"]
    lines += _forgotten(entity, blueprint)
    lines.append(f"{rows}(unit).discard(id)")
    module.add(
        f"_drop_{one}",
        f"def _drop_{one}(unit: MemoryUnit, id: UUID) -> None:\n{indented(chr(10).join(lines))}",
        spans=[entity.span],
    )
    if not asked:
        return
    refusal = ports.removal_refusal(entity, blueprint)
    body = f"_drop_{one}(unit, id)"
    if refusal is not None:
        module.use(f"{package}.domain.{one}", refusal)
        module.use(f"{package}.adapters.memory.rows", "HeldError")
        body = f"try:\n    {body}\nexcept HeldError as held:\n    raise {refusal} from held"
    module.add(
        f"remove_{one}",
        f"def remove_{one}(unit: MemoryUnit, id: UUID) -> None:\n"
        f'    """Take out {names.a(names.words(entity.name))}, and what goes with it."""\n{indented(body)}',
        spans=[entity.span],
    )


def _cascades(module: Module, entity: Entity, blueprint: Blueprint) -> Iterator[str]:
    """What goes with it, or is kept without it."""
    for other, field in _references(blueprint, entity.name):
        each, many = names.one(other.name), names.rows(other.name)
        if field.on_delete in {"delete", "keep"}:
            yield f"for {each} in {many}(unit).all():"
            yield f"    if {each}.{field.name} == id:"
        if field.on_delete == "delete":
            yield f"        _drop_{each}(unit, {each}.id)"
        elif field.on_delete == "keep":
            module.use("krepis", "replace")
            yield f"        {many}(unit).put(replace({each}, {field.name}=None))"


def _holds(entity: Entity, blueprint: Blueprint) -> Iterator[str]:
    """What forbids that it goes, each as the inside of an `any`."""
    for other in blueprint.entities:
        each, many = names.one(other.name), names.rows(other.name)
        for field in other.fields:
            type = plain(field.type)
            loop = f"for {each} in {many}(unit).all()"
            if type == t.EntityType(entity.name) and field.on_delete in {"forbid", None}:
                yield f"{each}.{field.name} == id {loop}"
            elif isinstance(type, t.ValueType):
                for name in _naming(type.name, entity.name, blueprint):
                    guard = f"{each}.{field.name} is not None and " if isinstance(field.type, t.OptionalType) else ""
                    yield f"{guard}{each}.{field.name}.{name} == id {loop}"
            elif isinstance(type, t.ListType | t.SetType) and isinstance(type.of, t.ValueType):
                for name in _naming(type.of.name, entity.name, blueprint):
                    yield f"item.{name} == id {loop} for item in {each}.{field.name}"
            elif isinstance(type, t.ListType) and type.of == t.EntityType(entity.name):
                yield f"id in {each}.{field.name} {loop}"


def _naming(value: str, entity: str, blueprint: Blueprint) -> list[str]:
    return [field.name for field in blueprint.value(value).fields if plain(field.type) == t.EntityType(entity)]


def _forgotten(entity: Entity, blueprint: Blueprint) -> Iterator[str]:
    """The relations that it was in."""
    for other in blueprint.entities:
        for field in other.fields:
            type = plain(field.type)
            if (
                isinstance(type, t.SetType)
                and isinstance(type.of, t.EntityType)
                and entity.name in {other.name, type.of.name}
            ):
                yield f"{names.one(other.name)}_{field.name}(unit).forget(id)"
