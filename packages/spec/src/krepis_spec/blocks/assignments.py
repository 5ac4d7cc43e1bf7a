"""Assignments: names, and fields of entities."""

from __future__ import annotations

import ast
from typing import Literal

from krepis_spec.blocks.actions import why_unchangeable
from krepis_spec.blocks.comprehensions import bind
from krepis_spec.blocks.environment import Binding, path_of
from krepis_spec.blocks.keywords import written
from krepis_spec.blocks.names import refuse_new, type_of_field
from krepis_spec.blocks.operators import sign_of
from krepis_spec.blocks.reading import Reading, made_fields
from krepis_spec.blocks.scope import called
from krepis_spec.expressions import Action, Arithmetic, Constant, Expression, Let, Set, Statement
from krepis_spec.fitting import joined, present, words
from krepis_spec.problems import did_you_mean
from krepis_spec.types import AnyType, ChoiceType, EntityType, NothingType, OptionalType, Type


def assignment(reading: Reading, node: ast.Assign) -> Statement | None:
    if len(node.targets) != 1:
        reading.problem(node, "one `=` in a line", "write a line for each name")
        return None
    target = node.targets[0]
    if isinstance(target, ast.Attribute):
        return _set(reading, node, target, node.value)
    if isinstance(target, ast.Subscript):
        reading.problem(
            target, "what is in a list or a record cannot be set", "set the field as a whole: `x.lines = [...]`"
        )
        return None
    return _let(reading, node, target)


def _let(reading: Reading, node: ast.Assign, target: ast.expr) -> Statement | None:
    known = reading.environment.names.get(target.id) if isinstance(target, ast.Name) else None
    expected = known.type if known is not None and known.source == "local" else None
    value = reading.expression(node.value, expected)
    if isinstance(value, Action) and isinstance(value.type, NothingType):
        reading.problem(node.value, f"`{value.action}` answers nothing that could be kept", "let it stand alone")
    if isinstance(target, ast.Name) and known is not None and known.source == "local":
        _set_again(reading, node.value, target.id, known, value)
        return Let(names=(target.id,), value=value, span=reading.places.of(node))
    names = bind(reading, target, value.type, "local")
    return Let(names=names, value=value, span=reading.places.of(node))


def _set_again(reading: Reading, node: ast.expr, name: str, known: Binding, value: Expression) -> None:
    """A name that is set once more keeps its type."""
    if not reading.fits(value.type, known.type) and joined(known.type, value.type) != known.type:
        reading.problem(
            node,
            f"`{name}` is {words(known.type)} already; this is {words(value.type)}",
            "choose another name, or a conditional expression: `x = a if condition else b`",
        )
    reading.environment = reading.environment.bound(name, Binding(known.type, "local"))
    if isinstance(known.type, OptionalType) and not isinstance(value.type, OptionalType | NothingType):
        reading.environment = reading.environment.knowing({(name,): value.type})


def _set(reading: Reading, node: ast.Assign, target: ast.Attribute, value: ast.expr) -> Statement | None:
    field = _changeable(reading, target)
    if field is None:
        reading.expression(value, AnyType())
        return None
    of, type = field
    what = f"`{target.attr}` of {words(of.type)}"
    found = written(reading, value, type, what)
    _check_transition(reading, value, of.type, target.attr, found)
    _after_set(reading, of, target.attr, found.type)
    return Set(of=of, field=target.attr, value=found, span=reading.places.of(node))


def _changeable(reading: Reading, target: ast.Attribute) -> tuple[Expression, Type] | None:
    """What is set and the type of its field; `None` where it cannot be set, which is told."""
    if reading.scope.mode not in {"command", "reaction", "seed"}:
        reading.problem(target, f"this changes something, and {called(reading.scope.mode)} may change nothing")
        return None
    of = reading.expression(target.value)
    if isinstance(of.type, AnyType):
        return None
    if not isinstance(of.type, EntityType):
        reading.problem(target.value, *_not_changeable(reading, target, of.type))
        return None
    entity = reading.entities[of.type.name]
    type = type_of_field(reading, of, target.attr)
    if type is None or target.attr in {name for name, _ in made_fields(entity)}:
        known = [field.name for field in entity.fields]
        if type is not None:
            reading.problem(target, f"`{target.attr}` is made by the server")
        else:
            reading.problem(target, f"{entity.name} has no `{target.attr}`", did_you_mean(target.attr, known))
        return None
    reason = why_unchangeable(target.attr, entity)
    if reason is not None:
        reading.problem(target, reason)
    return of, type


def _not_changeable(reading: Reading, target: ast.Attribute, type: Type) -> tuple[str, str | None]:
    shown = reading.shown(target.value)
    if isinstance(type, OptionalType):
        return f"{shown} may be none here", f"rule it out first: `if {shown[1:-1]} is not None:`"
    return (
        f"only fields of entities can be set; {shown} is {words(type)}",
        "make a new one: `x.lines = [Line(...) ...]`",
    )


def _check_transition(reading: Reading, node: ast.expr, of: Type, field: str, value: Expression) -> None:
    if not isinstance(of, EntityType) or not isinstance(value, Constant) or not isinstance(value.type, ChoiceType):
        return
    for one in reading.entities[of.name].transitions:
        if one.field == field and value.value not in {target for _, target in one.allowed}:
            reading.problem(
                node, f"no transition leads to {reading.shown(node)}", f"the entity says which: `{field}: a -> b`"
            )


def _after_set(reading: Reading, of: Expression, field: str, type: Type) -> None:
    reading.environment = reading.environment.forgetting(frozenset({field}))
    path = path_of(of)
    if path is not None and not isinstance(type, OptionalType | NothingType | AnyType):
        declared = type_of_field(reading, of, field)
        if isinstance(declared, OptionalType):
            reading.environment = reading.environment.knowing({(*path, field): present(declared)})


def augmented(reading: Reading, node: ast.AugAssign) -> Statement | None:
    """`x.field += value`, and `name += value`, which is `name = name + value`."""
    sign = sign_of(node.op)
    if sign is None or sign == "**":
        reading.problem(node, "this operator is not part of the language", "`+= -= *= /= //= %=` are")
        return None
    whole = ast.copy_location(ast.BinOp(node.target, node.op, node.value), node)
    if isinstance(node.target, ast.Name):
        known = reading.environment.names.get(node.target.id)
        if known is not None and known.source != "local":
            refuse_new(reading, node.target, node.target.id)
            return None
        value = reading.expression(whole)
        if known is not None:
            _set_again(reading, node.value, node.target.id, known, value)
        return Let(names=(node.target.id,), value=value, span=reading.places.of(node))
    if isinstance(node.target, ast.Attribute):
        return _augmented_field(reading, node, node.target, whole, sign)
    reading.problem(node.target, "a name or a field of an entity stands here")
    return None


def _augmented_field(
    reading: Reading,
    node: ast.AugAssign,
    target: ast.Attribute,
    whole: ast.BinOp,
    sign: Literal["+", "-", "*", "/", "//", "%"],
) -> Statement | None:
    field = _changeable(reading, target)
    if field is None:
        reading.expression(node.value, AnyType())
        return None
    of, declared = field
    value = reading.expression(whole, declared)
    if not isinstance(value, Arithmetic):
        return None
    if not reading.fits(value.type, declared):
        message = f"`{target.attr}` of {words(of.type)} is {words(declared)}; this is {words(value.type)}"
        reading.problem(node, message, reading.hint(value.type, declared))
    _after_set(reading, of, target.attr, declared)
    return Set(of=of, field=target.attr, operator=sign, value=value.right, span=reading.places.of(node))
