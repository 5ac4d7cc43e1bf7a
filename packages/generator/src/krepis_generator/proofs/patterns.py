"""Texts that fit a pattern: which characters each place of one may have."""

from __future__ import annotations

import string
from importlib import import_module
from typing import Any

_LETTERS = string.ascii_lowercase
_CLASSES = {
    "CATEGORY_DIGIT": string.digits,
    "CATEGORY_WORD": _LETTERS + string.digits,
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_DIGIT": _LETTERS,
    "CATEGORY_NOT_WORD": "-",
    "CATEGORY_NOT_SPACE": _LETTERS,
}
_ANY = _LETTERS + string.digits
_SEEN = string.ascii_letters + string.digits + "-_. :/@+#"


def places(pattern: str) -> list[str]:
    """For each place of a text that fits the pattern, the characters that may stand there. Repetitions are as short as they may be,
    but not empty. Nothing for a pattern that looks around or back.
    """
    parsed: Any = import_module("re._parser").parse(pattern)
    try:
        return _places(parsed)
    except LookupError:
        return []


def _places(parsed: Any) -> list[str]:
    found: list[str] = []
    for operation, argument in parsed:
        found += _of(str(operation), argument)
    return found


def _of(operation: str, argument: Any) -> list[str]:
    match operation:
        case "LITERAL":
            return [chr(argument)]
        case "NOT_LITERAL":
            return [_ANY.replace(chr(argument), "")]
        case "ANY":
            return [_ANY]
        case "IN":
            return [_members(argument)]
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            low, high, inner = argument
            return _places(inner) * max(low, min(1, int(high)))
        case "SUBPATTERN":
            return _places(argument[-1])
        case "BRANCH":
            return _places(argument[1][0])
        case "AT":
            return []
        case _:
            raise LookupError(operation)


def _members(argument: Any) -> str:
    if str(argument[0][0]) == "NEGATE":
        excluded = "".join(_member(*one) for one in argument[1:])
        return "".join(one for one in _SEEN if one not in excluded)
    return "".join(dict.fromkeys("".join(_member(*one) for one in argument)))


def _member(operation: Any, argument: Any) -> str:
    match str(operation):
        case "LITERAL":
            return chr(argument)
        case "RANGE":
            low, high = argument
            return "".join(chr(one) for one in range(low, min(high, low + 64) + 1))
        case _:
            return _CLASSES[str(argument)]
