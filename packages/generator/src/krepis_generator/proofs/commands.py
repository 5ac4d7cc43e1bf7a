"""`tests/commands/`: what each command does, and why it refuses, at the edge between the two.

What to expect is found by running the block (`meaning`) on the rows of a scene, not by asking the code that was written for it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import combinations, product
from typing import Any, cast

from msgspec import Struct

from krepis_generator import names
from krepis_generator.proofs import values
from krepis_generator.proofs.access import callers_of, lets_in
from krepis_generator.proofs.asking import asked, envelope, shown_address
from krepis_generator.proofs.kit import fastest
from krepis_generator.proofs.meaning import Meaning, NotKnown, Refused, Row
from krepis_generator.proofs.requests import entities_of, is_needed
from krepis_generator.proofs.scene import OWNER, Scene, owner_code
from krepis_generator.python.printer import plain
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module, indented
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Operation
from krepis_spec.naming import snake
from krepis_spec.types import Type

TRIES_MAX = 3_000

Place = tuple[str | int, ...]
"""What a case sets: `("row", name, field)`, or `("input", name, ...)` with the way into it."""


class Outcome(Struct, frozen=True):
    """What a run came to. `rows` are those of the scene afterwards, `created` are new."""

    refused: Refused | None
    rows: dict[str, Row]
    created: list[Row]
    deleted: list[Row]
    answer: Any
    called: list[tuple[str, dict[str, Any]]] = []
    """The calls of outbound ports that follow, as far as they can be known."""


Case = tuple[tuple[Place, Any], ...]


def command_modules(blueprint: Blueprint) -> list[Module]:
    """One module for each command that has a door and a block, and that can be run here."""
    found: list[Module] = []
    for operation in blueprint.operations:
        if operation.kind == "command" and operation.door is not None and operation.body is not None:
            try:
                module = _CommandTests(blueprint, operation).module()
            except NotKnown:
                continue
            if module.definitions:
                found.append(module)
    return found


class _CommandTests:
    def __init__(self, blueprint: Blueprint, operation: Operation) -> None:
        self.blueprint = blueprint
        self.operation = operation
        self.scene = Scene(blueprint, entities_of(operation))
        self.inputs = {one.name: one for one in operation.inputs if is_needed(one)}
        self._named: set[int] = set()
        self.given = {name: self._input(one.type, name) for name, one in self.inputs.items()}
        self.caller = self._caller()
        self.written = Module(f"tests/commands/test_{operation.name}.py", spans=[operation.span])

    def module(self) -> Module:
        done, refusals = self._found()
        if done is None:
            return self.written
        store = fastest(self.blueprint)
        self.written.use_module("pytest")
        self.written.add("url", f"@pytest.fixture\ndef url({store}):\n    return {store}")
        self._write_done(self._richer(done), f"test_{self.operation.name}_does_what_it_should")
        self._write_what_follows(self._richer(done))
        for case, outcome in refusals:
            edge = self._edge(done, case)
            if edge is not None:
                told = self._told(case, outcome)
                self._write_done(edge, f"test_{self.operation.name}_is_done_just_before_{told}")
            self._write_refusal(case, outcome)
        return self.written

    def _input(self, type: Type, name: str) -> Any:
        """A plausible value; an entity is a row of the scene, a second one of the same is another."""
        match type:
            case t.EntityType(name=entity):
                row = self.scene.rows[entity]
                if id(row) in self._named and entity != self.scene.user:
                    row = self.scene.another(entity)
                self._named.add(id(row))
                return row
            case t.RecordType(fields=fields):
                return {one.name: self._input(one.type, one.name) for one in fields}
            case t.ListType(of=of, min=low) | t.SetType(of=of, min=low):
                inner = isinstance(plain(of), t.RecordType | t.EntityType)
                return [self._input(of, names.singular(name)) for _ in range(max(low, 1 if inner else 0))]
            case t.IntType(min=low, max=high) if (low is None or low <= 2) and (high is None or high >= 2):
                return 2  # one would hide what is counted and what is not
            case _:
                return values.plausible(plain(type), name, self.blueprint)

    def _caller(self) -> Row | None:
        """Somebody whom the door lets in."""
        if self.scene.user is None:
            return None
        people = callers_of(self.blueprint, self.scene)
        order = [OWNER, *(name for name in people if name not in {OWNER, "nobody"}), "nobody"]
        for name in order:
            if lets_in(self.blueprint, self.operation, self.scene, people[name]):
                return people[name]
        raise NotKnown("nobody may do it")

    def run(self, case: Case) -> Outcome:
        """What the block does in that case."""
        rows, given, caller = copy.deepcopy(({**self.scene.rows, **self.scene.others}, self.given, self.caller))
        by_name = {row.name: row for row in rows.values()}
        for place, value in case:
            if place[0] == "row":
                by_name[str(place[1])].fields[str(place[2])] = value
            else:
                _put(given, place[1:], value)
        meaning = Meaning(self.blueprint, list(rows.values()), values.NOON)
        absent = {one.name: None for one in self.operation.inputs if one.name not in given and not one.may_be_absent}
        known = {**absent, **given, "actor": caller}
        for one in self.operation.inputs:
            if one.name not in given and one.default is not None:
                known[one.name] = meaning.value(one.default, {})
        try:
            answer = meaning.run(self.operation.body or (), known)
        except Refused as refusal:
            return Outcome(refusal, by_name, [], [], None)
        except (TypeError, KeyError, AttributeError, ArithmeticError) as error:
            raise NotKnown(str(error)) from error
        return Outcome(None, by_name, meaning.created, meaning.deleted, answer, self._follows(meaning))

    def _follows(self, meaning: Meaning) -> list[tuple[str, dict[str, Any]]]:
        """The calls that reactions make; nothing if one of them is not known."""
        emitted = list(meaning.emitted)
        try:
            for name, given in emitted:
                for reaction in self.blueprint.reactions:
                    if reaction.event == name:
                        meaning.run(reaction.body, given)
        except (NotKnown, Refused, TypeError, KeyError, AttributeError, ArithmeticError):
            return []
        return meaning.called

    def _found(self) -> tuple[Case | None, list[tuple[Case, Outcome]]]:
        """A case that is done, and for each reason the refused one that is next to it."""
        choices = self._choices()
        done = next((case for case in _cases(choices) if self._try(case) is None), None)
        if done is None:
            return None, []
        refusals: dict[str, tuple[float, Case, Outcome]] = {}
        for place, options in choices.items():
            for value in options:
                case = (*(one for one in done if one[0] != place), (place, value))
                outcome = self._outcome(case)
                if outcome is None or outcome.refused is None:
                    continue
                code = outcome.refused.code or f"{place[-1]}_{value}"
                apart = _apart(value, self._value_at(done, place))
                if code not in refusals or apart < refusals[code][0]:
                    refusals[code] = (apart, case, outcome)
        return done, [(case, outcome) for _, case, outcome in refusals.values()]

    def _richer(self, done: Case) -> Case:
        """A case in which no number that may be something else is nothing or one, so that each one shows in what comes out."""
        found = dict(done)
        for place, options in self._choices().items():
            if isinstance(options[-1], bool) or not isinstance(options[-1], int | Decimal):
                continue
            outcome = self._outcome(tuple({**found, place: options[-1]}.items()))
            if outcome is not None and outcome.refused is None:
                found[place] = options[-1]
        return tuple(found.items())

    def _edge(self, done: Case, refused: Case) -> Case | None:
        """The case that is done next to a refused one, where numbers stand next to each other."""
        place, value = refused[-1]
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            return None
        options = sorted((one for one in self._choices()[place] if one != value), key=lambda one: _apart(one, value))
        for one in options[:2]:
            case = (*refused[:-1], (place, one))
            outcome = self._outcome(case)
            if outcome is not None and outcome.refused is None:
                return case
        return None

    def _try(self, case: Case) -> Refused | None:
        return self.run(case).refused

    def _outcome(self, case: Case) -> Outcome | None:
        try:
            return self.run(case)
        except NotKnown:
            return None

    def _value_at(self, case: Case, place: Place) -> Any:
        for known, value in case:
            if known == place:
                return value
        if place[0] == "row":
            rows = [*self.scene.rows.values(), *self.scene.others.values()]
            return next(row for row in rows if row.name == place[1]).fields.get(str(place[2]))
        return _get(self.given, place[1:])

    def _choices(self) -> dict[Place, list[Any]]:
        """What can be set, and to what: numbers, choices and truths of rows and inputs, within the limits of their types."""
        found: dict[Place, list[Any]] = {}
        for row in (*self.scene.rows.values(), *self.scene.others.values()):
            if row.entity == self.scene.user:
                continue
            for field in self.blueprint.entity(row.entity).fields:
                if field.name in row.fields and (options := _options(field.type)):
                    found[("row", row.name, field.name)] = options
        for name, one in self.inputs.items():
            for way, type in _leaves(one.type, self.given[name], (name,)):
                if options := _options(type):
                    found[("input", *way)] = options
        return found

    def _write_done(self, case: Case, name: str) -> None:
        outcome = self.run(case)
        shown = list(self._expected_answer(outcome))
        expected = [*shown, *self._expected_rows(case, outcome), *self._expected_created(outcome)]
        if not expected:
            return
        named = bool(shown) or any("(answer)" in line for line in expected)
        call = self._ask(case)
        self._write(
            name,
            case,
            [
                f"answer = ({call}){self._inside()}"
                if named and self._inside()
                else f"answer = {call}"
                if named
                else call
            ],
            [*shown, "facts = await world.facts()", *expected[len(shown) :]],
        )

    def _write_what_follows(self, case: Case) -> None:
        """What is told through outbound ports: once, and only afterwards."""
        called = self.run(case).called
        ports = list(dict.fromkeys(subject.partition(".")[0] for subject, _ in called))
        for port in ports:
            calls = [self._recorded(subject, given) for subject, given in called if subject.partition(".")[0] == port]
            expected = f"sorted([{', '.join(calls)}], key=str)" if len(calls) > 1 else f"[{calls[0]}]"
            told = f'sorted(sent("{names.one(port)}"), key=str)' if len(calls) > 1 else f'sent("{names.one(port)}")'
            self._write(
                f"test_{names.one(port)}_is_told_once_after_{self.operation.name}",
                case,
                [self._ask(case), f'assert sent("{names.one(port)}") == []'],
                ["await world.service.settle()", "await world.service.settle()", f"assert {told} == {expected}"],
                fixtures="world, sent",
            )

    def _recorded(self, subject: str, given: dict[str, Any]) -> str:
        port, _, operation = subject.partition(".")
        found = next(one for one in self.blueprint.ports if one.name == port)
        inputs = next(one.inputs for one in found.operations if one.name == operation)
        types = {one.name: one.type for one in inputs}
        members = [f'"operation": {text_literal(operation)}']
        members += [
            f"{text_literal(name)}: {values.repr_of(values.sent(value, types[name]))}" for name, value in given.items()
        ]
        return f"{{{', '.join(members)}}}"

    def _inside(self) -> str:
        return envelope(self.operation, self.blueprint)

    def _expected_rows(self, case: Case, outcome: Outcome) -> Iterator[str]:
        before = {row.name: row for row in (*self.scene.rows.values(), *self.scene.others.values())}
        gone = {row.name for row in outcome.deleted}
        for name, row in outcome.rows.items():
            one = names.one(row.entity)
            if name in gone:
                yield f"assert {name}.id not in facts.{names.rows(row.entity)}"
            if row.entity == self.scene.user or name in gone:
                continue
            fields = {field.name: field for field in self.blueprint.entity(row.entity).fields}
            changed = [
                f"{field}={self._spelled(value, fields[field].type)}"
                for field, value in row.fields.items()
                if not names.is_relation(fields[field].type)
                and self._is_other(value, self._before(before[name], field, case))
            ]
            if changed and self.blueprint.entity(row.entity).versioned:
                changed.append(f"version={name}.version + 1")
            self.written.use("krepis", "replace")
            expected = f"replace({name}, {', '.join(changed)})" if changed else name
            yield f"assert facts.{one}({name}) == {expected}"

    def _before(self, row: Row, field: str, case: Case) -> Any:
        return self._value_at(case, ("row", row.name, field)) if field in row.fields else row.fields.get(field)

    def _is_other(self, value: Any, before: Any) -> bool:
        if isinstance(value, Row) or isinstance(before, Row):
            return getattr(value, "name", None) != getattr(before, "name", None)
        if isinstance(value, list):
            return False
        return value != before

    def _expected_created(self, outcome: Outcome) -> Iterator[str]:
        answer = outcome.answer
        if not isinstance(answer, Row) or answer not in outcome.created:
            return
        if shown_address(self.operation, self.blueprint) != self.blueprint.entity(answer.entity).address:
            return
        one = names.one(answer.entity)
        fields = {field.name: field for field in self.blueprint.entity(answer.entity).fields}
        for name, value in answer.fields.items():
            if names.is_relation(fields[name].type) or (
                isinstance(value, list | dict) and not _holds_values(fields[name].type)
            ):
                continue
            code = self._spelled(value, fields[name].type)
            yield f"assert facts.{one}(answer).{name} {'is' if code in {'None', 'True', 'False'} else '=='} {code}"

    def _spelled(self, value: Any, type: Type) -> str:
        match plain(type):
            case t.EntityType() if isinstance(value, Row):
                return f"{value.name}.id"
            case t.ListType(of=t.ValueType(name=name)):
                self.written.use(f"{self.blueprint.service.name}.domain.{names.one(name)}", name)
                types = {one.name: one.type for one in self.blueprint.value(name).fields}
                items = [
                    f"{name}({', '.join(f'{key}={self._spelled(item, types[key])}' for key, item in one.items())})"
                    for one in cast(list[dict[str, Any]], value)
                ]
                return f"({', '.join(items)},)" if items else "()"
            case _:
                return values.spelled(value, type, self.written, self.blueprint)

    def _expected_answer(self, outcome: Outcome) -> Iterator[str]:
        """The whole answer, where it is an entity that is shown with all its fields."""
        row, view = outcome.answer, self.operation.answer.view
        if (
            not isinstance(row, Row)
            or row.entity == self.scene.user
            or view is None
            or not self.blueprint.view(view).default
        ):
            return
        types: dict[str, Type] = {one.name: one.type for one in self.blueprint.entity(row.entity).fields}
        members: list[str] = []
        for field in self.blueprint.view(view).fields:
            known = field.name in row.fields and field.name in types
            if known:
                code = self._as_shown(row.fields[field.name], types[field.name])
            elif row in outcome.created:
                code = f'answer["{field.name}"]'
            else:
                code = self._own_shown(row.name, field.name, types)
            members.append(f"{text_literal(field.name)}: {code}")
        yield f"assert answer == {{{', '.join(members)}}}"

    def _own_shown(self, row: str, field: str, types: Mapping[str, Type]) -> str:
        """What only the test knows, since it was made up there."""
        match plain(types.get(field, t.UuidType())):
            case t.UuidType():
                return f"str({row}.{field})"
            case t.DateType():
                return f"{row}.{field}.isoformat()"
            case t.TextType() | t.IntType() | t.BoolType() | t.ChoiceType():
                return f"{row}.{field}"
            case _:
                return f'answer["{field}"]'

    def _as_shown(self, value: Any, type: Type) -> str:
        match plain(type):
            case t.EntityType(name=name) if isinstance(value, Row):
                address = self.blueprint.entity(name).address
                return f"str({value.name}.id)" if address == "id" else f"{value.name}.{address}"
            case t.ListType(of=of) | t.SetType(of=of):
                return f"[{', '.join(self._as_shown(one, of) for one in cast(list[Any], value))}]"
            case t.ValueType(name=name):
                types = {one.name: one.type for one in self.blueprint.value(name).fields}
                given = cast(dict[str, Any], value)
                shown = (f"{text_literal(key)}: {self._as_shown(one, types[key])}" for key, one in given.items())
                return f"{{{', '.join(shown)}}}"
            case _:
                return values.repr_of(values.sent(value, type))

    def _told(self, case: Case, outcome: Outcome) -> str:
        place, value = case[-1]
        reason = snake(outcome.refused.message) if outcome.refused is not None else ""
        return reason or f"a_{place[-1]}_that_is_{snake(str(value))}"

    def _write_refusal(self, case: Case, outcome: Outcome) -> None:
        refusal = outcome.refused
        assert refusal is not None, "only what is refused is written as refused"
        if refusal.status == 404:
            return
        status = f", status={refusal.status}" if refusal.status != 409 else ""
        call = self._ask(case, refused=True)
        call = f"{call[:-1]}{status})"
        told = self._told(case, outcome)
        lines = [call]
        if refusal.message and self.blueprint.service.error_template is None:
            lines = [f"problem = {call}", f'assert problem["detail"] == {text_literal(refusal.message)}']
        self._write(f"test_{self.operation.name}_is_refused_with_{told}", case, [], lines)

    def _write(self, name: str, case: Case, call: list[str], rest: list[str], *, fixtures: str = "world") -> None:
        lines: list[str] = []
        if self.scene.user is not None:
            lines.append(owner_code(self.blueprint))
        if self.caller is not None and self.caller.name != OWNER:
            roles = self.caller.fields["roles"]
            given = f", roles=({', '.join(map(text_literal, roles))},)" if roles else ""
            lines.append(f'{self.caller.name} = await world.person("{self.caller.name}"{given})')
        for row in (*self.scene.rows.values(), *self.scene.others.values()):
            if row.entity != self.scene.user:
                fields = {str(place[2]): value for place, value in case if place[0] == "row" and place[1] == row.name}
                lines.append(self.scene.given(row, fields, self.written))
        text = "\n".join([*lines, *call, *rest])
        if self.scene.user is not None and f"{OWNER}." not in text and f"by={OWNER}" not in text:
            text = text.split("\n", 1)[1]
        self.written.add(name, f"async def {name}({fixtures}):\n{indented(text)}", spans=[self.operation.span])

    def _ask(self, case: Case, *, refused: bool = False) -> str:
        given = copy.deepcopy(self.given)
        for place, value in case:
            if place[0] == "input":
                _put(given, place[1:], value)
        codes = {name: self._sent(given[name], one.type) for name, one in self.inputs.items()}
        made = asked(
            self.blueprint,
            self.operation,
            codes,
            revision=lambda name, _: f"""{{"if-match": f'"{{{self.given[name].name}.version}}"'}}""",
        )
        by = [f"by={self.caller.name}"] if self.caller is not None else []
        assert self.operation.door is not None, "only what has a door is asked"
        status = self.operation.door.status
        more = [f"status={status}"] if status != 200 and not refused else []
        return f"await world.{'refused' if refused else 'ask'}({made.arguments(*by, *more)})"

    def _sent(self, value: Any, type: Type) -> str:
        match plain(type):
            case t.EntityType(name=entity) if isinstance(value, Row):
                return f"{value.name}.{self.blueprint.entity(entity).address}"
            case t.RecordType(fields=fields):
                members = (f"{text_literal(one.name)}: {self._sent(value[one.name], one.type)}" for one in fields)
                return f"{{{', '.join(members)}}}"
            case t.ListType(of=of) | t.SetType(of=of):
                return f"[{', '.join(self._sent(one, of) for one in value)}]"
            case inner:
                return values.repr_of(values.sent(value, inner))


def _holds_values(type: Type) -> bool:
    inner = plain(type)
    return isinstance(inner, t.ListType) and isinstance(inner.of, t.ValueType)


def _cases(choices: dict[Place, list[Any]]) -> Iterator[Case]:
    """None set, then each one, then each two; so many as are tried."""
    count = 0
    for size in range(3):
        for places in combinations(choices, size):
            for found in product(*(choices[place] for place in places)):
                count += 1
                if count > TRIES_MAX:
                    return
                yield tuple(zip(places, found, strict=True))


def _options(type: Type) -> list[Any]:
    match plain(type):
        case t.IntType(min=low, max=high):
            first = low if low is not None else 0
            return [one for one in range(first, first + 4) if high is None or one <= high]
        case t.DecimalType() as amount:
            low, high = values.ends(amount)
            first = (low if low is not None else Decimal(0)).quantize(Decimal(1).scaleb(-amount.places))
            return [one for one in (first, first + 1, first + 2) if high is None or one <= high]
        case t.ChoiceType(choices=choices):
            return list(choices)
        case t.BoolType():
            return [False, True]
        case _:
            return []


def _leaves(type: Type, value: Any, way: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Type]]:
    match plain(type):
        case t.RecordType(fields=fields):
            for one in fields:
                yield from _leaves(one.type, value[one.name], (*way, one.name))
        case t.ListType(of=of):
            for number, item in enumerate(cast(list[Any], value)):
                yield from _leaves(of, item, (*way, number))
        case inner:
            yield way, inner


def _get(given: Any, way: tuple[Any, ...]) -> Any:
    for step in way:
        given = given[step]
    return given


def _put(given: Any, way: tuple[Any, ...], value: Any) -> None:
    _get(given, way[:-1])[way[-1]] = value


def _apart(one: Any, other: Any) -> float:
    if isinstance(one, int | Decimal) and isinstance(other, int | Decimal):
        return float(abs(one - other))
    return 0.0 if not isinstance(one, datetime) else 1.0
