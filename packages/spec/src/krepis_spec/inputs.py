"""What callers give an operation: the table `input · type · rules`, and what its path names.

A path field is the entity of that name in snake_case (`/orders/{order}`) unless the table gives it a type. Other inputs
come from the query string of `GET` and `DELETE`, and from the body elsewhere. `of Book` is the type of the entity's field
of the input's name, with its default. What may follow the type in its cell, after a comma, or stand in the column `rules`:
`may be absent`, `default 20`, `empty is none`, and limits.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec
from msgspec import Struct

from krepis_spec.blueprint import Door, Field, Input
from krepis_spec.defaults import default_of
from krepis_spec.document import Section, Text
from krepis_spec.doors import names_in as names_in_path
from krepis_spec.fitting import present, words
from krepis_spec.keyed import refuse_doubles
from krepis_spec.limits import limited
from krepis_spec.naming import is_usable, snake
from krepis_spec.pieces import names_in, piece, split
from krepis_spec.problems import Problems, did_you_mean
from krepis_spec.rows import Cells, rows_of, table_of
from krepis_spec.surroundings import Things
from krepis_spec.types import (
    AnyType,
    EntityType,
    FileType,
    JsonType,
    ListType,
    OptionalType,
    PageType,
    PropertiesType,
    RecordType,
    SetType,
    Type,
    ValueType,
    ViewType,
)
from krepis_spec.typing import type_of

INPUTS_MAX = 100

_Place = Literal["path", "query", "body"]

_RULES = ("may be absent", "default", "empty is none")
_RULE = re.compile(r"may be absent|empty is none|default\b|matches\b|[<>]=?|-?\d\S*\.\.", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)


class _Rules(Struct):
    """What the rules of one row say."""

    default: Text | None = None
    absent: Text | None = None
    empty_is_none: bool = False


def inputs_of(section: Section, door: Door | None, things: Things, problems: Problems) -> tuple[Input, ...]:
    """All inputs: those that the path names first, in its order, then those of the table."""
    in_path = names_in_path(door.path) if door is not None else []
    reader = _Reader(door, set(in_path), things, problems)
    what = f"a {section.kind}"
    table = table_of(section, what, problems)
    written: list[Input] = []
    if table is not None:
        for row in rows_of(table, ("input", "type"), ("rules",), problems):
            written += reader.of_row(row)
    if len(written) > INPUTS_MAX:
        problems.add(section.heading, f"an operation has at most {INPUTS_MAX} inputs")
    refuse_doubles((Text(one.name, one.span) for one in written), "input", problems)
    by_wire = {one.wire: one for one in written}
    path = [by_wire.get(name) or reader.of_path(name) for name in in_path]
    rest = {one.name: one for one in reversed(written) if one.place != "path"}
    return (*path, *reversed(rest.values()))


class _Reader(Struct, frozen=True):
    door: Door | None
    in_path: set[str]
    things: Things
    problems: Problems

    def of_path(self, wire: str) -> Input:
        """The entity that a path names."""
        assert self.door is not None
        entities = self.things.entities
        name, span = snake(wire), self.door.span
        if name not in entities:
            hint = did_you_mean(wire, entities) or "the table of inputs may say what it is"
            self.problems.add(span, f"`{wire}` is neither an entity nor an input with a type", hint)
        type = EntityType(entities[name]) if name in entities else AnyType()
        return Input(name=name, span=span, type=type, place="path", wire=wire)

    def of_row(self, row: Cells) -> list[Input]:
        names = [name for name in names_in(row.get("input"), "name of an input", self.problems) if self._is_name(name)]
        kind, rules = _type_and_rules(row.get("type"))
        if kind.text.startswith("of "):
            return [self._like_field(name, kind, (*rules, *split(row.get("rules")))) for name in names]
        type = type_of(kind, self.things.known, self.problems)
        if isinstance(type, ViewType):
            self.problems.add(kind.span, f"`{type.name}` is what callers see, and no input")
            type = AnyType()
        type, read = self._ruled(type, (*rules, *split(row.get("rules"))))
        return [self._input(name, type, read, kind) for name in names]

    def _is_name(self, name: Text) -> bool:
        if _NAME.fullmatch(name.text) and is_usable(snake(name.text)):
            return True
        taken = "cannot be the name of an input" if _NAME.fullmatch(name.text) else "is no name"
        self.problems.add(name.span, f"`{name.text}` {taken}")
        return False

    def _like_field(self, name: Text, kind: Text, rules: tuple[Text, ...]) -> Input:
        """`of Book`"""
        field = self._field(name, piece(kind, len("of "), len(kind.text)))
        type, read = self._ruled(AnyType() if field is None else field.type, rules)
        found = self._input(name, type, read, kind)
        return found if field is None else self._with_rules_of(field, found)

    def _field(self, name: Text, of: Text) -> Field | None:
        entity = self.things.blueprint.index.entities.get(of.text)
        if entity is None:
            hint = did_you_mean(of.text, self.things.known.entities)
            self.problems.add(of.span, f"there is no entity `{of.text}`", hint)
            return None
        field = next((one for one in entity.fields if one.name == snake(name.text)), None)
        if field is None:
            hint = did_you_mean(name.text, (one.name for one in entity.fields))
            self.problems.add(name.span, f"`{of.text}` has no field `{name.text}`", hint)
        elif field.server:
            self.problems.add(name.span, f"`{name.text}` of `{of.text}` never comes from a caller (`server`)")
        return field

    def _with_rules_of(self, field: Field, found: Input) -> Input:
        default = found.default if found.default is not None or found.may_be_absent else field.default
        empty_is_none = found.empty_is_none or field.empty_is_none
        return msgspec.structs.replace(found, default=default, empty_is_none=empty_is_none, doc=field.doc)

    def _input(self, name: Text, type: Type, rules: _Rules, kind: Text) -> Input:
        place: _Place = "path" if name.text in self.in_path else self._place(type, kind)
        if place == "path":
            self._check_path(name, type, rules)
        default = (
            None if rules.default is None else default_of(rules.default, type, self.things.blueprint, self.problems)
        )
        return Input(
            name=snake(name.text),
            span=name.span,
            type=type,
            place=place,
            wire=name.text,
            default=default,
            may_be_absent=rules.absent is not None,
            empty_is_none=rules.empty_is_none,
        )

    def _place(self, type: Type, kind: Text) -> _Place:
        if isinstance(type, PageType):
            return "query"
        if self.door is None or self.door.method not in {"GET", "DELETE"}:
            return "body"
        inner = present(type)
        item = present(inner.of) if isinstance(inner, ListType | SetType) else inner
        if isinstance(item, RecordType | ValueType | FileType | JsonType | PropertiesType | ListType | SetType):
            message = f"{words(type)} does not fit into the query string, where inputs of `{self.door.method}` stand"
            self.problems.add(kind.span, message)
        return "query"

    def _check_path(self, name: Text, type: Type, rules: _Rules) -> None:
        if rules.absent is not None or isinstance(type, OptionalType):
            self.problems.add(name.span, f"`{name.text}` is in the path, so it is always there")
        elif isinstance(type, ListType | SetType | RecordType | ValueType | FileType | JsonType | PageType):
            self.problems.add(name.span, f"`{name.text}` is in the path, where {words(type)} does not fit")

    def _ruled(self, type: Type, rules: tuple[Text, ...]) -> tuple[Type, _Rules]:
        read = _Rules()
        for rule in rules:
            if rule.text == "may be absent":
                read.absent = rule
            elif rule.text == "empty is none":
                read.empty_is_none = True
            elif rule.text.startswith("default "):
                read.default = piece(rule, len("default "), len(rule.text))
            else:
                type = self._limited(type, rule)
        if read.absent is not None and read.default is not None:
            self.problems.add(read.absent.span, "an input with a default is never absent", "leave one of both out")
        if read.empty_is_none and not isinstance(type, OptionalType | AnyType):
            read.empty_is_none = False
            self.problems.add(rules[-1].span, "`empty is none` asks for a type that may be none", f"`{words(type)}?`")
        return type, read

    def _limited(self, type: Type, rule: Text) -> Type:
        changed = limited(type, rule, self.problems)
        if changed is not None:
            return changed
        hint = did_you_mean(rule.text, _RULES)
        self.problems.add(rule.span, f"`{rule.text}` is no rule of an input", hint)
        return AnyType()


def _type_and_rules(cell: Text) -> tuple[Text, tuple[Text, ...]]:
    """The type of a cell, and the rules behind it: a type may have commas of its own (`one of a, b`)."""
    pieces = split(cell)
    has_choices = any(re.search(r"\bone of\b", one.text) for one in pieces)
    rules = [at for at, one in enumerate(pieces) if at and (_RULE.match(one.text) or not has_choices)]
    if not rules:
        return cell, ()
    first = pieces[rules[0]]
    behind = cell.text.rfind(",", 0, first.span.column - cell.span.column)
    return piece(cell, 0, behind), pieces[rules[0] :]
