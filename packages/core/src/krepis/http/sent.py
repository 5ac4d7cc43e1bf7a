"""Schemas of what a service sends: a field with a default may be left out by a caller, but never is in an answer.

So a type that is both read and sent can need two components. The one for answers then has `Answer` behind its name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import UNSET
from msgspec.structs import replace

from krepis.schema import tree
from krepis.schema.tree import AnyOf, Field, ObjectNode, Schema


def sent(schema: Schema, read: Collection[str]) -> Schema:
    """The schema of an answer; `read` has the definitions that stand in bodies of requests, too."""
    renamed = {key: f"{key}.answer" for key in _changed(schema) if key in read}
    definitions = {
        renamed.get(key, key): replace(
            node,
            name=f"{node.name}Answer" if key in renamed else node.name,
            fields=tuple(replace(_full(field), node=_pointed(field.node, renamed)) for field in node.fields),
        )
        for key, node in schema.definitions.items()
    }
    return Schema(root=_pointed(schema.root, renamed), definitions=definitions)


def read_in(schemas: Iterable[Schema]) -> frozenset[str]:
    """All definitions of some schemas."""
    return frozenset(key for schema in schemas for key in schema.definitions)


def _full(field: Field) -> Field:
    """A default that can't be shown may also be `ABSENT`, which is left out."""
    return replace(field, required=field.required or field.default is not UNSET, default=UNSET)


def _changed(schema: Schema) -> set[str]:
    """The definitions that look different in answers: by themselves, or by what they hold."""
    changed = {key for key, node in schema.definitions.items() if any(_full(field) != field for field in node.fields)}
    while True:
        more = {key for key, node in schema.definitions.items() if not changed.isdisjoint(_targets(node))} - changed
        if not more:
            return changed
        changed |= more


def _targets(node: AnyOf) -> frozenset[str]:
    match node:
        case tree.RefNode():
            return frozenset((node.target,))
        case ObjectNode():
            parts = tuple(field.node for field in node.fields)
        case tree.UnionNode():
            parts = node.arms
        case tree.ArrayNode():
            parts = (node.item,)
        case tree.TupleNode():
            parts = node.items
        case tree.MapNode():
            parts = (node.value,)
        case _:
            parts = ()
    return frozenset(target for part in parts for target in _targets(part))


def _pointed(node: AnyOf, renamed: dict[str, str]) -> AnyOf:
    match node:
        case tree.RefNode():
            return replace(node, target=renamed.get(node.target, node.target))
        case tree.UnionNode():
            return replace(node, arms=tuple(_pointed(arm, renamed) for arm in node.arms))
        case tree.ArrayNode():
            return replace(node, item=_pointed(node.item, renamed))
        case tree.TupleNode():
            return replace(node, items=tuple(_pointed(item, renamed) for item in node.items))
        case tree.MapNode():
            return replace(node, value=_pointed(node.value, renamed))
        case _:
            return node
