"""Follows where each entity in a block comes from: whose rows the block reads or changes, and by which ways they are reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint
from krepis_spec.expressions import Expression, Statement
from krepis_spec.facts.completing import entity_name
from krepis_spec.facts.model import EACH, Login, Lookup, Numbering, Outcome, Question, Reach, Read, Touch, plain
from krepis_spec.facts.trees import children
from krepis_spec.problems import Problem
from krepis_spec.types import Type

_ITEMS_OF = frozenset(("sorted", "list", "reversed", "top"))


_ITEM_OF = frozenset(("first", "last", "min", "max"))


PASSES_MAX = 6
"""So often assignments of references are followed through each other."""


class _Origins(Struct, frozen=True):
    """Where a value comes from: itself, and its items where it has some."""

    own: tuple[Reach, ...] = ()
    items: tuple[Reach, ...] = ()


class Rows:
    """Follows where each entity in a block comes from, and notes whose fields are read or changed."""

    def __init__(self, blueprint: Blueprint, roots: Mapping[str, Type]) -> None:
        self.problems: list[Problem] = []
        self.touched: dict[Touch, None] = {}
        self.aliased: dict[Touch, None] = {}
        self._blueprint = blueprint
        self._roots = roots
        self._names: dict[str, _Origins] = {}
        self._parts: dict[str, dict[str, _Origins]] = {}
        self._assigned: dict[tuple[str, str], _Origins] = {}

    def block(self, body: Sequence[Statement]) -> None:
        """Goes through the block until nothing new is found: what a later line assigns, an earlier one of a loop may read."""
        for _ in range(PASSES_MAX):
            before = dict(self._assigned)
            for found in (self.touched, self.aliased, self._names):
                found.clear()
            self.problems.clear()
            self._block(body)
            if self._assigned == before:
                return
        message = "what this block assigns to each other cannot be followed"
        self.problems.append(Problem(body[0].span, message, "give what it needs names, before the first assignment"))

    def read(self, read: Read) -> None:
        """The rows that the arguments of a read need."""
        match read:
            case Question(arguments=arguments):
                for _, value in arguments:
                    self._of(value)
            case Lookup(loops=loops, values=values, guards=guards):
                for loop in loops:
                    self._bind(loop.variables, loop.source)
                for value in (*values, *guards):
                    self._of(value)
            case Outcome(arguments=arguments):
                for one in arguments:
                    self._of(one.value)
            case Login(values=values):
                for value in values:
                    self._of(value)
            case Numbering():
                pass

    def _block(self, body: Sequence[Statement]) -> None:
        for statement in body:
            match statement:
                case e.Let(names=names, value=value):
                    found = self._of(value)
                    self._alias(value, found)
                    for name in names:
                        self._names[name] = _both(self._names.get(name), found)
                case e.Set(of=of, field=field, value=value):
                    self._touch(of)
                    self._assign(_entity(of), field, value, self._of(value))
                case e.For(variables=variables, source=source, body=inner):
                    self._bind(variables, source)
                    self._block(inner)
                case e.If(test=test, body=inner, otherwise=otherwise):
                    self._of(test)
                    self._block(inner)
                    self._block(otherwise)
                case e.Do(action=action):
                    self._of(action)
                case e.Require(condition=condition):
                    self._of(condition)
                case e.Return(value=value):
                    if value is not None:
                        self._of(value)

    def _assign(self, entity: str, field: str, value: Expression, found: _Origins) -> None:
        """A reference gets another value, on whatever row."""
        if _holds_entities(value.type):
            self._assigned[entity, field] = _both(self._assigned.get((entity, field)), found)
            self._alias(value, found)

    def _bind(self, variables: tuple[str, ...], source: Expression) -> None:
        if isinstance(source, e.Call) and source.function in {"zip", "enumerate"} and len(variables) > 1:
            sources = [self._of(one) for one in source.arguments]
            if source.function == "enumerate":
                sources.insert(0, _Origins())
            for name, found in zip(variables, sources, strict=False):
                self._names[name] = self._items_as_own(found)
            return
        found = self._of(source)
        for name in variables:
            self._names[name] = self._items_as_own(found)

    def _items_as_own(self, found: _Origins) -> _Origins:
        return _Origins(found.items, tuple(one.then(EACH) for one in found.items))

    def _of(self, node: Expression) -> _Origins:  # noqa: C901 - one branch a node
        match node:
            case e.Name(name=name):
                if name in self._names:
                    return self._names[name]
                return self._rooted(Reach(name))
            case e.Attribute(of=of, name=name):
                return self._attribute(of, name)
            case e.Index(of=of, index=index):
                self._of(index)
                return self._items_as_own(self._of(of))
            case e.Conditional(test=test, then=then, otherwise=otherwise):
                self._of(test)
                return _both(self._of(then), self._of(otherwise))
            case e.Comprehension():
                return self._comprehension(node)
            case e.Lambda(body=body):
                return self._of(body)
            case e.Call(function=function, arguments=arguments):
                return self._call(function, arguments, node)
            case e.Collection(items=items):
                found = [self._of(one) for one in items]
                return _Origins((), tuple(reach for one in found for reach in one.own))
            case e.Construct() | e.Record():
                return self._made(node, node.keywords if isinstance(node, e.Construct) else node.fields)
            case e.Action():
                return self._action(node)
            case _:
                for inner in children(node):
                    self._of(inner)
                return _Origins()

    def _rooted(self, reach: Reach) -> _Origins:
        return _Origins((reach,), (reach.then(EACH),))

    def _attribute(self, of: Expression, name: str) -> _Origins:
        found = self._of(of)
        type = plain(of.type)
        if isinstance(type, t.EntityType) and name != "id":
            self._touch(of, found)
        origins = _Origins()
        for reach in found.own:
            origins = _both(origins, self._part(reach, name))
        if isinstance(type, t.EntityType):
            origins = _both(origins, self._assigned.get((type.name, name), _Origins()))
        return origins

    def _part(self, reach: Reach, name: str) -> _Origins:
        """A field of what the block makes is what it was given; of anything else, it is a step on the way."""
        if reach.root in self._parts and not reach.steps:
            return self._parts[reach.root].get(name, _Origins())
        return self._rooted(reach.then(name))

    def _comprehension(self, node: e.Comprehension) -> _Origins:
        for clause in node.clauses:
            self._bind(clause.variables, clause.source)
            for condition in clause.conditions:
                self._of(condition)
        return _Origins((), self._of(node.element).own)

    def _call(self, function: str, arguments: tuple[Expression, ...], node: e.Call) -> _Origins:
        found = [self._of(one) for one in arguments]
        for one in node.keywords:
            if isinstance(one.value, e.Lambda) and found:
                self._names[one.value.parameter] = self._items_as_own(found[0])
            self._of(one.value)
        if function in _ITEMS_OF and found:
            return found[0]
        if function in _ITEM_OF and found:
            return self._items_as_own(found[0]) if len(found) == 1 else _Origins(found[0].own + found[1].own)
        return _Origins()

    def _made(self, node: e.Construct | e.Record, fields: tuple[e.Keyword, ...]) -> _Origins:
        for one in node.arguments if isinstance(node, e.Construct) else ():
            self._of(one)
        root = f"made at {node.span.line}:{node.span.column}"
        self._parts[root] = {one.name: self._of(one.value) for one in fields}
        return _Origins((Reach(root),))

    def _action(self, node: e.Action) -> _Origins:
        given = {one.name: self._of(one.value) for one in node.keywords}
        if node.action in {"update", "put"}:
            entity = node.subject or entity_name(node)
            for one in node.keywords:
                self._assign(entity, one.name, one.value, given[one.name])
        for one in (*node.arguments, *(() if node.of is None else (node.of,))):
            self._of(one)
        match node.action:
            case "create":
                root = f"made at {node.span.line}:{node.span.column}"
                self._parts[root] = given
                return _Origins((Reach(root),))
            case "put":
                assert node.of is not None
                self._touch(node.of)
                root = f"made at {node.span.line}:{node.span.column}"
                self._parts[root] = given
                return _Origins((Reach(root), *self._of(node.of).own))
            case "token_for" if node.of is not None:
                self._touch(node.of)
                return _Origins()
            case "update" | "delete" if node.of is not None:
                self._touch(node.of)
                return _Origins()
            case "get" | "find" if node.of is not None:
                found = self._of(node.of)
                return self._items_as_own(found) if isinstance(node.of.type, t.ListType) else found
            case _:
                return _Origins()

    def _touch(self, of: Expression, found: _Origins | None = None) -> None:
        type = plain(of.type)
        assert isinstance(type, t.EntityType)
        for reach in (self._of(of) if found is None else found).own:
            if reach.root not in self._parts:
                self.touched[Touch(reach, type.name)] = None
            elif reach.steps:
                self.problems.append(
                    Problem(of.span, "this is read through something that the block makes", "name where it comes from")
                )

    def _alias(self, value: Expression, found: _Origins) -> None:
        type = plain(value.type)
        inner = plain(type.of) if isinstance(type, t.ListType | t.SetType) else type
        if not isinstance(inner, t.EntityType):
            return
        for reach in found.items if inner is not type else found.own:
            if reach.root not in self._parts and not reach.root.startswith("made at"):
                self.aliased[Touch(reach, inner.name)] = None


def _both(one: _Origins | None, other: _Origins) -> _Origins:
    if one is None:
        return other
    return _Origins(tuple(dict.fromkeys((*one.own, *other.own))), tuple(dict.fromkeys((*one.items, *other.items))))


def _holds_entities(type: Type) -> bool:
    inner = plain(type)
    if isinstance(inner, t.ListType | t.SetType):
        inner = plain(inner.of)
    return isinstance(inner, t.EntityType)


def _entity(of: Expression) -> str:
    type = plain(of.type)
    assert isinstance(type, t.EntityType), "only entities are changed"
    return type.name
