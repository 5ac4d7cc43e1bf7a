"""Statements: lines of a block, in order, and what is known after each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from krepis_spec.blocks.assignments import assignment, augmented
from krepis_spec.blocks.comprehensions import bind, rows
from krepis_spec.blocks.constructs import refusal
from krepis_spec.blocks.environment import Environment, shown_by
from krepis_spec.blocks.functions import element
from krepis_spec.blocks.operators import truth
from krepis_spec.blocks.reading import Reading
from krepis_spec.blocks.scope import called
from krepis_spec.document import Span
from krepis_spec.expressions import (
    Action,
    Do,
    For,
    If,
    Require,
    Return,
    Statement,
)
from krepis_spec.fitting import words
from krepis_spec.problems import did_you_mean
from krepis_spec.types import AnyType

REQUIRE_STATUS = 409

_CODE = re.compile(r"[a-z][a-z0-9_]*")


def read_statements(reading: Reading, nodes: Iterable[ast.stmt], *, in_loop: bool = False) -> tuple[Statement, ...]:
    """Those lines. After a `return` nothing may follow."""
    found: list[Statement] = []
    returned = False
    for node in nodes:
        if returned:
            reading.problem(node, "nothing gets here: the lines before always return")
            break
        statement = _statement(reading, node, in_loop=in_loop)
        if statement is not None:
            found.append(statement)
            returned = always_returns(statement)
    return tuple(found)


def always_returns(statement: Statement) -> bool:
    """Whether no way leads past that statement."""
    match statement:
        case Return():
            return True
        case If(body=body, otherwise=otherwise):
            return any(always_returns(one) for one in body) and any(always_returns(one) for one in otherwise)
        case _:
            return False


def _statement(reading: Reading, node: ast.stmt, *, in_loop: bool) -> Statement | None:
    match node:
        case ast.Assign():
            return assignment(reading, node)
        case ast.AugAssign():
            return augmented(reading, node)
        case ast.Expr():
            return _line(reading, node)
        case ast.If():
            return _if(reading, node, in_loop=in_loop)
        case ast.For():
            return _for(reading, node)
        case ast.Return():
            return _return(reading, node, in_loop=in_loop)
        case _:
            reading.problem(head(reading, node), *refusal(node))
            return None


def head(reading: Reading, node: ast.stmt) -> Span:
    """The first word of a statement."""
    place = reading.places.of(node)
    word = re.match(r"\w+", reading.places.source(node))
    width = len(word.group()) if word else 1
    return Span(place.line, place.column, place.line, place.column + width)


def _line(reading: Reading, node: ast.Expr) -> Statement | None:
    """A line that is one expression: something has to happen in it."""
    value = node.value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "require":
        return _require(reading, value)
    found = reading.expression(value)
    if isinstance(found, Action):
        if found.action == "find":
            reading.problem(value, "nothing happens with what `find` answers", "`get` rejects where there is none")
        return Do(action=found, span=reading.places.of(node))
    if not isinstance(found.type, AnyType):
        reading.problem(value, "nothing happens in this line", "`name = ...` keeps its value, `return ...` answers it")
    return None


def _require(reading: Reading, node: ast.Call) -> Statement | None:
    if reading.scope.mode not in {"command", "query"}:
        reading.problem(
            node.func, f"nobody is there to be refused: `require` cannot stand in {called(reading.scope.mode)}"
        )
        return None
    if len(node.args) != 2:
        reading.problem(node, "`require` takes a condition and a reason", '`require(book.stock > 0, "out of stock")`')
        return None
    condition = truth(reading, node.args[0], "what `require` asks for")
    reading.environment = reading.environment.knowing(shown_by(condition, True))
    reason = _literal(node.args[1])
    if not isinstance(reason, str) or not reason.strip():
        reading.problem(node.args[1], "the reason is a text, written out", '`require(book.stock > 0, "out of stock")`')
        return None
    status, code = _refusal(reading, node, reason)
    return Require(condition=condition, reason=reason, code=code, status=status, span=reading.places.of(node))


def _literal(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _refusal(reading: Reading, node: ast.Call, reason: str) -> tuple[int, str]:
    """The status and the code of a `require`."""
    status, code = REQUIRE_STATUS, re.sub(r"[^a-z0-9]+", "_", reason.lower()).strip("_")
    for one in node.keywords:
        value = _literal(one.value)
        match one.arg, value:
            case "status", int() if 400 <= value <= 499:
                status = value
            case "code", str() if _CODE.fullmatch(value):
                code = value
            case "status", _:
                reading.problem(one.value, "a refusal has a status from 400 to 499, written out")
            case "code", _:
                reading.problem(one.value, "a code is in snake_case, written out")
            case _:
                hint = did_you_mean(one.arg or "", ("status", "code"))
                reading.problem(one.value, f"`require` has no `{one.arg or '**'}`", hint)
    if not _CODE.fullmatch(code):
        reading.problem(node.args[1], "no code can be made of this reason", 'name one: `code="out_of_stock"`')
    return status, code


def _if(reading: Reading, node: ast.If, *, in_loop: bool) -> Statement:
    """Each branch knows what the condition has shown; after both, what both know. A branch that returns says nothing."""
    test = truth(reading, node.test, "what stands after `if`")
    before = reading.environment
    reading.environment = before.knowing(shown_by(test, True))
    body = read_statements(reading, node.body, in_loop=in_loop)
    after_body = reading.environment
    reading.environment = before.knowing(shown_by(test, False))
    otherwise = read_statements(reading, node.orelse, in_loop=in_loop)
    after_otherwise = reading.environment
    if any(always_returns(one) for one in otherwise):
        reading.environment = after_body
    elif not any(always_returns(one) for one in body):
        _check_branches(reading, node, after_body, after_otherwise)
        reading.environment = after_body.joined(after_otherwise)
    return If(test=test, body=body, otherwise=otherwise, span=reading.places.of(node))


def _check_branches(reading: Reading, node: ast.If, one: Environment, other: Environment) -> None:
    for name, binding in one.names.items():
        there = other.names.get(name)
        if there is None or there is binding or there.type == binding.type:
            continue
        if not reading.fits(there.type, binding.type):
            reading.problem(
                head(reading, node),
                f"`{name}` is {words(binding.type)} after one branch and {words(there.type)} after the other",
            )


def _for(reading: Reading, node: ast.For) -> Statement:
    source = rows(reading, node.iter)
    if node.orelse:
        reading.problem(node.orelse[0], "`else` after `for` is not part of the language")
    before = reading.environment.forgetting(_fields_set(node))
    kept = before.without(())
    for name in _names_set(node):
        if name in before.names:
            kept = kept.bound(name, before.names[name])
    reading.environment = kept
    variables = bind(reading, node.target, element(source.type), "local")
    body = read_statements(reading, node.body, in_loop=True)
    reading.environment = reading.environment.without(set(variables) - set(before.names)).joined(kept)
    return For(variables=variables, source=source, body=body, span=reading.places.of(node))


def _fields_set(node: ast.For) -> frozenset[str]:
    """The fields that the body sets: what was known about them does not hold in the second round."""
    targets = {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Store)}
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
    updated = {
        one.arg
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in {"update", "put"}
        for one in call.keywords
        if one.arg is not None
    }
    return frozenset(targets | updated)


def _names_set(node: ast.For) -> list[str]:
    return sorted({one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)})


def _return(reading: Reading, node: ast.Return, *, in_loop: bool) -> Statement | None:
    if reading.scope.mode not in {"command", "query"}:
        reading.problem(
            head(reading, node), f"`return` cannot stand in {called(reading.scope.mode)}: nobody waits for an answer"
        )
        return None
    if in_loop:
        reading.problem(
            head(reading, node), "`return` cannot stand inside `for`", "ask first: `first([x for x in xs if ...])`"
        )
        return None
    value = None if node.value is None else reading.expression(node.value, reading.scope.answer)
    return Return(value=value, span=reading.places.of(node))
