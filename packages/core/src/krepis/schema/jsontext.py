"""JSON text as its writer wrote it (RFC 8259): every pair of every object, every number as its digits.

The fast way (msgspec) stops at the first fault and keeps the last of duplicate keys. The second look needs all of it,
and says precisely where a text stops being JSON. Only bodies that were refused, or are suspicious, come here.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, cast

from krepis.errors import Malformed

DEPTH_MAX = 64
"""Arrays and objects inside each other. Real messages have a tenth of it; readers and writers are safe with it."""

DEPTH_SETTING_MAX = 200
"""What a setting may raise it to: readers and writers need a few calls for each level."""

ITEMS_MAX = 100_000
"""Elements and members of one body. Each costs some fifty times its two bytes when it has become an object."""

_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|.)", re.DOTALL)
_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_HIGH = range(0xD800, 0xDC00)
_LOW = range(0xDC00, 0xE000)
_EXPECTED = (
    ("Expecting property name", "a key in double quotes was expected"),
    ("Expecting ':'", "a `:` was expected after a key"),
    ("Expecting ','", "a `,` or the end of the array or object was expected"),
    ("Expecting value", "a value was expected"),
    ("Unterminated string", "a text that begins here has no end"),
    ("Invalid control character", "a control character must be written as an escape"),
    ("Invalid \\escape", "a backslash is not followed by an escape that JSON knows"),
    ("Invalid \\uXXXX", "four hexadecimal digits were expected after `\\u`"),
    ("Extra data", "the text should end here"),
    ("Illegal trailing comma", "a comma must not be the last"),
)


class Pairs(list[tuple[str, Any]]):
    """An object: its pairs in order, duplicates included."""


class Whole(str):
    """A number without fraction and exponent, as written."""

    __slots__ = ()


class Broken(str):
    """A number with fraction or exponent, as written."""

    __slots__ = ()


def parse(body: bytes, depth_max: int = DEPTH_MAX) -> Any:
    """The document in `body`: `Pairs`, lists, texts, `Whole`, `Broken`, booleans, `None`. Raises `Malformed`."""
    text = _text(body)
    if too_deep(body, depth_max):
        raise Malformed(f"the JSON is nested deeper than {depth_max} arrays and objects", limit=depth_max)
    try:
        document = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        expected = next((words for start, words in _EXPECTED if error.msg.startswith(start)), "this is not JSON")
        raise _malformed(text, error.pos, expected) from None
    except _NotANumberError as error:
        raise _malformed(text, _outside_texts(text, str(error)), f"`{error}` is not a JSON number") from None
    _refuse_lone_surrogates(text)
    return document


def too_deep(body: bytes, depth_max: int = DEPTH_MAX) -> bool:
    """Whether arrays and objects are nested deeper than that. Takes linear time, and none on small bodies."""
    if body.count(b"[") + body.count(b"{") <= depth_max:
        return False
    depth = 0
    for match in _BRACKET.finditer(body):
        token = body[match.start()]
        if token in b"[{":
            depth += 1
            if depth > depth_max:
                return True
        elif token in b"]}":
            depth -= 1
    return False


def too_many_items(body: bytes, items_max: int) -> bool:
    """Whether more elements and members stand in the body's arrays and objects. An empty one counts for one, too.

    A comma or an opening bracket stands before each. Those in texts are told apart only where they could matter.
    """
    if len(body) <= items_max or _separators(body) <= items_max:
        return False
    return _separators(_TEXT.sub(b"", body)) > items_max


def _separators(body: bytes) -> int:
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def _text(body: bytes) -> str:
    if not body.strip(b" \t\r\n"):
        raise Malformed("the body is empty, JSON was expected", line=1, column=1, byte=0)
    if body.startswith(b"\xef\xbb\xbf"):
        # RFC 8259, section 8.1: a reader may ignore a byte order mark; we say what is wrong instead.
        raise Malformed("the body begins with a byte order mark; JSON has none", line=1, column=1, byte=0)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        before = body[: error.start].decode()
        raise _malformed(before, len(before), "the bytes are not UTF-8") from None


def _malformed(text: str, position: int, expected: str) -> Malformed:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    byte = len(text[:position].encode())
    return Malformed(
        f"the JSON breaks at line {line}, column {column}: {expected}", line=line, column=column, byte=byte
    )


class _NotANumberError(ValueError):
    """`NaN` or an infinity, which Python's reader would let pass."""


def _refuse_constant(name: str) -> NoReturn:
    raise _NotANumberError(name)


_DECODER = json.JSONDecoder(
    object_pairs_hook=cast(Any, Pairs), parse_int=Whole, parse_float=Broken, parse_constant=_refuse_constant
)


def _outside_texts(text: str, word: str) -> int:
    for match in re.finditer(rf'"(?:[^"\\]|\\.)*"|({re.escape(word)})', text, re.DOTALL):
        if match[1]:
            return match.start()
    return 0


def _refuse_lone_surrogates(text: str) -> None:
    if "\\u" not in text:
        return
    high: re.Match[str] | None = None
    for match in _ESCAPE.finditer(text):
        code = int(match[1], 16) if match[1] else 0
        paired = high is not None and high.end() == match.start() and code in _LOW
        if (high is not None or code in _LOW) and not paired:
            raise _malformed(text, (high or match).start(), "half of a surrogate pair stands alone")
        high = match if code in _HIGH and not paired else None
    if high is not None:
        raise _malformed(text, high.start(), "half of a surrogate pair stands alone")
