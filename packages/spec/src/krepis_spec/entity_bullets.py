"""The bullets of an entity: `addressed by: isbn`, `status: placed -> paid`, `unique: room, day`, `versioned`.

`unique: name` says of one field what the rule `unique` says. On an entity `per tenant`, all uniqueness is per tenant: two
tenants may have a plan of the same name.

Transitions are the only steps, and setting a state again is a step as well: what may be set again says so, `open -> open`.
"""

from __future__ import annotations

import itertools
import re

import msgspec
from msgspec import Struct

from krepis_spec.blueprint import Entity, Field, NoOverlap, Transitions
from krepis_spec.document import Bullet, Section, Text
from krepis_spec.limits import noun
from krepis_spec.pieces import names_in, piece, split, unquoted
from krepis_spec.problems import Problems, did_you_mean, nearest
from krepis_spec.rules import default_in, ruled
from krepis_spec.types import (
    AnyType,
    ChoiceType,
    IntType,
    JsonType,
    ListType,
    OptionalType,
    PeriodType,
    PropertiesType,
    RecordType,
    SecretType,
    SetType,
    TextType,
    Type,
    UuidType,
    ValueType,
)

WITH_VALUE = ("addressed by", "unique", "index", "no overlap", "invariant")
MARKS = ("versioned", "per tenant")

_NO_KEY = (ListType, SetType, JsonType, PropertiesType, RecordType, ValueType, SecretType)
_COLUMNS_MAX = 8
_OVERLAP = re.compile(r"(?s)(\w+)(?:\s+per\s+(.+?))?(?:\s+where\s+(.+))?")


class Overlap(Struct, frozen=True):
    """`no overlap: period per room where ...`, cut into its pieces."""

    field: Text
    per: tuple[Text, ...]
    where: Text | None


def with_bullets(entity: Entity, section: Section, defaults: dict[str, Text], problems: Problems) -> Entity:
    """The entity with what its bullets say, but for invariants and conditions, which need all of the blueprint."""
    reader = _Reader(entity, defaults, problems)
    for bullet in section.bullets:
        reader.read(bullet)
    return reader.entity


def overlap_of(bullet: Bullet, problems: Problems) -> Overlap | None:
    match = _OVERLAP.fullmatch(bullet.value.text)
    if match is None or match[1] in ("per", "where"):
        example = '`period per room where status != "cancelled"`'
        problems.add(bullet.value.span, "`no overlap` names the period, and per what", f"for example {example}")
        return None
    per = () if match[2] is None else split(piece(bullet.value, *match.span(2)))
    where = None if match[3] is None else piece(bullet.value, *match.span(3))
    return Overlap(piece(bullet.value, *match.span(1)), per, where)


class _Reader:
    def __init__(self, entity: Entity, defaults: dict[str, Text], problems: Problems) -> None:
        self.entity = entity
        self._defaults = defaults
        self._problems = problems
        self._fields = {field.name: field for field in entity.fields}
        self._said: set[str] = set()

    def read(self, bullet: Bullet) -> None:
        key = (bullet.key or bullet.value).text.casefold()
        if key in MARKS:
            self._mark(key, bullet)
        elif bullet.key is None:
            self._prose(bullet)
        elif key == "addressed by":
            self._address(bullet)
        elif key in ("unique", "index"):
            self._together(key, bullet)
        elif key == "no overlap":
            self._no_overlap(bullet)
        elif key in self._fields:
            self._transitions(self._fields[key], bullet)
        elif key != "invariant":
            self._unknown(bullet.key)

    def _mark(self, key: str, bullet: Bullet) -> None:
        if bullet.key is not None:
            self._problems.add(bullet.value.span, f"`{key}` takes no value", f"write `- {key}`")
        self._once(key, bullet)
        name = key.replace(" ", "_")
        self.entity = msgspec.structs.replace(self.entity, **{name: True})

    def _prose(self, bullet: Bullet) -> None:
        text = bullet.value.text
        near = nearest(text, (*MARKS, *WITH_VALUE)) if len(text.split()) <= 2 else None
        if near is not None:
            hint = f"did you mean `{near}`?" if near in MARKS else f"write `- {near}: ...`"
            self._problems.add(bullet.value.span, f"`{text}` is no bullet of an entity", hint)

    def _unknown(self, key: Text) -> None:
        choices = [name for name, field in self._fields.items() if isinstance(_bare(field.type), ChoiceType)]
        hint = did_you_mean(key.text, (*WITH_VALUE, *MARKS, *choices))
        if key.text == "status":
            hint = "it needs a field: `| status | one of placed, paid | default placed |`"
        self._problems.add(key.span, f"`{key.text}` is no bullet of an entity, nor a field of it", hint)

    def _once(self, key: str, bullet: Bullet) -> bool:
        if key in self._said:
            self._problems.add((bullet.key or bullet.value).span, f"`{key}` is there twice")
            return False
        self._said.add(key)
        return True

    def _address(self, bullet: Bullet) -> None:
        if not self._once("addressed by", bullet) or bullet.value.text == "id":
            return
        field = self._field(bullet.value)
        if field is None:
            return
        if not isinstance(field.type, TextType | IntType | UuidType | AnyType):
            what = f"{noun(field.type)}{' that may be none' if isinstance(field.type, OptionalType) else ''}"
            self._problems.add(
                bullet.value.span,
                f"an entity is addressed by text, `int`, `slug`, `uuid` or `email`, not by {what}",
            )
            return
        self._mark_unique(field.name)
        self.entity = msgspec.structs.replace(self.entity, address=field.name)

    def _together(self, key: str, bullet: Bullet) -> None:
        written = names_in(bullet.value, "field", self._problems)
        names = [name for name in written if self._key_part(key, name)]
        fields = tuple(dict.fromkeys(name.text for name in names))
        if len(fields) < len(names):
            self._problems.add(bullet.value.span, f"a field is there twice in `{key}`")
        if len(fields) > _COLUMNS_MAX:
            self._problems.add(bullet.value.span, f"`{key}` names at most {_COLUMNS_MAX} fields")
        before = self.entity.indexes if key == "index" else self._unique()
        if fields in before:
            self._problems.add(bullet.value.span, f"`{key}` names the same fields twice")
        elif not fields:
            return
        elif key == "index":
            self.entity = msgspec.structs.replace(self.entity, indexes=(*before, fields))
        elif len(fields) == 1:
            self._alone(names[0])
        else:
            self.entity = msgspec.structs.replace(self.entity, unique=(*self.entity.unique, fields))

    def _unique(self) -> list[tuple[str, ...]]:
        """What is said to be unique so far. That an address is unique may be said again."""
        single = [(field.name,) for field in self.entity.fields if field.unique and field.name != self.entity.address]
        return [*single, *self.entity.unique]

    def _alone(self, name: Text) -> None:
        """`unique: name` is the rule `unique` of that field."""
        if name.text in self._defaults:
            self._problems.add(name.span, f"`{name.text}` has a default, and the second one would have the same value")
        elif ruled(self._fields[name.text], Text("unique", name.span), self._problems).unique:
            self._mark_unique(name.text)

    def _mark_unique(self, name: str) -> None:
        fields = tuple(
            msgspec.structs.replace(one, unique=True) if one.name == name else one for one in self.entity.fields
        )
        self.entity = msgspec.structs.replace(self.entity, fields=fields)

    def _key_part(self, key: str, name: Text) -> bool:
        field = self._field(name)
        if field is None or not isinstance(bare := _bare(field.type), _NO_KEY):
            return field is not None
        self._problems.add(name.span, f"{noun(bare)} can't be part of `{key}`")
        return False

    def _no_overlap(self, bullet: Bullet) -> None:
        overlap = overlap_of(bullet, self._problems)
        field = None if overlap is None else self._field(overlap.field)
        if overlap is None or field is None:
            return
        if not isinstance(field.type, PeriodType | AnyType):
            self._problems.add(
                overlap.field.span, f"`no overlap` needs a `period`, and `{field.name}` is {noun(field.type)}"
            )
            return
        per = tuple(name.text for name in overlap.per if self._key_part("no overlap", name))
        found = NoOverlap(field=field.name, per=per, span=bullet.span)
        self.entity = msgspec.structs.replace(self.entity, no_overlap=(*self.entity.no_overlap, found))

    def _transitions(self, field: Field, bullet: Bullet) -> None:
        assert bullet.key is not None
        if not self._once(field.name, bullet) or isinstance(field.type, AnyType):
            return
        if not isinstance(field.type, ChoiceType):
            self._problems.add(
                bullet.key.span, f"`{field.name}` has no states: it is {noun(field.type)}, and not `one of`"
            )
            return
        if field.immutable or field.derived_from is not None:
            why = "is immutable" if field.immutable else f"is derived from `{field.derived_from}`"
            self._problems.add(bullet.key.span, f"`{field.name}` {why}, so it goes from no state to another")
        allowed = self._ways(field.type, bullet.value)
        if allowed is None:
            return
        if field.name in self._defaults:
            self._check_reached(self._defaults[field.name], field.type, allowed, bullet)
        else:
            hint = f"for example `default {allowed[0][0]}`"
            self._problems.add(field.span, f"`{field.name}` needs a default: the state that it begins with", hint)
        found = Transitions(field=field.name, allowed=allowed, span=bullet.span)
        self.entity = msgspec.structs.replace(self.entity, transitions=(*self.entity.transitions, found))

    def _ways(self, type: ChoiceType, value: Text) -> tuple[tuple[str, str], ...] | None:
        """From which state to which; `None` after a problem."""
        allowed: list[tuple[str, str]] = []
        wrong: list[tuple[Text, str, str | None]] = []
        for chain in split(value):
            states = [Text(unquoted(one.text) or one.text, one.span) for one in split(chain, "->")]
            if len(states) < 2:
                wrong.append((chain, f"`{chain.text}` leads nowhere", "for example `placed -> paid -> shipped`"))
            for state in states:
                if state.text not in type.choices:
                    hint = did_you_mean(state.text, type.choices)
                    wrong.append((state, f"there is no state `{state.text}`", hint))
            for before, after in itertools.pairwise(states):
                if (before.text, after.text) in allowed:
                    wrong.append((after, f"`{before.text} -> {after.text}` is there twice", None))
                allowed.append((before.text, after.text))
        if not allowed and not wrong:
            wrong.append((value, "the transitions are missing", "for example `placed -> paid -> shipped`"))
        for place, message, hint in wrong:
            self._problems.add(place.span, message, hint)
        return None if wrong else tuple(allowed)

    def _check_reached(
        self, default: Text, type: ChoiceType, allowed: tuple[tuple[str, str], ...], bullet: Bullet
    ) -> None:
        reached = {unquoted(default.text) or default.text}
        if not reached & set(type.choices):
            return  # the default is told to be wrong where it is read
        while more := {after for before, after in allowed if before in reached} - reached:
            reached |= more
        for state in type.choices:
            if state not in reached:
                self._problems.add(bullet.value.span, f"no way leads to `{state}` from the state that it begins with")

    def _field(self, name: Text) -> Field | None:
        field = self._fields.get(name.text)
        if field is None:
            hint = did_you_mean(name.text, self._fields)
            self._problems.add(name.span, f"`{self.entity.name}` has no field `{name.text}`", hint)
        return field


def defaults_of(rows: dict[str, Text]) -> dict[str, Text]:
    """For each field whose rules say so, what stands behind `default`."""
    found = {name: default_in(rules) for name, rules in rows.items()}
    return {name: default for name, default in found.items() if default is not None}


def _bare(type: Type) -> Type:
    return type.of if isinstance(type, OptionalType) else type
