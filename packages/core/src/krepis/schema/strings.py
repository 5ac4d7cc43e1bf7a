"""Messages out of a path, a query string, headers and cookies: flat names with texts, some of them repeated.

What is different from a body: every value is text and read laxly (`42`, `true`, `null`); a field that takes an array
takes one value as well; and the fields of a page stand beside the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from krepis.errors import FieldError, KrepisError
from krepis.schema import tree
from krepis.schema.check import Checker, unknown
from krepis.schema.leaf import BAD, can_be_odd, described, python_type, read_lax, shown
from krepis.schema.tree import AnyOf, Field, ObjectNode, Schema

StringSource = Mapping[str, str | list[str]]
"""Encoded field names with their values; a list where a name was repeated, or may be."""

_CONTAINERS = (tree.ArrayNode, tree.TupleNode, tree.MapNode, ObjectNode)


class Strings:
    """Reads one type out of flat texts. Needs an object at the root; without one, `read` refuses everything."""

    def __init__(self, schema: Schema, kind: Any, hook: Callable[[type, object], object]) -> None:
        self._schema = schema
        self._kind = kind
        self._hook = hook
        self._fields = {field.encode_name: field for field in schema.fields(flat_pages=True)}
        _refuse_doubles(schema)
        self._arrays = frozenset(name for name, field in self._fields.items() if _takes_array(schema, field.node))
        self._odd = frozenset(name for name, field in self._fields.items() if _can_be_odd(schema, field.node))
        self._pages = tuple(
            (field, frozenset(part.encode_name for part in schema.page_fields(field)))
            for field in schema.fields()
            if field.page is not None
        )

    def read(self, source: StringSource) -> Any:
        """The value, decided fast. Raises `msgspec.ValidationError` or `UnicodeError`."""
        if not self._arrays and not self._pages:
            return msgspec.convert(source, self._kind, strict=False, dec_hook=self._hook)
        texts: dict[str, Any] = dict(source)
        for name in self._arrays:
            if isinstance(value := texts.get(name), str):
                texts[name] = [value]
        for field, names in self._pages:
            if field.encode_name in texts:
                raise msgspec.ValidationError("a page is given by its parts")
            given = {name: texts.pop(name) for name in names if name in texts}
            if given or field.required:
                texts[field.encode_name] = given
        return msgspec.convert(texts, self._kind, strict=False, dec_hook=self._hook)

    def plain(self, source: StringSource) -> bool:
        """Whether the texts that msgspec takes fit the schema, too. Where that is in doubt the second look decides."""
        for value in source.values():
            for text in (value,) if isinstance(value, str) else value:
                if "\0" in text or not (text.isascii() or _encodable(text)):
                    return not self.errors(source)
        return self._odd.isdisjoint(source) or not self.errors(source)

    def errors(self, source: StringSource) -> tuple[FieldError, ...]:
        """Everything that is wrong with the texts; nothing if they fit."""
        return _StringChecker(self._schema).check_flat(source, self._fields)


class _StringChecker(Checker):
    """The second look at texts. The limits are those of bodies; only the reading differs."""

    def check_flat(self, source: StringSource, fields: Mapping[str, Field]) -> tuple[FieldError, ...]:
        root = self.schema.arms(self.schema.root)[0]
        if not isinstance(root, ObjectNode):
            return (FieldError((), "type", "named values can't be read as this type"),)
        return self.collecting(lambda: self._flat(root, source, fields))

    def _flat(self, root: ObjectNode, source: StringSource, fields: Mapping[str, Field]) -> None:
        for name, value in source.items():
            field = fields.get(name)
            if field is not None:
                self._named(field.node, value, name)
            elif name == root.tag_field and root.tag_field:
                if value != root.tag:
                    self.fail((name,), "tag", f"{shown(str(value))} is not `{root.tag}`")
            elif root.strict:
                self.fail((name,), "unknown", unknown(name, fields))
        for name, field in fields.items():
            if field.required and name not in source:
                self.fail((name,), "missing", "is missing")

    def _named(self, node: AnyOf, value: str | list[str], name: str) -> None:
        array = next((arm for arm in self.schema.arms(node) if isinstance(arm, tree.ArrayNode | tree.TupleNode)), None)
        if array is not None and (isinstance(value, list) or _takes_array(self.schema, node)):
            self._many(array, [value] if isinstance(value, str) else value, name)
        elif isinstance(value, str):
            self._one(node, value, (name,))
        elif any(isinstance(arm, tree.AnyNode) for arm in self.schema.arms(node)):
            for at, text in enumerate(value):
                self._one(node, text, (name, at))
        else:
            self.fail((name,), "type", "is given more than once")

    def _many(self, array: tree.ArrayNode | tree.TupleNode, values: Sequence[str], name: str) -> None:
        if isinstance(array, tree.TupleNode):
            if len(values) != len(array.items):
                self.fail((name,), "length", f"{len(values)} items were given, {len(array.items)} were expected")
            for at, (item, text) in enumerate(zip(array.items, values, strict=False)):
                self._one(item, text, (name, at))
            return
        read = [self._one(array.item, text, (name, at)) for at, text in enumerate(values)]
        self.limits.count(array, len(values), "items", (name,))
        if array.form in ("set", "frozenset") and BAD not in read and len(set(read)) < array.length_min <= len(values):
            self.limits.count(array, len(set(read)), "different items", (name,))

    def _one(self, node: AnyOf, text: str, path: tuple[str | int, ...]) -> Any:
        arms = _scalars(self.schema, node)
        if not _encodable(text):
            self.fail(path, "text", "is not Unicode text")
            return BAD
        value = read_lax(arms, text) if arms else BAD
        if value is BAD:
            code = "choice" if any(isinstance(arm, tree.ChoiceNode) for arm in arms) else "format"
            given = "the text" if any(isinstance(arm, tree.SecretNode) for arm in arms) else shown(text)
            self.fail(path, code, f"{given} is not {described(self.schema.arms(node))}")
            return BAD
        self.limits.judge(next(arm for arm in arms if _holds(arm, value)), value, path)
        return value


def _holds(arm: AnyOf, value: object) -> bool:
    if isinstance(arm, tree.ChoiceNode):
        return any(type(value) is type(choice) and value == choice for choice in arm.values)
    return type(value) is python_type(arm)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _scalars(schema: Schema, node: AnyOf) -> tuple[AnyOf, ...]:
    """The arms of a node that one text can be read as."""
    return tuple(arm for arm in schema.arms(node) if not isinstance(arm, _CONTAINERS))


def _takes_array(schema: Schema, node: AnyOf) -> bool:
    """Whether one text stands for an array of one: the node has an array, and beside it at most `null`."""
    arms = schema.arms(node)
    return any(isinstance(arm, tree.ArrayNode | tree.TupleNode) for arm in arms) and all(
        isinstance(arm, (tree.NullNode, *_CONTAINERS)) for arm in arms
    )


def _can_be_odd(schema: Schema, node: AnyOf) -> bool:
    """Whether a text of this field may be one that msgspec reads more generously than the schema says."""
    for arm in schema.arms(node):
        if isinstance(arm, tree.ArrayNode) and _can_be_odd(schema, arm.item):
            return True
        if isinstance(arm, tree.TupleNode) and any(_can_be_odd(schema, item) for item in arm.items):
            return True
    return can_be_odd(schema.arms(node))


def _refuse_doubles(schema: Schema) -> None:
    names = [field.encode_name for field in schema.fields(flat_pages=True)]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise KrepisError(
            f"`{double}` is a field of the message and of its page", hint="rename the field, or give it another name"
        )
