"""Holds decimals in JSON bodies to the form that OpenAPI promises.

msgspec also takes decimals from JSON numbers, which many writers have already rounded, and from texts like ` 1_0` or
`NaN`; the decoded value doesn't show it any more. So a message with decimals is read a second time, into a shadow type
in which every decimal is text with a pattern and everything else is skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from krepis.schema import tree
from krepis.schema.leaf import decimal_pattern
from krepis.schema.tree import AnyOf, ObjectNode, Schema


class EndlessError(Exception):
    """Decimals stand in a type that contains itself, so there is no shadow; `krepis.schema.check` has to look each time."""


def decimal_reader(schema: Schema) -> Callable[[bytes], object] | None:
    """What reads a body's decimals, raising `msgspec.ValidationError` for a wrong form; `None` if there are none.

    Raises `EndlessError`.
    """
    shadow = _Shadows(schema).of(schema.root, ())
    return None if shadow is None else msgspec.json.Decoder(shadow).decode


class _Shadows:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def of(self, node: AnyOf, inside: tuple[str, ...]) -> Any:
        """The shadow of one node; `None` where there is no decimal in it."""
        match node:
            case tree.DecimalNode():
                return Annotated[str, Meta(pattern=decimal_pattern(node).removesuffix("$") + r"\Z")]
            case tree.ArrayNode():
                item = self.of(node.item, inside)
                return None if item is None else list[item]
            case tree.TupleNode():
                items = [self.of(item, inside) for item in node.items]
                return tuple[*(Any if item is None else item for item in items)] if any(items) else None
            case tree.MapNode():
                value = self.of(node.value, inside)
                return None if value is None else dict[str, value]
            case tree.RefNode():
                if node.target in inside:
                    return self._endless(node.target)
                return self._object(self._schema.definitions[node.target], (*inside, node.target), in_union=False)
            case tree.UnionNode():
                return self._union(node, inside)
            case _:
                return None

    def _endless(self, target: str) -> None:
        """A type within itself: without decimals of its own it adds nothing; with some there is no shadow."""
        if self._has_decimals(tree.RefNode(target=target), ()):
            raise EndlessError(target)

    def _has_decimals(self, node: AnyOf, seen: tuple[str, ...]) -> bool:
        match node:
            case tree.DecimalNode():
                return True
            case tree.ArrayNode():
                return self._has_decimals(node.item, seen)
            case tree.MapNode():
                return self._has_decimals(node.value, seen)
            case tree.TupleNode():
                return any(self._has_decimals(item, seen) for item in node.items)
            case tree.UnionNode():
                return any(self._has_decimals(arm, seen) for arm in node.arms)
            case tree.RefNode():
                fields = () if node.target in seen else self._schema.definitions[node.target].fields
                return any(self._has_decimals(field.node, (*seen, node.target)) for field in fields)
            case _:
                return False

    def _object(self, node: ObjectNode, inside: tuple[str, ...], *, in_union: bool) -> Any:
        shadows = [(field, self.of(field.node, inside)) for field in node.fields]
        wanted = [(field, shadow) for field, shadow in shadows if shadow is not None]
        if not wanted and not in_union:
            return None
        tagged = in_union and bool(node.tag_field)
        return msgspec.defstruct(
            "Shadow",
            [(f"f{at}", shadow, None) for at, (_, shadow) in enumerate(wanted)],
            rename={f"f{at}": field.encode_name for at, (field, _) in enumerate(wanted)},
            tag=node.tag if tagged else None,
            tag_field=node.tag_field if tagged else None,
        )

    def _union(self, node: tree.UnionNode, inside: tuple[str, ...]) -> Any:
        shadows = [self.of(arm, inside) for arm in node.arms]
        if not any(shadow is not None for shadow in shadows):
            return None
        wanted: Any = None
        for arm, shadow in zip(node.arms, shadows, strict=True):
            part = self._object(
                self._schema.definitions[arm.target], (*inside, arm.target), in_union=True
            ) if isinstance(arm, tree.RefNode) else shadow or _broad(arm)  # fmt: skip
            wanted = part if wanted is None else wanted | part
        return wanted


def _broad(node: AnyOf) -> Any:
    match node:
        case tree.NullNode():
            return type(None)
        case tree.BoolNode():
            return bool
        case tree.IntNode():
            return int
        case tree.FloatNode():
            return float
        case tree.ArrayNode() | tree.TupleNode():
            return list[Any]
        case tree.MapNode():
            return dict[str, Any]
        case _:
            return str
