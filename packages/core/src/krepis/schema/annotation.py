"""What stands around a type in an annotation, gathered and checked."""

from __future__ import annotations

import typing
from typing import Annotated, Any

from msgspec import Meta, Struct

from krepis.errors import KrepisError
from krepis.types.constraint import DecimalBounds, PageLimits, Places, SecretLength

_LIMITS = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length", "tz")
NUMERIC = frozenset(("gt", "ge", "lt", "le", "multiple_of"))
LENGTHS = frozenset(("min_length", "max_length"))


class Place(Struct, frozen=True):
    """Where in a message the walk is: for sentences about what is wrong there."""

    message: str
    path: tuple[str, ...]

    def at(self, name: str) -> Place:
        return Place(self.message, (*self.path, name))

    def refuse(self, problem: str, hint: str) -> KrepisError:
        return KrepisError(f"`{'.'.join((self.message, *self.path))}` {problem}", hint=hint)


class Facts(Struct):
    """What the annotations around one type say, gathered."""

    metas: list[Meta]
    decimal: DecimalBounds | None = None
    places: Places | None = None
    secret: SecretLength | None = None
    page: PageLimits | None = None

    def get(self, name: str) -> Any:
        return next((value for meta in self.metas if (value := getattr(meta, name)) is not None), None)

    def extra(self, name: str) -> str:
        return next((meta.extra[name] for meta in self.metas if meta.extra and name in meta.extra), "")

    def words(self) -> dict[str, Any]:
        words = {"title": self.get("title"), "doc": self.get("description"), "examples": self.get("examples")}
        return {name: tuple(value) if name == "examples" else value for name, value in words.items() if value}


def peeled(wanted: Any, place: Place) -> tuple[Any, Facts]:
    facts = Facts([])
    while True:
        origin = typing.get_origin(wanted)
        if origin is Annotated:
            for note in wanted.__metadata__:
                _gather(note, facts)
            wanted = wanted.__origin__
        elif origin is typing.Final or origin is typing.ClassVar:
            (wanted,) = typing.get_args(wanted)
        elif isinstance(wanted, typing.NewType):
            wanted = wanted.__supertype__
        elif type(wanted).__name__ == "TypeAliasType":
            wanted = wanted.__value__
        elif isinstance(wanted, typing.TypeVar):
            wanted = wanted.__bound__ or Any
        else:
            break
    _no_doubles(facts, place)
    return wanted, facts


def _gather(note: object, facts: Facts) -> None:
    if isinstance(note, Meta):
        facts.metas.append(note)
    elif isinstance(note, DecimalBounds):
        facts.decimal = note
    elif isinstance(note, Places):
        facts.places = note
    elif isinstance(note, SecretLength):
        facts.secret = note
    elif isinstance(note, PageLimits):
        facts.page = note


def _no_doubles(facts: Facts, place: Place) -> None:
    for name in _LIMITS:
        if sum(getattr(meta, name) is not None for meta in facts.metas) > 1:
            raise place.refuse(f"has two annotations that set `{name}`", "keep one of them")


def only(facts: Facts, place: Place, allowed: frozenset[str], what: str, hint: str = "") -> None:
    """Refuse annotations that would be ignored."""
    for name in _LIMITS:
        if name not in allowed and facts.get(name) is not None:
            raise place.refuse(f"is {what}, so `{name}` means nothing there", hint or "remove it")
    others = (("decimal", facts.decimal), ("places", facts.places), ("secret", facts.secret))
    for name, value in others:
        if name not in allowed and value is not None:
            raise place.refuse(f"is {what}, so `{type(value).__name__}` means nothing there", hint or "remove it")
