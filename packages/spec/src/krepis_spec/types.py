"""The types of the spec language, as the blueprint has them: what a field may hold, with its limits inside.

A limit that a rule sets (`>= 0`, `1..100`, `matches`) is part of the type, so that whoever reads a type reads all of it.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class _Type(Struct, frozen=True, tag_field="kind", omit_defaults=True, gc=False):
    pass


class TextType(_Type, frozen=True, tag="text"):
    """`text(1..200)`, also `email`, `url` and `slug`. Lengths in code points; `pattern` fits the whole value."""

    min: int = 0
    max: int | None = None
    pattern: str | None = None
    form: Literal["plain", "email", "url", "slug"] = "plain"


class IntType(_Type, frozen=True, tag="int"):
    """Both limits are allowed values. What is `> 5` has the limit 6."""

    min: int | None = None
    max: int | None = None


class DecimalType(_Type, frozen=True, tag="decimal"):
    """`decimal(2)` and `money(EUR)`: exact, with that many places. The limits are decimals, written as text; `above` and
    `below` exclude theirs.
    """

    places: int = 0
    currency: str | None = None
    min: str | None = None
    max: str | None = None
    above: str | None = None
    below: str | None = None


class BoolType(_Type, frozen=True, tag="bool"):
    pass


class DateType(_Type, frozen=True, tag="date"):
    pass


class DatetimeType(_Type, frozen=True, tag="datetime"):
    """An instant, in UTC."""


class DurationType(_Type, frozen=True, tag="duration"):
    pass


class PeriodType(_Type, frozen=True, tag="period"):
    """From `start` until before `end`, both instants; never empty."""


class UuidType(_Type, frozen=True, tag="uuid"):
    pass


class SecretType(_Type, frozen=True, tag="secret"):
    """A password: an input holds it, an entity holds its hash, no view shows it. Lengths in code points."""

    min: int = 8
    max: int = 200


class TokenType(_Type, frozen=True, tag="token"):
    """`token(7 days)`: made by the server, shown once, stored hashed, used once."""

    seconds: int


class FileType(_Type, frozen=True, tag="file"):
    pass


class JsonType(_Type, frozen=True, tag="json"):
    pass


class PropertiesType(_Type, frozen=True, tag="properties"):
    """Named values that callers define."""


class ChoiceType(_Type, frozen=True, tag="choice"):
    """`one of a, b, c`."""

    choices: tuple[str, ...]


class ListType(_Type, frozen=True, tag="list"):
    """Also what a comprehension gives, and what a table of rows is to a block. The limits count items."""

    of: Type
    min: int = 0
    max: int | None = None


class SetType(_Type, frozen=True, tag="set"):
    of: Type
    min: int = 0
    max: int | None = None


class OptionalType(_Type, frozen=True, tag="optional"):
    """`T?`: may be none."""

    of: Type


class RecordType(_Type, frozen=True, tag="record"):
    """`{a: T, b: U}`."""

    fields: tuple[RecordField, ...]


class RecordField(Struct, frozen=True, gc=False):
    name: str
    type: Type


class ValueType(_Type, frozen=True, tag="value"):
    """A `## Value`, embedded."""

    name: str


class EntityType(_Type, frozen=True, tag="entity"):
    """A reference to an `## Entity`; in a block, the entity."""

    name: str


class ViewType(_Type, frozen=True, tag="view"):
    """What a `## View` shows."""

    name: str


class PageType(_Type, frozen=True, tag="page"):
    """`page(20, 100)`: how many a caller gets, and may ask for; by offset, or by cursor."""

    limit: int
    max: int
    cursor: bool = False


class NothingType(_Type, frozen=True, tag="nothing"):
    """The type of `none`, and of what answers nothing."""


class AnyType(_Type, frozen=True, tag="any"):
    """What is not known because a mistake was found; it fits everything, so that one mistake is told once."""


Type = (
    TextType
    | IntType
    | DecimalType
    | BoolType
    | DateType
    | DatetimeType
    | DurationType
    | PeriodType
    | UuidType
    | SecretType
    | TokenType
    | FileType
    | JsonType
    | PropertiesType
    | ChoiceType
    | ListType
    | SetType
    | OptionalType
    | RecordType
    | ValueType
    | EntityType
    | ViewType
    | PageType
    | NothingType
    | AnyType
)
