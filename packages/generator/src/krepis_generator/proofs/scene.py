"""One of everything that a door can name: as rows, to know what a rule says of them, and as code, to put them there.

Whoever the things belong to is `owner`: every reference to a user is theirs, and they are a member of everything that has members.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from krepis_generator import names
from krepis_generator.proofs import values
from krepis_generator.proofs.keeping import kept
from krepis_generator.proofs.meaning import Meaning, NotKnown, Row
from krepis_generator.python.printer import plain
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity, Field
from krepis_spec.types import Type

OWNER = "owner"


def owner_roles(blueprint: Blueprint) -> tuple[str, ...]:
    """The roles of whoever things belong to."""
    return blueprint.service.roles if blueprint.service.tenants == "user" else ()


def owner_code(blueprint: Blueprint) -> str:
    """How tests make them."""
    roles = owner_roles(blueprint)
    given = f", roles=({', '.join(map(text_literal, roles))},)" if roles else ""
    return f'{OWNER} = await world.person("{OWNER}"{given})'


class Scene:
    """The rows of `entities`, and of what they refer to."""

    def __init__(self, blueprint: Blueprint, entities: Iterable[str]) -> None:
        self.blueprint = blueprint
        user = names.user(blueprint)
        self.user = None if user is None else user.name
        self.rows: dict[str, Row] = {}
        self.relations: dict[str, list[str]] = {}
        if self.user is not None:
            # Where each user is a tenant, nobody else sees what is the owner's.
            self.rows[self.user] = self.person(OWNER, owner_roles(blueprint))
        self.others: dict[str, Row] = {}
        for entity in entities:
            self._row(entity)

    def person(self, name: str, roles: Iterable[str] = ()) -> Row:
        """Somebody who calls."""
        assert self.user is not None, "nobody calls where nobody signs in"
        entity = self.blueprint.entity(self.user)
        fields = {
            one.name: values.plausible(one.type, one.name, self.blueprint)
            for one in entity.fields
            if one.name != "roles"
        }
        return Row(self.user, name, fields | {"email": f"{name}@example.org", "roles": list(roles)})

    def code(self) -> list[str]:
        """Statements that put the rows there, beside `world` and `owner`."""
        return [self.given(row, {}, None) for row in (*self.rows.values(), *self.others.values()) if row.name != OWNER]

    def given(self, row: Row, fields: Mapping[str, Any], module: Module | None) -> str:
        """The statement that puts one row there, with the fields that the scene says and these."""
        entity = self.blueprint.entity(row.entity)
        given = dict(self._references(entity, module))
        types = {one.name: one.type for one in entity.fields}
        if module is not None:
            given |= {
                name: values.spelled(value, types[name], module, self.blueprint) for name, value in fields.items()
            }
        written = ", ".join(f"{name}={code}" for name, code in given.items())
        return f"{row.name} = await world.given_{names.one(row.entity)}({written})"

    def another(self, entity: str) -> Row:
        """One more of them, which belongs to the same owner."""
        name = f"other_{names.one(entity)}"
        if name not in self.others:
            fields = {one.name: self._field(one) for one in self.blueprint.entity(entity).fields}
            self.others[name] = Row(entity, name, fields)
        return self.others[name]

    def named(self, entity: str) -> str:
        """What a test calls the row."""
        return OWNER if entity == self.user else names.one(entity)

    def address(self, entity: str) -> str:
        """The code of what callers name it by, in a test where `at` holds the rows."""
        return f"at.{self.named(entity)}.{self.blueprint.entity(entity).address}"

    def _row(self, name: str) -> Row:
        if name in self.rows:
            return self.rows[name]
        entity = self.blueprint.entity(name)
        # What only one may have is made up when a test runs; no rule is judged by it here.
        keys = {key for group in entity.unique for key in group} | {one.name for one in entity.fields if one.unique}
        fields = {one.name: self._field(one) for one in entity.fields if one.name not in keys or _is_reference(one)}
        row = Row(name, names.one(name), kept(entity, fields, self.blueprint))
        self.rows[name] = row
        return row

    def _field(self, field: Field) -> Any:
        match field.type:
            case t.EntityType(name=name):
                return self._row(name)
            case t.SetType(of=t.EntityType(name=name)) if name == self.user:
                return [self.rows[name]]
            case t.OptionalType(of=t.EntityType(name=name)) if name == self.user:
                return self.rows[name]
            case t.ListType(of=t.ValueType(name=name), min=low):
                fields = self.blueprint.value(name).fields
                return [{one.name: self._field(one) for one in fields} for _ in range(max(low, 1))]
            case t.SetType() | t.ListType() if _names_entity(field.type):
                return []
            case _ if field.default is not None:
                try:
                    return Meaning(self.blueprint, (), values.NOON).value(field.default, {})
                except NotKnown:
                    return None
            case _:
                return values.plausible(field.type, field.name, self.blueprint)

    def _references(self, entity: Entity, module: Module | None) -> Iterable[tuple[str, str]]:
        """The fields that a scene gives by itself: what refers to others in it."""
        for field in entity.fields:
            match field.type:
                case t.EntityType(name=name):
                    yield field.name, f"{self.named(name)}.id"
                case t.OptionalType(of=t.EntityType(name=name)) if name == self.user:
                    yield field.name, f"{OWNER}.id"
                case t.SetType(of=t.EntityType(name=name)) if name == self.user:
                    yield field.name, f"[{OWNER}.id]"
                case t.ListType(of=t.ValueType(name=name), min=low) if module is not None:
                    yield (
                        field.name,
                        f"({self._item(name, module)},) * {max(low, 1)}"
                        if low > 1
                        else f"({self._item(name, module)},)",
                    )
                case _:
                    pass

    def _item(self, value: str, module: Module) -> str:
        """A value of a list, as code."""
        module.use(f"{self.blueprint.service.name}.domain.{names.one(value)}", value)
        given: list[str] = []
        for field in self.blueprint.value(value).fields:
            inner = plain(field.type)
            code = (
                f"{self.named(inner.name)}.id"
                if isinstance(inner, t.EntityType)
                else values.spelled(self._field(field), field.type, module, self.blueprint)
            )
            given.append(f"{field.name}={code}")
        return f"{value}({', '.join(given)})"


def _is_reference(field: Field) -> bool:
    return isinstance(plain(field.type), t.EntityType)


def _names_entity(type: Type) -> bool:
    inner = plain(type)
    return isinstance(inner, t.SetType | t.ListType) and isinstance(inner.of, t.EntityType | t.ValueType)
