"""The kinds of events that an app knows: their names, what they are about, and how they are written and read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

import msgspec

from krepis.errors import Invalid, KrepisError, Malformed
from krepis.message import Event
from krepis.schema.decode import Decoder
from krepis.schema.encode import builtins_of, encode

ABOUT_CHARACTERS_MAX = 255


class UnreadableEvent(Exception):
    """The code knows no such event any more, or its stored body no longer fits."""


class Kinds:
    """Event classes by their names. Two classes of one name can't both be stored."""

    def __init__(self, classes: Iterable[type[Event]]) -> None:
        self._classes: dict[str, type[Event]] = {}
        self._decoders: dict[str, Decoder[Event]] = {}
        for cls in classes:
            self.add(cls)

    def add(self, cls: type[Event]) -> None:
        """Know `cls`. Raises `KrepisError` when another class has its name, or its aggregate is not among its fields."""
        known = self._classes.setdefault(cls.__name__, cls)
        if known is not cls:
            raise KrepisError(
                f"two events are named `{cls.__name__}`: in `{known.__module__}` and in `{cls.__module__}`",
                hint="stored events are found by their name: rename one",
            )
        if cls.aggregate and cls.aggregate not in cls.__struct_fields__:
            raise KrepisError(
                f"`{cls.__name__}.aggregate` is `{cls.aggregate}`, which is none of its fields",
                hint=f"name one of: {', '.join(cls.__struct_fields__) or '(it has none)'}",
            )

    def about(self, event: Event) -> str:
        """The aggregate that `event` is about, as text: the field that its class names, or its first."""
        cls = type(event)
        if self._classes.get(cls.__name__) is not cls:
            self.add(cls)
        fields = cls.__struct_fields__
        if not fields:
            return ""
        name = cls.aggregate or fields[0]
        value = getattr(event, name)
        text = value if isinstance(value, str) else str(value) if isinstance(value, UUID) else builtins_of(value)
        if not isinstance(text, str | int):
            raise KrepisError(
                f"`{cls.__name__}` is about its field `{name}`, which is neither text, nor a number, nor an id",
                hint=f"name the field that holds the aggregate's id: `aggregate = ...` in `{cls.__name__}`",
            )
        about = str(text)
        if len(about) > ABOUT_CHARACTERS_MAX:
            raise KrepisError(
                f"`{cls.__name__}.{name}` has {len(about)} characters, and an aggregate's id at most "
                f"{ABOUT_CHARACTERS_MAX}",
                hint="let the event name its aggregate by an id",
            )
        return about

    def body(self, event: Event) -> str:
        """`event` as JSON."""
        return encode(event).decode()

    def read(self, name: str, body: str) -> Event:
        """The event of that name in `body`. Raises `UnreadableEvent`."""
        decoder = self._decoders.get(name)
        if decoder is None:
            decoder = self._decoders[name] = Decoder(self.named(name))
        try:
            return decoder.decode(body.encode())
        except Invalid as refusal:
            fields = "; ".join(f"{'.'.join(map(str, error.path))}: {error.message}" for error in refusal.errors[:5])
            raise UnreadableEvent(f"the body of `{name}` does not fit: {fields}") from refusal
        except (Malformed, msgspec.MsgspecError, ValueError) as error:
            raise UnreadableEvent(f"the body of `{name}` can't be read: {error}") from error

    def named(self, name: str) -> type[Event]:
        """The class of that name: a known one, else the only one of that name in the program.

        Raises `UnreadableEvent` when there is none, or when there are several.
        """
        cls = self._classes.get(name)
        if cls is not None:
            return cls
        found = [cls for cls in _all_events(Event) if cls.__name__ == name]
        if len(found) != 1:
            raise UnreadableEvent(
                f"the code has {'several events' if found else 'no event'} named `{name}`"
                + (": say which one in `Outbox(events=...)`" if found else "")
            )
        self._classes[name] = found[0]
        return found[0]


def _all_events(base: type[Event]) -> Iterator[type[Event]]:
    for cls in base.__subclasses__():
        yield cls
        yield from _all_events(cls)
