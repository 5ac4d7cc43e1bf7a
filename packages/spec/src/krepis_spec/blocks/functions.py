"""The pure functions of the language: one table, which the reading of blocks, the reference and every backend share.

One module because it is one table. A function takes what its parameters say, in that order; a parameter with a star takes any
number, one with a question mark may be left out. What is asked of an instant (`month`, `hour`, ...) is asked in UTC, or in the
zone that is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from krepis_spec.blocks.comparisons import is_ordered
from krepis_spec.expressions import Constant, Expression
from krepis_spec.fitting import bare, joined, present, tuple_of
from krepis_spec.types import (
    AnyType,
    BoolType,
    ChoiceType,
    DatetimeType,
    DateType,
    DecimalType,
    DurationType,
    EntityType,
    IntType,
    ListType,
    OptionalType,
    PeriodType,
    PropertiesType,
    RecordField,
    RecordType,
    SetType,
    TextType,
    TokenType,
    Type,
    UuidType,
)

Takes = Literal[
    "text",
    "pattern",
    "zone",
    "int",
    "number",
    "amount",
    "flag",
    "date",
    "datetime",
    "moment",
    "duration",
    "period",
    "list",
    "many",
    "sized",
    "texts",
    "truths",
    "amounts",
    "numbers",
    "ordered",
    "entity",
    "scalar",
    "properties",
    "operation",
    "key",
    "anything",
]


class Parameter(Struct, frozen=True):
    """One parameter. A `named` one is given by its name alone; a `repeated` one takes any number, at least one."""

    name: str
    takes: Takes
    optional: bool = False
    repeated: bool = False
    named: bool = False


Arguments = tuple[Expression, ...]
_Result = Callable[[Arguments, Mapping[str, Expression]], Type]


class Function(Struct, frozen=True):
    """One function. `gives` says its result in words, `result` works it out; a `method` may stand behind its first
    argument, as in `title.lower()`.
    """

    name: str
    parameters: tuple[Parameter, ...]
    gives: str
    result: _Result
    sentence: str
    method: bool = False

    @property
    def signature(self) -> str:
        """`sorted(many, key=..., reverse=...) -> list`"""
        shown = [
            f"{one.name}=..." if one.named else f"{'*' * one.repeated}{one.name}{'?' * one.optional}"
            for one in self.parameters
        ]
        return f"{self.name}({', '.join(shown)}) -> {self.gives}"


MEANINGS: Mapping[Takes, str] = MappingProxyType(
    {
        "text": "text",
        "pattern": "a pattern, written out",
        "zone": 'a zone, written out: "Europe/Berlin"',
        "int": "int",
        "number": "a number",
        "amount": "a number or a duration",
        "flag": "`True` or `False`, written out",
        "date": "date",
        "datetime": "datetime",
        "moment": "date or datetime",
        "duration": "duration",
        "period": "period",
        "list": "list",
        "many": "list or set",
        "sized": "list, set or text",
        "texts": "list or set of text",
        "truths": "list or set of bool",
        "amounts": "list or set of numbers or durations",
        "numbers": "list or set of numbers",
        "ordered": "what has an order",
        "entity": "an entity",
        "scalar": "a single value",
        "properties": "properties",
        "operation": "a command or query with a door, by its name",
        "key": "`lambda x: ...`, which gives what has an order",
        "anything": "anything",
    }
)
"""What a parameter takes, in words."""


def accepts(takes: Takes, type: Type) -> bool:
    """Whether a value of that type may be given where `takes` is asked for."""
    if isinstance(type, AnyType):
        return True
    match takes:
        case "list" | "many" | "sized" | "texts" | "truths" | "amounts" | "numbers":
            return _accepts_many(takes, type)
        case "ordered" | "key":
            return is_ordered(type)
        case "anything":
            return True
        case _:
            return isinstance(type, _accepted(takes))


def _accepts_many(takes: Takes, type: Type) -> bool:
    if takes == "sized" and isinstance(type, TextType | TokenType):
        return True
    if not isinstance(type, ListType | SetType) or (takes == "list" and not isinstance(type, ListType)):
        return False
    match takes:
        case "texts":
            return isinstance(type.of, TextType | AnyType)
        case "truths":
            return isinstance(type.of, BoolType | AnyType)
        case "amounts":
            return isinstance(type.of, IntType | DecimalType | DurationType | AnyType)
        case "numbers":
            return isinstance(type.of, IntType | DecimalType | AnyType)
        case _:
            return True


def _accepted(takes: Takes) -> tuple[type, ...]:
    match takes:
        case "text" | "pattern" | "zone":
            return (TextType, TokenType)
        case "int" | "number" | "amount":
            return (IntType, DecimalType, DurationType)[: ("int", "number", "amount").index(takes) + 1]
        case "flag":
            return (BoolType,)
        case "date" | "datetime" | "moment":
            return {"date": (DateType,), "datetime": (DatetimeType,)}.get(takes, (DateType, DatetimeType))
        case "duration" | "period":
            return (DurationType,) if takes == "duration" else (PeriodType,)
        case "entity" | "properties":
            return (EntityType,) if takes == "entity" else (PropertiesType,)
        case _:
            return (TextType, TokenType, IntType, DecimalType, BoolType, DateType, DatetimeType, UuidType, ChoiceType)


def of_type(type: Type) -> _Result:
    """Always that type."""
    return lambda arguments, named: type


def element(many: Type) -> Type:
    """The type of what is in a list or set."""
    return many.of if isinstance(many, ListType | SetType) else AnyType()


def _same(arguments: Arguments, named: Mapping[str, Expression]) -> Type:
    return bare(arguments[0].type)


def _as_list(arguments: Arguments, named: Mapping[str, Expression]) -> Type:
    return ListType(element(arguments[0].type))


def _as_set(arguments: Arguments, named: Mapping[str, Expression]) -> Type:
    return SetType(element(arguments[0].type))


def _one_or_none(arguments: Arguments, named: Mapping[str, Expression]) -> Type:
    return OptionalType(present(element(arguments[0].type)))


def _sum(arguments: Arguments, named: Mapping[str, Expression]) -> Type:
    return bare(element(arguments[0].type))


def _extreme(arguments: Arguments, named: Mapping[str, Expression]) -> Type:
    first, *others = arguments
    if others:
        found: Type = bare(first.type)
        for one in others:
            found = joined(found, bare(one.type)) or AnyType()
        return found
    item = element(first.type)
    if "default" in named:
        return joined(item, named["default"].type) or AnyType()
    return OptionalType(present(item))


def _average(arguments: Arguments, named: Mapping[str, Expression]) -> Type:
    item = element(arguments[0].type)
    return OptionalType(DecimalType(places=12, currency=item.currency if isinstance(item, DecimalType) else None))


def _rounded(arguments: Arguments, named: Mapping[str, Expression]) -> Type:
    of = arguments[0].type
    currency = of.currency if isinstance(of, DecimalType) else None
    if len(arguments) == 1:
        return IntType() if currency is None else DecimalType(places=0, currency=currency)
    places = arguments[1].value if isinstance(arguments[1], Constant) else 0
    return DecimalType(places=places if isinstance(places, int) and 0 <= places <= 12 else 0, currency=currency)


def _numbered(arguments: Arguments, named: Mapping[str, Expression]) -> Type:
    return ListType(tuple_of(IntType(), element(arguments[0].type)))


def _paired(arguments: Arguments, named: Mapping[str, Expression]) -> Type:
    return ListType(tuple_of(*(element(one.type) for one in arguments)))


def _grouped(arguments: Arguments, named: Mapping[str, Expression]) -> Type:
    key = named["key"].type if "key" in named else AnyType()
    return ListType(RecordType((RecordField("key", key), RecordField("items", ListType(element(arguments[0].type))))))


def _made(
    name: str, parameters: str, gives: str, result: Type | _Result, sentence: str, *, method: bool = False
) -> Function:
    """A row of the table. `parameters` is as the reference shows them: `many, *rest, n?: int, key=: key`."""
    return Function(
        name,
        tuple(_parameter(one) for one in parameters.split(", ") if one),
        gives,
        result if callable(result) else of_type(result),
        sentence,
        method,
    )


def _parameter(written: str) -> Parameter:
    name, _, takes = written.partition(": ")
    plain = name.strip("*?=")
    return Parameter(
        plain,
        takes or plain,  # pyright: ignore[reportArgumentType] - a test reads every row
        optional="?" in name or "=" in name,
        repeated="*" in name,
        named="=" in name,
    )


_TEXT = TextType()
_INT = IntType()
_BOOL = BoolType()

table: tuple[Function, ...] = (
    # Lists and sets
    _made("len", "of: sized", "int", _INT, "How many there are; of a text, its code points."),
    _made(
        "count",
        "many",
        "int",
        _INT,
        "How many there are, also of a generator: `count(b for b in Book if b.stock > 0)`.",
    ),
    _made("sum", "of: amounts", "number or duration", _sum, "All of them together; 0 of none."),
    _made(
        "average", "of: numbers", "decimal?", _average, "The sum divided by the count, with 12 places; none of none."
    ),
    _made(
        "min",
        "*of: anything, key=: key, default=: anything",
        "item?",
        _extreme,
        "The smallest, of one list or of several values; none of an empty list, unless there is a `default`.",
    ),
    _made("max", "*of: anything, key=: key, default=: anything", "item?", _extreme, "The largest, likewise."),
    _made("any", "of: truths", "bool", _BOOL, "Whether at least one is true."),
    _made("all", "of: truths", "bool", _BOOL, "Whether none is false."),
    _made(
        "sorted",
        "many, key=: key, reverse=: flag",
        "list",
        _as_list,
        "In order; a tuple as the key sorts by several, `-x` turns a number round.",
    ),
    _made("reversed", "of: list", "list", _as_list, "From the last to the first."),
    _made("top", "many, count: int, key=: key", "list", _as_list, "That many with the largest key, the largest first."),
    _made("take", "many: list, count: int", "list", _as_list, "The first ones, at most that many."),
    _made("skip", "many: list, count: int", "list", _as_list, "All but the first ones."),
    _made("first", "many: list", "item?", _one_or_none, "The first, or none."),
    _made("last", "many: list", "item?", _one_or_none, "The last, or none."),
    _made("distinct", "many", "list", _as_list, "Each once, in the order of its first place."),
    _made(
        "group",
        "many, key=: key",
        "list of {key, items}",
        _grouped,
        "Those with the same key together, in the order of the keys.",
    ),
    _made("list", "many", "list", _as_list, "The same as a list."),
    _made("set", "many", "set", _as_set, "The same as a set."),
    _made(
        "range",
        "*limits: int",
        "list of int",
        ListType(_INT),
        "Whole numbers: until one, from one until another, in steps.",
    ),
    _made("enumerate", "many: list", "list of (int, item)", _numbered, "Each with its number, from 0."),
    _made("zip", "*many: list", "list of tuples", _paired, "The first of each, the second of each, until one ends."),
    # Numbers
    _made("abs", "of: amount", "the same", _same, "Without its sign."),
    _made(
        "round",
        "of: number, places?: int",
        "decimal or int",
        _rounded,
        "To so many places (a literal), half to even; without places, to a whole number.",
    ),
    _made("int", "of: number", "int", _INT, "The whole part, towards zero."),
    # Text
    _made("str", "of: scalar", "text", _TEXT, "As text: numbers with their places, moments in ISO 8601."),
    _made("lower", "text", "text", _TEXT, "In small letters.", method=True),
    _made("upper", "text", "text", _TEXT, "In capital letters.", method=True),
    _made("strip", "text", "text", _TEXT, "Without space at both ends.", method=True),
    _made("startswith", "text, start: text", "bool", _BOOL, "Whether it begins with that.", method=True),
    _made("endswith", "text, end: text", "bool", _BOOL, "Whether it ends with that.", method=True),
    _made("contains", "text, part: text", "bool", _BOOL, "Whether that is in it, letter for letter.", method=True),
    _made("replace", "text, old: text, new: text", "text", _TEXT, "With every `old` as `new`.", method=True),
    _made(
        "split",
        "text, separator?: text",
        "list of text",
        ListType(_TEXT),
        "Its parts between separators, or between spaces.",
        method=True,
    ),
    _made(
        "join",
        "separator: text, parts: texts",
        "text",
        _TEXT,
        "The parts with the separator between them.",
        method=True,
    ),
    _made("truncate", "text, length: int", "text", _TEXT, "Its first code points, at most that many."),
    _made(
        "slugify",
        "text",
        "slug",
        TextType(form="slug"),
        "Small letters and digits with hyphens between words; accents go.",
    ),
    _made("matches", "text, pattern", "bool", _BOOL, "Whether the whole text fits the pattern, in linear time."),
    _made(
        "search",
        "of: entity, text",
        "bool",
        _BOOL,
        "Whether its searchable fields contain every word, whatever the case.",
    ),
    _made("has", "of: properties, name: text", "bool", _BOOL, "Whether there is a property of that name."),
    _made(
        "link",
        "operation, *things: anything",
        "url",
        TextType(form="url"),
        "The address of a door, with what its path names in that order: `link(show_order, order)`.",
    ),
    # Dates and times
    _made("weeks", "count: int", "duration", DurationType(), "So many times seven days."),
    _made("days", "count: int", "duration", DurationType(), "So many times 24 hours."),
    _made("hours", "count: int", "duration", DurationType(), "So many hours."),
    _made("minutes", "count: int", "duration", DurationType(), "So many minutes."),
    _made("seconds", "count: int", "duration", DurationType(), "So many seconds."),
    _made("year", "of: moment, zone?", "int", _INT, "Its year."),
    _made("month", "of: moment, zone?", "int", _INT, "Its month, 1 to 12."),
    _made("day", "of: moment, zone?", "int", _INT, "Its day of the month, 1 to 31."),
    _made("weekday", "of: moment, zone?", "int", _INT, "Its day of the week; Monday is 0."),
    _made("hour", "of: datetime, zone?", "int", _INT, "Its hour, 0 to 23."),
    _made("minute", "of: datetime, zone?", "int", _INT, "Its minute, 0 to 59."),
    _made("date", "of: datetime, zone?", "date", DateType(), "The day of an instant."),
    _made("start_of_day", "of: date, zone?", "datetime", DatetimeType(), "The first instant of a day."),
    _made(
        "add_months",
        "of: moment, count: int",
        "the same",
        _same,
        "That many months later, or earlier; the last day of the month where there is no such day.",
    ),
    _made(
        "period",
        "start: datetime, end: datetime",
        "period",
        PeriodType(),
        "From `start` until before `end`; rejected when that is empty.",
    ),
    _made("overlaps", "one: period, other: period", "bool", _BOOL, "Whether two periods share an instant."),
)
"""All of them, in the order of the reference."""

by_name: Mapping[str, Function] = MappingProxyType({one.name: one for one in table})
