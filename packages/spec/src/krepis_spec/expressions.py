"""What blocks say, as the blueprint has it: expressions that know their type, and statements. Every node has its place.

The nodes are those of a small, pure subset of Python. What does something (`create`, `find`, `emit`, ...) is an `Action`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from krepis_spec.document import Span
from krepis_spec.types import Type

Source = Literal[
    "input", "path", "local", "row", "field", "thing", "actor", "viewer", "tenant", "now", "event", "entity"
]
"""Where a name comes from: an input, an entity that the path names, an assignment or a `for` in the block, a comprehension
or a lambda, a field of the thing at hand (in invariants and views), the thing at hand itself (by the name of its entity in
snake_case), the event of a `When`; `entity` is all that there is of an entity.
"""


class _Node(Struct, frozen=True, tag_field="node", omit_defaults=True, kw_only=True, gc=False):
    type: Type
    span: Span


class Constant(_Node, frozen=True, kw_only=True, tag="constant"):
    """Text, a number, a truth value or none. Decimals are text, in `type`'s places; so are dates, instants and durations
    (ISO 8601) that took the other side's type.
    """

    value: str | int | bool | None


class Name(_Node, frozen=True, kw_only=True, tag="name"):
    name: str
    source: Source


class Attribute(_Node, frozen=True, kw_only=True, tag="attribute"):
    of: Expression
    name: str


class Index(_Node, frozen=True, kw_only=True, tag="index"):
    of: Expression
    index: Expression


class Arithmetic(_Node, frozen=True, kw_only=True, tag="arithmetic"):
    left: Expression
    operator: Literal["+", "-", "*", "/", "//", "%", "**"]
    right: Expression


class Negative(_Node, frozen=True, kw_only=True, tag="negative"):
    of: Expression


class Not(_Node, frozen=True, kw_only=True, tag="not"):
    of: Expression


class Logic(_Node, frozen=True, kw_only=True, tag="logic"):
    operator: Literal["and", "or"]
    operands: tuple[Expression, ...]


class Compare(_Node, frozen=True, kw_only=True, tag="compare"):
    """A chain (`0 < x <= 9`) is a `Logic` of these. `is` stands with `None` alone."""

    left: Expression
    operator: Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not"]
    right: Expression


class IsAbsent(_Node, frozen=True, kw_only=True, tag="is_absent"):
    """`x is absent`; `x is not absent` is its `Not`."""

    of: Expression


class Conditional(_Node, frozen=True, kw_only=True, tag="conditional"):
    test: Expression
    then: Expression
    otherwise: Expression


class Format(_Node, frozen=True, kw_only=True, tag="format"):
    """An f-string."""

    parts: tuple[FormatPart, ...]


class FormatPart(Struct, frozen=True, omit_defaults=True, gc=False):
    """Text, or a value with its format specification."""

    text: str | None = None
    value: Expression | None = None
    specification: str = ""


class Comprehension(_Node, frozen=True, kw_only=True, tag="comprehension"):
    form: Literal["list", "set", "generator"]
    element: Expression
    clauses: tuple[Clause, ...]


class Clause(Struct, frozen=True, gc=False):
    """`for variable in source if conditions`. Several variables unpack a pair."""

    variables: tuple[str, ...]
    source: Expression
    conditions: tuple[Expression, ...] = ()


class Lambda(_Node, frozen=True, kw_only=True, tag="lambda"):
    """A sort key; its type is that of its body."""

    parameter: str
    body: Expression


class Call(_Node, frozen=True, kw_only=True, tag="call"):
    """A pure function of the language, by its name; a method of text (`x.lower()`) is the function of that name."""

    function: str
    arguments: tuple[Expression, ...]
    keywords: tuple[Keyword, ...] = ()


class Keyword(Struct, frozen=True, gc=False):
    name: str
    value: Expression


class Construct(_Node, frozen=True, kw_only=True, tag="construct"):
    """`Line(book=..., quantity=...)`, `OrderView(order)`: a value, or a view of the one positional argument."""

    arguments: tuple[Expression, ...] = ()
    keywords: tuple[Keyword, ...] = ()


class Collection(_Node, frozen=True, kw_only=True, tag="collection"):
    """`[a, b]`, `(a, b)`, `{a, b}`."""

    form: Literal["list", "tuple", "set"]
    items: tuple[Expression, ...]


class Record(_Node, frozen=True, kw_only=True, tag="record"):
    """`{"a": x, "b": y}`."""

    fields: tuple[Keyword, ...]


ActionName = Literal[
    "create",
    "put",
    "update",
    "delete",
    "get",
    "find",
    "authenticate",
    "token_for",
    "redeem",
    "emit",
    "add",
    "discard",
    "call",
    "given",
    "person",
    "when",
    "rejected",
    "then",
]


class Action(_Node, frozen=True, kw_only=True, tag="action"):
    """Something that happens. `subject` names the entity, event, `Port.operation`, command or query that it is about; `of` is
    the thing that `update`, `delete`, `add` and `discard` change (for the last two the relation, an `Attribute`).
    """

    action: ActionName
    subject: str = ""
    of: Expression | None = None
    arguments: tuple[Expression, ...] = ()
    keywords: tuple[Keyword, ...] = ()


Expression = (
    Constant
    | Name
    | Attribute
    | Index
    | Arithmetic
    | Negative
    | Not
    | Logic
    | Compare
    | IsAbsent
    | Conditional
    | Format
    | Comprehension
    | Lambda
    | Call
    | Construct
    | Collection
    | Record
    | Action
)


class _Statement(Struct, frozen=True, tag_field="statement", omit_defaults=True, kw_only=True, gc=False):
    span: Span


class Let(_Statement, frozen=True, kw_only=True, tag="let"):
    """`name = value`; several names unpack a tuple."""

    names: tuple[str, ...]
    value: Expression


class Set(_Statement, frozen=True, kw_only=True, tag="set"):
    """`x.field = value`, `x.field += value` (then with its operator)."""

    of: Expression
    field: str
    operator: Literal["", "+", "-", "*", "/", "//", "%"] = ""
    value: Expression


class Do(_Statement, frozen=True, kw_only=True, tag="do"):
    """An action whose result nobody uses."""

    action: Action


class Require(_Statement, frozen=True, kw_only=True, tag="require"):
    """`require(condition, "reason", status=409)`. `code` is the reason in snake_case unless `code=` says otherwise."""

    condition: Expression
    reason: str
    code: str
    status: int


class For(_Statement, frozen=True, kw_only=True, tag="for"):
    variables: tuple[str, ...]
    source: Expression
    body: tuple[Statement, ...]


class If(_Statement, frozen=True, kw_only=True, tag="if"):
    test: Expression
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()


class Return(_Statement, frozen=True, kw_only=True, tag="return"):
    value: Expression | None


Statement = Let | Set | Do | Require | For | If | Return
