"""Why a service refuses: every reason that a spec gives, and every one that its rules bring. Their names exist here alone.

| kind | said by | code | status |
|---|---|---|---|
| `said` | `require(condition, "out of stock")` in a command or query | `out_of_stock`, or its `code=` | 409, or its `status=` |
| `invariant` | an invariant of an entity or a value, by its sentence | `out_of_stock` | 409 |
| `missing` | an entity that is addressed or asked for with `get` and is not there | `no_such_book` | 404 |
| `step` | a step between states that no transition allows | `wrong_order_status` | 409 |
| `taken` | a second one with a unique key: a field, the address, several fields | `book_isbn_taken` | 409 |
| `overlap` | `no overlap` | `booking_overlaps` | 409 |
| `held` | the deletion of what something refers to that forbids it | `book_in_use` | 409 |
| `revised` | a change of something `versioned` that the caller has not read | `book_revised` | 412 |

A scenario names one by its sentence or by the words of its code: `reason="wrong order status"`. It may also name what every
server refuses by itself (`BY_ITSELF`), and what has a row in the table of errors in `## Service`, which says how a reason is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from krepis_spec.blueprint import Blueprint, Entity, Field, Operation
from krepis_spec.document import Span
from krepis_spec.expressions import Do, For, If, Require, Statement
from krepis_spec.naming import class_name, is_usable, snake
from krepis_spec.problems import Problems
from krepis_spec.types import EntityType, OptionalType

Kind = Literal["said", "invariant", "missing", "step", "taken", "overlap", "held", "revised"]

_CONFLICT, _MISSING, _REVISED = 409, 404, 412

BY_ITSELF = MappingProxyType(
    {
        "malformed": 400,
        "idempotency_key_required": 400,
        "not_signed_in": 401,
        "invalid_credential": 401,
        "wrong_credentials": 401,
        "not_allowed": 403,
        "nothing_here": 404,
        "no_such_token": 404,
        "file_gone": 404,
        "upload_gone": 409,
        "precondition_failed": 412,
        "too_large": 413,
        "unsupported_file_type": 415,
        "invalid": 422,
        "unknown_cursor": 422,
        "password_too_short": 422,
        "password_too_long": 422,
        "idempotency_key_reused": 422,
        "precondition_required": 428,
        "too_many_requests": 429,
        "too_many_logins": 429,
    }
)
"""What a server refuses without a word of the spec: codes of Krepis, and their statuses."""


class Reason(Struct, frozen=True):
    """One place that gives a reason. `name` is the class of its rejection, `of` the operation, entity or value that says it,
    `fields` those that it is about. In the `message` of `missing` and `step`, names in braces stand for facts.
    """

    kind: Kind
    name: str
    code: str
    message: str
    status: int
    of: str
    spans: tuple[Span, ...]
    fields: tuple[str, ...] = ()

    @property
    def span(self) -> Span:
        """The first of the places that it comes from."""
        return self.spans[0]

    @property
    def words(self) -> str:
        """The code as people write it: `wrong order status`."""
        return self.code.replace("_", " ")

    def is_called(self, text: str) -> bool:
        """Whether a scenario that says `text` means it."""
        return text == self.message or snake(text) == self.code


def reasons_of(blueprint: Blueprint) -> tuple[Reason, ...]:
    """All of them in the order of the spec, what invariants and blocks say first. What is said in several places comes several
    times, under the same name and code.
    """
    known = {
        one.name for group in (blueprint.entities, blueprint.values, blueprint.events, blueprint.views) for one in group
    }
    deleted = _deleted(blueprint)
    held = {
        name
        for thing in (*blueprint.entities, *blueprint.values)
        for field in thing.fields
        if (name := held_by(field)) is not None
    }
    return (
        *_of_invariants(blueprint, known),
        *(reason for one in blueprint.operations for reason in _said_by(one, known)),
        *(reason for one in blueprint.entities for reason in _of_entity(one, goes=one.name in held & deleted)),
    )


def held_by(field: Field) -> str | None:
    """The entity that cannot go while something refers to it by that field."""
    type = field.type.of if isinstance(field.type, OptionalType) else field.type
    return type.name if isinstance(type, EntityType) and field.on_delete in {None, "forbid"} else None


def keys_of(entity: Entity) -> list[tuple[str, ...]]:
    """The fields, alone or together, that are unique."""
    single = [(one.name,) for one in entity.fields if one.unique or one.name == entity.address]
    return [*single, *entity.unique]


def missing(entity: str) -> str:
    """The class that refuses what is not there: `NoSuchBook`."""
    return f"NoSuch{entity}"


def taken(entity: str, fields: tuple[str, ...]) -> str:
    """The class that refuses a second one with the same key: `BookIsbnTaken`."""
    return f"{entity}{''.join(map(class_name, fields))}Taken"


def wrong_step(entity: str, field: str) -> str:
    """The class that refuses a step that no transition allows: `WrongOrderStatus`."""
    return f"Wrong{entity}{class_name(field)}"


def overlapping(entity: str) -> str:
    """The class that refuses a period that another one has: `BookingOverlaps`."""
    return f"{entity}Overlaps"


def in_use(entity: str) -> str:
    """The class that refuses to delete what something refers to: `BookInUse`."""
    return f"{entity}InUse"


def revised(entity: str) -> str:
    """The class that refuses a change of what has changed since it was read: `BookRevised`."""
    return f"{entity}Revised"


def concerning(operation: Operation, reasons: Iterable[Reason]) -> list[Reason]:
    """Those that the operation may give: its own, and what no single operation says."""
    return [one for one in reasons if one.kind != "said" or one.of == operation.name]


def refuse_contradictions(reasons: Iterable[Reason], problems: Problems) -> None:
    """A code has one status, so that programs can rely on it."""
    first: dict[str, Reason] = {}
    for one in sorted(reasons, key=lambda one: one.kind == "said"):
        other = first.setdefault(one.code, one)
        if other.status != one.status:
            why = f"line {other.span.line} refuses with {other.status} for the same reason"
            problems.add(one.span, f"`{one.words}` has status {one.status} here, and {why}", "say it in other words")


def statements_in(body: Iterable[Statement]) -> Iterator[Statement]:
    """All statements, also those inside of others, in the order of the text."""
    for one in body:
        yield one
        match one:
            case For(body=inner):
                yield from statements_in(inner)
            case If(body=inner, otherwise=otherwise):
                yield from statements_in((*inner, *otherwise))
            case _:
                pass


def _of_invariants(blueprint: Blueprint, known: set[str]) -> Iterator[Reason]:
    for thing in (*blueprint.entities, *blueprint.values):
        for one in thing.invariants:
            name = _free_name(one.code, known)
            yield Reason("invariant", name, one.code, one.message, _CONFLICT, thing.name, (one.span,))


def _said_by(operation: Operation, known: set[str]) -> Iterator[Reason]:
    for one in statements_in(operation.body or ()):
        if isinstance(one, Require):
            name = _free_name(one.code, known)
            yield Reason("said", name, one.code, one.reason, one.status, operation.name, (one.span,))


def _free_name(code: str, known: set[str]) -> str:
    """The class of a reason that people have worded; nothing else in the domain is called so."""
    name = class_name(code)
    while name in known or not is_usable(name):
        name = f"Is{name}"
    return name


def _of_entity(entity: Entity, *, goes: bool) -> Iterator[Reason]:
    name, own = entity.name, (entity.span,)
    one = _told(name)
    spans = {field.name: field.span for field in entity.fields}
    yield _brought("missing", missing(name), f"there is no {one} `{{{snake(name)}}}`", name, own)
    for key in keys_of(entity):
        message = f"there is {_a(one)} with this {' and '.join(map(_told, key))} already"
        places = tuple(spans[field] for field in key if field in spans) or own
        yield _brought("taken", taken(name, key), message, name, places, key)
    for steps in entity.transitions:
        field = steps.field
        message = f"{_a(one)} whose {_told(field)} is {{{field}}} can't become {{wanted}}"
        yield _brought("step", wrong_step(name, field), message, name, (steps.span,), (field,))
    if entity.no_overlap:
        message = f"there is {_a(one)} at that time already"
        places = tuple(overlap.span for overlap in entity.no_overlap)
        fields = tuple(overlap.field for overlap in entity.no_overlap)
        yield _brought("overlap", overlapping(name), message, name, places, fields)
    if goes:
        yield _brought("held", in_use(name), f"this {one} is in use", name, own)
    if entity.versioned:
        message = f"the {one} has changed since you read it; read it again"
        yield _brought("revised", revised(name), message, name, own)


def _brought(
    kind: Kind, name: str, message: str, of: str, spans: tuple[Span, ...], fields: tuple[str, ...] = ()
) -> Reason:
    status = _MISSING if kind == "missing" else _REVISED if kind == "revised" else _CONFLICT
    return Reason(kind, name, snake(name), message, status, of, spans, fields)


def _deleted(blueprint: Blueprint) -> set[str]:
    """The entities of which some block deletes one."""
    bodies = [one.body or () for one in blueprint.operations] + [one.body for one in blueprint.reactions]
    return {
        one.action.subject
        for body in bodies
        for one in statements_in(body)
        if isinstance(one, Do) and one.action.action == "delete"
    }


def _told(name: str) -> str:
    """A name as people say it: `OrderLine` is `order line`."""
    return snake(name).replace("_", " ")


def _a(word: str) -> str:
    return f"{'an' if word[:1] in 'aeio' else 'a'} {word}"
