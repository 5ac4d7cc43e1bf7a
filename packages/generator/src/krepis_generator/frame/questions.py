"""Questions that a rule of access asks of tables: whether somebody is in a relation, or anything about all of an
entity.

A repository answers each in one statement, before the rule is asked. What the question is about is given to it, so that
a question about a relation is the same wherever it is asked.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec
from msgspec import Struct

from krepis_generator import names
from krepis_generator.python.printer import plain
from krepis_generator.repositories import Parameter
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.document import Span
from krepis_spec.expressions import Expression

_NOWHERE = Span(1, 1, 1, 1)
"""The place of a question that many rules may ask."""

_OUTER = frozenset(("path", "actor", "now", "tenant"))


class Question(Struct, frozen=True):
    """`entity` is whose repository answers; `given` has each parameter with what is given for it. `name` is empty for a
    question of one rule alone.
    """

    name: str
    entity: str
    expression: Expression
    given: tuple[tuple[Parameter, Expression], ...]


def question_of(node: Expression) -> Question | None:
    """The question that an expression asks of tables, if it does."""
    if isinstance(node, e.Compare) and node.operator in {"in", "not in"} and names.is_relation(node.right.type):
        return _about_relation(node)
    if isinstance(node, e.Call) and node.arguments and isinstance(node.arguments[0], e.Comprehension):
        source = node.arguments[0].clauses[0].source
        if isinstance(source, e.Name) and source.source == "entity":
            return _about_all(node, source.name)
    return None


def _about_relation(node: e.Compare) -> Question:
    """`x in team.members` is `any(member in one.members for one in Team if one == team)`, with `team` and `member`
    given.
    """
    relation = node.right
    assert isinstance(relation, e.Attribute), "a relation is a field"
    owner, others = plain(relation.of.type), plain(relation.type)
    assert isinstance(owner, t.EntityType), "a relation is a field of an entity"
    assert isinstance(others, t.SetType), "a relation is a set of entities"
    whose, who = names.one(owner.name), names.singular(relation.name)
    who = who if who != whose else f"other_{who}"
    one, member = _name("one", owner, "row"), _name(who, others.of, "input")
    same = _compared(one, "==", _name(whose, owner, "input"))
    clause = e.Clause(("one",), _name(owner.name, t.ListType(owner), "entity"), (same,))
    held = e.Attribute(type=relation.type, span=_NOWHERE, of=one, name=relation.name)
    found = e.Comprehension(
        type=t.ListType(t.BoolType()),
        span=_NOWHERE,
        form="generator",
        element=_compared(member, "in", held),
        clauses=(clause,),
    )
    asked = e.Call(type=t.BoolType(), span=_NOWHERE, function="any", arguments=(found,))
    given = ((Parameter(whose, owner), relation.of), (Parameter(who, others.of), node.left))
    return Question(f"is_{names.singular(relation.name)}", owner.name, asked, given)


def _about_all(node: e.Call, entity: str) -> Question:
    found: dict[str, tuple[Parameter, Expression]] = {}
    expression = _lifted(node, found)
    return Question("", entity, expression, tuple(found.values()))


def _lifted(node: Any, found: dict[str, tuple[Parameter, Expression]]) -> Any:
    """With parameters in place of everything that is known outside of the tables: `issue.team` becomes `issue_team`."""
    if isinstance(node, tuple):
        return tuple(_lifted(one, found) for one in cast("tuple[Any, ...]", node))
    if isinstance(node, e.Name | e.Attribute):
        chain = _chain(node)
        if chain:
            name = "_".join(chain)
            found.setdefault(name, (Parameter(name, node.type), node))
            return e.Name(type=node.type, span=node.span, name=name, source="input")
    if isinstance(node, Struct) and not isinstance(node, Span):
        changed = {
            name: _lifted(getattr(node, name), found) for name in node.__struct_fields__ if name not in {"type", "span"}
        }
        return msgspec.structs.replace(node, **changed)
    return node


def _chain(node: Expression) -> list[str]:
    """`issue.team` as its names; empty for what begins in the tables."""
    if isinstance(node, e.Name):
        return [node.name] if node.source in _OUTER else []
    if isinstance(node, e.Attribute):
        before = _chain(node.of)
        return [*before, node.name] if before else []
    return []


def _name(name: str, type: t.Type, source: e.Source) -> e.Name:
    return e.Name(type=type, span=_NOWHERE, name=name, source=source)


def _compared(left: Expression, operator: Any, right: Expression) -> e.Compare:
    return e.Compare(type=t.BoolType(), span=_NOWHERE, left=left, operator=operator, right=right)
