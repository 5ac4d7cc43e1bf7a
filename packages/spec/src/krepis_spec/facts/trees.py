"""How expressions and statements are walked and changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from krepis_spec import expressions as e
from krepis_spec.expressions import Expression, Statement
from krepis_spec.showing import nodes_in


def statements(body: Sequence[Statement]) -> Iterator[Statement]:
    """All statements, also those inside of others."""
    for statement in body:
        yield statement
        match statement:
            case e.For(body=inner):
                yield from statements(inner)
            case e.If(body=inner, otherwise=otherwise):
                yield from statements(inner)
                yield from statements(otherwise)
            case _:
                pass


def names_set(statement: Statement) -> tuple[str, ...]:
    match statement:
        case e.Let(names=names):
            return names
        case e.For(variables=variables):
            return variables
        case _:
            return ()


def own_nodes(statement: Statement) -> Iterator[object]:
    """The nodes of a statement's own expressions, without those of the statements in it."""
    match statement:
        case e.For(source=source):
            yield from nodes_in(source)
        case e.If(test=test):
            yield from nodes_in(test)
        case _:
            yield from nodes_in(statement)


def children(node: Expression) -> Iterator[Expression]:
    for name in node.__struct_fields__:
        if name not in {"type", "span"}:
            yield from _expressions_in(getattr(node, name))


def _expressions_in(value: object) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, tuple):
        for one in cast("tuple[object, ...]", value):
            yield from _expressions_in(one)
    elif isinstance(value, e.Keyword | e.FormatPart | e.Clause):
        for name in value.__struct_fields__:
            yield from _expressions_in(getattr(value, name))


def mapped(node: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """The node with `change` made to each expression directly in it."""
    changed = {
        name: mapped_value(getattr(node, name), change)
        for name in node.__struct_fields__
        if name not in {"type", "span"}
    }
    return replace(node, **changed)


def mapped_value(value: object, change: Callable[[Expression], Expression]) -> object:
    if isinstance(value, Expression):
        return change(value)
    if isinstance(value, tuple):
        return tuple(mapped_value(one, change) for one in cast("tuple[object, ...]", value))
    if isinstance(value, e.Keyword | e.FormatPart | e.Clause):
        fields = {name: mapped_value(getattr(value, name), change) for name in value.__struct_fields__}
        return replace(value, **fields)
    return value


def free_names(given: tuple[Expression, ...]) -> set[str]:
    """The names that an expression does not bind itself."""
    used: set[str] = set()
    bound: set[str] = set()
    for node in nodes_in(given):
        match node:
            case e.Name(name=name, source=source) if source != "entity":
                used.add(name)
            case e.Clause(variables=variables):
                bound.update(variables)
            case e.Lambda(parameter=parameter):
                bound.add(parameter)
            case _:
                pass
    return used - bound


def numbered(wanted: str) -> Iterator[str]:
    yield wanted
    number = 2
    while True:
        yield f"{wanted}_{number}"
        number += 1


def same(one: object, other: object) -> bool:
    """Whether both say the same, wherever they stand."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        first, second = cast("tuple[object, ...]", one), cast("tuple[object, ...]", other)
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(one, Struct) and type(one) is type(other):
        return all(
            same(getattr(one, name), getattr(other, name))
            for name in one.__struct_fields__
            if name not in {"span", "type"}
        )
    return one == other
