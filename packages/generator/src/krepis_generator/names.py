"""How what a spec names is called in code: one place, so that all writers agree."""

from __future__ import annotations

from krepis_spec.blueprint import Blueprint, Entity, Field, Operation, Reaction
from krepis_spec.naming import class_name, plural, snake
from krepis_spec.types import ChoiceType, EntityType, ListType, OptionalType, SetType, Type

BUILTINS = frozenset(
    """
    abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile
    complex copyright credits delattr dict dir divmod enumerate eval exec exit filter float format frozenset
    getattr globals hasattr hash help hex id input int isinstance issubclass iter len license list locals
    map max memoryview min next object oct open ord pow print property quit range repr reversed round set
    setattr slice sorted staticmethod str sum super tuple type vars zip
    """.split()
)
"""What Python knows by itself, the same list in all of its versions: no local is called so."""


def rows(entity: str) -> str:
    """Several of them: the table, the module of its repositories, the argument of a handler. `Book` is `books`."""
    return plural(snake(entity))


def port(entity: str, *, writes: bool = False) -> str:
    """The port of a repository: `Books`, `WritableBooks`."""
    return f"{'Writable' if writes else ''}{class_name(rows(entity))}"


def missing(entity: str) -> str:
    """The rejection for what is not there: `NoSuchBook`."""
    return f"NoSuch{entity}"


def message(operation: Operation) -> str:
    """The message of a command or query: `PlaceOrder`."""
    return class_name(operation.name)


def one(entity: str) -> str:
    """One of them, as an argument: `book`."""
    return snake(entity)


def user(blueprint: Blueprint) -> Entity | None:
    """The entity of those who sign in."""
    return next((entity for entity in blueprint.entities if entity.user), None)


def view_function(view: str) -> str:
    """What makes a view of an entity that is at hand: `order_view`."""
    return snake(view)


def reaction_message(reaction: Reaction) -> str:
    return class_name(reaction.name)


def is_relation(type: Type) -> bool:
    """Whether a field of that type is a `set of Entity`, which is no part of the struct in the domain."""
    inner = type.of if isinstance(type, OptionalType) else type
    return isinstance(inner, SetType) and isinstance(inner.of, EntityType)


def taken(entity: str, fields: tuple[str, ...]) -> str:
    """The rejection for a second one with the same key: `BookIsbnTaken`."""
    return f"{entity}{''.join(map(class_name, fields))}Taken"


def overlapping(entity: str) -> str:
    """The rejection for a period that others have already: `BookingOverlaps`."""
    return f"{entity}Overlaps"


def in_use(entity: str) -> str:
    """The rejection for what can't go because something refers to it: `BookInUse`."""
    return f"{entity}InUse"


def outdated(entity: str) -> str:
    """The rejection for what has changed since the caller read it: `BookRevised`."""
    return f"{entity}Revised"


def a(word: str) -> str:
    """The words with their article: `a book`, `an order`."""
    return f"{'an' if word[:1] in 'aeio' else 'a'} {word}"


def words(name: str) -> str:
    """A name as people say it: `OrderLine` is `order line`."""
    return snake(name).replace("_", " ")


def singular(name: str) -> str:
    """The snake_case name of one: `categories` is `category`."""
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    if name.endswith(("sses", "xes", "ches", "shes")):
        return name[:-2]
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def choice_name(thing: str, field: Field) -> str:
    """The name of a field's choices: `OrderStatus`."""
    inner = field.type.of if isinstance(field.type, OptionalType) else field.type
    return f"{thing}{class_name(singular(field.name) if isinstance(inner, ListType | SetType) else field.name)}"


def choice(type: ChoiceType, blueprint: Blueprint) -> tuple[str, str] | None:
    """The entity or value, and the name of these choices in its module: the first one that has a field of them."""
    for thing in (*blueprint.entities, *blueprint.values):
        for field in thing.fields:
            inner: Type = field.type
            while isinstance(inner, OptionalType | ListType | SetType):
                inner = inner.of
            if inner == type:
                return thing.name, choice_name(thing.name, field)
    return None
