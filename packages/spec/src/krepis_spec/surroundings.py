"""Which names a block or an expression finds around it, and what they are."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from krepis_spec.blueprint import Blueprint, Operation
from krepis_spec.expressions import Source
from krepis_spec.naming import snake
from krepis_spec.types import DatetimeType, EntityType, OptionalType, TextType, Type
from krepis_spec.typing import Known

USER = "User"
"""The entity of those who sign in."""

Names = Mapping[str, tuple[Type, Source]]


class Things(Struct, frozen=True):
    """What a signature may speak of: the names that types may use, all things by their classes, with what they are
    (`a value`), and the entities by the names that paths have for them.
    """

    known: Known
    blueprint: Blueprint
    classes: Mapping[str, str]
    entities: Mapping[str, str]


def things_of(blueprint: Blueprint) -> Things:
    """`blueprint` has all but its operations."""
    groups = (
        ("a value", blueprint.values),
        ("an entity", blueprint.entities),
        ("an event", blueprint.events),
        ("a port", blueprint.ports),
        ("a view", blueprint.views),
    )
    names = {what: [one.name for one in group] for what, group in groups}
    known = Known(frozenset(names["a value"]), frozenset(names["an entity"]), frozenset(names["a view"]))
    classes = {name: what for what, group in names.items() for name in group}
    return Things(known, blueprint, classes, {snake(name): name for name in names["an entity"]})


def everywhere(blueprint: Blueprint) -> Names:
    """`now`, and `tenant` where there are tenants."""
    names: dict[str, tuple[Type, Source]] = {"now": (DatetimeType(), "now")}
    if blueprint.service.tenants is not None:
        names["tenant"] = (TextType(), "tenant")
    return names


def for_callers(blueprint: Blueprint, *, known: bool) -> Names:
    """What `everywhere` says and, where people sign in, `actor`; `known` where nobody else gets that far."""
    if blueprint.service.auth is None:
        return everywhere(blueprint)
    user = EntityType(USER)
    return {**everywhere(blueprint), "actor": (user if known else OptionalType(user), "actor")}


def for_readers(blueprint: Blueprint) -> Names:
    """What `everywhere` says and, where people sign in, `viewer`: who reads, or none."""
    if blueprint.service.auth is None:
        return everywhere(blueprint)
    return {**everywhere(blueprint), "viewer": (OptionalType(EntityType(USER)), "viewer")}


def given_to(operation: Operation) -> Names:
    """The inputs of an operation, and the entities that its path names."""
    inputs: dict[str, tuple[Type, Source]] = {one.name: (one.type, "input") for one in operation.inputs}
    return inputs | in_path_of(operation)


def in_path_of(operation: Operation) -> dict[str, tuple[Type, Source]]:
    """The entities that an operation's path names."""
    return {
        one.name: (one.type, "path")
        for one in operation.inputs
        if one.place == "path" and isinstance(one.type, EntityType)
    }
