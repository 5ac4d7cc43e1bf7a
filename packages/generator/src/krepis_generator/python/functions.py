"""The pure functions of the language in Python: builtins, methods of text, and those that a project has in its domain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct

from krepis_generator.python.code import ATOM, COMPARISON, SUM, Code, call
from krepis_generator.python.library import HELPERS
from krepis_spec import types as t
from krepis_spec.expressions import Arithmetic, Call, Comprehension, Expression


class Written(Struct, frozen=True):
    """A call in Python, what has to be imported for it, and which functions of the domain it uses."""

    code: Code
    imports: tuple[tuple[str, str], ...] = ()
    helpers: tuple[str, ...] = ()


_BUILTINS = frozenset("len any all sorted abs int range enumerate list set next".split())
_METHODS = frozenset("lower upper strip startswith endswith replace split join".split())
_PARTS = frozenset("year month day hour minute".split())
_SPANS = frozenset("weeks days hours minutes seconds".split())


def written(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    """That call. Raises `AssertionError` for a function that the language does not have."""
    name = node.function
    given = [*(one.text for one in arguments), *(f"{key}={value.text}" for key, value in keywords)]
    if name in _BUILTINS:
        return Written(call(name, *given))
    if name in _METHODS:
        return Written(call(f"{arguments[0].at(ATOM)}.{name}", *given[1:]))
    if name in _PARTS:
        return _dated(arguments, lambda at: Code(f"{at}.{name}"))
    if name in _SPANS:
        return Written(call("timedelta", f"{name}={given[0]}"), (("datetime", "timedelta"),))
    if name in HELPERS:
        return Written(call(name, *given), (), (name,))
    assert name in _OTHERS, f"`{name}` is no function of the language"
    return _OTHERS[name](node, arguments, keywords)


def _dated(arguments: list[Code], part: Callable[[str], Code]) -> Written:
    """What is asked of an instant, in UTC or in the zone that is named."""
    if len(arguments) == 1:
        return Written(part(arguments[0].at(ATOM)))
    return Written(part(f"in_zone({arguments[0].text}, {arguments[1].text})"), (), ("in_zone",))


def _contains(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    return Written(Code(f"{arguments[1].at(SUM)} in {arguments[0].at(SUM)}", COMPARISON))


def _count(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    of, text = node.arguments[0], arguments[0].text
    if isinstance(of, Comprehension) and of.form == "generator":
        return Written(call("len", f"[{text}]"))
    return Written(call("len", text))


def _extreme(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    given = [*(one.text for one in arguments), *(f"{key}={value.text}" for key, value in keywords)]
    named = {key for key, _ in keywords}
    if len(arguments) == 1 and "default" not in named:
        given = [arguments[0].text if named or not _is_bare(arguments[0]) else f"({arguments[0].text})", *given[1:]]
        given.append("default=None")
    return Written(call(node.function, *given))


def _is_bare(code: Code) -> bool:
    """Whether it is a generator without parentheses, which can only stand alone."""
    return " for " in code.text and code.text[0] not in "[{("


def _round(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    given = [one.text for one in arguments]
    if len(given) == 1 and isinstance(node.type, t.DecimalType):
        given.append("0")
    return Written(call("round", *given))


def _text(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    if isinstance(node.arguments[0].type, t.DatetimeType):
        return Written(call(f"{arguments[0].at(ATOM)}.isoformat"))
    return Written(call("str", arguments[0].text))


def _top(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    key = "".join(f", {name}={value.text}" for name, value in keywords)
    return Written(Code(f"sorted({arguments[0].text}{key}, reverse=True)[:{arguments[1].text}]"))


def _take(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    return Written(Code(f"{arguments[0].at(ATOM)}[:{arguments[1].text}]"))


def _truncate(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    return Written(Code(f"{arguments[0].at(ATOM)}[:{arguments[1].text}]"))


def _skip(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    return Written(Code(f"{arguments[0].at(ATOM)}[{arguments[1].text}:]"))


def _reversed(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    return Written(Code(f"{arguments[0].at(ATOM)}[::-1]"))


def _zip(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    return Written(call("zip", *(one.text for one in arguments), "strict=False"))


def _weekday(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    return _dated(arguments, lambda at: Code(f"{at}.weekday()"))


def _date(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    return _dated(arguments, lambda at: Code(f"{at}.date()"))


def _has(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    return Written(Code(f"{arguments[1].at(SUM)} in {arguments[0].at(SUM)}", COMPARISON))


def _average(node: Call, arguments: list[Code], keywords: list[tuple[str, Code]]) -> Written:
    if _is_whole(node.arguments[0]):
        return Written(call("average", f"map(Decimal, {arguments[0].text})"), (("decimal", "Decimal"),), ("average",))
    return Written(call("average", arguments[0].text), (), ("average",))


def _is_whole(node: Expression) -> bool:
    return isinstance(node.type, t.ListType | t.SetType) and isinstance(node.type.of, t.IntType)


_Writer = Callable[[Call, list[Code], list[tuple[str, Code]]], Written]

_OTHERS: Mapping[str, _Writer] = MappingProxyType(
    {
        "average": _average,
        "contains": _contains,
        "count": _count,
        "date": _date,
        "has": _has,
        "max": _extreme,
        "min": _extreme,
        "reversed": _reversed,
        "round": _round,
        "skip": _skip,
        "str": _text,
        "take": _take,
        "top": _top,
        "truncate": _truncate,
        "weekday": _weekday,
        "zip": _zip,
    }
)


def helpers_in(nodes: Iterable[object]) -> Iterator[str]:
    """The functions of a project's own that those nodes use in Python."""
    for node in nodes:
        if isinstance(node, Call) and (node.function in HELPERS or node.function == "average"):
            yield node.function
        elif isinstance(node, Call) and node.function in {*_PARTS, "date", "weekday"} and len(node.arguments) > 1:
            yield "in_zone"
        elif isinstance(node, Arithmetic) and node.operator == "/" and isinstance(node.type, t.DecimalType):
            yield "divided"
