"""What operators take and give.

| operator | takes | gives |
|---|---|---|
| `+ -` | two numbers; money of one currency | the exact sum, in the more places of the two |
| `*` | two numbers, at most one of them money | the exact product; the places add up |
| `/` | two numbers | a decimal with 12 places, rounded half to even; never a float |
| `// %` | two ints | as in Python, towards minus infinity |
| `**` | a number and a literal from 0 to 16 | the exact power |
| `+` | two texts; two lists | one after the other |
| `+ -` | date or datetime with a duration | that much later or earlier; a date counts whole days |
| `-` | two dates, two datetimes | the duration between them |
| `+ -` | two durations | the duration together, or between them |
| `* //` | a duration and an int | so many times as long; that part of it, as Python's `timedelta` |
| `//` | two durations | how often the second fits into the first |
| `== !=` | two of one type; none with what may be none | entities compare by identity |
| `< <= > >=` | numbers, texts (by code point), dates, datetimes, durations, truth values, tuples of them | |
| `in` | an item and a list or set; text and text; a datetime and a period | |
| `is` | what may be none, and `None`; an input, and `absent` | |
| `and or not` | truth values | |
"""

from __future__ import annotations

import ast
from typing import Literal

from krepis_spec.blocks.environment import shown_by
from krepis_spec.blocks.literals import is_literal
from krepis_spec.blocks.reading import Reading
from krepis_spec.expressions import (
    Arithmetic,
    Conditional,
    Constant,
    Expression,
    Logic,
    Negative,
    Not,
)
from krepis_spec.fitting import bare, joined, words
from krepis_spec.types import (
    AnyType,
    BoolType,
    DatetimeType,
    DateType,
    DecimalType,
    DurationType,
    IntType,
    ListType,
    OptionalType,
    SetType,
    TextType,
    TokenType,
    Type,
)

DIVISION_PLACES = 12
POWER_MAX = 16

_Sign = Literal["+", "-", "*", "/", "//", "%", "**"]


def truth(reading: Reading, node: ast.expr, what: str) -> Expression:
    """That node where true or false is asked for; `what` says where."""
    found = reading.expression(node, BoolType())
    if isinstance(found.type, BoolType | AnyType):
        return found
    shown = reading.shown(node)
    match found.type:
        case OptionalType():
            hint = f"ask for it: `{shown[1:-1]} is not None`"
        case ListType() | SetType():
            hint = f"ask for it: `len({shown[1:-1]}) > 0`"
        case IntType() | DecimalType():
            hint = f"ask for it: `{shown[1:-1]} != 0`"
        case _:
            hint = None
    return reading.refused(node, f"{what} is true or false; {shown} is {words(found.type)}", hint)


def logic(reading: Reading, node: ast.BoolOp) -> Expression:
    """`a and b`, `a or b`: what the first has shown is known to the second."""
    conjunction = isinstance(node.op, ast.And)
    operands: list[Expression] = []
    environment = reading.environment
    for value in node.values:
        with reading.within(environment):
            operands.append(truth(reading, value, "each side of `and`" if conjunction else "each side of `or`"))
            environment = reading.environment.knowing(shown_by(operands[-1], conjunction))
    return Logic(
        type=BoolType(),
        span=reading.places.of(node),
        operator="and" if conjunction else "or",
        operands=tuple(operands),
    )


def unary(reading: Reading, node: ast.UnaryOp, expected: Type | None) -> Expression:
    """`not x`, `-x`."""
    span = reading.places.of(node)
    match node.op:
        case ast.Not():
            return Not(type=BoolType(), span=span, of=truth(reading, node.operand, "what `not` turns round"))
        case ast.USub():
            of = reading.expression(node.operand, expected)
            if not isinstance(of.type, IntType | DecimalType | DurationType | AnyType):
                return reading.refused(node, f"`-` takes a number; {reading.shown(node.operand)} is {words(of.type)}")
            return Negative(type=bare(of.type), span=span, of=of)
        case ast.UAdd():
            return reading.refused(node, "`+` stands between two values")
        case _:
            return reading.refused(node, "`~` is not part of the language")


def conditional(reading: Reading, node: ast.IfExp, expected: Type | None) -> Expression:
    """`a if condition else b`."""
    test = truth(reading, node.test, "what stands after `if`")
    with reading.within(reading.environment.knowing(shown_by(test, True))):
        then = reading.expression(node.body, expected)
    with reading.within(reading.environment.knowing(shown_by(test, False))):
        otherwise = reading.expression(node.orelse, expected)
        if is_literal(node.orelse) and not is_literal(node.body):
            otherwise = reading.expression(node.orelse, then.type)
    if is_literal(node.body) and not is_literal(node.orelse):
        then = reading.expression(node.body, otherwise.type)
    type = joined(then.type, otherwise.type)
    if type is None:
        return reading.refused(
            node, f"both sides of `else` are of one type; these are {words(then.type)} and {words(otherwise.type)}"
        )
    return Conditional(type=type, span=reading.places.of(node), test=test, then=then, otherwise=otherwise)


def arithmetic(reading: Reading, node: ast.BinOp, expected: Type | None) -> Expression:
    """`a + b` and its like."""
    sign = sign_of(node.op)
    if sign is None:
        return reading.refused(node, "this operator is not part of the language", "`+ - * / // % **` are")
    left, right = _sides(reading, node, sign, expected)
    found = arithmetic_type(sign, left, right)
    if found is None:
        message = f"`{sign}` does not go with {words(left.type)} and {words(right.type)}"
        return reading.refused(node, message, _arithmetic_hint(sign, left.type, right.type))
    return Arithmetic(type=found, span=reading.places.of(node), left=left, operator=sign, right=right)


def sign_of(operator: ast.operator) -> _Sign | None:
    """The operator as it is written, if the language has it."""
    match operator:
        case ast.Add():
            return "+"
        case ast.Sub():
            return "-"
        case ast.Mult():
            return "*"
        case ast.Div():
            return "/"
        case ast.FloorDiv():
            return "//"
        case ast.Mod():
            return "%"
        case ast.Pow():
            return "**"
        case _:
            return None


def _sides(reading: Reading, node: ast.BinOp, sign: str, expected: Type | None) -> tuple[Expression, Expression]:
    """Both sides. In a sum, a literal takes the type of the other one; a factor is a number of its own."""
    if sign not in {"+", "-"}:
        return reading.expression(node.left), reading.expression(node.right)
    if is_literal(node.left):
        second = reading.expression(node.right, expected)
        if is_literal(node.right):
            return reading.expression(node.left, expected), second
        return reading.expression(node.left, _lent(sign, second.type)), second
    first = reading.expression(node.left, expected)
    return first, reading.expression(node.right, _lent(sign, first.type) if is_literal(node.right) else expected)


def _lent(sign: str, type: Type) -> Type:
    """The type that a literal takes beside `type`: what is added to a date is a duration."""
    return DurationType() if sign == "+" and isinstance(type, DateType | DatetimeType) else type


def arithmetic_type(sign: str, left: Expression, right: Expression) -> Type | None:
    """What an operator gives, or `None` where it does not go with these."""
    one, other = left.type, right.type
    if isinstance(one, AnyType) or isinstance(other, AnyType):
        return AnyType()
    if isinstance(one, IntType | DecimalType) and isinstance(other, IntType | DecimalType):
        return _number_type(sign, one, other, right)
    if isinstance(one, TextType | TokenType) and isinstance(other, TextType | TokenType):
        return TextType() if sign == "+" else None
    if isinstance(one, ListType) and isinstance(other, ListType):
        return joined(ListType(one.of), ListType(other.of)) if sign == "+" else None
    return _time_type(sign, one, other)


def _number_type(sign: str, one: IntType | DecimalType, other: IntType | DecimalType, right: Expression) -> Type | None:
    places = [each.places if isinstance(each, DecimalType) else 0 for each in (one, other)]
    currencies = [each.currency if isinstance(each, DecimalType) else None for each in (one, other)]
    whole = isinstance(one, IntType) and isinstance(other, IntType)
    match sign:
        case "+" | "-":
            return joined(bare(one), bare(other))
        case "*" if None in currencies:
            currency = currencies[0] or currencies[1]
            return IntType() if whole else DecimalType(places=sum(places), currency=currency)
        case "/" if currencies[1] is None or currencies[0] == currencies[1]:
            return DecimalType(places=DIVISION_PLACES, currency=currencies[0] if currencies[1] is None else None)
        case "//" | "%" if whole:
            return IntType()
        case "**" if currencies == [None, None]:
            return _power_type(one, right)
        case _:
            return None


def _power_type(one: IntType | DecimalType, right: Expression) -> Type | None:
    if not isinstance(right, Constant) or not isinstance(right.value, int) or not 0 <= right.value <= POWER_MAX:
        return None
    return DecimalType(places=one.places * right.value) if isinstance(one, DecimalType) else IntType()


def _time_type(sign: str, one: Type, other: Type) -> Type | None:
    match one, sign, other:
        case (DateType() | DatetimeType() | DurationType(), "+" | "-", DurationType()):
            return one
        case (DurationType(), "+", DateType() | DatetimeType()):
            return other
        case (DateType(), "-", DateType()) | (DatetimeType(), "-", DatetimeType()):
            return DurationType()
        case (DurationType(), "*" | "//", IntType()) | (IntType(), "*", DurationType()):
            return DurationType()
        case DurationType(), "//", DurationType():
            return IntType()
        case _:
            return None


def _arithmetic_hint(sign: str, one: Type, other: Type) -> str | None:
    if isinstance(one, OptionalType) or isinstance(other, OptionalType):
        return "what may be none is ruled out first: `if x is not None:`"
    if isinstance(one, DateType | DatetimeType) and isinstance(other, IntType):
        return f"say what it counts: `{sign} days(...)`"
    currencies = {each.currency for each in (one, other) if isinstance(each, DecimalType)} - {None}
    if len(currencies) == 2:
        return "two currencies do not mix"
    if currencies:
        return "money times a number is money; in a sum all are money, and `sum(...)` begins with none"
    if sign == "**":
        return f"the exponent is a literal from 0 to {POWER_MAX}"
    if isinstance(one, TextType) or isinstance(other, TextType):
        return 'an f-string puts values into text: `f"{x}"`'
    return None
