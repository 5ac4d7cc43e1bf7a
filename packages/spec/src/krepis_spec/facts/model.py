"""What the facts of a block are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity
from krepis_spec.document import Span
from krepis_spec.expressions import Expression, Statement
from krepis_spec.types import Type

EACH = "[]"
"""The step from several to each of them."""


class Reach(Struct, frozen=True, order=True):
    """A way to rows, or to a value on the way to them."""

    root: str
    steps: tuple[str, ...] = ()

    def then(self, step: str) -> Reach:
        return Reach(self.root, (*self.steps, step))


class Loop(Struct, frozen=True):
    """`for variables in source`."""

    variables: tuple[str, ...]
    source: Expression


class Lookup(Struct, frozen=True):
    """`get` (then it is `required`), `find`, or the look before a `put`. With `loops` it is made for all their rounds at once, and
    what is known under `name` is the id of each by its key.
    """

    name: str
    entity: str
    fields: tuple[str, ...]
    values: tuple[Expression, ...]
    required: bool
    span: Span
    loops: tuple[Loop, ...] = ()
    guards: tuple[Expression, ...] = ()
    """What must hold for it to be made at all: the conditions of the `if`s around it."""


class Question(Struct, frozen=True):
    """An expression over all of an entity. Its free names are those of `arguments`."""

    name: str
    entity: str
    expression: Expression
    arguments: tuple[tuple[str, Expression], ...]


class Numbering(Struct, frozen=True):
    """The next number of a sequence; for `several`, as in a loop, that one and those after it."""

    name: str
    entity: str
    field: str
    several: bool = False


class Outcome(Struct, frozen=True):
    """What an outbound port answers with, when the block uses it: called before anything is written."""

    name: str
    port: str
    operation: str
    arguments: tuple[e.Keyword, ...]
    span: Span


class Login(Struct, frozen=True):
    """`authenticate`: the one with that key, whose `secret` field is the hash of that password."""

    name: str
    entity: str
    fields: tuple[str, ...]
    values: tuple[Expression, ...]
    secret: str
    password: Expression
    span: Span


Read = Lookup | Question | Numbering | Outcome | Login


class Touch(Struct, frozen=True, order=True):
    """Rows of an entity, and where they come from."""

    reach: Reach
    entity: str


class Facts(Struct, frozen=True):
    """`body` is the block without its reads: a name stands where one was. `roots` are the names that it begins with."""

    body: tuple[Statement, ...]
    reads: tuple[Read, ...]
    roots: Mapping[str, Type]
    decided: tuple[Touch, ...]
    """Whose fields the decision reads or changes."""
    asked: tuple[Touch, ...]
    """Whose fields the arguments of reads need."""
    aliased: tuple[Touch, ...]
    """What may become the value of a reference, or goes by another name."""
    last: Question | None = None
    """The question that the block answers with, asked after it has changed what it changes."""


def type_at(reach: Reach, roots: Mapping[str, Type], blueprint: Blueprint) -> Type:
    """The type of what a way leads to, without the `?`."""
    found = plain(roots[reach.root])
    for step in reach.steps:
        found = plain(_stepped(found, step, blueprint))
    return found


def key_of(entity: Entity, given: Iterable[str]) -> tuple[str, ...]:
    """The fields that say which one is meant, among those that are given: the id, a unique field, or unique ones together."""
    names = set(given)
    if "id" in names:
        return ("id",)
    unique = [(field.name,) for field in entity.fields if field.unique or field.name == entity.address]
    return next(key for key in (*unique, *entity.unique, tuple(sorted(names))) if names.issuperset(key))


def _stepped(type: Type, step: str, blueprint: Blueprint) -> Type:
    match type:
        case t.ListType(of=of) | t.SetType(of=of):
            return of
        case t.EntityType(name=name):
            return t.UuidType() if step == "id" else _field(blueprint.entity(name).fields, step)
        case t.ValueType(name=name):
            return _field(blueprint.value(name).fields, step)
        case t.RecordType(fields=fields):
            return _field(fields, step)
        case _:
            return t.AnyType()


def _field(fields: Iterable[object], name: str) -> Type:
    return next((field.type for field in fields if getattr(field, "name", None) == name), t.AnyType())  # type: ignore[attr-defined]


def plain(type: Type) -> Type:
    return type.of if isinstance(type, t.OptionalType) else type
