"""The schema tree: what a message may look like, as plain data.

`krepis.schema.inspection.schema_of` makes one from a type. Validation (`krepis.schema.decode`, `krepis.schema.check`), OpenAPI
(`krepis.schema.jsonschema`) and later the native engine read it; nothing in it is a live object, so it can be encoded as JSON
and sent anywhere. Objects stand in `definitions` and are pointed to by `RefNode`, so a type may contain itself.

A node says what a value may be after decoding; how values are written is the same everywhere: decimals as text in
quotes, bytes as base64, times as RFC 3339, durations as ISO 8601 with days, hours, minutes and seconds.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1


class Node(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """What all nodes have: words for the people who read the schema."""

    title: str = ""
    doc: str = ""
    examples: tuple[Any, ...] = ()


class NullNode(Node, frozen=True, kw_only=True, tag="null"):
    """Nothing, said aloud: `null`."""


class BoolNode(Node, frozen=True, kw_only=True, tag="bool"):
    """`true` or `false`."""


class IntNode(Node, frozen=True, kw_only=True, tag="int"):
    """A whole number between two inclusive bounds, by default those of 64 bits, which is what databases hold."""

    minimum: int = INT64_MIN
    maximum: int = INT64_MAX
    multiple_of: int | None = None
    known: tuple[int, int] | None = None
    """The bounds that msgspec checks, where they are wider than these."""


class FloatNode(Node, frozen=True, kw_only=True, tag="float"):
    """A finite double. `above` and `below` are exclusive bounds."""

    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    multiple_of: float | None = None


class TextNode(Node, frozen=True, kw_only=True, tag="text"):
    """Text without NUL; lengths in code points; `pattern` in the form that `krepis.types.pattern` writes for ECMA-262.

    `narrowed` is the wider pattern that msgspec checks, if there is one; then the fast way has to look again.
    """

    length_min: int = 0
    length_max: int | None = None
    pattern: str = ""
    format: str = ""
    narrowed: str = ""


class DecimalNode(Node, frozen=True, kw_only=True, tag="decimal"):
    """An exact number, written in quotes; bounds are written the same way."""

    minimum: str = ""
    maximum: str = ""
    places: int | None = None


class DateTimeNode(Node, frozen=True, kw_only=True, tag="datetime"):
    """An instant with its offset from UTC."""


class DateNode(Node, frozen=True, kw_only=True, tag="date"):
    """A day."""


class TimeNode(Node, frozen=True, kw_only=True, tag="time"):
    """A time of day on some wall; `aware` when it carries an offset."""

    aware: bool = False


class DurationNode(Node, frozen=True, kw_only=True, tag="duration"):
    """A length of time."""


class UuidNode(Node, frozen=True, kw_only=True, tag="uuid"):
    """A UUID (RFC 9562)."""


class BytesNode(Node, frozen=True, kw_only=True, tag="bytes"):
    """Bytes; lengths count bytes, not characters of base64."""

    length_min: int = 0
    length_max: int | None = None


class SecretNode(Node, frozen=True, kw_only=True, tag="secret"):
    """Text that is never shown."""

    length_min: int = 0
    length_max: int | None = None


class ChoiceNode(Node, frozen=True, kw_only=True, tag="choice"):
    """One of some values: an enum or a literal."""

    values: tuple[str | int | None, ...]
    name: str = ""


class ArrayNode(Node, frozen=True, kw_only=True, tag="array"):
    """Many of one kind. In a set repeated items fall together before they are counted."""

    item: AnyOf
    length_min: int = 0
    length_max: int | None = None
    form: Literal["list", "set", "frozenset", "tuple"] = "list"


class TupleNode(Node, frozen=True, kw_only=True, tag="tuple"):
    """A fixed row of items."""

    items: tuple[AnyOf, ...]


class MapNode(Node, frozen=True, kw_only=True, tag="map"):
    """An object whose keys are data."""

    key: AnyOf
    value: AnyOf
    length_min: int = 0
    length_max: int | None = None


class Field(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field of an object. `default` is how the default is written in JSON; it is absent where that can't be said."""

    name: str
    encode_name: str
    node: AnyOf
    required: bool = True
    default: Any | UnsetType = UNSET
    page: tuple[int, int] | None = None
    """Default and maximum of the limit, where the field asks for a page."""


class ObjectNode(Node, frozen=True, kw_only=True, tag="object"):
    """A message or a value. A `strict` one refuses unknown fields, another ignores them.

    With a `tag`, the field `tag_field` must hold it when it is there; inside a union it must be there.
    """

    name: str
    fields: tuple[Field, ...]
    strict: bool
    tag_field: str = ""
    tag: str | int = ""


class UnionNode(Node, frozen=True, kw_only=True, tag="union"):
    """One of several kinds that can be told apart by their JSON type or by their tag."""

    arms: tuple[AnyOf, ...]


class RefNode(Node, frozen=True, kw_only=True, tag="ref"):
    """An object of `Schema.definitions`."""

    target: str


class AnyNode(Node, frozen=True, kw_only=True, tag="any"):
    """Any JSON value whose texts hold no NUL."""


AnyOf = (
    NullNode
    | BoolNode
    | IntNode
    | FloatNode
    | TextNode
    | DecimalNode
    | DateTimeNode
    | DateNode
    | TimeNode
    | DurationNode
    | UuidNode
    | BytesNode
    | SecretNode
    | ChoiceNode
    | ArrayNode
    | TupleNode
    | MapNode
    | ObjectNode
    | UnionNode
    | RefNode
    | AnyNode
)


class Schema(Struct, frozen=True, kw_only=True):
    """One type's tree. Keys of `definitions` name the Python type: `shop.orders.LineInput`."""

    root: AnyOf
    definitions: dict[str, ObjectNode]

    def arms(self, node: AnyOf) -> tuple[AnyOf, ...]:
        """The alternatives of a node, with references followed: the node itself where there is one only."""
        if isinstance(node, UnionNode):
            return tuple(arm for part in node.arms for arm in self.arms(part))
        return (self.definitions[node.target],) if isinstance(node, RefNode) else (node,)

    def fields(self, *, flat_pages: bool = False) -> tuple[Field, ...]:
        """The fields of the root object; none if it isn't one.

        With `flat_pages` the fields of a page stand beside the others, as they do in a query string.
        """
        root = self.arms(self.root)[0]
        if not isinstance(root, ObjectNode):
            return ()
        if not flat_pages:
            return root.fields
        return tuple(
            part for field in root.fields for part in (self.page_fields(field) if field.page is not None else (field,))
        )

    def page_fields(self, field: Field) -> tuple[Field, ...]:
        """The fields of the page that a field asks for."""
        return tuple(part for arm in self.arms(field.node) if isinstance(arm, ObjectNode) for part in arm.fields)
