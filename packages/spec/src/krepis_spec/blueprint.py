"""The blueprint: what a spec says, checked, typed, with the place of every element. It is all that the compiler reads.

It is plain data: `to_json` and `from_json` are exact, `schema` is its JSON Schema. Whoever changes its form raises `VERSION`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from krepis.errors import KrepisError
from krepis_spec.document import Span
from krepis_spec.expressions import Expression, Statement
from krepis_spec.types import Type

VERSION = 1


class _Element(Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    name: str
    span: Span


_E = TypeVar("_E", bound=_Element)


class Auth(Struct, frozen=True, omit_defaults=True):
    """`email and password, bearer token, 7 days`. `scheme` is the word before the token in `header`; empty: none.
    `token` is the name of the token in answers.
    """

    token_seconds: int
    header: str = "authorization"
    scheme: str = "Bearer"
    token: str = "token"  # noqa: S105 - a name


class ErrorRow(Struct, frozen=True, omit_defaults=True):
    """One row of the second table of `## Service`: how an error is told."""

    error: str
    span: Span
    status: int | None = None
    field: str | None = None
    message: str | None = None


class Service(_Element, frozen=True, kw_only=True):
    """The service. `title` is the name as it is written, `name` the Python package. `origins` are those of the web pages that
    may call it, `("*",)` all of them.
    """

    title: str
    purpose: str = ""
    auth: Auth | None = None
    roles: tuple[str, ...] = ()
    database: Literal["any", "sqlite", "postgresql"] = "any"
    base_path: str = ""
    tenants: str | None = None
    locale: str | None = None
    hide_forbidden: bool = False
    origins: tuple[str, ...] = ()
    error_template: str | None = None
    errors: tuple[ErrorRow, ...] = ()


class Field(_Element, frozen=True, kw_only=True):
    """One field of an entity, a value or an event, in snake_case. `now` and `now_on_change` are instants of the server."""

    type: Type
    doc: str = ""
    unique: bool = False
    default: Expression | None = None
    derived_from: str | None = None
    follows_changes: bool = False
    immutable: bool = False
    server: bool = False
    sequence: bool = False
    now: bool = False
    now_on_change: bool = False
    empty_is_none: bool = False
    searchable: bool = False
    on_delete: Literal["delete", "keep", "forbid"] | None = None
    """What happens to this entity when what the field refers to goes: `deleted with it`, `kept without it`, `forbids it`."""


class Invariant(Struct, frozen=True):
    """`condition` speaks of the entity's fields by their names (source `field`)."""

    condition: Expression
    text: str
    message: str
    code: str
    span: Span


class Transitions(Struct, frozen=True):
    """The only ways from one state of a field to another, or to the same one again."""

    field: str
    allowed: tuple[tuple[str, str], ...]
    span: Span


class NoOverlap(Struct, frozen=True, omit_defaults=True):
    """No two with the same `per` fields have periods that share an instant, among those for which `where` holds."""

    field: str
    per: tuple[str, ...]
    span: Span
    where: Expression | None = None


class Value(_Element, frozen=True, kw_only=True):
    doc: str = ""
    fields: tuple[Field, ...] = ()
    invariants: tuple[Invariant, ...] = ()


class Entity(_Element, frozen=True, kw_only=True):
    """`fields` has no `id`: every entity has one, a UUID made by the server. `address` is the field that doors use.

    `user` marks the entity of those who sign in; it is made when the spec sets `auth` and declares none. What is unique
    (a field that says so, the address, the fields of `unique`) is unique among all; of an entity `per_tenant`, for each
    tenant. `version` is a number that goes up with each change of an entity that is `versioned`.
    """

    doc: str = ""
    fields: tuple[Field, ...] = ()
    address: str = "id"
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    transitions: tuple[Transitions, ...] = ()
    no_overlap: tuple[NoOverlap, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    versioned: bool = False
    per_tenant: bool = False
    user: bool = False


class ViewField(_Element, frozen=True, kw_only=True):
    """One name that readers see; `value` speaks of the entity's fields by their names, and of `viewer`."""

    value: Expression


class View(_Element, frozen=True, kw_only=True):
    """`fields` holds those of the view that it extends, first. `default` marks the one of an entity without a view."""

    of: str
    doc: str = ""
    fields: tuple[ViewField, ...] = ()
    envelope: str | None = None
    list_envelope: str | None = None
    total: str | None = None
    default: bool = False


class Door(Struct, frozen=True, gc=False):
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    status: int
    span: Span


class Answer(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a caller gets. `view` names what is shown of an entity, or is none where `type` says it all."""

    form: Literal["one", "list", "page", "nothing", "text", "csv", "html", "file"]
    type: Type
    view: str | None = None
    template: str | None = None
    """Jinja, of an `html` answer."""


class Input(_Element, frozen=True, kw_only=True):
    """One input. `wire` is its name in a request; an entity is given by its address."""

    type: Type
    place: Literal["path", "query", "body"]
    wire: str
    default: Expression | None = None
    may_be_absent: bool = False
    empty_is_none: bool = False
    doc: str = ""


class Quota(Struct, frozen=True):
    """`at most: 3 per month per actor`."""

    count: int
    period: Literal["minute", "hour", "day", "week", "month", "year"]
    per: Literal["actor", "tenant", "service"]
    span: Span


class Operation(_Element, frozen=True, kw_only=True):
    """A command or a query. `name` is in snake_case, `title` as it is written. `body` is `None` for an open task, and for the
    operations of `auth`, whose `builtin` says which one it is.
    """

    kind: Literal["command", "query"]
    title: str
    answer: Answer
    doc: str = ""
    door: Door | None = None
    inputs: tuple[Input, ...] = ()
    body: tuple[Statement, ...] | None = None
    envelope: str | None = None
    input_form: Literal["json", "csv", "form", "text"] = "json"
    every: str | None = None
    quotas: tuple[Quota, ...] = ()
    once_per: str | None = None
    builtin: Literal["register", "login", "current_user", "change_password"] | None = None


class Rule(Struct, frozen=True, omit_defaults=True):
    """A row of `## Access`. `who` is `anyone`, `user` or a role; `when` speaks of the operation's path entities and of `actor`."""

    who: str
    operations: tuple[str, ...]
    span: Span
    when: Expression | None = None
    text: str = ""


class Event(_Element, frozen=True, kw_only=True):
    doc: str = ""
    fields: tuple[Field, ...] = ()


class Reaction(_Element, frozen=True, kw_only=True):
    """`## When X`. Its name is `when_` and the event's, numbered from the second on."""

    event: str
    body: tuple[Statement, ...]
    doc: str = ""


class PortOperation(_Element, frozen=True, kw_only=True):
    inputs: tuple[Field, ...]
    answers: Type
    doc: str = ""


class Port(_Element, frozen=True, kw_only=True):
    operations: tuple[PortOperation, ...]
    doc: str = ""


class Seed(Struct, frozen=True):
    body: tuple[Statement, ...]
    span: Span


class Scenario(_Element, frozen=True, kw_only=True):
    title: str
    body: tuple[Statement, ...]
    doc: str = ""


class Always(Struct, frozen=True):
    condition: Expression
    text: str
    span: Span


class Promise(Struct, frozen=True):
    """A row of `## Load`: requests per second, and the 99th percentile in milliseconds."""

    operation: str
    rate: int
    p99_ms: int
    errors: str
    span: Span


class Index(Struct, frozen=True):
    """All that a blueprint names, by name."""

    entities: Mapping[str, Entity]
    values: Mapping[str, Value]
    views: Mapping[str, View]
    events: Mapping[str, Event]
    ports: Mapping[str, Port]
    operations: Mapping[str, Operation]


class Blueprint(Struct, frozen=True, kw_only=True, dict=True):
    """Everything in the order of the spec. What Krepis adds (the user, operations of `auth`, default views) comes last, with the
    place that asks for it. `digest` is that of the spec's text (SHA-256, hexadecimal).
    """

    version: int = VERSION
    file: str
    digest: str
    service: Service
    values: tuple[Value, ...] = ()
    entities: tuple[Entity, ...] = ()
    views: tuple[View, ...] = ()
    operations: tuple[Operation, ...] = ()
    access: tuple[Rule, ...] | None = None
    """`None` where the section is missing: then everybody may do everything."""
    events: tuple[Event, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    ports: tuple[Port, ...] = ()
    seed: Seed | None = None
    scenarios: tuple[Scenario, ...] = ()
    always: tuple[Always, ...] = ()
    load: tuple[Promise, ...] = ()

    @cached_property
    def index(self) -> Index:
        """Made once, and no part of the blueprint's JSON."""
        return Index(
            _by_name(self.entities),
            _by_name(self.values),
            _by_name(self.views),
            _by_name(self.events),
            _by_name(self.ports),
            _by_name(self.operations),
        )

    def entity(self, name: str) -> Entity:
        return self.index.entities[name]

    def value(self, name: str) -> Value:
        return self.index.values[name]

    def view(self, name: str) -> View:
        return self.index.views[name]

    def operation(self, name: str) -> Operation:
        return self.index.operations[name]


def _by_name(elements: tuple[_E, ...]) -> Mapping[str, _E]:
    return MappingProxyType({one.name: one for one in elements})


def to_json(blueprint: Blueprint) -> bytes:
    """The blueprint as JSON, two spaces deep; the same bytes for the same blueprint."""
    return msgspec.json.format(msgspec.json.encode(blueprint), indent=2) + b"\n"


def from_json(data: bytes) -> Blueprint:
    """The blueprint of that JSON. Raises `KrepisError`: it is none, or of another version."""
    try:
        version = msgspec.json.decode(data, type=dict[str, Any]).get("version")
        if version != VERSION:
            raise KrepisError(
                f"this blueprint has version {version}, and this Krepis reads version {VERSION}",
                hint="build again from the spec with this Krepis",
            )
        return msgspec.json.decode(data, type=Blueprint)
    except msgspec.MsgspecError as error:
        raise KrepisError(f"this is no blueprint: {error}") from error


def schema() -> dict[str, Any]:
    """The JSON Schema of a blueprint."""
    return msgspec.json.schema(Blueprint)
