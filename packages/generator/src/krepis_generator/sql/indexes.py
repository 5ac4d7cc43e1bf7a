"""Which indexes the questions of a project need: what is compared for equality first, then what is sorted by."""

from __future__ import annotations

from collections.abc import Iterator

from krepis_generator.repositories import Repositories
from krepis_generator.sql.layout import plain
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.expressions import Expression


def asked_for(repositories: Repositories) -> list[tuple[str, tuple[str, ...]]]:
    """Entities, each with the columns of an index."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for entity in repositories.entities():
        for method in repositories.of(entity):
            if method.form == "select" and method.expression is not None:
                index = _index(method.expression)
                if index is not None:
                    found.append(index)
    return list(dict.fromkeys(found))


def _index(node: Expression) -> tuple[str, tuple[str, ...]] | None:
    keys: list[str] = []
    while isinstance(node, e.Call) and node.arguments:
        if node.function == "sorted" and not keys:
            keys = list(_sorted_by(node))
        node = node.arguments[0]
    if not isinstance(node, e.Comprehension) or len(node.clauses) != 1:
        return None
    clause = node.clauses[0]
    source = clause.source
    if isinstance(source, e.Call) and source.function == "sorted" and source.arguments:
        keys = keys or list(_sorted_by(source))
        source = source.arguments[0]
    if not isinstance(source, e.Name) or source.source != "entity":
        return None
    equal = [name for condition in clause.conditions for name in _equal(condition, clause.variables[0])]
    columns = tuple(dict.fromkeys((*equal, *keys)))
    type = plain(source.type)
    assert isinstance(type, t.ListType | t.SetType)
    assert isinstance(type.of, t.EntityType)
    return (type.of.name, (*columns, "id") if keys else columns) if columns else None


def _sorted_by(node: e.Call) -> Iterator[str]:
    """The columns that it is sorted by, up to the first one that is none."""
    key = next((one.value for one in node.keywords if one.name == "key"), None)
    if not isinstance(key, e.Lambda):
        return
    body = key.body
    for part in body.items if isinstance(body, e.Collection) else (body,):
        name = _column(part, key.parameter)
        if name is None:
            return
        yield name


def _equal(condition: Expression, row: str) -> Iterator[str]:
    if isinstance(condition, e.Logic) and condition.operator == "and":
        for operand in condition.operands:
            yield from _equal(operand, row)
    elif isinstance(condition, e.Compare) and condition.operator == "==":
        for one, other in ((condition.left, condition.right), (condition.right, condition.left)):
            name = _column(one, row)
            if name is not None and isinstance(other, e.Name | e.Constant):
                yield name
                return


def _column(node: Expression, row: str) -> str | None:
    if isinstance(node, e.Attribute) and isinstance(node.of, e.Name) and node.of.name == row:
        return node.name
    if (
        isinstance(node, e.Attribute)
        and node.name in {"start", "end"}
        and isinstance(node.of, e.Attribute)
        and isinstance(plain(node.of.type), t.PeriodType)
    ):
        inner = _column(node.of, row)
        return None if inner is None else f"{inner}_{node.name}"
    return None
