"""Schema trees as JSON Schema 2020-12, the dialect of OpenAPI 3.1.

What a schema says, the decoder does, with exceptions that JSON Schema has no words for:

- `1.0` is an integer to JSON Schema and not to the decoder;
- the last digits of decimal bounds, and which days and instants exist;
- texts inside of `Any` that hold NUL, and numbers there beyond a double, are refused;
- in sets repeated items fall together before they are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from krepis.schema import tree
from krepis.schema.component import component_names
from krepis.schema.leaf import BASE64_PATTERN, DURATION_PATTERN, TIME_AWARE_PATTERN, TIME_PATTERN, decimal_pattern
from krepis.schema.tree import AnyOf, Field, ObjectNode, Schema
from krepis.types.pattern import excludes_nul

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_NO_NUL = r"^[^\u0000]*$"

Json = dict[str, Any]


def json_schema(schema: Schema) -> Json:
    """One type's JSON Schema, complete in itself: its definitions are in `$defs`."""
    components = Components((schema,), prefix="#/$defs/")
    root = components.whole(schema)
    return {"$schema": DIALECT, **root, **({"$defs": components.written} if components.written else {})}


class Components:
    """The schemas of a whole service: definitions once, each under a name that only depends on the set of types."""

    def __init__(self, schemas: Iterable[Schema], *, prefix: str = "#/components/schemas/") -> None:
        self._prefix = prefix
        self._schemas = tuple(schemas)
        self._names = component_names(self._schemas)
        self.written: dict[str, Json] = {}
        for schema in self._schemas:
            for key, node in schema.definitions.items():
                self.written[self.name(schema, key)] = _Writer(self, schema).object(node)
        self.written = dict(sorted(self.written.items()))

    def name(self, schema: Schema, key: str) -> str:
        """The component name of a definition."""
        return self._names[key, msgspec.json.encode(schema.definitions[key])]

    def reference(self, schema: Schema, key: str) -> str:
        """Where a definition is found."""
        return self._prefix + self.name(schema, key)

    def whole(self, schema: Schema) -> Json:
        """The schema of a whole body: mostly a reference."""
        return _Writer(self, schema).node(schema.root)

    def field(self, schema: Schema, field: Field, *, nullable: bool = True) -> Json:
        """The schema of one field. Not `nullable`: as it stands in a path or query, where `null` is a text."""
        return _Writer(self, schema).field(field, nullable=nullable)


class _Writer:
    """Writes the nodes of one tree."""

    def __init__(self, components: Components, schema: Schema) -> None:
        self._components = components
        self._schema = schema

    def node(self, node: AnyOf) -> Json:
        written = self._bare(node)
        words: Json = {}
        if node.title:
            words["title"] = node.title
        if node.doc and not isinstance(node, ObjectNode):
            words["description"] = node.doc
        if node.examples:
            words["examples"] = list(node.examples)
        return written | words

    def field(self, field: Field, *, nullable: bool = True) -> Json:
        node = field.node
        if not nullable and isinstance(node, tree.UnionNode):
            arms = tuple(arm for arm in node.arms if not isinstance(arm, tree.NullNode))
            node = arms[0] if len(arms) == 1 else msgspec.structs.replace(node, arms=arms)
        written = self.node(node)
        if field.default is not msgspec.UNSET and (nullable or field.default is not None):
            written["default"] = field.default
        return written

    def object(self, node: ObjectNode) -> Json:
        properties = {field.encode_name: self.field(field) for field in node.fields}
        required = [field.encode_name for field in node.fields if field.required]
        if node.tag_field:
            properties = {node.tag_field: {"const": node.tag}} | properties
        written: Json = {"type": "object", "title": node.name, "properties": properties}
        if node.doc:
            written["description"] = node.doc
        if required:
            written["required"] = required
        if node.strict:
            written["additionalProperties"] = False
        return written

    def _bare(self, node: AnyOf) -> Json:
        match node:
            case tree.RefNode():
                return {"$ref": self._components.reference(self._schema, node.target)}
            case tree.UnionNode():
                return self._union(node)
            case tree.ArrayNode():
                unique = node.form in ("set", "frozenset") and node.length_min > 1
                counts = _counts("Items", node.length_min, node.length_max) | ({"uniqueItems": True} if unique else {})
                return {"type": "array", "items": self.node(node.item), **counts}
            case tree.TupleNode():
                count = len(node.items)
                items: Json = {"prefixItems": [self.node(item) for item in node.items]} if count else {}
                return {"type": "array", **items, "minItems": count, "maxItems": count}
            case tree.MapNode():
                names = {key: value for key, value in self.node(node.key).items() if key != "type"}
                counts = _counts("Properties", node.length_min, node.length_max)
                return {
                    "type": "object", "propertyNames": names, "additionalProperties": self.node(node.value), **counts
                }  # fmt: skip
            case ObjectNode():
                return self.object(node)
            case _:
                return _scalar(node)

    def _union(self, node: tree.UnionNode) -> Json:
        objects = [arm for arm in node.arms if isinstance(arm, tree.RefNode)]
        others = [arm for arm in node.arms if not isinstance(arm, tree.RefNode | tree.NullNode)]
        nullable = len(objects) + len(others) < len(node.arms)
        parts = [self.node(arm) for arm in others]
        parts += [self._tagged(objects)] if len(objects) > 1 else [self.node(arm) for arm in objects]
        if nullable and len(parts) == 1 and (merged := _or_null(parts[0])) is not None:
            return merged
        parts += [{"type": "null"}] if nullable else []
        return parts[0] if len(parts) == 1 else {"anyOf": parts}

    def _tagged(self, objects: list[tree.RefNode]) -> Json:
        """Objects that are told apart by a field, which may be left out elsewhere, but not here."""
        definitions = [self._schema.definitions[arm.target] for arm in objects]
        name = definitions[0].tag_field
        references = [self._components.reference(self._schema, arm.target) for arm in objects]
        mapping = {str(node.tag): reference for node, reference in zip(definitions, references, strict=True)}
        return {
            "oneOf": [{"$ref": reference, "required": [name]} for reference in references],
            "discriminator": {"propertyName": name, "mapping": mapping},
        }


def _or_null(written: Json) -> Json | None:
    """A schema with `null` added to its type; `None` if it has no plain type."""
    if not isinstance(written.get("type"), str):
        return None
    enum = {"enum": [*written["enum"], None]} if "enum" in written else {}
    return written | {"type": [written["type"], "null"]} | enum


def _scalar(node: AnyOf) -> Json:  # noqa: C901 - one line for each kind of node
    match node:
        case tree.NullNode():
            return {"type": "null"}
        case tree.BoolNode():
            return {"type": "boolean"}
        case tree.IntNode():
            bounds = {"format": "int64", "minimum": node.minimum, "maximum": node.maximum}
            return {"type": "integer", **bounds, **_given({"multipleOf": node.multiple_of})}
        case tree.FloatNode():
            bounds = {"minimum": node.minimum, "exclusiveMinimum": node.above, "maximum": node.maximum}
            more = {"exclusiveMaximum": node.below, "multipleOf": node.multiple_of}
            return {"type": "number", "format": "double", **_given(bounds | more)}
        case tree.TextNode():
            return {"type": "string", **_counts("Length", node.length_min, node.length_max), **_text(node)}
        case tree.DecimalNode():
            bounds = [f"at least {node.minimum}"] * bool(node.minimum) + [f"at most {node.maximum}"] * bool(
                node.maximum
            )
            words = {"description": " and ".join(bounds)} if bounds else {}
            return {"type": "string", "format": "decimal", "pattern": decimal_pattern(node), **words}
        case tree.SecretNode():
            counts = _counts("Length", node.length_min, node.length_max)
            return {"type": "string", "format": "password", "writeOnly": True, **counts, "pattern": _NO_NUL}
        case tree.ChoiceNode():
            return _choice(node)
        case tree.BytesNode():
            return _bytes(node)
        case tree.TimeNode():
            return {"type": "string", "pattern": TIME_AWARE_PATTERN if node.aware else TIME_PATTERN}
        case tree.DurationNode():
            return {"type": "string", "pattern": DURATION_PATTERN}
        case tree.DateTimeNode():
            return {"type": "string", "format": "date-time"}
        case tree.DateNode():
            return {"type": "string", "format": "date"}
        case tree.UuidNode():
            return {"type": "string", "format": "uuid"}
        case _:
            return {}


def _text(node: tree.TextNode) -> Json:
    written: Json = {"format": node.format} if node.format else {}
    if not node.pattern:
        return written | {"pattern": _NO_NUL}
    more = {} if excludes_nul(node.pattern) else {"allOf": [{"pattern": _NO_NUL}]}
    return written | {"pattern": node.pattern} | more


def _choice(node: tree.ChoiceNode) -> Json:
    names = {str: "string", int: "integer", type(None): "null"}
    types = list(dict.fromkeys(names[type(value)] for value in node.values))
    written: Json = {"type": types[0] if len(types) == 1 else types, "enum": list(node.values)}
    return written | ({"title": node.name} if node.name else {})


def _bytes(node: tree.BytesNode) -> Json:
    """Lengths count bytes; three of them are four characters."""
    high = None if node.length_max is None else -(-node.length_max // 3) * 4
    counts = _counts("Length", -(-node.length_min // 3) * 4, high)
    return {"type": "string", "contentEncoding": "base64", "pattern": BASE64_PATTERN, **counts}


def _counts(noun: str, low: int, high: int | None) -> Json:
    return _given({f"min{noun}": low or None, f"max{noun}": high})


def _given(facts: Mapping[str, object]) -> Json:
    return {name: value for name, value in facts.items() if value is not None}
