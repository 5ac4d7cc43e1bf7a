"""Reads types: `list of {book: Book, quantity: int 1..100}`, `text(1..200)?`, `one of a, b`.

A `?` ends the whole type: `list of Book?` is a list or none. A limit belongs to the word before it: `list of int 1..9` limits
each number, `list(1..9) of int` the list. Items of lists and sets are never none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType

from msgspec import Struct

from krepis_spec.document import Text
from krepis_spec.limits import limited, noun
from krepis_spec.naming import is_usable, snake
from krepis_spec.parameters import EXAMPLES, with_parameters
from krepis_spec.pieces import piece
from krepis_spec.problems import Problems, did_you_mean, nearest
from krepis_spec.types import (
    AnyType,
    BoolType,
    ChoiceType,
    DatetimeType,
    DateType,
    DecimalType,
    DurationType,
    EntityType,
    FileType,
    IntType,
    JsonType,
    ListType,
    NothingType,
    OptionalType,
    PageType,
    PeriodType,
    PropertiesType,
    RecordField,
    RecordType,
    SecretType,
    SetType,
    TextType,
    TokenType,
    Type,
    UuidType,
    ValueType,
    ViewType,
)

_DEPTH_MAX = 20

_PLAIN: MappingProxyType[str, Type] = MappingProxyType(
    {
        "bool": BoolType(),
        "date": DateType(),
        "datetime": DatetimeType(),
        "duration": DurationType(),
        "email": TextType(form="email"),
        "file": FileType(),
        "int": IntType(),
        "json": JsonType(),
        "period": PeriodType(),
        "properties": PropertiesType(),
        "secret": SecretType(),
        "slug": TextType(form="slug"),
        "text": TextType(),
        "url": TextType(form="url"),
        "uuid": UuidType(),
    }
)
_LIMITED = (TextType, IntType, SecretType)
_OF = MappingProxyType({"list": "list of text", "set": "set of text", "one": "one of small, large"})

WORDS = frozenset({*_PLAIN, *EXAMPLES, "list of", "set of", "one of"})
"""The words that types begin with."""

_FOREIGN = MappingProxyType(
    {
        "array": "list of", "bigint": "int", "boolean": "bool", "char": "text", "choice": "one of", "currency": "money(EUR)",
        "dict": "json", "double": "decimal(2)", "enum": "one of", "float": "decimal(2)", "integer": "int", "interval": "period",
        "number": "int", "numeric": "decimal(2)", "object": "json", "password": "secret", "str": "text", "string": "text",
        "timedelta": "duration", "timestamp": "datetime", "uri": "url", "varchar": "text(..200)",
    }
)  # fmt: skip
_TOKEN = re.compile(
    r"""\s*(?:(?P<word>[^\W\d][\w-]*)|(?P<number>[+-]?\d+(?:\.\d+)?)|(?P<dots>\.\.)|(?P<compare>[<>]=?)"""
    r"""|(?P<code>`[^`]*`)|(?P<quoted>"[^"]*")|(?P<mark>[(){},:?])|(?P<other>\S))"""
)
_CHOICE = re.compile(r"(?!.*\.\.)[^\W_][\w.-]*(?: [\w.-]+)*")
_FIELD = re.compile(r"[a-z][A-Za-z0-9_]{0,49}")


class Known(Struct, frozen=True):
    """The names that types may use."""

    values: frozenset[str]
    entities: frozenset[str]
    views: frozenset[str] = frozenset()


def type_of(text: Text, known: Known, problems: Problems) -> Type:
    """The type that is written there; `AnyType` after a problem."""
    if not text.text:
        problems.add(text.span, "the type is missing", "for example `text(1..200)`")
        return AnyType()
    return _Reader(text, known, problems).read(_Reader.whole)


def named_types_of(text: Text, known: Known, problems: Problems) -> tuple[tuple[Text, Type], ...]:
    """Named types without braces: `to: email, text: text`. None after a problem."""
    reader = _Reader(text, known, problems)
    read = reader.read(_Reader.fields_to_the_end)
    if not isinstance(read, RecordType):
        return ()
    return tuple(zip(reader.names, (field.type for field in read.fields), strict=True))


class _Mistake(Exception):
    def __init__(self, start: int, end: int, message: str, hint: str | None = None) -> None:
        self.place = start, end
        self.message = message
        self.hint = hint
        super().__init__(message)


class _Piece(Struct, frozen=True):
    kind: str
    text: str
    start: int
    end: int


class _Reader:
    """Reads one type from left to right. The first mistake ends it."""

    def __init__(self, text: Text, known: Known, problems: Problems) -> None:
        self._text = text
        self._known = known
        self._problems = problems
        self._pieces = [
            _Piece(match.lastgroup or "", match[match.lastgroup or ""], match.start(match.lastgroup or ""), match.end())
            for match in _TOKEN.finditer(text.text)
        ]
        self.names: list[Text] = []
        """Those of the fields that are not inside of another."""
        self._at = 0
        self._depth = 0

    def read(self, how: Callable[[_Reader], Type]) -> Type:
        try:
            return how(self)
        except _Mistake as mistake:
            self._problems.add(self._cut(*mistake.place).span, mistake.message, mistake.hint)
            return AnyType()

    def whole(self) -> Type:
        read = self._type()
        if self._at < len(self._pieces):
            raise self._unexpected(self._peek(), "the end of the type")
        return read

    def fields_to_the_end(self) -> Type:
        read = self._fields()
        if self._at < len(self._pieces):
            raise self._unexpected(self._peek(), "a comma")
        return read

    def _type(self) -> Type:
        first = self._peek()
        read = self._base()
        while self._is_limit():
            read = self._limited(read)
        if self._peek().text == "?":
            mark = self._next()
            if isinstance(read, PageType | NothingType):
                raise _Mistake(first.start, mark.end, f"{noun(read)} is never none")
            read = OptionalType(read)
        return read

    def _base(self) -> Type:
        first = self._next()
        if first.text == "{":
            return self._nested(first, _Reader._record)
        if first.kind != "word":
            raise self._unexpected(first, "a type")
        if first.text in _OF:
            return self._nested(first, _Reader._of)
        if first.text in _PLAIN:
            plain = _PLAIN[first.text]
            return self._argument_limits(plain) if isinstance(plain, _LIMITED) else plain
        if first.text in EXAMPLES:
            return self._with_parameters(first)
        return self._named(first)

    def _named(self, word: _Piece) -> Type:
        name = word.text
        if name in self._known.entities:
            return EntityType(name)
        if name in self._known.values:
            return ValueType(name)
        if name in self._known.views:
            return ViewType(name)
        names = {*self._known.entities, *self._known.values, *self._known.views}
        if name.casefold() in _FOREIGN and nearest(name, names) is None:
            hint = f"here it is `{_FOREIGN[name.casefold()]}`"
        elif name == "User":
            hint = "`User` exists when `auth` is set in `## Service`, or with a `## Entity User`"
        else:
            near = nearest(name, {*WORDS, *names})
            hint = did_you_mean(name, (near,) if near else names)
        raise _Mistake(word.start, word.end, f"there is no type `{name}`", hint)

    def _nested(self, first: _Piece, how: Callable[[_Reader, _Piece], Type]) -> Type:
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise _Mistake(first.start, first.end, f"types are nested at most {_DEPTH_MAX} deep")
        read = how(self, first)
        self._depth -= 1
        return read

    def _of(self, first: _Piece) -> Type:
        if first.text == "one":
            self._take("of", first)
            return self._choices(first)
        is_list = first.text == "list"
        start = self._at
        empty: Type = self._argument_limits(ListType(AnyType()) if is_list else SetType(AnyType()))
        if self._peek().text != "of" and self._at > start:
            raise self._unexpected(self._peek(), f"`of`, as in `{first.text}(1..9) of text`")
        self._take("of", first)
        place = self._peek()
        item = self._base()
        while self._is_limit():
            item = self._limited(item, first.text)
        self._check_item(first.text, item, place)
        assert isinstance(empty, ListType | SetType)
        return (ListType if is_list else SetType)(item, empty.min, empty.max)

    def _check_item(self, many: str, item: Type, place: _Piece) -> None:
        if isinstance(item, PageType | SecretType | TokenType | PropertiesType):
            raise _Mistake(place.start, place.end, f"a {many} holds no {noun(item)}")
        unordered = (ValueType, RecordType, ListType, SetType, JsonType, FileType, PeriodType, ViewType)
        if many == "set" and isinstance(item, unordered):
            raise _Mistake(place.start, place.end, f"a set holds no {noun(item)}", "a `list of` does")

    def _choices(self, first: _Piece) -> Type:
        choices: dict[str, None] = {}
        while True:
            start = self._peek()
            while self._peek().text not in ("", ",", "?", ")", "}", "{", "(", ":"):
                self._next()
            behind = self._pieces[self._at - 1].end
            if behind <= start.start:
                raise self._unexpected(self._peek(), "a choice")
            written = self._text.text[start.start : behind]
            choice = written[1:-1].strip() if start.kind in ("code", "quoted") and behind == start.end else written
            if not (_CHOICE.fullmatch(choice) or (choice and choice != written and choice.isprintable())):
                raise _Mistake(start.start, behind, f"`{written}` is no choice", "words, or anything in quotes")
            if choice in choices:
                raise _Mistake(start.start, behind, f"the choice `{choice}` is there twice")
            choices[choice] = None
            if self._peek().text != "," or self._peek(2).text == ":":
                return ChoiceType(tuple(choices))
            self._next()

    def _record(self, first: _Piece) -> Type:
        read = self._fields()
        self._take("}", first)
        return read

    def _fields(self) -> Type:
        fields: dict[str, RecordField] = {}
        while True:
            name = self._next()
            if name.kind != "word":
                raise self._unexpected(name, "the name of a field, as in `{book: Book, quantity: int}`")
            if not _FIELD.fullmatch(name.text) or not is_usable(snake(name.text)):
                raise _Mistake(
                    name.start, name.end, f"`{name.text}` can't be the name of a field", "as in `{book: Book}`"
                )
            if snake(name.text) in fields:
                raise _Mistake(name.start, name.end, f"the field `{name.text}` is there twice")
            if self._depth == 0:
                self.names.append(self._cut(name.start, name.end))
            self._take(":", name)
            place = self._peek()
            of = self._type()
            if isinstance(of, PageType):
                raise _Mistake(place.start, place.end, "a `page` is an input of its own, and no part of another")
            fields[snake(name.text)] = RecordField(name.text, of)
            if self._peek().text != ",":
                return RecordType(tuple(fields.values()))
            self._next()

    def _with_parameters(self, word: _Piece) -> Type:
        example = EXAMPLES[word.text]
        if self._peek().text != "(":
            raise _Mistake(word.start, word.end, f"`{word.text}` needs more", f"for example `{example}`")
        opening = self._next()
        while self._peek().text not in ("", ")"):
            self._next()
        closing = self._next()
        if closing.text != ")":
            raise self._unexpected(closing, "`)`")
        inside = self._text.text[opening.end : closing.start].strip()
        read = with_parameters(word.text, inside)
        if isinstance(read, str):
            raise _Mistake(opening.start, closing.end, read, f"for example `{example}`")
        return read

    def _argument_limits(self, type: Type) -> Type:
        """`text(1..200)`"""
        if self._peek().text != "(":
            return type
        opening = self._next()
        inside = self._peek()
        while self._peek().text not in ("", ")"):
            self._next()
        closing = self._next()
        if closing.text != ")":
            raise self._unexpected(closing, "`)`")
        rule = self._cut(opening.end, closing.start)
        read = limited(type, rule, self._problems)
        if read is None or rule.text.startswith("matches"):
            hint = f"`..{rule.text}` is at most {rule.text}" if rule.text.isdecimal() else "for example `1..200`"
            raise _Mistake(inside.start, closing.start, f"{noun(type)} takes a range", hint)
        return read

    def _is_limit(self) -> bool:
        return self._peek().kind in ("number", "dots", "compare") or self._peek().text == "matches"

    def _limited(self, type: Type, many: str | None = None) -> Type:
        """The limit that stands behind a type, which may be that of the items of `many`."""
        first = last = self._next()
        if first.text == "matches" or first.kind == "compare":
            last = self._next()
            if first.text == "matches" and last.kind != "code":
                raise self._unexpected(last, r"a pattern in backticks, as in: matches `\d{13}`")
        else:
            while self._peek().kind in ("dots", "number") and last.kind != self._peek().kind:
                last = self._next()
        rule = self._cut(first.start, last.end)
        if many is not None and not isinstance(type, TextType | IntType | DecimalType):
            message = f"`{rule.text}` would limit each {noun(type)} of the {many}, which takes no limits"
            raise _Mistake(first.start, last.end, message, f"`{many}({rule.text}) of ...` limits the {many}")
        read = limited(type, rule, self._problems)
        if read is None:
            raise self._unexpected(first, "a limit such as `>= 0` or `1..100`")
        return read

    def _take(self, wanted: str, after: _Piece) -> None:
        if self._peek().text != wanted:
            example = f", as in `{_OF[after.text]}`" if after.text in _OF else ""
            raise self._unexpected(self._peek(), f"`{wanted}`{example}")
        self._next()

    def _peek(self, ahead: int = 0) -> _Piece:
        end = len(self._text.text)
        at = self._at + ahead
        return self._pieces[at] if at < len(self._pieces) else _Piece("end", "", end, end)

    def _next(self) -> _Piece:
        found = self._peek()
        self._at += 1
        return found

    def _unexpected(self, found: _Piece, wanted: str) -> _Mistake:
        what = "the type ends too early" if found.kind == "end" else f"`{found.text.strip('`')}` is not expected here"
        return _Mistake(found.start, found.end, f"{what}; what belongs here is {wanted}")

    def _cut(self, start: int, end: int) -> Text:
        return piece(self._text, start, end)
