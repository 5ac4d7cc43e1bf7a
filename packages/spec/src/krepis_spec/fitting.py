"""How types relate: which value may stand where which is asked for, and how a type is called.

- Limits (`1..200`, `>= 0`, `matches`) are no part of it: a value is held against them where it is written.
- What is exact stays exact: fewer places fit more, never the other way; two currencies never mix.
- `AnyType` fits everything, so that one mistake is told once.
"""

from __future__ import annotations

from decimal import Decimal

from krepis_spec.blueprint import Blueprint
from krepis_spec.types import (
    AnyType,
    ChoiceType,
    DecimalType,
    EntityType,
    IntType,
    JsonType,
    ListType,
    NothingType,
    OptionalType,
    PageType,
    PropertiesType,
    RecordField,
    RecordType,
    SetType,
    TextType,
    TokenType,
    Type,
    ValueType,
    ViewType,
)


def fits(given: Type, wanted: Type, blueprint: Blueprint) -> bool:
    """Whether a value of `given` may stand where `wanted` is asked for."""
    if isinstance(given, AnyType) or isinstance(wanted, AnyType):
        return True
    if isinstance(wanted, OptionalType):
        return isinstance(given, NothingType) or fits(present(given), wanted.of, blueprint)
    if isinstance(wanted, JsonType):
        return _is_json(given)
    if isinstance(wanted, PropertiesType):
        return isinstance(given, PropertiesType | RecordType)
    if isinstance(wanted, RecordType):
        return isinstance(given, RecordType) and _record_fits(given, wanted, blueprint)
    if isinstance(wanted, ListType | SetType):
        return isinstance(given, type(wanted)) and fits(given.of, wanted.of, blueprint)
    return _simple_fits(given, wanted)


def _simple_fits(given: Type, wanted: Type) -> bool:
    match given, wanted:
        case (TextType() | TokenType(), TextType() | TokenType()):
            return True
        case IntType(), DecimalType():
            return wanted.currency is None
        case DecimalType(), DecimalType():
            return given.currency == wanted.currency and given.places <= wanted.places
        case ChoiceType(), ChoiceType():
            return set(given.choices) <= set(wanted.choices)
        case (EntityType(), EntityType()) | (ValueType(), ValueType()) | (ViewType(), ViewType()):
            return given.name == wanted.name
        case _:
            return type(given) is type(wanted)


def _record_fits(given: RecordType, wanted: RecordType, blueprint: Blueprint) -> bool:
    has = {field.name: field.type for field in given.fields}
    asked = {field.name: field.type for field in wanted.fields}
    return has.keys() <= asked.keys() and all(
        fits(has[name], type, blueprint) if name in has else isinstance(type, OptionalType)
        for name, type in asked.items()
    )


def _is_json(given: Type) -> bool:
    match given:
        case ListType():
            return _is_json(given.of)
        case OptionalType():
            return _is_json(given.of)
        case RecordType():
            return all(_is_json(field.type) for field in given.fields)
        case _:
            scalar = ("text", "int", "decimal", "bool", "choice", "nothing", "json", "properties", "any")
            return kind(given) in scalar


def joined(one: Type, other: Type) -> Type | None:
    """The type of what is one or the other, as of a conditional expression; `None` where there is none."""
    if one == other or isinstance(other, AnyType):
        return one
    if isinstance(one, AnyType):
        return other
    if isinstance(one, NothingType) or isinstance(other, NothingType):
        return OptionalType(present(other if isinstance(one, NothingType) else one))
    if isinstance(one, OptionalType) or isinstance(other, OptionalType):
        both = joined(present(one), present(other))
        return None if both is None else OptionalType(both)
    return _joined_present(one, other)


def _joined_present(one: Type, other: Type) -> Type | None:
    match one, other:
        case (TextType() | TokenType(), TextType() | TokenType()):
            return TextType()
        case IntType(), IntType():
            return IntType()
        case (DecimalType() | IntType(), DecimalType() | IntType()):
            return _joined_numbers(one, other)
        case ChoiceType(), ChoiceType():
            return ChoiceType(tuple(dict.fromkeys(one.choices + other.choices)))
        case (ListType(), ListType()) | (SetType(), SetType()):
            of = joined(one.of, other.of)
            return None if of is None else type(one)(of)
        case RecordType(), RecordType():
            return _joined_records(one, other)
        case _:
            return None


def _joined_numbers(one: DecimalType | IntType, other: DecimalType | IntType) -> Type | None:
    currencies = [each.currency if isinstance(each, DecimalType) else None for each in (one, other)]
    if currencies[0] != currencies[1]:
        return None
    places = max(each.places if isinstance(each, DecimalType) else 0 for each in (one, other))
    return DecimalType(places=places, currency=currencies[0])


def _joined_records(one: RecordType, other: RecordType) -> Type | None:
    others = {field.name: field.type for field in other.fields}
    if [field.name for field in one.fields] != list(others):
        return None
    fields: list[RecordField] = []
    for field in one.fields:
        both = joined(field.type, others[field.name])
        if both is None:
            return None
        fields.append(RecordField(field.name, both))
    return RecordType(tuple(fields))


def kind(type: Type) -> str:
    """The one word for a type: `text`, `entity`, `list`."""
    return str(type.__struct_config__.tag)


def present(type: Type) -> Type:
    """The type of what is there: `T` of `T?`."""
    while isinstance(type, OptionalType):
        type = type.of
    return type


def bare(type: Type) -> Type:
    """The type without its limits; of `T?` that of `T`."""
    match present(type):
        case TextType():
            return TextType()
        case IntType():
            return IntType()
        case DecimalType(places=places, currency=currency):
            return DecimalType(places=places, currency=currency)
        case other:
            return other


def tuple_of(*types: Type) -> RecordType:
    """The type of `(a, b)`: a record whose fields are `0`, `1`."""
    return RecordType(tuple(RecordField(str(index), type) for index, type in enumerate(types)))


def items_of(type: Type) -> tuple[Type, ...] | None:
    """The types inside a tuple; `None` for what is no tuple."""
    if isinstance(type, RecordType) and all(field.name == str(index) for index, field in enumerate(type.fields)):
        return tuple(field.type for field in type.fields)
    return None


def words(type: Type) -> str:
    """The type as the language page writes it: `text(1..200)`, `list of Book`, `money(EUR)?`."""
    match type:
        case OptionalType():
            return f"{words(type.of)}?"
        case ListType() | SetType():
            return f"{kind(type)} of {words(type.of)}{_spread(type.min or None, type.max)}"
        case RecordType():
            return _record_words(type)
        case ValueType() | EntityType() | ViewType():
            return type.name
        case ChoiceType():
            return f"one of {', '.join(type.choices)}"
        case TokenType():
            return f"token({_lifetime(type.seconds)})"
        case PageType():
            return f"page({type.limit}, {type.max}{', cursor' if type.cursor else ''})"
        case NothingType():
            return "none"
        case AnyType():
            return "anything"
        case _:
            return _limited_words(type)


def _record_words(type: RecordType) -> str:
    items = items_of(type)
    if items:
        return f"({', '.join(words(one) for one in items)})"
    return "{" + ", ".join(f"{field.name}: {words(field.type)}" for field in type.fields) + "}"


def _limited_words(type: Type) -> str:
    match type:
        case TextType():
            limits = "" if type.min == 0 and type.max is None else f"({type.min}..{_or_empty(type.max)})"
            pattern = "" if type.pattern is None else f" matches {type.pattern}"
            return f"{'text' if type.form == 'plain' else type.form}{limits}{pattern}"
        case IntType():
            return f"int{_spread(type.min, type.max)}"
        case DecimalType():
            return _decimal_name(type) + _decimal_limits(type)
        case _:
            return kind(type)


def _decimal_name(type: DecimalType) -> str:
    if type.currency is None:
        return f"decimal({type.places})"
    # Only what was calculated has more places than any currency; said, or `money(EUR)` would not fit `money(EUR)`.
    return f"money({type.currency})" + (f" with {type.places} places" if type.places > 3 else "")


def _spread(least: int | None, most: int | None) -> str:
    match least, most:
        case None, None:
            return ""
        case _, None:
            return f" >= {least}"
        case None, _:
            return f" <= {most}"
        case _:
            return f" {least}..{most}"


def _decimal_limits(type: DecimalType) -> str:
    limits = ((">=", type.min), (">", type.above), ("<=", type.max), ("<", type.below))
    return "".join(f" {sign} {Decimal(limit).normalize():f}" for sign, limit in limits if limit is not None)


def _or_empty(limit: int | None) -> str:
    return "" if limit is None else str(limit)


def _lifetime(seconds: int) -> str:
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{seconds} seconds"
