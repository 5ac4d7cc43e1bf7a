"""How the block of a command becomes a pure decision: what it is given, in which form it knows each entity, what it answers with.

- An entity of which only one row can be reached, and that not in a loop, is a plain local: `order`.
- Any other entity is known by ids; where its rows are read or changed, they stand in a dictionary by id: `books[line.book]`. So two
  names of one row see each other's change.
- What can be told after the decision as well as during it (an event of ids, the answer that is shown) is left to the handler.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from krepis_generator import names
from krepis_generator.python.printer import plain
from krepis_generator.shown import needs_rows
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Answer, Blueprint, Input, Operation, Reaction
from krepis_spec.expressions import Expression, Statement
from krepis_spec.facts import EACH, Facts, Lookup, Reach, facts_of, roots_of
from krepis_spec.naming import snake
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type

Effect = Literal["add", "save", "remove"]

Answering = Literal["nothing", "entity", "row", "settled", "decided"]
"""Who makes the answer: `entity` is shown by the handler, `row` is that of one among several, which the decision hands out, `decided` is
made by the decision, and `settled` by the handler after it.
"""


class Member(Struct, frozen=True):
    """One of the things that a decision answers with. `several` are a tuple; what is `removed` is told by its id."""

    name: str
    entity: str
    effect: Effect
    several: bool


class Plan:
    """Everything that the writers of the decision and of the handler have to agree on."""

    def __init__(self, operation: Operation, blueprint: Blueprint) -> None:
        self.operation = operation
        self.blueprint = blueprint
        self.roots = roots_of(operation.body or (), {one.name: one.type for one in operation.inputs})
        self.facts, self.problems = facts_of(
            operation.body or (),
            self.roots,
            blueprint,
            absent=frozenset(one.name for one in operation.inputs if one.may_be_absent),
        )
        self.body = self.facts.body
        self.locals = self._locals()
        self.body, self.effects = _split(self.facts.body, self)
        self.tables = self._tables()

    @property
    def module(self) -> str:
        return f"{self.blueprint.service.name}.domain.{self.operation.name}"

    def single(self, entity: str) -> str | None:
        """The local that holds the one row of that entity."""
        return self.locals.get(entity)

    def table(self, entity: str) -> str | None:
        """The dictionary that holds the rows of that entity, where the decision needs them."""
        return self.tables.get(entity)

    def reaches(self, entity: str) -> list[Reach]:
        """The ways by which rows of that entity are reached; what else could stand for one is among them."""
        own = [one.reach for one in self.facts.decided if one.entity == entity]
        others = [one.reach for one in self.facts.aliased if one.entity == entity]
        return list(dict.fromkeys((*own, *(others if own else ()))))

    def creations(self, entity: str) -> list[tuple[e.Action, bool]]:
        """Where the block makes one of them, and whether that may happen any number of times."""
        return [
            (node, nested)
            for statement, nested in walked(self.body)
            for node in own_nodes(statement)
            if isinstance(node, e.Action) and node.action in {"create", "put"} and node.subject == entity
        ]

    def is_made(self, name: str) -> bool:
        """Whether the block makes what that name stands for."""
        return name in self._made()

    def changed(self) -> dict[str, set[str]]:
        """The fields that the block sets, by entity, on rows that there are."""
        found: dict[str, set[str]] = {}
        for statement, _ in walked(self.body):
            for entity, fields in changes_in(statement):
                found.setdefault(entity, set()).update(fields)
        return found

    def removed(self) -> dict[str, bool]:
        """The entities of which the block deletes some, and whether in a loop or a branch."""
        found: dict[str, bool] = {}
        for statement, nested in walked(self.body):
            for node in own_nodes(statement):
                if isinstance(node, e.Action) and node.action == "delete" and node.of is not None:
                    entity = entity_of(node.of.type)
                    found[entity] = found.get(entity, False) or nested
        return found

    def changes_all(self, entity: str) -> bool:
        """Whether each row of that entity that is at hand is changed, whatever happens."""
        if self.creations(entity) or entity in self.removed() or self.returns_early:
            return False
        surely = [
            statement for statement in _unbranched(self.body) for one, _ in changes_in(statement) if one == entity
        ]
        ways = self.reaches(entity)
        if len(ways) == 1:
            return bool(surely)
        named = {
            statement.of.name
            for statement in surely
            if isinstance(statement, e.Set) and isinstance(statement.of, e.Name)
        }
        return all(not way.steps and way.root in named for way in ways)

    @property
    def returns_early(self) -> bool:
        return any(isinstance(one, e.Return) and nested for one, nested in walked(self.facts.body))

    def answers(self) -> Answering:
        """Who makes the answer."""
        returns = [
            one.value for one, _ in walked(self.facts.body) if isinstance(one, e.Return) and one.value is not None
        ]
        values = [one for one in returns if not isinstance(one.type, t.NothingType)]
        if self.facts.last is not None:
            return "settled"
        if not values:
            return "nothing"
        value = values[0]
        if len(returns) == 1 and isinstance(value, e.Name) and isinstance(value.type, t.EntityType):
            return "row" if self._is_row_of_many(value) else "entity"
        if any(isinstance(one, e.Action) and one.action == "token_for" for one in nodes_in(value)):
            return "settled"
        if self.operation.kind == "query" and all(isinstance(one, e.Return) for one in self.facts.body):
            return "settled"
        if len(returns) == 1 and any(
            isinstance(one, e.Construct) and isinstance(one.type, t.ViewType) for one in nodes_in(value)
        ):
            return "settled"
        return "decided"

    def _is_row_of_many(self, value: e.Name) -> bool:
        """Whether what is returned is one of several rows that the block changes, so that the decision has to say which."""
        view = self.operation.answer.view
        entity = entity_of(value.type)
        if view is None or self.single(entity) is not None or needs_rows(self.blueprint.view(view), self.blueprint):
            return False
        return entity in self.changed() or bool(self.creations(entity))

    @property
    def decides(self) -> bool:
        """Whether there is anything to decide."""
        return any(not isinstance(one, e.Return) for one in self.body) or self.answers() in {"decided", "row"}

    @property
    def alters(self) -> bool:
        """Whether the block changes anything that the service keeps, or says that something has happened."""
        actions = {"create", "put", "update", "delete", "add", "discard", "emit"}
        found = [node for statement, _ in walked(self.facts.body) for node in own_nodes(statement)]
        sets = any(isinstance(statement, e.Set) for statement, _ in walked(self.facts.body))
        return sets or any(isinstance(node, e.Action) and node.action in actions for node in found)

    def members(self) -> list[Member]:
        """What the decision answers with, beside events and the answer: what is returned first, then as the block has it."""
        found: dict[str, Member] = {}
        for entity in self._touched_in_order():
            for member in self._members_of(entity):
                found[member.name] = member
        first = self._returned()
        return sorted(found.values(), key=lambda one: one.name != first)

    def _members_of(self, entity: str) -> Iterator[Member]:
        made, changed = bool(self.creations(entity)), entity in self.changed()
        local, rows = self.single(entity), names.rows(entity)
        put = any(node.action == "put" for node, _ in self.creations(entity))
        if local is not None:
            if made or changed or put:
                yield Member(local, entity, "add" if made and not put else "save", several=False)
            if entity in self.removed():
                yield Member(f"removed_{local}", entity, "remove", several=False)
            return
        if changed or put:
            yield Member(rows, entity, "save", several=True)
        if made:
            yield Member(f"new_{rows}", entity, "add", several=True)
        if entity in self.removed():
            yield Member(f"removed_{rows}", entity, "remove", several=True)

    def _touched_in_order(self) -> list[str]:
        found: dict[str, None] = {}
        for statement, _ in walked(self.body):
            found.update(dict.fromkeys(entity for entity, _ in changes_in(statement)))
            for node in own_nodes(statement):
                if isinstance(node, e.Action) and node.action in {"create", "put"}:
                    found[node.subject] = None
                elif isinstance(node, e.Action) and node.action == "delete" and node.of is not None:
                    found[entity_of(node.of.type)] = None
        return list(found)

    def _returned(self) -> str:
        value = self.returned()
        return value.name if isinstance(value, e.Name) else ""

    def returned(self) -> Expression | None:
        """What the block returns, where that is one thing."""
        values = [one.value for one, _ in walked(self.facts.body) if isinstance(one, e.Return)]
        return values[0] if len(values) == 1 else None

    def _made(self) -> dict[str, str]:
        return {
            statement.names[0]: statement.value.subject
            for statement, _ in walked(self.body)
            if isinstance(statement, e.Let)
            and isinstance(statement.value, e.Action)
            and statement.value.action in {"create", "put"}
        }

    def _locals(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for entity in (one.name for one in self.blueprint.entities):
            ways, made = self.reaches(entity), self.creations(entity)
            if len(ways) == 1 and not made and EACH not in ways[0].steps:
                found[entity] = self._local_for(ways[0], found)
            elif self._is_only_created(ways, made) or self._is_only_put(ways, made):
                found[entity] = self._name_of(made[0][0]) or names.one(entity)
        return found

    def _is_only_created(self, ways: list[Reach], made: list[tuple[e.Action, bool]]) -> bool:
        if ways or len(made) != 1 or made[0][1] or self.returns_early:
            return False
        return made[0][0].action == "create"

    def _is_only_put(self, ways: list[Reach], made: list[tuple[e.Action, bool]]) -> bool:
        """Whether the one row is that of a `put`, which may be there already."""
        if len(ways) != 1 or len(made) != 1 or made[0][1] or self.returns_early:
            return False
        node = made[0][0]
        return node.action == "put" and isinstance(node.of, e.Name) and ways[0] == Reach(node.of.name)

    def _local_for(self, reach: Reach, taken: Mapping[str, str]) -> str:
        if not reach.steps:
            if reach.root == "actor":
                return self._free("user", taken)
            return reach.root
        return self._free(reach.steps[-1], taken)

    def _free(self, wanted: str, taken: Mapping[str, str]) -> str:
        used = {*self.facts.roots, *taken.values(), *assigned(self.facts.body)}
        return next(one for one in (wanted, f"{wanted}_found", f"{wanted}_row") if one not in used)

    def _name_of(self, action: e.Action) -> str | None:
        for statement, _ in walked(self.body):
            if isinstance(statement, e.Let) and statement.value is action:
                return statement.names[0]
        return None

    def _tables(self) -> dict[str, str]:
        used = {*self.facts.roots, *self.locals.values(), *assigned(self.facts.body)}
        found: dict[str, str] = {}
        for entity in (one.name for one in self.blueprint.entities):
            if entity not in self.locals and (self.reaches(entity) or self.creations(entity)):
                rows = names.rows(entity)
                found[entity] = rows if rows not in used else f"{rows}_by_id"
        return found


def reaction_operation(reaction: Reaction, blueprint: Blueprint) -> Operation:
    """A reaction as an operation whose inputs are the fields of its event."""
    event = next(one for one in blueprint.events if one.name == reaction.event)
    return Operation(
        name=reaction.name,
        title=reaction.name.replace("_", " "),
        span=reaction.span,
        kind="command",
        answer=Answer("nothing", t.NothingType()),
        doc=reaction.doc,
        inputs=tuple(
            Input(name=field.name, span=field.span, type=field.type, place="body", wire=field.name)
            for field in event.fields
        ),
        body=reaction.body,
    )


def walked(body: tuple[Statement, ...], *, nested: bool = False) -> Iterator[tuple[Statement, bool]]:
    """All statements, and whether each stands in a loop or a branch."""
    for statement in body:
        yield statement, nested
        match statement:
            case e.For(body=inner):
                yield from walked(inner, nested=True)
            case e.If(body=inner, otherwise=otherwise):
                yield from walked(inner, nested=True)
                yield from walked(otherwise, nested=True)
            case _:
                pass


def _unbranched(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """The statements that run in any case, those of loops for each of their rounds."""
    for statement in body:
        yield statement
        if isinstance(statement, e.For):
            yield from _unbranched(statement.body)


def own_nodes(statement: Statement) -> Iterator[Struct]:
    """The nodes of a statement's own expressions."""
    match statement:
        case e.For(source=source):
            yield from nodes_in(source)
        case e.If(test=test):
            yield from nodes_in(test)
        case _:
            yield from nodes_in(statement)


def changes_in(statement: Statement) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The entities whose rows a statement changes, with the fields."""
    if isinstance(statement, e.Set):
        yield entity_of(statement.of.type), (statement.field,)
    for node in own_nodes(statement):
        if isinstance(node, e.Action) and node.action == "update" and node.of is not None:
            yield entity_of(node.of.type), tuple(one.name for one in node.keywords)


def assigned(body: tuple[Statement, ...]) -> list[str]:
    """The names that a block gives."""
    found: list[str] = []
    for statement, _ in walked(body):
        if isinstance(statement, e.Let):
            found.extend(statement.names)
        elif isinstance(statement, e.For):
            found.extend(statement.variables)
    return found


def entity_of(type: Type) -> str:
    inner = plain(type)
    assert isinstance(inner, t.EntityType), "only entities are changed"
    return inner.name


def is_creation(value: Expression) -> bool:
    return isinstance(value, e.Action) and value.action in {"create", "put"}


def _split(body: tuple[Statement, ...], plan: Plan) -> tuple[tuple[Statement, ...], tuple[e.Action, ...]]:
    """What stays in the decision, and what the handler does after it: at the top level, from what cannot change any more."""
    changed: dict[str, set[str]] = {}
    made: set[str] = set()
    for statement, _ in walked(body):
        for entity, fields in changes_in(statement):
            changed.setdefault(entity, set()).update(fields)
        if isinstance(statement, e.Let) and is_creation(statement.value):
            made.update(statement.names)
    kept: list[Statement] = []
    after: list[e.Action] = []
    early_return = any(isinstance(one, e.Return) and nested for one, nested in walked(body))
    for statement in body:
        if (
            isinstance(statement, e.Do)
            and not early_return
            and _is_settled(statement.action, plan, changed, made, body)
        ):
            after.append(statement.action)
        else:
            kept.append(statement)
    return tuple(kept), tuple(after)


def _is_settled(
    action: e.Action, plan: Plan, changed: dict[str, set[str]], made: set[str], body: tuple[Statement, ...]
) -> bool:
    """Whether the handler can do that, since all that it tells is known to it and stays as it is."""
    if action.action not in {"emit", "add", "discard", "call", "delete"}:
        return False
    top = {
        statement.names[0]
        for statement in body
        if isinstance(statement, e.Let) and isinstance(statement.value, e.Action) and statement.value.action == "create"
    }
    known = {*plan.facts.roots, *top}
    if action.action == "delete":
        entity = entity_of(action.of.type) if action.of is not None else ""
        return isinstance(action.of, e.Name) and action.of.name in plan.facts.roots and entity not in changed
    return all(
        _is_known(node, known, made, top, changed, set(plan.locals.values()))
        for node in nodes_in((action.of, action.arguments, action.keywords))
    )


def _is_known(
    node: Struct, known: set[str], made: set[str], top: set[str], changed: dict[str, set[str]], locals_: set[str]
) -> bool:
    match node:
        case e.Name(name=name):
            return name in known and (name not in made or name in top)
        case e.Attribute(of=of, name=name):
            type = plain(of.type)
            if not isinstance(type, t.EntityType):
                return True
            if name == "id":
                return True
            near = isinstance(of, e.Name) and (of.name not in made or of.name in locals_)
            return near and name not in changed.get(type.name, ())
        case e.Constant() | e.Format() | e.FormatPart() | e.Keyword():
            return True
        case _:
            return False


def lookups(facts: Facts) -> dict[str, Lookup]:
    """The lookups by their names."""
    return {read.name: read for read in facts.reads if isinstance(read, Lookup)}


def event_class(port: str, operation: str) -> str:
    """The event that stands for a call of a port after the commit: `MailSendRequested`."""
    return f"{port}{''.join(word.capitalize() for word in snake(operation).split('_'))}Requested"
