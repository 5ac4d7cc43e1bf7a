"""Comparisons: `==`, `<`, `in`, `is None`, `is absent`, and chains of them."""

from __future__ import annotations

import ast
from typing import Literal

from msgspec import Struct

from krepis_spec.blocks.environment import shown_by
from krepis_spec.blocks.literals import is_literal
from krepis_spec.blocks.reading import Reading
from krepis_spec.document import Span
from krepis_spec.expressions import Compare, Expression, IsAbsent, Logic, Name, Not
from krepis_spec.fitting import fits, items_of, joined, present, words
from krepis_spec.types import (
    AnyType,
    BoolType,
    ChoiceType,
    DatetimeType,
    DateType,
    DecimalType,
    DurationType,
    IntType,
    JsonType,
    ListType,
    NothingType,
    OptionalType,
    PeriodType,
    SetType,
    TextType,
    TokenType,
    Type,
)

_Sign = Literal["==", "!=", "<", "<=", ">", ">="]


def comparison(reading: Reading, node: ast.Compare) -> Expression:
    """`a < b`; a chain is an `and` of its links."""
    links: list[Expression] = []
    environment = reading.environment
    left = _Left(node.left)
    for operator, right in zip(node.ops, node.comparators, strict=True):
        with reading.within(environment):
            links.append(_link(reading, left, operator, right))
        environment = environment.knowing(shown_by(links[-1], True))
        left = _Left(right, _right_of(links[-1]))
    if len(links) == 1:
        return links[0]
    return Logic(type=BoolType(), span=reading.places.of(node), operator="and", operands=tuple(links))


class _Left(Struct, frozen=True):
    """The left side of a link. In a chain it was the right side before and is not read again: nested chains would cost
    twice as much at each level.
    """

    node: ast.expr
    known: Expression | None = None

    def read(self, reading: Reading, expected: Type | None = None) -> Expression:
        return reading.expression(self.node, expected) if self.known is None else self.known


def _right_of(link: Expression) -> Expression | None:
    return link.right if isinstance(link, Compare) else link


def _link(reading: Reading, left: _Left, operator: ast.cmpop, right: ast.expr) -> Expression:
    span = _from_to(reading, left.node, right)
    match operator:
        case ast.Is() | ast.IsNot():
            return _identity(reading, left, right, span, negated=isinstance(operator, ast.IsNot))
        case ast.In() | ast.NotIn():
            return _membership(reading, left, right, span, negated=isinstance(operator, ast.NotIn))
        case ast.Eq():
            return _equality(reading, left, "==", right, span)
        case ast.NotEq():
            return _equality(reading, left, "!=", right, span)
        case ast.Lt():
            return _order(reading, left, "<", right, span)
        case ast.LtE():
            return _order(reading, left, "<=", right, span)
        case ast.Gt():
            return _order(reading, left, ">", right, span)
        case _:
            return _order(reading, left, ">=", right, span)


def _from_to(reading: Reading, left: ast.expr, right: ast.expr) -> Span:
    first, last = reading.places.of(left), reading.places.of(right)
    return Span(first.line, first.column, last.end_line, last.end_column)


def _identity(reading: Reading, left: _Left, right: ast.expr, span: Span, *, negated: bool) -> Expression:
    if isinstance(right, ast.Name) and right.id == "absent":
        return _absence(reading, left.node, span, negated=negated)
    if not isinstance(right, ast.Constant) or right.value is not None:
        sign = "!=" if negated else "=="
        return reading.refused(right, "`is` stands before `None` or `absent` alone", f"compare with `{sign}`")
    found = left.read(reading)
    if not isinstance(found.type, OptionalType | NothingType | AnyType | JsonType):
        return reading.refused(left.node, f"{reading.shown(left.node)} is {words(found.type)}, never none")
    none = reading.expression(right)
    return Compare(type=BoolType(), span=span, left=found, operator="is not" if negated else "is", right=none)


def _absence(reading: Reading, left: ast.expr, span: Span, *, negated: bool) -> Expression:
    binding = reading.environment.names.get(left.id) if isinstance(left, ast.Name) else None
    if not isinstance(left, ast.Name) or binding is None or binding.source != "input":
        return reading.refused(left, f"only an input may be absent; {reading.shown(left)} is no input")
    if left.id not in reading.scope.absent:
        return reading.refused(left, f"`{left.id}` is never absent", "say so in its row: `may be absent`")
    name = Name(type=binding.type, span=reading.places.of(left), name=left.id, source="input")
    found = IsAbsent(type=BoolType(), span=span, of=name)
    return Not(type=BoolType(), span=span, of=found) if negated else found


def _pair(reading: Reading, left: _Left, right: ast.expr) -> tuple[Expression, Expression]:
    """Both sides; a literal takes the type of the other one."""
    if is_literal(left.node):
        second = reading.expression(right)
        if is_literal(right):
            return reading.expression(left.node), second
        return reading.expression(left.node, second.type), second
    first = left.read(reading)
    return first, reading.expression(right, first.type)


def _equality(reading: Reading, left: _Left, sign: _Sign, right: ast.expr, span: Span) -> Expression:
    first, second = _pair(reading, left, right)
    for node, found in ((left.node, first), (right, second)):
        if isinstance(found.type, NothingType):
            other = "is" if sign == "==" else "is not"
            return reading.refused(node, f"`{sign}` does not ask for none", f"write `x {other} None`")
    if not _comparable(first.type, second.type, reading):
        return reading.refused(
            left.node,
            f"{words(first.type)} and {words(second.type)} are never equal",
            _equality_hint(first.type, second.type),
        )
    return Compare(type=BoolType(), span=span, left=first, operator=sign, right=second)


def _comparable(one: Type, other: Type, reading: Reading) -> bool:
    one, other = present(one), present(other)
    if isinstance(one, ChoiceType) and isinstance(other, ChoiceType):
        return bool(set(one.choices) & set(other.choices))
    if isinstance(one, JsonType) or isinstance(other, JsonType):
        return fits(one, JsonType(), reading.scope.blueprint) and fits(other, JsonType(), reading.scope.blueprint)
    return joined(one, other) is not None or (
        reading.scope.mode == "scenario" and (reading.fits(one, other) or reading.fits(other, one))
    )


def _equality_hint(one: Type, other: Type) -> str | None:
    one, other = present(one), present(other)
    kinds = (type(one), type(other))
    if ChoiceType in kinds and TextType in kinds:
        return "a choice is compared with its own words; `str(x)` makes text of it"
    if DateType in kinds and DatetimeType in kinds:
        return "`date(x)` is the day of an instant"
    return None


def _order(reading: Reading, left: _Left, sign: _Sign, right: ast.expr, span: Span) -> Expression:
    first, second = _pair(reading, left, right)
    for node, found in ((left.node, first), (right, second)):
        if isinstance(found.type, OptionalType | NothingType):
            return reading.refused(
                node,
                f"{reading.shown(node)} may be none here, and `{sign}` needs a value",
                f"rule it out first: `{reading.shown(node)[1:-1]} is not None and ...`",
            )
    if not is_ordered(first.type) or not is_ordered(second.type) or joined(first.type, second.type) is None:
        message = f"`{sign}` does not go with {words(first.type)} and {words(second.type)}"
        return reading.refused(left.node, message, _equality_hint(first.type, second.type))
    return Compare(type=BoolType(), span=span, left=first, operator=sign, right=second)


def is_ordered(type: Type) -> bool:
    """Whether values of that type have an order: what `<`, `sorted`, `min` and `max` ask for."""
    items = items_of(type)
    if items:
        return all(is_ordered(item) for item in items)
    ordered = IntType | DecimalType | TextType | TokenType | BoolType | DateType | DatetimeType | DurationType | AnyType
    return isinstance(type, ordered)


def _membership(reading: Reading, left: _Left, right: ast.expr, span: Span, *, negated: bool) -> Expression:
    if is_literal(right):
        item = left.read(reading)
        many = reading.expression(right, ListType(item.type))
    else:
        many = reading.expression(right)
        item = left.read(reading, _item(many.type))
    if not _holds(many.type, item.type, reading):
        return reading.refused(
            right, f"`in` does not go with {words(item.type)} and {words(many.type)}", _in_hint(many.type)
        )
    return Compare(type=BoolType(), span=span, left=item, operator="not in" if negated else "in", right=many)


def _item(many: Type) -> Type | None:
    match many:
        case ListType(of=of) | SetType(of=of):
            return of
        case PeriodType():
            return DatetimeType()
        case _:
            return None


def _holds(many: Type, item: Type, reading: Reading) -> bool:
    if isinstance(many, AnyType) or isinstance(item, AnyType):
        return True
    items = items_of(many)
    if items:
        return all(_comparable(one, item, reading) for one in items)
    match many:
        case ListType(of=of) | SetType(of=of):
            return _comparable(of, item, reading)
        case TextType():
            return isinstance(item, TextType | TokenType)
        case PeriodType():
            return isinstance(item, DatetimeType)
        case _:
            return False


def _in_hint(many: Type) -> str | None:
    if isinstance(many, OptionalType):
        return "what may be none is ruled out first: `if x is not None:`"
    return None
