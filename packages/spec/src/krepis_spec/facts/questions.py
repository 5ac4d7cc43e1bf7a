"""Questions: expressions over all of an entity that one statement can answer, and what they are called."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.expressions import Expression
from krepis_spec.facts.model import plain
from krepis_spec.facts.trees import free_names, mapped, numbered
from krepis_spec.naming import plural, snake
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type

_AGGREGATES = frozenset("len count sum min max any all sorted first last top group list reversed".split())


def is_question(node: Expression) -> bool:
    """Whether one statement can answer it: a comprehension over an entity, or what is made of one."""
    match node:
        case e.Name(source="entity"):
            return True
        case e.Comprehension(clauses=clauses):
            return is_question(clauses[0].source)
        case e.Call(function=function, arguments=arguments):
            return function in _AGGREGATES and bool(arguments) and is_question(arguments[0])
        case e.Index(of=of):
            return is_question(of)
        case _:
            return False


def is_relation(node: Expression) -> bool:
    """Whether that is the members of a relation, which a row does not hold."""
    type = plain(node.type)
    return (
        isinstance(node, e.Attribute)
        and isinstance(plain(node.of.type), t.EntityType)
        and isinstance(type, t.SetType)
        and isinstance(type.of, t.EntityType)
    )


def members_asked(relation: e.Attribute) -> Expression:
    """`[member for one in Team if one == team for member in one.members]`"""
    clauses, member = _of_relation(relation)
    return e.Comprehension(
        type=t.ListType(member.type), span=relation.span, form="list", element=member, clauses=clauses
    )


def member_asked(left: Expression, relation: e.Attribute) -> Expression:
    """`any(member == left for one in Team if one == team for member in one.members)`"""
    clauses, member = _of_relation(relation)
    same = e.Compare(type=t.BoolType(), span=left.span, left=member, operator="==", right=left)
    each = e.Comprehension(
        type=t.ListType(t.BoolType()), span=relation.span, form="generator", element=same, clauses=clauses
    )
    return e.Call(type=t.BoolType(), span=relation.span, function="any", arguments=(each,))


def _of_relation(relation: e.Attribute) -> tuple[tuple[e.Clause, ...], e.Name]:
    owner, span = plain(relation.of.type), relation.span
    assert isinstance(owner, t.EntityType)
    assert isinstance(relation.type, t.SetType)
    one = e.Name(type=owner, span=span, name="one", source="row")
    member = e.Name(type=relation.type.of, span=span, name="member", source="row")
    everyone = e.Name(type=t.ListType(owner), span=span, name=owner.name, source="entity")
    same = e.Compare(type=t.BoolType(), span=span, left=one, operator="==", right=relation.of)
    inner = e.Attribute(type=relation.type, span=span, of=one, name=relation.name)
    return (e.Clause(("one",), everyone, (same,)), e.Clause(("member",), inner)), member


def entity_of(node: Expression) -> str:
    """The entity that a question is about: the first one that it runs over."""
    for one in nodes_in(node):
        if isinstance(one, e.Comprehension):
            return entity_of(one.clauses[0].source)
        if isinstance(one, e.Name) and one.source == "entity":
            return one.name
    raise AssertionError("a question is about an entity")


def mentioned(node: Expression) -> dict[str, set[str]]:
    """The entities that a question looks at, with the fields."""
    found: dict[str, set[str]] = {}
    for one in nodes_in(node):
        if isinstance(one, e.Name) and one.source == "entity":
            found.setdefault(one.name, set())
        if isinstance(one, e.Attribute) and isinstance(type := plain(one.of.type), t.EntityType):
            found.setdefault(type.name, set()).add(one.name)
    return found


def called(node: Expression, entity: str) -> str:
    several = plural(snake(entity))
    match node:
        case e.Comprehension(clauses=(_, e.Clause(variables=("member",), source=e.Attribute(name=name)))):
            return f"{name}_of_{snake(entity)}"
        case e.Call(
            function="any", arguments=(e.Comprehension(clauses=(_, e.Clause(("member",), e.Attribute(name=name)))),)
        ):
            return f"is_among_{name}"
        case e.Comprehension(element=e.Attribute(name=name), clauses=(e.Clause(variables=("other",)),)):
            return f"taken_{plural(name)}"
        case e.Comprehension(element=e.Attribute(name=name)):
            return plural(name)
        case e.Call(function="len" | "count"):
            return f"{several}_count"
        case e.Call(function="any" | "all" | "sum" | "min" | "max" as function):
            return f"{function}_of_{several}"
        case e.Call(function="first" | "last") | e.Index():
            return f"one_of_{several}"
        case _:
            return f"some_{several}"


def _word(node: Expression) -> str:
    match node:
        case e.Attribute(of=of, name=name):
            return f"{_word(of)}_{name}"
        case e.Name(name=name):
            return name
        case e.Call(function=function):
            return f"{function}_given"
        case _:
            return "given"


class Parameters:
    """Finds what in a question comes from outside of it, and gives it a name."""

    def __init__(self, taken: set[str]) -> None:
        self.found: dict[str, Expression] = {}
        self._taken = taken
        self._inner: list[str] = []

    def of(self, node: Expression) -> Expression:
        if self._is_from_outside(node):
            return self._parameter(node)
        if isinstance(node, e.Comprehension | e.Lambda):
            return self._scoped(node)
        return mapped(node, self.of)

    def _scoped(self, node: e.Comprehension | e.Lambda) -> Expression:
        before = len(self._inner)
        if isinstance(node, e.Lambda):
            self._inner.append(node.parameter)
            found: Expression = replace(node, body=self.of(node.body))
        else:
            clauses: list[e.Clause] = []
            for clause in node.clauses:
                source = self.of(clause.source)
                self._inner.extend(clause.variables)
                clauses.append(e.Clause(clause.variables, source, tuple(map(self.of, clause.conditions))))
            found = replace(node, clauses=tuple(clauses), element=self.of(node.element))
        del self._inner[before:]
        return found

    def _is_from_outside(self, node: Expression) -> bool:
        if isinstance(
            node, e.Constant | e.Compare | e.Logic | e.Not | e.IsAbsent | e.Lambda | e.Collection | e.Conditional
        ):
            return False
        if isinstance(node, e.Name) and node.source == "entity":
            return False
        inner = nodes_in(node)
        if any(isinstance(one, e.Name) and one.source == "entity" for one in inner):
            return False
        free = free_names((node,))
        return bool(free) and not free.intersection(self._inner)

    def _parameter(self, node: Expression) -> Expression:
        for name, value in self.found.items():
            if value == node or (isinstance(node, e.Name) and isinstance(value, e.Name) and node.name == value.name):
                return e.Name(type=node.type, span=node.span, name=name, source="local")
        if isinstance(node, e.Name):
            self.found[node.name] = node
            return node
        names = {*self.found, *self._inner, *self._taken}
        name = next(one for one in numbered(_word(node)) if one not in names)
        self.found[name] = node
        return e.Name(type=node.type, span=node.span, name=name, source="local")


def item(type: Type) -> Type:
    return type.of if isinstance(type, t.ListType | t.SetType) else t.AnyType()


def as_row(row: e.Name, node: Expression) -> Expression:
    """The expression where the name of a loop's row is that of a comprehension's."""
    if isinstance(node, e.Name) and node.name == row.name:
        return replace(node, source="row")
    return mapped(node, partial(as_row, row))


def answers(node: e.Action) -> bool:
    """Whether it is a call of a port that answers something."""
    return node.action == "call" and not isinstance(node.type, t.NothingType)
