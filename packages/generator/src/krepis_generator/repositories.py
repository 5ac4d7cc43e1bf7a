"""Which methods the repositories of a project have: those that somebody asks for, and no others.

The writers of handlers ask first; then the writers of ports and adapters write what was asked for. A parameter or a
result that is an entity's type is its id (`UUID`) where it is a parameter, and the entity where it is a result.

A field `set of Entity` is a relation: it may grow without end, so it is no part of the struct in the domain. What a block wants to know
of it is asked with `select`, and `relate` and `unrelate` change it. Lists, and sets of anything else, are part of the struct.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from krepis_generator import names
from krepis_spec.blueprint import Blueprint, Field
from krepis_spec.expressions import Expression
from krepis_spec.types import EntityType, ListType, OptionalType, Type, UuidType

Form = Literal[
    "find",  # (id) -> entity or None
    "find_by",  # (each of `fields`) -> entity or None
    "find_many",  # (ids) -> dict by id
    "find_many_by",  # (values of the one field) -> dict by that field
    "select",  # (parameters) -> what `expression` says, in one statement
    "view",  # (id, viewer where the view asks) -> the view `view`, or None
    "views",  # (ids, viewer) -> the views, in the order of the ids
    "add",  # (entity)
    "add_many",  # (entities)
    "save",  # (entity)
    "save_many",  # (entities)
    "remove",  # (id)
    "remove_many",  # (ids)
    "relate",  # (id, other id): the relation `fields[0]` has it afterwards
    "unrelate",  # (id, other id): it has it no longer
    "next_number",  # () -> the next number of the sequence `fields[0]`
]
READS = frozenset(("find", "find_by", "find_many", "find_many_by", "select", "view", "views"))


class Parameter(Struct, frozen=True):
    name: str
    type: Type


class Method(Struct, frozen=True):
    """One method of an entity's repository. `result` is its type in the language; `None`: nothing."""

    entity: str
    name: str
    form: Form
    parameters: tuple[Parameter, ...] = ()
    result: Type | None = None
    fields: tuple[str, ...] = ()
    expression: Expression | None = None
    view: str | None = None
    doc: str = ""

    @property
    def writes(self) -> bool:
        return self.form not in READS


class Repositories:
    """Collects what is asked for. The same question gives the same method."""

    def __init__(self, blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self._methods: dict[tuple[str, str], Method] = {}

    def of(self, entity: str) -> list[Method]:
        """The methods of one repository: those that read first, then by name."""
        mine = [method for method in self._methods.values() if method.entity == entity]
        return sorted(mine, key=lambda method: (method.writes, method.name))

    def entities(self) -> list[str]:
        """Those that have a repository, in the order of the spec."""
        asked = {method.entity for method in self._methods.values()}
        return [entity.name for entity in self.blueprint.entities if entity.name in asked]

    def find(self, entity: str) -> Method:
        return self._asked(Method(entity, "find", "find", (_id(entity),), OptionalType(EntityType(entity))))

    def find_by(self, entity: str, *fields: str) -> Method:
        """By the fields of a key. `find_by("Book", "id")` is `find`."""
        if fields == ("id",):
            return self.find(entity)
        parameters = tuple(Parameter(name, self._field(entity, name).type) for name in fields)
        name = f"find_by_{'_and_'.join(fields)}"
        return self._asked(Method(entity, name, "find_by", parameters, OptionalType(EntityType(entity)), fields))

    def find_many(self, entity: str) -> Method:
        parameter = Parameter("ids", ListType(UuidType()))
        return self._asked(Method(entity, "find_many", "find_many", (parameter,), ListType(EntityType(entity))))

    def find_many_by(self, entity: str, field: str) -> Method:
        """By one unique field. `find_many_by("Book", "id")` is `find_many`."""
        if field == "id":
            return self.find_many(entity)
        parameter = Parameter("values", ListType(self._field(entity, field).type))
        name, result = f"find_many_by_{field}", ListType(EntityType(entity))
        return self._asked(Method(entity, name, "find_many_by", (parameter,), result, (field,)))

    def select(
        self,
        entity: str,
        name: str,
        expression: Expression,
        parameters: tuple[Parameter, ...],
        *,
        view: str | None,
        doc: str,
    ) -> Method:
        """What an expression over all of an entity gives. Its free names are the parameters. Where it gives entities and
        `view` is set, they are shown as that view.
        """
        method = Method(entity, name, "select", parameters, expression.type, (), expression, view, doc)
        return self._asked(method)

    def view(self, view: str, *, viewer: bool) -> Method:
        entity = self.blueprint.view(view).of
        return self._asked(
            Method(
                entity, names.view_function(view), "view", (_id(entity), *_viewer(asked=viewer)), None, (), None, view
            )
        )

    def views(self, view: str, *, viewer: bool) -> Method:
        entity = self.blueprint.view(view).of
        parameters = (Parameter("ids", ListType(UuidType())), *_viewer(asked=viewer))
        return self._asked(Method(entity, f"{names.view_function(view)}s", "views", parameters, None, (), None, view))

    def write(
        self, entity: str, form: Literal["add", "add_many", "save", "save_many", "remove", "remove_many"]
    ) -> Method:
        parameter = {
            "add": Parameter(names.one(entity), EntityType(entity)),
            "save": Parameter(names.one(entity), EntityType(entity)),
            "add_many": Parameter(names.rows(entity), ListType(EntityType(entity))),
            "save_many": Parameter(names.rows(entity), ListType(EntityType(entity))),
            "remove": _id(entity),
            "remove_many": Parameter("ids", ListType(UuidType())),
        }[form]
        return self._asked(Method(entity, form, form, (parameter,)))

    def relate(self, entity: str, field: str, *, away: bool = False) -> Method:
        """`x.friends.add(y)`, and with `away` `x.friends.discard(y)`: `add_to_friends`, `discard_from_friends`."""
        name = f"discard_from_{field}" if away else f"add_to_{field}"
        form: Form = "unrelate" if away else "relate"
        parameters = (_id(entity), Parameter("other", UuidType()))
        return self._asked(Method(entity, name, form, parameters, None, (field,)))

    def next_number(self, entity: str, field: str) -> Method:
        return self._asked(
            Method(entity, f"next_{field}", "next_number", (), self._field(entity, field).type, (field,))
        )

    def _field(self, entity: str, name: str) -> Field:
        return next(field for field in self.blueprint.entity(entity).fields if field.name == name)

    def _asked(self, method: Method) -> Method:
        known = self._methods.setdefault((method.entity, method.name), method)
        assert known == method, f"two methods of {method.entity} would be called `{method.name}`"
        return known


def _id(entity: str) -> Parameter:
    return Parameter(names.one(entity), UuidType())


def _viewer(*, asked: bool) -> tuple[Parameter, ...]:
    return (Parameter("viewer", OptionalType(UuidType())),) if asked else ()
