"""Takes the reads out of a block, in the order in which they can be made, and tells what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint
from krepis_spec.document import Span
from krepis_spec.expressions import Expression, Statement
from krepis_spec.facts.completing import entity_name
from krepis_spec.facts.model import Login, Lookup, Loop, Numbering, Outcome, Question, Read, key_of, plain
from krepis_spec.facts.questions import (
    Parameters,
    answers,
    as_row,
    called,
    entity_of,
    is_question,
    is_relation,
    item,
    member_asked,
    members_asked,
    mentioned,
)
from krepis_spec.facts.trees import free_names, mapped, names_set, numbered, own_nodes, same, statements
from krepis_spec.naming import plural, snake
from krepis_spec.problems import Problem
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type


class Reading:
    """Takes the reads out of a block, in order."""

    def __init__(self, blueprint: Blueprint, roots: Mapping[str, Type], *, changes: bool) -> None:
        self.blueprint = blueprint
        self.reads: list[Read] = []
        self.types: dict[str, Type] = {}
        self.problems: list[Problem] = []
        self.last: Question | None = None
        self._roots = roots
        self._changes = changes
        self._lets: dict[str, Expression] = {}
        self._assigned: dict[str, int] = {}
        self._made: dict[str, str] = {}
        self._changed: dict[str, set[str]] = {}
        self._made_at: dict[str, set[Span]] = {}
        self._loops: list[Loop] = []
        self._rows: list[Loop] = []
        self._guards: list[Expression] = []
        self._done: Expression | None = None
        self._rows_of_question: list[str] = []
        self._made_alone: set[Span] = set()

    def block(self, body: Sequence[Statement]) -> list[Statement]:
        for node in statements(body):
            action = node.action if isinstance(node, e.Do) else node.value if isinstance(node, e.Let) else None
            if isinstance(action, e.Action):
                self._made_alone.add(action.span)
            for name in names_set(node):
                self._assigned[name] = self._assigned.get(name, 0) + 1
        return self._block(body)

    def _block(self, body: Sequence[Statement]) -> list[Statement]:
        found: list[Statement] = []
        for statement in body:
            kept = self._statement(statement)
            if kept is not None:
                found.append(kept)
            self._note_changes(statement)
        return found

    def _statement(self, statement: Statement) -> Statement | None:
        match statement:
            case e.Let():
                return self._let(statement)
            case e.Set():
                return replace(statement, of=self._taken(statement.of), value=self._taken(statement.value))
            case e.Do():
                self._done = statement.action
                return replace(statement, action=self._taken(statement.action))
            case e.Require():
                return replace(statement, condition=self._taken(statement.condition))
            case e.For():
                return self._for(statement)
            case e.If():
                return self._if(statement)
            case e.Return():
                return self._return(statement)

    def _let(self, statement: e.Let) -> Statement | None:
        value, name = statement.value, statement.names[0]
        alone = len(statement.names) == 1 and self._assigned[name] == 1
        if alone and not self._loops and isinstance(value, e.Action) and value.action in {"get", "find"}:
            self._look_up(value, name)
            return None
        if alone and isinstance(value, e.Action) and value.action == "authenticate":
            self._log_in(value, name)
            return None
        if alone and not self._loops and isinstance(value, e.Action) and answers(value):
            self._call_out(value, name)
            return None
        if alone and not self._loops and is_question(value):
            self._ask(value, name)
            return None
        taken = self._taken(value)
        if len(statement.names) == 1:
            self._lets[name] = taken
            if isinstance(taken, e.Action) and taken.action in {"create", "put"}:
                self._made[name] = taken.subject
        return replace(statement, value=taken)

    def _for(self, statement: e.For) -> Statement:
        statement = self._narrowed(statement)
        loop = Loop(statement.variables, self._taken(statement.source))
        # What a later round reads, an earlier one may have changed.
        for inner in statements(statement.body):
            self._note_change(inner)
        self._loops.append(loop)
        body = self._block(statement.body)
        self._loops.pop()
        return replace(statement, source=loop.source, body=tuple(body))

    def _narrowed(self, statement: e.For) -> e.For:
        """`for x in X: if condition: ...` asks for those that fulfil it, if it can be known before."""
        source, body = statement.source, statement.body
        if not isinstance(source, e.Name) or source.source != "entity" or len(statement.variables) != 1:
            return statement
        if len(body) != 1 or not isinstance(body[0], e.If) or body[0].otherwise:
            return statement
        test = body[0].test
        self._rows_of_question.append(statement.variables[0])
        is_early = self._is_early(test)
        self._rows_of_question.pop()
        if not is_early or any(isinstance(one, e.Action) for one in nodes_in(test)):
            return statement
        row = e.Name(type=item(source.type), span=source.span, name=statement.variables[0], source="row")
        clause = e.Clause(statement.variables, source, (as_row(row, test),))
        asked = e.Comprehension(type=source.type, span=source.span, form="list", element=row, clauses=(clause,))
        return replace(statement, source=asked, body=body[0].body)

    def _if(self, statement: e.If) -> Statement:
        test = self._taken(statement.test)
        self._guards.append(test)
        body = self._block(statement.body)
        self._guards[-1] = e.Not(type=t.BoolType(), span=test.span, of=test)
        otherwise = self._block(statement.otherwise)
        self._guards.pop()
        return replace(statement, test=test, body=tuple(body), otherwise=tuple(otherwise))

    def _return(self, statement: e.Return) -> Statement | None:
        value = statement.value
        if value is None:
            return statement
        if self._changes and is_question(value) and not self._loops and not self._guards:
            self.last = self._question(value, "answer")
            return None
        return replace(statement, value=self._taken(value))

    def _taken(self, node: Expression) -> Expression:
        """The expression with names where reads were."""
        node = self._related(node)
        self._refuse_unbuilt(node)
        match node:
            case e.Action(action="get" | "find"):
                return self._look_up(node, None)
            case e.Action(action="put"):
                return self._put(node)
            case e.Action(action="authenticate"):
                return self._log_in(node, None)
            case e.Call(function="next_number"):
                return self._number(node)
            case e.Action(action="call") if answers(node) and not self._unused(node):
                return self._call_out(node, None)
            case e.Comprehension() if not is_question(node):
                return self._comprehension(node)
            case e.Action(action="add" | "discard"):
                return node
            case e.Record(fields=fields):
                return replace(node, fields=tuple(map(self._taken_field, fields)))
            case e.Action(keywords=keywords) if keywords:
                rest = mapped(replace(node, keywords=()), self._taken)
                assert isinstance(rest, e.Action)
                return replace(rest, keywords=tuple(map(self._taken_field, keywords)))
            case _ if is_question(node):
                return self._ask(node, None)
            case _:
                return mapped(node, self._taken)

    def _refuse_unbuilt(self, node: Expression) -> None:
        if not isinstance(node, e.Action):
            return
        if node.action in {"create", "put"} and node.span not in self._made_alone:
            self._problem(
                node.span,
                f"`{node.action}` stands here where it may happen or not, or more than once",
                "give it a statement of its own, inside of `if` or `for`",
            )
        if node.action == "redeem":
            self._problem(node.span, "`redeem` is not built yet", "look the thing up by another field")

    def _taken_field(self, one: e.Keyword) -> e.Keyword:
        """A question that gives the value of a field is called after it."""
        related = self._related(one.value)
        if is_question(related):
            return e.Keyword(one.name, self._ask(related, self._fresh(one.name)))
        return e.Keyword(one.name, self._taken(one.value))

    def _related(self, node: Expression) -> Expression:
        """A relation that is looked at is a question: its members are not part of the row."""
        match node:
            case e.Compare(operator="in" | "not in", right=e.Attribute() as relation) if is_relation(relation):
                if self._is_early(node.left):
                    found = member_asked(node.left, relation)
                    return found if node.operator == "in" else e.Not(type=node.type, span=node.span, of=found)
                return replace(node, right=members_asked(relation))
            case e.Attribute() if is_relation(node):
                return members_asked(node)
            case e.Call(arguments=(e.Attribute() as relation, *rest)) if is_relation(relation):
                return replace(node, arguments=(members_asked(relation), *rest))
            case e.Action(action="add" | "discard", of=e.Attribute() as relation) if is_relation(relation):
                of = replace(relation, of=self._taken(relation.of))
                return replace(node, of=of, arguments=tuple(map(self._taken, node.arguments)))
            case _:
                return node

    def _is_early(self, node: Expression) -> bool:
        """Whether that is known before the decision."""
        inlined = self._inlined(node)
        before = len(self.problems)
        for one in nodes_in(inlined):
            self._refuse_late(one, node.span, "this")
        is_early = len(self.problems) == before and not self._loops_of((inlined,))
        del self.problems[before:]
        return is_early

    def _comprehension(self, node: e.Comprehension) -> Expression:
        before = len(self._rows)
        clauses: list[e.Clause] = []
        for clause in node.clauses:
            source = self._taken(clause.source)
            self._rows.append(Loop(clause.variables, source))
            clauses.append(e.Clause(clause.variables, source, tuple(map(self._taken, clause.conditions))))
        element = self._taken(node.element)
        del self._rows[before:]
        return replace(node, clauses=tuple(clauses), element=element)

    def _unused(self, node: e.Action) -> bool:
        return node is self._done

    def _number(self, node: e.Call) -> Expression:
        entity, field = (str(one.value) for one in node.arguments if isinstance(one, e.Constant))
        several = bool(self._loops)
        name = self._fresh(plural(field) if several else field)
        self.reads.append(Numbering(name, entity, field, several))
        if not several:
            self.types[name] = node.type
            return e.Name(type=node.type, span=node.span, name=name, source="local")
        self.types[name] = t.ListType(node.type)
        numbers = e.Name(type=t.ListType(node.type), span=node.span, name=name, source="local")
        return e.Call(type=node.type, span=node.span, function="next", arguments=(numbers,))

    def _call_out(self, node: e.Action, wanted: str | None) -> Expression:
        port, _, operation = node.subject.partition(".")
        if self._loops or self._guards:
            self._problem(
                node.span,
                f"`{node.subject}` answers, and is called in a loop or a branch",
                "call it outside of it, once",
            )
        if self._changed:
            self._problem(
                node.span, f"`{node.subject}` answers, and the block has changed something before", "call it first"
            )
        given = tuple(self._taken(one.value) for one in node.keywords)
        _, inlined = self._early(given, node.span, f"`{node.subject}`")
        name = wanted or self._fresh(f"{snake(port)}_answer")
        arguments = tuple(e.Keyword(one.name, value) for one, value in zip(node.keywords, inlined, strict=True))
        self.reads.append(Outcome(name, port, operation, arguments, node.span))
        self.types[name] = node.type
        return e.Name(type=node.type, span=node.span, name=name, source="local")

    def _log_in(self, node: e.Action, name: str | None) -> Expression:
        entity = node.subject
        if self._loops or self._guards:
            self._problem(node.span, "`authenticate` stands in a loop or a branch", "do it outside of it, once")
        secrets = {field.name for field in self.blueprint.entity(entity).fields if isinstance(field.type, t.SecretType)}
        given = {one.name: self._taken(one.value) for one in node.keywords}
        key = tuple(one for one in given if one not in secrets)
        _, inlined = self._early(tuple(given.values()), node.span, "`authenticate`")
        values = dict(zip(given, inlined, strict=True))
        secret = next(one for one in given if one in secrets)
        known = name or self._fresh(snake(entity))
        self.reads.append(
            Login(known, entity, key, tuple(values[one] for one in key), secret, values[secret], node.span)
        )
        self.types[known] = t.EntityType(entity)
        return e.Name(type=t.EntityType(entity), span=node.span, name=known, source="local")

    def _put(self, node: e.Action) -> Expression:
        entity = self.blueprint.entity(node.subject)
        given = {one.name: self._taken(one.value) for one in node.keywords}
        key = key_of(entity, given)
        known = self._looked_up(node, key, tuple(given[name] for name in key), None)
        return replace(node, of=known, keywords=tuple(e.Keyword(name, value) for name, value in given.items()))

    def _look_up(self, node: e.Action, name: str | None) -> Expression:
        given = {one.name: self._taken(one.value) for one in node.keywords}
        key = tuple(given)
        return self._looked_up(node, key, tuple(given.values()), name)

    def _looked_up(
        self, node: e.Action, key: tuple[str, ...], values: tuple[Expression, ...], name: str | None
    ) -> Expression:
        entity = node.subject
        self._refuse_changed(node.span, {entity: set(key)}, f"`{node.action}` looks for one of `{entity}`")
        loops, inlined = self._early(values, node.span, f"`{node.action}`")
        if loops and len(key) > 1:
            self._problem(
                node.span, "several fields say which one is meant, inside of a loop", "look it up before the loop"
            )
        again = None if loops or name is not None else self._known_already(entity, key, inlined)
        if again is not None:
            return e.Name(type=self.types[again], span=node.span, name=again, source="local")
        known = name or self._fresh(f"{snake(entity)}_by_{'_and_'.join(key)}" if loops else f"known_{snake(entity)}")
        one = t.EntityType(entity)
        required = node.action == "get"
        guards = tuple(self._guards) if self._guards else ()
        read = Lookup(known, entity, key, inlined, required and not guards, node.span, loops, guards)
        self.reads.append(read)
        result: Type = one if required and not guards else t.OptionalType(one)
        if loops:
            self.types[known] = t.ListType(one)
            of = e.Name(type=t.ListType(one), span=node.span, name=known, source="local")
            keywords = tuple(e.Keyword(field, value) for field, value in zip(key, values, strict=True))
            return e.Action(
                type=one if required else t.OptionalType(one),
                span=node.span,
                action="get" if required else "find",
                subject=entity,
                of=of,
                keywords=keywords,
            )
        self.types[known] = result
        fact = e.Name(type=result, span=node.span, name=known, source="local")
        if required and guards:
            # The refusal stays where the block has it: behind its condition.
            return e.Action(type=one, span=node.span, action="get", subject=entity, of=fact, keywords=node.keywords)
        return fact

    def _known_already(self, entity: str, key: tuple[str, ...], values: tuple[Expression, ...]) -> str | None:
        """The name of a lookup that has found the same already."""
        for read in self.reads:
            if isinstance(read, Lookup) and (read.entity, read.fields) == (entity, key):
                is_plain = not read.loops and not read.guards and not read.required
                if is_plain and same(read.values, values):
                    return read.name
        return None

    def _ask(self, node: Expression, name: str | None) -> Expression:
        question = self._question(node, name)
        self._refuse_changed(node.span, mentioned(question.expression), f"this asks about all of `{question.entity}`")
        self.reads.append(question)
        self.types[question.name] = node.type
        return e.Name(type=node.type, span=node.span, name=question.name, source="local")

    def _question(self, node: Expression, name: str | None) -> Question:
        entity = entity_of(node)
        parameters = Parameters({*self._roots, *self.types})
        asked = parameters.of(node)
        arguments: list[tuple[str, Expression]] = []
        for parameter, value in parameters.found.items():
            loops, inlined = self._early((self._taken(value),), value.span, "this question")
            if loops:
                self._problem(
                    node.span,
                    "this would ask the database once for each round of a loop",
                    "ask once, before the loop, for all that it needs",
                )
            arguments.append((parameter, inlined[0]))
        return Question(name or self._fresh(called(node, entity)), entity, asked, tuple(arguments))

    def _early(
        self, values: tuple[Expression, ...], span: Span, what: str
    ) -> tuple[tuple[Loop, ...], tuple[Expression, ...]]:
        """The loops that the values depend on, and the values with what was assigned before in its place."""
        inlined = tuple(self._inlined(value) for value in values)
        loops = self._loops_of(inlined)
        for node in (*nodes_in(inlined), *(node for loop in loops for node in nodes_in(loop.source))):
            self._refuse_late(node, span, what)
        return loops, inlined

    def _loops_of(self, values: tuple[Expression, ...]) -> tuple[Loop, ...]:
        needed: list[Loop] = []
        wanted = free_names(values)
        for loop in reversed((*self._loops, *self._rows)):
            if wanted.intersection(loop.variables):
                source = self._inlined(loop.source)
                needed.insert(0, Loop(loop.variables, source))
                wanted |= free_names((source,))
        return tuple(needed)

    def _inlined(self, node: Expression) -> Expression:
        if isinstance(node, e.Name) and node.source == "local" and node.name in self._lets:
            value = self._lets[node.name]
            if node.name not in self._made and self._assigned.get(node.name) == 1:
                return self._inlined(value)
        return mapped(node, self._inlined)

    def _refuse_late(self, node: object, span: Span, what: str) -> None:
        match node:
            case e.Name(name=name) if name in self._made:
                self._problem(
                    span, f"{what} needs `{name}`, which this block only makes", "read what is needed from before"
                )
            case e.Name(name=name, source="local") if name in self._rows_of_question:
                pass
            case e.Name(name=name, source="local") if self._assigned.get(name, 0) > 1 and name not in self.types:
                self._problem(
                    span,
                    f"{what} needs `{name}`, which is assigned more than once",
                    "give the value that it needs a name",
                )
            case e.Attribute(of=of, name=name):
                type = plain(of.type)
                if isinstance(type, t.EntityType) and name in self._changed.get(type.name, ()):
                    self._problem(
                        span,
                        f"{what} needs `{name}` of {type.name}, which the block has changed before",
                        "move it up, before the change",
                    )
            case _:
                pass

    def _refuse_changed(self, span: Span, looked_at: Mapping[str, set[str]], what: str) -> None:
        """A read is made before anything is changed, so what it looks at must still be as it was."""
        for entity, fields in looked_at.items():
            made = any(place != span for place in self._made_at.get(entity, ()))
            if made or fields.intersection(self._changed.get(entity, ())):
                self._problem(
                    span, f"{what}, and the block has changed `{entity}` before", "move it up, before the first change"
                )

    def _note_changes(self, statement: Statement) -> None:
        for inner in statements((statement,)):
            self._note_change(inner)

    def _note_change(self, statement: Statement) -> None:
        if isinstance(statement, e.Set):
            self._change(statement.of, (statement.field,))
        for node in own_nodes(statement):
            match node:
                case e.Action(action="create" | "put", subject=subject, span=span, keywords=keywords):
                    self._made_at.setdefault(subject, set()).add(span)
                    if node.action == "put":
                        key = key_of(self.blueprint.entity(subject), (one.name for one in keywords))
                        changed = {one.name for one in keywords}.difference(key)
                        self._changed.setdefault(subject, set()).update(changed)
                case e.Action(action="delete", of=of, span=span) if of is not None:
                    self._made_at.setdefault(entity_name(node), set()).add(span)
                case e.Action(action="update", of=of, keywords=keywords) if of is not None:
                    self._change(of, tuple(one.name for one in keywords))
                case e.Action(action="add" | "discard", of=e.Attribute(of=of, name=name)):
                    self._change(of, (name,))
                case _:
                    pass

    def _change(self, of: Expression, fields: tuple[str, ...]) -> None:
        type = plain(of.type)
        if isinstance(type, t.EntityType):
            self._changed.setdefault(type.name, set()).update(fields)

    def _fresh(self, wanted: str) -> str:
        taken = {*self._roots, *self.types, *self._assigned}
        return next(name for name in numbered(wanted) if name not in taken)

    def _problem(self, span: Span, message: str, hint: str) -> None:
        problem = Problem(span, message, hint)
        if problem not in self.problems:
            self.problems.append(problem)
