"""A shop for the tests of blocks: the worked example's things, and one of each kind that it has not."""

from typing import Literal

from krepis_spec.blocks import Scope, expression_of, statements_of
from krepis_spec.blocks.scope import Mode
from krepis_spec.blueprint import (
    Answer,
    Auth,
    Blueprint,
    Door,
    Entity,
    Event,
    Field,
    Input,
    Operation,
    Port,
    PortOperation,
    Service,
    Transitions,
    Value,
    View,
    ViewField,
)
from krepis_spec.document import Block, Span, Text
from krepis_spec.expressions import Attribute, Constant, Expression, Name, Source, Statement
from krepis_spec.problems import Problems
from krepis_spec.types import (
    BoolType,
    ChoiceType,
    DatetimeType,
    DateType,
    DecimalType,
    DurationType,
    EntityType,
    IntType,
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

HERE = Span(1, 1, 1, 2)
EUR = DecimalType(places=2, currency="EUR")
STATUS = ChoiceType(("placed", "paid", "cancelled"))
LINE = RecordType((RecordField("book", EntityType("Book")), RecordField("quantity", IntType(min=1, max=100))))


def field(name: str, type: Type, **rules: object) -> Field:
    return Field(name=name, span=HERE, type=type, **rules)  # pyright: ignore[reportArgumentType]


def number(value: int) -> Constant:
    return Constant(type=IntType(), span=HERE, value=value)


USER = Entity(
    name="User",
    span=HERE,
    user=True,
    address="email",
    fields=(
        field("email", TextType(form="email"), unique=True),
        field("password", SecretType()),
        field("roles", SetType(ChoiceType(("staff",))), server=True),
        field("friends", SetType(EntityType("User"))),
        field("bio", OptionalType(TextType())),
        field("referrer", OptionalType(EntityType("User"))),
    ),
)
BOOK = Entity(
    name="Book",
    span=HERE,
    address="isbn",
    fields=(
        field("isbn", TextType(pattern=r"\d{13}"), unique=True, immutable=True),
        field("title", TextType(min=1, max=200), searchable=True),
        field("price", DecimalType(places=2, currency="EUR", min="0")),
        field("dollars", OptionalType(DecimalType(places=2, currency="USD"))),
        field("stock", IntType(), default=number(0)),
        field("tags", ListType(TextType())),
        field("slug", TextType(form="slug"), derived_from="title"),
        field("number", IntType(), sequence=True),
        field("colours", PropertiesType()),
        field("sale", OptionalType(PeriodType())),
        field("published", OptionalType(DateType())),
    ),
)
ORDER = Entity(
    name="Order",
    span=HERE,
    versioned=True,
    fields=(
        field("customer", EntityType("User"), server=True),
        field("lines", ListType(ValueType("Line"), min=1, max=50)),
        field("status", STATUS, default=Constant(type=STATUS, span=HERE, value="placed")),
        field("total", EUR, server=True),
        field("placed_at", DatetimeType(), server=True, now=True),
    ),
    transitions=(Transitions("status", (("placed", "paid"), ("placed", "cancelled")), HERE),),
)
INVITATION = Entity(
    name="Invitation",
    span=HERE,
    unique=(("email", "book"),),
    fields=(
        field("email", TextType(form="email")),
        field("book", EntityType("Book")),
        field("token", TokenType(604800)),
    ),
)
LINE_VALUE = Value(
    name="Line",
    span=HERE,
    fields=(
        field("book", EntityType("Book")),
        field("quantity", IntType(min=1, max=100)),
        field("unit_price", EUR, server=True),
    ),
)


def _operation(name: str, inputs: tuple[Input, ...], answer: Answer, door: Door | None = None) -> Operation:
    return Operation(name=name, span=HERE, kind="command", title=name, answer=answer, inputs=inputs, door=door)


def _input(name: str, type: Type, **more: object) -> Input:
    return Input(**{"name": name, "span": HERE, "type": type, "place": "body", "wire": name, **more})  # pyright: ignore[reportArgumentType]


SHOP = Blueprint(
    file="shop.md",
    digest="",
    service=Service(name="shop", span=HERE, title="Shop", auth=Auth(604800), roles=("staff",)),
    entities=(BOOK, ORDER, INVITATION, USER),
    values=(LINE_VALUE,),
    views=(
        View(
            name="OrderView",
            span=HERE,
            of="Order",
            fields=(
                ViewField(
                    name="amount",
                    span=HERE,
                    value=Attribute(
                        type=EUR,
                        span=HERE,
                        of=Name(type=EntityType("Order"), span=HERE, name="order", source="field"),
                        name="total",
                    ),
                ),
            ),
        ),
        View(name="BookView", span=HERE, of="Book", default=True),
    ),
    operations=(
        _operation("place_order", (_input("lines", ListType(LINE, min=1)),), Answer("one", EntityType("Order"))),
        _operation(
            "show_order",
            (_input("order", EntityType("Order"), place="path"),),
            Answer("one", EntityType("Order"), "OrderView"),
            Door("GET", "/orders/{order}", 200, HERE),
        ),
        _operation(
            "restock",
            (_input("book", EntityType("Book")), _input("quantity", IntType(min=1))),
            Answer("one", EntityType("Book"), "BookView"),
        ),
        _operation(
            "search_books",
            (_input("text", OptionalType(TextType())), _input("page", PageType(20, 100))),
            Answer("page", EntityType("Book")),
        ),
        _operation(
            "move_order",
            (_input("order", EntityType("Order")), _input("status", STATUS), _input("during", PeriodType())),
            Answer("one", EntityType("Order")),
        ),
        _operation("forget", (_input("bio", TextType(), may_be_absent=True),), Answer("nothing", NothingType())),
    ),
    events=(Event(name="OrderPlaced", span=HERE, fields=(field("order", EntityType("Order")),)),),
    ports=(
        Port(
            name="Mail",
            span=HERE,
            operations=(
                PortOperation(
                    name="send",
                    span=HERE,
                    inputs=(
                        field("to", TextType(form="email")),
                        field("subject", TextType()),
                        field("text", TextType()),
                    ),
                    answers=NothingType(),
                ),
                PortOperation(name="quota", span=HERE, inputs=(), answers=IntType()),
            ),
        ),
    ),
)
NAMES: dict[str, tuple[Type, Source]] = {
    "actor": (EntityType("User"), "actor"),
    "now": (DatetimeType(), "now"),
    "book": (EntityType("Book"), "path"),
    "order": (EntityType("Order"), "path"),
    "lines": (ListType(LINE), "input"),
    "quantity": (IntType(min=1), "input"),
    "text": (OptionalType(TextType()), "input"),
    "max_price": (OptionalType(EUR), "input"),
    "bio": (TextType(), "input"),
    "password": (SecretType(), "input"),
    "email": (TextType(form="email"), "input"),
    "day": (DateType(), "input"),
    "span": (PeriodType(), "input"),
    "waited": (DurationType(), "input"),
    "key": (UuidType(), "input"),
    "gift": (BoolType(), "input"),
    "rate": (DecimalType(places=4), "input"),
    "status": (STATUS, "input"),
    "shown": (ViewType("OrderView"), "local"),
}


def scope(mode: Mode = "command", fields_of: str | None = None) -> Scope:
    names = {} if mode in {"scenario", "seed", "invariant"} else NAMES
    return Scope(SHOP, mode, names, fields_of=fields_of, absent=frozenset({"bio"}))


def statements(text: str, mode: Mode = "command", problems: Problems | None = None) -> tuple[Statement, ...]:
    """The statements of a block that stands on line 11 of its spec, two columns in."""
    lines = text.split("\n")
    span = Span(11, 3, 10 + len(lines), 3 + len(lines[-1]))
    return statements_of(Block("krepis", text, span), scope(mode), Problems() if problems is None else problems)


def expression(
    text: str,
    mode: Mode = "command",
    problems: Problems | None = None,
    fields_of: str | None = None,
    expected: Literal["bool"] | None = None,
) -> Expression | None:
    """The expression of a text that stands on line 11 of its spec, from column 3."""
    written = Text(text, Span(11, 3, 11, 3 + len(text)))
    found = Problems() if problems is None else problems
    return expression_of(written, scope(mode, fields_of), found, None if expected is None else BoolType())


def problems_of(text: str, mode: Mode = "command") -> list[str]:
    """The mistakes of a block: `line:column-column message (hint)`, counted inside the block."""
    problems = Problems()
    statements(text, mode, problems)
    return [
        f"{one.span.line - 10}:{one.span.column - 2}-{one.span.end_column - 2} {one.message}"
        + ("" if one.hint is None else f" ({one.hint})")
        for one in problems.sorted()
    ]
