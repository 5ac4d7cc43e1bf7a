"""What a rule of access looks at, for each operation: one entity of its path, or more than that.

Most rules speak of one entity of the path and of who calls (`order.customer == actor`): then that entity is the thing,
found once, for the rule and for the handler. A rule that looks further (another row, the time, another entity of the
path) gets a value of its own, `AboutCancelOrder`, with all that it needs; then the handler reads for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from krepis_generator import names
from krepis_generator.python.printer import plain
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Input, Operation
from krepis_spec.document import Span
from krepis_spec.expressions import Expression
from krepis_spec.showing import nodes_in

_NONE = t.NothingType()


class Thing(Struct, frozen=True):
    """An entity of an operation's path that its finder finds. `path` has all entities that the path names, in its
    order.
    """

    name: str
    entity: str
    path: tuple[Place, ...]


class Place(Struct, frozen=True):
    """An entity that a path names. `within` has those before it that it belongs to: the names of its fields and of
    them.
    """

    name: str
    entity: str
    within: tuple[str, ...] = ()


class Things:
    """The things of all operations of a blueprint."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._blueprint = blueprint
        self._conditions: dict[str, list[Expression]] = {}
        for rule in blueprint.access or ():
            for name in rule.operations:
                if rule.when is not None:
                    self._conditions.setdefault(name, []).append(rule.when)

    def of(self, operation: Operation) -> Thing | None:
        """The entity that the finder of this operation finds, and that its handler takes as the third parameter.

        `None`: the path names no entity, or the rules look at more than one, and then the handler reads for itself.
        """
        return _thing(self._blueprint, operation, self._conditions.get(operation.name, []))

    def look_further(self, operation: Operation) -> bool:
        """Whether a rule asks for more than the thing."""
        return operation.name in self._conditions and self.of(operation) is None


def thing_of(blueprint: Blueprint, operation: Operation) -> Thing | None:
    """`Things.of`, for one operation."""
    mine = (rule.when for rule in blueprint.access or () if operation.name in rule.operations)
    return _thing(blueprint, operation, [condition for condition in mine if condition is not None])


def in_path(operation: Operation) -> list[Input]:
    """The entities that an operation's path names."""
    return [one for one in operation.inputs if one.place == "path" and isinstance(one.type, t.EntityType)]


def places_of(blueprint: Blueprint, operation: Operation) -> tuple[Place, ...]:
    """The entities of a path, and how they belong together.

    A field that has the name and the entity of an earlier part of the path says that one leads to the other: in
    `/articles/{article}/comments/{comment}`, a comment whose `article` is another one is not there.
    """
    found: list[Place] = []
    for one in in_path(operation):
        assert isinstance(one.type, t.EntityType), "the path names entities"
        fields = {field.name: field.type for field in blueprint.entity(one.type.name).fields}
        within = tuple(
            before.name for before in found if plain(fields.get(before.name, _NONE)) == t.EntityType(before.entity)
        )
        found.append(Place(one.name, one.type.name, within))
    return tuple(found)


def is_simple(condition: Expression) -> bool:
    """Whether it speaks of own fields of path entities, and of the actor as one that is or is not somebody."""
    compared = {side.span for side in _compared_actors(condition)}
    return all(_is_near(node, compared) for node in nodes_in(condition))


def is_actor(node: object) -> bool:
    return isinstance(node, e.Name) and node.source == "actor"


def _thing(blueprint: Blueprint, operation: Operation, conditions: Sequence[Expression]) -> Thing | None:
    if not all(is_simple(condition) for condition in conditions):
        return None
    spoken = {name for condition in conditions for name in _path_names(condition)}
    if len(spoken) > 1 or (conditions and not spoken):
        return None
    path = places_of(blueprint, operation)
    wanted = [place for place in path if not spoken or place.name in spoken]
    return Thing(wanted[-1].name, wanted[-1].entity, path) if wanted else None


def _path_names(condition: Expression) -> Iterator[str]:
    for node in nodes_in(condition):
        if isinstance(node, e.Name) and node.source == "path":
            yield node.name


def _compared_actors(condition: Expression) -> Iterator[Expression]:
    for node in nodes_in(condition):
        if isinstance(node, e.Compare) and node.operator in {"==", "!=", "is", "is not"}:
            yield from (side for side in (node.left, node.right) if is_actor(side))
        elif isinstance(node, e.Attribute) and node.name == "roles" and is_actor(node.of):
            yield node.of


def _is_near(node: Struct, compared: set[Span]) -> bool:
    match node:
        case e.Name(source="actor"):
            return node.span in compared
        case e.Name(source="now" | "tenant" | "entity"):
            return False
        case e.Attribute(of=of, name=name) if isinstance(of.type, t.EntityType | t.OptionalType):
            inner = of.type.of if isinstance(of.type, t.OptionalType) else of.type
            own = isinstance(of, e.Name) and not names.is_relation(node.type)
            return not isinstance(inner, t.EntityType) or own or name == "id"
        case _:
            return True
