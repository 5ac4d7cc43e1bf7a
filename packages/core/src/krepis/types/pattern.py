r"""Regular expressions that mean the same in Python (where they run) and in ECMA-262 (which OpenAPI shows to callers).

The dialects differ where it hurts: in Python `$` lets a trailing newline pass, `\d` takes any script's digits and `.`
takes a carriage return. So a pattern is parsed here and written anew from the common ground: literals, classes,
groups, alternatives, quantifiers, `^` and `$`. What has no common meaning (look-around, back references, flags, `\b`,
`\p`) is refused when the service starts, and so is what could make a matcher try exponentially many ways
(`krepis.types.ambiguity`).
"""

from __future__ import annotations

import re

from msgspec import Struct

from krepis.errors import KrepisError
from krepis.types.ambiguity import Automaton, Part, Ranges

_DIGIT: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
# ECMA-262, WhiteSpace and LineTerminator.
_SPACE: Ranges = tuple(
    (lo, hi)
    for lo, hi in (
        (9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
        (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
    )
)  # fmt: skip
_LINE_END: Ranges = ((10, 10), (13, 13), (0x2028, 0x2029))
_CODE_POINT_MAX = 0x10FFFF
_END = "\n"  # stands for the anchor `$` until the dialect is known; a real newline is always written as an escape
_SYNTAX = frozenset("^$\\.*+?()[]{}|")
_CLASS_SYNTAX = frozenset("^-[]\\")
_CONTROL = "t\tn\nr\rf\fv\v"
_HEX = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})")
_COUNT = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{0,4}))?\}")
_PIECE = re.compile(r"\\u[0-9a-f]{4}|\\.|\[(?:\\.|[^\]\\])*\]|.", re.DOTALL)
_NAMED: tuple[tuple[str, Ranges], ...] = (("d", _DIGIT), ("w", _WORD), ("s", _SPACE))


class Pattern(Struct, frozen=True):
    """One pattern in both dialects.

    `narrower` tells that `python` accepts less than the text it was made from did in Python; `wider` that it may also
    accept more.
    """

    ecma: str
    python: str
    narrower: bool
    wider: bool


def portable(source: str, *, whole: bool = False) -> Pattern:
    """Translate `source`; with `whole` it has to match the value from its first to its last character.

    Raises `KrepisError` when the pattern has no common meaning or could backtrack exponentially.
    """
    reader = _Reader(source)
    body, _ = reader.alternatives()
    if reader.at < len(source):
        raise refusal(source, f"has a `{source[reader.at]}` too many at position {reader.at}")
    if reader.automaton.exponential():
        raise refusal(source, "lets a matcher try exponentially many ways", "let one repetition end where one begins")
    if whole:
        bare = body.removeprefix("^").removesuffix(_END)
        body = f"^(?:{body}){_END}" if reader.forked else f"^{bare}{_END}"
    python = body.replace(_END, r"\Z")
    try:
        re.compile(python)
    except (re.error, OverflowError) as error:
        raise refusal(source, f"is not a regular expression: {error}") from None
    return Pattern(body.replace(_END, "$"), python, reader.narrower or python != source, reader.wider)


def python_form(ecma: str) -> re.Pattern[str]:
    """What runs for a pattern out of a schema tree, which holds the ECMA form written by `portable`."""
    return re.compile("".join(r"\Z" if piece == "$" else piece for piece in _PIECE.findall(ecma)))


def excludes_nul(ecma: str) -> bool:
    """Whether a pattern out of a schema tree can be seen to refuse every text that holds a NUL."""
    pieces = _PIECE.findall(ecma)
    depth = 0
    for piece in pieces:
        depth += (piece == "(") - (piece == ")")
        if (piece == "|" and depth == 0) or piece.startswith("[^") or "\\u0000" in piece:
            return False
    return pieces[0] == "^" and pieces[-1] == "$"


def refusal(source: str, problem: str, hint: str = "") -> KrepisError:
    usual = (
        "literals, classes, groups, `|`, `*`, `+`, `?` and `{m,n}` are understood; check anything finer in the domain"
    )
    return KrepisError(f"the pattern `{source}` {problem}", hint=hint or usual)


class _Reader:
    """Reads the pattern once, from left to right: writes the portable text and builds the automaton."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.forked = False  # has alternatives outside of any group
        self.depth = 0
        self.narrower = False
        self.wider = False
        self.automaton = Automaton()

    def peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def take(self) -> str:
        if self.at >= len(self.source):
            raise refusal(self.source, "ends too early")
        self.at += 1
        return self.source[self.at - 1]

    def alternatives(self) -> tuple[str, Part]:
        text, part = self.sequence()
        while self.peek() == "|":
            self.take()
            self.forked = self.forked or self.depth == 0
            more, other = self.sequence()
            text, part = f"{text}|{more}", self.automaton.either(part, other)
        return text, part

    def sequence(self) -> tuple[str, Part]:
        texts: list[str] = []
        part = self.automaton.nothing()
        while self.peek() not in ("", "|", ")"):
            text, item = self.repeated()
            texts.append(text)
            part = self.automaton.then(part, item)
        return "".join(texts), part

    def repeated(self) -> tuple[str, Part]:
        start = self.at
        text, part = self.atom()
        count = _COUNT.match(self.source, self.at)
        if count is not None:
            self.at = count.end()
            low = int(count[1])
            high = low if count[2] is None else int(count[3]) if count[3] else None
        elif self.peek() in ("*", "+", "?"):
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[self.take()]
        else:
            return text, part
        if text in ("^", _END):
            raise refusal(self.source, f"repeats an anchor at position {start}")
        written = self.source[self.at - 1] if count is None else count[0]
        if self.peek() == "?":
            written += self.take()
        if self.peek() in ("*", "+", "?", "{"):
            raise refusal(self.source, f"repeats a repetition at position {self.at}")
        return text + written, self.automaton.repeat(part, low, high)

    def atom(self) -> tuple[str, Part]:
        start, char = self.at, self.take()
        if char == "(":
            return self.group()
        if char == "[":
            return self.klass()
        if char == "^":
            return "^", self.automaton.nothing()
        if char == "$":
            return _END, self.automaton.nothing()
        if char == ".":
            return _written(_LINE_END, negated=True), self.automaton.one(_negative(_LINE_END))
        if char == "\\":
            ranges, negated = self.escape()
            return _written(ranges, negated=negated), self.automaton.one(_negative(ranges) if negated else ranges)
        if char in _SYNTAX:
            raise refusal(self.source, f"has a `{char}` at position {start} that must be written `\\{char}`")
        return _written(((ord(char), ord(char)),), negated=False), self.automaton.one(((ord(char), ord(char)),))

    def group(self) -> tuple[str, Part]:
        if self.source.startswith("?:", self.at):
            self.at += 2
        elif self.peek() == "?":
            raise refusal(self.source, f"has a special group at position {self.at - 1}")
        self.depth += 1
        text, part = self.alternatives()
        self.depth -= 1
        if self.take() != ")":
            raise refusal(self.source, "lacks a `)`")
        return f"(?:{text})", part

    def klass(self) -> tuple[str, Part]:
        negated = self.peek() == "^"
        if negated:
            self.take()
        ranges: list[tuple[int, int]] = []
        while self.peek() != "]":
            low = self.member(negated=negated)
            if self.peek() == "-" and self.source[self.at + 1 : self.at + 2] != "]":
                self.take()
                high = self.member(negated=negated)
                if len(low) != 1 or len(high) != 1 or low[0][0] > high[0][1]:
                    raise refusal(self.source, f"has a range that makes no sense before position {self.at}")
                ranges.append((low[0][0], high[0][1]))
            else:
                ranges.extend(low)
        self.take()
        if not ranges:
            raise refusal(self.source, f"has an empty class before position {self.at}")
        chosen = tuple(ranges)
        return _written(chosen, negated=negated), self.automaton.one(_negative(chosen) if negated else chosen)

    def member(self, *, negated: bool) -> Ranges:
        char = self.take()
        if char == "\\":
            ranges, inverted = self.escape()
            if inverted:
                raise refusal(self.source, f"has a negated escape in a class before position {self.at}")
            self.wider = self.wider or (negated and len(ranges) > 1)
            return ranges
        if char == "[":
            raise refusal(self.source, f"has a `[` in a class before position {self.at} that must be written `\\[`")
        return ((ord(char), ord(char)),)

    def escape(self) -> tuple[Ranges, bool]:
        char = self.take()
        for name, ranges in _NAMED:
            if char in (name, name.upper()):
                self.narrower = True
                self.wider = self.wider or char != name or name == "s"
                return ranges, char != name
        if char in _CONTROL[::2]:
            code = ord(_CONTROL[_CONTROL.index(char) + 1])
        elif (digits := _HEX.match(self.source, self.at - 1)) is not None:
            self.at = digits.end()
            code = int(digits[1] or digits[2], 16)
        elif not char.isalnum() and char.isascii():
            code = ord(char)
        else:
            raise refusal(self.source, f"has an escape `\\{char}` before position {self.at} without a common meaning")
        return ((code, code),), False


def _negative(ranges: Ranges) -> Ranges:
    result: list[tuple[int, int]] = []
    start = 0
    for low, high in sorted(ranges):
        if low > start:
            result.append((start, low - 1))
        start = max(start, high + 1)
    return (*result, (start, _CODE_POINT_MAX)) if start <= _CODE_POINT_MAX else tuple(result)


def _written(ranges: Ranges, *, negated: bool) -> str:
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1] and not negated:
        return _literal(ranges[0][0], _SYNTAX)
    inside = "".join(
        _literal(low, _CLASS_SYNTAX) + (f"-{_literal(high, _CLASS_SYNTAX)}" if high > low else "")
        for low, high in ranges
    )
    return f"[{'^' if negated else ''}{inside}]"


def _literal(code: int, syntax: frozenset[str]) -> str:
    char = chr(code)
    if char in syntax:
        return f"\\{char}"
    return char if char.isprintable() else f"\\u{code:04x}" if code <= 0xFFFF else char
