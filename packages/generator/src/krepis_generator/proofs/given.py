"""`given_book(**fields)` of a project's tests: a thing that is there, with plausible values for what nobody says."""

from __future__ import annotations

from typing import Any

from krepis_generator import names
from krepis_generator.proofs import values
from krepis_generator.proofs.keeping import kept
from krepis_generator.proofs.meaning import Meaning, NotKnown
from krepis_generator.proofs.patterns import places
from krepis_generator.python.printer import plain
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module, indented
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity, Field
from krepis_spec.types import Type


def given_method(module: Module, blueprint: Blueprint, entity: Entity) -> str:
    """The method of `World`."""
    package, one, rows = blueprint.service.name, names.one(entity.name), names.rows(entity.name)
    adapter = f"Sql{names.port(entity.name)}"
    module.use(f"{package}.adapters.sql.{rows}", adapter)
    module.use(f"{package}.domain.{one}", entity.name)
    keys = {name for key in entity.unique for name in key} | {field.name for field in entity.fields if field.unique}
    simple: list[str] = []
    others: list[str] = []
    moved = _moved(entity, blueprint)
    for field in entity.fields:
        if not _is_needed(field) and field.name not in moved:
            continue
        unique = field.name in keys
        code = _code(module, blueprint, field.type, field, unique=unique, moved=moved.get(field.name))
        if "await " in code:
            others += [f'if "{field.name}" not in fields:', f'    fields["{field.name}"] = {code}']
        else:
            simple.append(f'"{field.name}": {code}')
    relations = [field.name for field in entity.fields if names.is_relation(field.type)]
    before = "".join(f'{name} = fields.pop("{name}", ())\n' for name in relations)
    related = "".join(
        f"for other in {name}:\n"
        f"    await self.write(ctx, lambda sql, other=other: {adapter}(sql).add_to_{name}(ctx, id, other))\n"
        for name in relations
    )
    plausible = f"plausible: dict[str, Any] = {{{', '.join(simple)}}}\n" if simple else ""
    made = f"{entity.name}(id=id, **(plausible | fields))" if simple else f"{entity.name}(id=id, **fields)"
    body = f'''\
"""{names.a(names.words(entity.name)).capitalize()} that is there; fields left out get plausible values."""
ctx = self.context()
id = ctx.new_id()
{before}{plausible}{"".join(f"{line}{chr(10)}" for line in others)}\
{one} = {made}
await self.write(ctx, lambda sql: {adapter}(sql).add(ctx, {one}))
{related}\
return {one}'''
    return f"async def given_{one}(self, **fields: Any) -> {entity.name}:\n{indented(body)}"


def _is_needed(field: Field) -> bool:
    return field.default is None and not isinstance(field.type, t.OptionalType) and not names.is_relation(field.type)


def _moved(entity: Entity, blueprint: Blueprint) -> dict[str, Any]:
    """The fields whose plausible values would break an invariant, with values that don't."""
    plausible = {
        field.name: _default(field, blueprint)
        if field.default is not None
        else values.plausible(plain(field.type), field.name, blueprint)
        for field in entity.fields
        if not isinstance(field.type, t.OptionalType | t.EntityType) and not names.is_relation(field.type)
    }
    found = kept(entity, plausible, blueprint)
    return {name: value for name, value in found.items() if value != plausible[name]}


def _default(field: Field, blueprint: Blueprint) -> Any:
    assert field.default is not None, "only a default has a value"
    try:
        return Meaning(blueprint, (), values.NOON).value(field.default, {})
    except NotKnown:
        return None


def _code(module: Module, blueprint: Blueprint, type: Type, field: Field, *, unique: bool, moved: Any = None) -> str:
    """An expression of that type; in `World`, beside `ctx` and `id`."""
    package = blueprint.service.name
    match type:
        case t.EntityType(name=name):
            return f"(await self.given_{names.one(name)}()).id"
        case t.DateType() if field.now or field.now_on_change:
            return "ctx.now().date()"
        case t.DatetimeType() if moved is None:
            return "ctx.now()"
        case t.UuidType():
            return "ctx.new_id()"
        case t.IntType() if field.sequence:
            return "id.int % 10**6 + 10**6"
        case t.IntType(min=low, max=high) if unique:
            return f"id.int % {min((high or 10**6) - (low or 0) + 1, 10**9)} + {low or 0}"
        case t.TextType() if unique or field.derived_from is not None:
            return _unique_text(type, field.name)
        case t.ListType(of=of, min=low) if low:
            items = [_code(module, blueprint, of, field, unique=False)] * low
            return f"({', '.join(items)}{',' if low == 1 else ''})"
        case t.ValueType(name=name):
            module.use(f"{package}.domain.{names.one(name)}", name)
            fields = [one for one in blueprint.value(name).fields if _is_needed(one)]
            given = ", ".join(f"{one.name}={_code(module, blueprint, one.type, one, unique=False)}" for one in fields)
            return f"{name}({given})"
        case t.SecretType() | t.TokenType():
            return '"a hash"'
        case _:
            value = values.plausible(plain(type), field.name, blueprint) if moved is None else moved
            return values.spelled(value, type, module, blueprint)


def _unique_text(type: t.TextType, name: str) -> str:
    match type:
        case t.TextType(form="email"):
            return 'f"{id.hex}@example.org"'
        case t.TextType(form="url"):
            return 'f"https://example.org/{id.hex}"'
        case t.TextType(form="slug"):
            return f'f"a-{name.replace("_", "-")}-{{id.hex[-12:]}}"'
        case t.TextType(pattern=str() as pattern):
            return f"spelled(id, {_alternatives(places(pattern))})"
        case t.TextType(max=int() as high) if high < 24:
            return f'spelled(id, ["0123456789abcdef"] * {high})'
        case _:
            return f'f"{values.text(t.TextType(max=type.max and type.max - 13), name)} {{id.hex[-12:]}}"'


def _alternatives(found: list[str]) -> str:
    if found and found == found[:1] * len(found):
        return f"[{text_literal(found[0])}] * {len(found)}"
    return f"[{', '.join(map(text_literal, found))}]"
