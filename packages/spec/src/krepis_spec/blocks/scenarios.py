"""What stands only in scenarios: `given`, `person`, `when`, `rejected`, `then`."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from krepis_spec.blocks.keywords import Slot, keywords, name_span, no_arguments, slots_of
from krepis_spec.blocks.operators import truth
from krepis_spec.blocks.reading import Reading
from krepis_spec.blueprint import Answer, Operation
from krepis_spec.expressions import Action, Expression, Keyword
from krepis_spec.fitting import words
from krepis_spec.problems import did_you_mean
from krepis_spec.types import (
    AnyType,
    ChoiceType,
    DatetimeType,
    DurationType,
    EntityType,
    IntType,
    ListType,
    NothingType,
    OptionalType,
    PageType,
    TextType,
    Type,
    ViewType,
)


def given(reading: Reading, node: ast.Call) -> Expression:
    """`given(Book, title="Dune")`: the fields left out get plausible values."""
    first = node.args[0] if node.args else None
    if not isinstance(first, ast.Name) or first.id not in reading.entities:
        name = first.id if isinstance(first, ast.Name) else ""
        hint = did_you_mean(name, reading.entities)
        return reading.refused(first or node, "`given` begins with the name of an entity", hint)
    no_arguments(reading, node.args[1:], "`given`")
    fields = keywords(reading, node, slots_of(reading.entities[first.id].fields), f"`{first.id}`", needed=False)
    return Action(
        type=EntityType(first.id), span=reading.places.of(node), action="given", subject=first.id, keywords=fields
    )


def person(reading: Reading, node: ast.Call) -> Expression:
    """`person("alice", roles=["staff"])`: someone who can call."""
    user = next((entity.name for entity in reading.entities.values() if entity.user), None)
    if user is None:
        return reading.refused(node, "nobody signs in here, so there are no persons", "set `auth` under `## Service`")
    if len(node.args) != 1 or not isinstance(node.args[0], ast.Constant) or not isinstance(node.args[0].value, str):
        return reading.refused(node, "a person has a name, written out", '`person("alice")`')
    roles = reading.scope.blueprint.service.roles
    slots = {"roles": Slot(ListType(ChoiceType(roles)), refused=None if roles else "this service has no roles")}
    return Action(
        type=EntityType(user),
        span=reading.places.of(node),
        action="person",
        subject=user,
        arguments=(reading.expression(node.args[0]),),
        keywords=keywords(reading, node, slots, "`person`"),
    )


def when(reading: Reading, node: ast.Call) -> Expression:
    """`when(place_order, by=alice, lines=[...])`: calls, and gives the answer."""
    operation = _operation(reading, node, "when")
    if operation is None:
        return reading.unknown(node)
    slots = {**_circumstances(reading, node), **_inputs(operation)}
    given = keywords(reading, node, slots, f"`{operation.name}`")
    _check_moment(reading, given)
    return Action(
        type=_answer(reading, operation.answer),
        span=reading.places.of(node),
        action="when",
        subject=operation.name,
        keywords=given,
    )


def rejected(reading: Reading, node: ast.Call) -> Expression:
    """`rejected(place_order, ..., reason="out of stock")`. Its inputs may be missing or break limits: that is its point."""
    operation = _operation(reading, node, "rejected")
    if operation is None:
        return reading.unknown(node)
    expectations = {"reason": Slot(TextType()), "status": Slot(IntType(min=400, max=499))}
    inputs = _inputs(operation)
    # An input of that name comes first: then the refusal is told by what is left of `reason` and `status`.
    slots = {**_circumstances(reading, node), **expectations, **inputs}
    reading.lenient = True
    given = keywords(reading, node, slots, f"`{operation.name}`", limits=False, needed=False)
    reading.lenient = False
    _check_moment(reading, given)
    _check_expectation(reading, node, [name for name in expectations if name not in inputs])
    return Action(
        type=NothingType(),
        span=reading.places.of(node),
        action="rejected",
        subject=operation.name,
        keywords=given,
    )


def then(reading: Reading, node: ast.Call) -> Expression:
    """`then(order.total == 9.99, dune.stock == 0)`."""
    if not node.args or node.keywords:
        return reading.refused(node, "`then` takes conditions", "`then(order.total == 9.99, dune.stock == 0)`")
    conditions = tuple(truth(reading, one, "what `then` checks") for one in node.args)
    return Action(type=NothingType(), span=reading.places.of(node), action="then", arguments=conditions)


def _operation(reading: Reading, node: ast.Call, name: str) -> Operation | None:
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Name) and first.id in reading.operations:
        no_arguments(reading, node.args[1:], f"`{name}`")
        return reading.operations[first.id]
    written = first.id if isinstance(first, ast.Name) else ""
    message = f"`{name}` begins with the name of a command or query"
    reading.problem(first or node, message, did_you_mean(written, reading.operations))
    return None


def _inputs(operation: Operation) -> dict[str, Slot]:
    """The inputs by name. Which page is asked for is told by `limit` and `offset`, or `cursor`, as a caller tells it."""
    slots: dict[str, Slot] = {}
    for one in operation.inputs:
        if isinstance(one.type, PageType):
            start = {"cursor": Slot(TextType())} if one.type.cursor else {"offset": Slot(IntType(min=0))}
            slots |= {"limit": Slot(IntType(min=1, max=one.type.max)), **start}
        else:
            needed = not one.may_be_absent and one.default is None and not isinstance(one.type, OptionalType)
            slots[one.name] = Slot(one.type, needed)
    return slots


def _circumstances(reading: Reading, node: ast.Call) -> Mapping[str, Slot]:
    user = next((entity.name for entity in reading.entities.values() if entity.user), None)
    by = Slot(AnyType(), refused="nobody signs in here") if user is None else Slot(OptionalType(EntityType(user)))
    literal = any(one.arg == "at" and isinstance(one.value, ast.Constant) for one in node.keywords)
    return {"by": by, "at": Slot(DatetimeType() if literal else AnyType())}


def _check_moment(reading: Reading, given: tuple[Keyword, ...]) -> None:
    """`at=` is an instant, or how long after the beginning of the scenario."""
    for one in given:
        if one.name == "at" and not isinstance(one.value.type, DatetimeType | DurationType | AnyType):
            message = f"`at` is a datetime, or a duration from the beginning; this is {words(one.value.type)}"
            reading.problem(one.value.span, message)


def _check_expectation(reading: Reading, node: ast.Call, names: list[str]) -> None:
    expected = {one.arg: one for one in node.keywords if one.arg in names}
    if not expected and names:
        reading.problem(node, "`rejected` says what it expects", '`reason="..."`, or `status=403`')
    for name, one in expected.items():
        if not isinstance(one.value, ast.Constant):
            reading.problem(name_span(reading, one), f"`{name}` is written out here")
        elif name == "status" and isinstance(one.value.value, int) and not 400 <= one.value.value <= 499:
            reading.problem(one.value, "a refusal has a status from 400 to 499")


def _answer(reading: Reading, answer: Answer) -> Type:
    """The type of what an operation answers, as a scenario reads it: the entity, or the view that somebody wrote of it."""
    one = answer.type.of if isinstance(answer.type, ListType) and answer.form != "one" else answer.type
    view = reading.views.get(answer.view or "")
    shown: Type = ViewType(view.name) if view is not None and not view.default and isinstance(one, EntityType) else one
    match answer.form:
        case "one":
            return shown
        case "list" | "page":
            return ListType(shown)
        case "nothing":
            return NothingType()
        case "text" | "csv" | "html":
            return TextType()
        case "file":
            return answer.type
