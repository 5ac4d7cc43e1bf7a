"""A settings class as it is declared, taken apart into single settings, each with a reader of its own.

Every rule that keeps names unambiguous is checked here: since `LIBRARY_MAIL__HOST` has to mean one thing, names are
lower-case words joined by single underscores, and no setting is called like the file of another.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from typing import Any, ClassVar, cast

import msgspec
from msgspec import NODEFAULT, Struct

from krepis.errors import KrepisError
from krepis.message import Value
from krepis.schema import tree
from krepis.schema.decode import Decoder
from krepis.schema.jsontext import parse
from krepis.schema.leaf import described
from krepis.schema.tree import AnyOf, Schema

REQUIRED = NODEFAULT
"""Stands for the default of a setting that has to be given."""

TABLES = frozenset({"run", "guard", "plugins", "history", "generator", "sandbox", "legion"})
"""Tables of `krepis.toml` that belong to tools of Krepis, this package's or others'. Each tool reads its own; the settings
of an app can't stand there, and nothing here judges what does. A new tool adds its name.
"""

RESERVED = frozenset({"app", "python", "settings"}) | TABLES
"""What `krepis.toml` holds for Krepis itself."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*\Z")
_PREFIX = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\Z")
_CONTAINERS = (tree.ArrayNode, tree.TupleNode)
_OBJECTS = (tree.MapNode, tree.ObjectNode)


class Settings(Value):
    """Derive the settings of an app from it. Fields are settings; fields that are `Value`s are groups of them.

    `PREFIX` begins the names of environment variables; without one it is made from the class (`LibrarySettings`:
    `LIBRARY`). `SECTION` is the table in `krepis.toml`, by default the prefix in lower case. A `__post_init__` that
    raises `ValueError` refuses values that don't fit together.
    """

    PREFIX: ClassVar[str] = ""
    SECTION: ClassVar[str] = ""


class Setting:
    """One value that can be set: `mail.port`, in the environment `LIBRARY_MAIL__PORT`."""

    def __init__(self, path: tuple[str, ...], variable: str, annotation: Any, default: Any) -> None:
        self.path = path
        self.name = ".".join(path)
        self.variable = variable
        self.default = default
        carrier = msgspec.defstruct("Setting", [("value", annotation)], forbid_unknown_fields=True)
        self._decoder: Decoder[Any] = Decoder(cast(Any, carrier))
        schema = self._decoder.schema
        (field,) = schema.fields()
        self._arms = schema.arms(field.node)
        self.secret = _holds_secret(schema, self._arms, ())
        self.expected = described(self._arms)

    def read_text(self, text: str) -> Any:
        """The value of a text from outside. Raises `Invalid` or `Malformed`.

        Lists are separated by commas, or JSON; what has keys is JSON; everything else is the text as it stands.
        """
        if any(isinstance(arm, _OBJECTS) for arm in self._arms):
            return self.read_json(text)
        if any(isinstance(arm, _CONTAINERS) for arm in self._arms):
            if text.lstrip().startswith("["):
                return self.read_json(text)
            return self._convert([item.strip() for item in text.split(",")] if text.strip() else [])
        return self._convert(text)

    def read_json(self, text: str) -> Any:
        """The value of a JSON text. Raises `Invalid` or `Malformed`."""
        raw = text.encode("utf-8", "surrogatepass")
        parse(raw)  # by itself first: it must not end early, and errors should count from its own beginning
        return self._decoder.decode(b'{"value":' + raw + b"}").value

    def _convert(self, given: str | list[str]) -> Any:
        return self._decoder.convert({"value": given}).value


class Section:
    """A settings class, or a group inside of one."""

    def __init__(self, kind: type[Struct], path: tuple[str, ...], default: Any) -> None:
        self.kind = kind
        self.path = path
        self.name = ".".join(path)
        self.default = default
        self.parts: dict[str, Setting | Section] = {}

    def settings(self) -> Iterator[Setting]:
        """Every single setting in it, in the order of declaration."""
        for part in self.parts.values():
            if isinstance(part, Setting):
                yield part
            else:
                yield from part.settings()

    def sections(self) -> Iterator[Section]:
        """The groups in it, at every depth."""
        for part in self.parts.values():
            if isinstance(part, Section):
                yield part
                yield from part.sections()


class Declared:
    """A settings class that can be read: its names, and its settings as a tree. Raises `KrepisError` otherwise."""

    def __init__(self, kind: type[Settings]) -> None:
        self.kind = kind
        self.prefix = kind.PREFIX or _prefix_of(kind)
        self.section = kind.SECTION or self.prefix.lower()
        if not _PREFIX.match(self.prefix):
            raise KrepisError(
                f"`{self.prefix}` of `{kind.__name__}` can't begin the name of an environment variable",
                hint='write capital letters, digits and single underscores: `PREFIX = "LIBRARY"`',
            )
        if self.section in RESERVED and not kind.__module__.startswith(("krepis.", "krepis_")):
            raise KrepisError(
                f"the table `[{self.section}]` of krepis.toml is Krepis's own, so `{kind.__name__}` can't have it",
                hint='give the class another one: `SECTION = "library"`',
            )
        Decoder(kind)  # the whole class first, since it names message and field in what it refuses
        self.root = self._section(kind, (), REQUIRED, ())
        _refuse_file_names(kind, tuple(self.root.settings()))

    def variable(self, path: tuple[str, ...]) -> str:
        """The environment variable of a setting or group: `LIBRARY_MAIL__PORT`."""
        return f"{self.prefix}_{'__'.join(path).upper()}"

    def _section(
        self, kind: type[Struct], path: tuple[str, ...], default: Any, inside: tuple[type[Struct], ...]
    ) -> Section:
        if kind in inside:
            raise KrepisError(
                f"`{kind.__name__}` contains itself, so its settings have no end", hint="take the field out"
            )
        section = Section(kind, path, default)
        for field in msgspec.structs.fields(kind):
            if not _NAME.match(field.name) or field.encode_name != field.name:
                raise KrepisError(
                    f"`{kind.__name__}.{field.name}` is no name for a setting",
                    hint="lower-case words joined by single underscores: it also has to be read from `NAME__NAME`",
                )
            place = (*path, field.name)
            inner = _group_of(field.type)
            given = field.default if field.default_factory is NODEFAULT else field.default_factory()
            if inner is None:
                section.parts[field.name] = Setting(place, self.variable(place), field.type, given)
            else:
                section.parts[field.name] = self._section(inner, place, given, (*inside, kind))
        return section


def _group_of(annotation: Any) -> type[Struct] | None:
    """The class of a field that is a group of settings: `Mail`, or `Mail | None`."""
    options = [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(annotation) if option is not types.NoneType]
    one = options[0] if len(options) == 1 else None
    return one if isinstance(one, type) and issubclass(one, Value) else None


def _prefix_of(kind: type[Settings]) -> str:
    name = kind.__name__.removesuffix("Settings") or kind.__name__
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.lstrip("_")).upper()


def _refuse_file_names(kind: type[Settings], settings: tuple[Setting, ...]) -> None:
    variables = {setting.variable: setting for setting in settings}
    for setting in settings:
        other = variables.get(f"{setting.variable}_FILE")
        if other is not None:
            raise KrepisError(
                f"`{other.variable}` could be `{kind.__name__}.{other.name}`, or the file of `{setting.name}`",
                hint=f"call the setting `{other.path[-1].removesuffix('_file')}_path`",
            )


def _holds_secret(schema: Schema, arms: tuple[AnyOf, ...], seen: tuple[AnyOf, ...]) -> bool:
    """Whether anything below may be secret."""
    for arm in arms:
        if isinstance(arm, tree.SecretNode):
            return True
        below: tuple[AnyOf, ...] = ()
        match arm:
            case tree.ArrayNode():
                below = (arm.item,)
            case tree.TupleNode():
                below = arm.items
            case tree.MapNode():
                below = (arm.key, arm.value)
            case tree.ObjectNode() if arm not in seen:
                below = tuple(field.node for field in arm.fields)
            case _:
                pass
        if any(_holds_secret(schema, schema.arms(node), (*seen, arm)) for node in below):
            return True
    return False
