"""`tests/scenarios/`: each scenario as a test that goes through the doors, on each store."""

from __future__ import annotations

from decimal import Decimal

from krepis_generator import names
from krepis_generator.domain.rejections import Reasons
from krepis_generator.proofs import values
from krepis_generator.proofs.asking import asked, envelope, shown_address
from krepis_generator.proofs.speaking import FactsPrinter, Local
from krepis_generator.python.printer import plain
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module, indented
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Operation, Scenario
from krepis_spec.expressions import Expression, Statement
from krepis_spec.naming import snake
from krepis_spec.types import Type

_CIRCUMSTANCES = frozenset(("by", "at", "reason", "status"))


def scenario_modules(blueprint: Blueprint) -> list[Module]:
    """One module for each scenario."""
    return [_Writer(blueprint, scenario).module() for scenario in blueprint.scenarios]


class _Writer:
    def __init__(self, blueprint: Blueprint, scenario: Scenario) -> None:
        self.blueprint = blueprint
        self.scenario = scenario
        self.name = snake(scenario.name)
        self.written = Module(f"tests/scenarios/test_{self.name}.py", scenario.doc, spans=[scenario.span])
        self.printer = FactsPrinter(self.written, blueprint)
        self.answers: dict[str, Operation] = {}

    def module(self) -> Module:
        lines = [line for statement in self.scenario.body for line in self._statement(statement)]
        self.written.add(
            f"test_{self.name}",
            f"async def test_{self.name}(world):\n{indented(chr(10).join(lines))}",
            spans=[self.scenario.span],
        )
        return self.written

    def _statement(self, statement: Statement) -> list[str]:
        match statement:
            case e.Let(names=bound, value=value):
                return self._let(bound, value)
            case e.Do(action=action):
                return self._action(action)
            case e.For(variables=variables, source=source, body=body):
                lines = [line for one in body for line in self._statement(one)]
                head = f"for {', '.join(variables)} in {self.printer.text(source)}:"
                return [head, *(f"    {line}" for line in lines)]
            case _:
                raise AssertionError("a scenario gives, calls and checks")

    def _let(self, bound: tuple[str, ...], value: Expression) -> list[str]:
        many = value.items if isinstance(value, e.Collection) else (value,)
        if len(many) == len(bound) and any(_is_asked(one) for one in many):
            before = [line for one in many if isinstance(one, e.Action) for line in self._moment(one)]
            codes = [self._bound(name, one) for name, one in zip(bound, many, strict=True)]
            return [*before, f"{', '.join(bound)} = {', '.join(codes)}"]
        return [f"{', '.join(bound)} = {self.printer.text(value)}"]

    def _bound(self, name: str, value: Expression) -> str:
        if not isinstance(value, e.Action):
            return self.printer.text(value)
        code = self._value(value)
        kind: Local = "answer" if value.action == "when" else "person" if value.action == "person" else "given"
        if value.action == "when":
            self.answers[name] = self.blueprint.operation(value.subject)
            if not isinstance(value.type, t.EntityType):
                kind = "view"
            inside = envelope(self.answers[name], self.blueprint)
            code = f"({code}){inside}" if inside else code
        self.printer.locals[name] = kind
        return code

    def _value(self, action: e.Action) -> str:
        match action.action:
            case "person":
                roles = {one.name: one.value for one in action.keywords}.get("roles")
                given = f", roles={self._tuple(roles)}" if roles is not None else ""
                return f"await world.person({self.printer.text(action.arguments[0])}{given})"
            case "given":
                fields = {one.name: one.type for one in self.blueprint.entity(action.subject).fields}
                given = ", ".join(f"{one.name}={self._field(one.value, fields[one.name])}" for one in action.keywords)
                return f"await world.given_{names.one(action.subject)}({given})"
            case "when":
                return self._when(action)
            case _:
                raise AssertionError(f"`{action.action}` gives nothing")

    def _action(self, action: e.Action) -> list[str]:
        match action.action:
            case "then":
                return self._then(action)
            case "rejected":
                return [*self._moment(action), *self._rejected(action)]
            case _:
                return [*self._moment(action), self._value(action)]

    def _moment(self, action: e.Action) -> list[str]:
        at = {one.name: one.value for one in action.keywords}.get("at")
        if at is None or action.action not in {"when", "rejected"}:
            return []
        code = self.printer.text(at)
        if isinstance(plain(at.type), t.DatetimeType):
            self.written.use("krepis.testing.sources", "START")
            code = f"{code} - START"
        return [f"world.wait_until({code})"]

    def _when(self, action: e.Action) -> str:
        operation = self.blueprint.operation(action.subject)
        if operation.door is None:
            message = names.message(operation)
            self.written.use(f"{self.blueprint.service.name}.application.{operation.name}", message)
            return f"await world.run({message}({self._inputs_of_message(action)}))"
        status = f"status={operation.door.status}"
        return (
            f"await world.ask({self._asked(operation, action)}{f', {status}' if operation.door.status != 200 else ''})"
        )

    def _rejected(self, action: e.Action) -> list[str]:
        operation = self.blueprint.operation(action.subject)
        inputs = {one.name for one in operation.inputs}
        given = {one.name: one.value for one in action.keywords if one.name not in inputs}
        reason, status = _constant(given.get("reason")), _constant(given.get("status"))
        expected = int(status) if status is not None else self._status(reason)
        more = f", status={expected}" if expected != 409 else ""
        call = f"await world.refused({self._asked(operation, action)}{more})"
        if reason is None or self.blueprint.service.error_template is not None:
            return [call]
        known = any(one.message == reason for one in Reasons(self.blueprint).all())
        key, expected = ("detail", str(reason)) if known else ("code", snake(str(reason)))
        return [f"problem = {call}", f'assert problem["{key}"] == {text_literal(expected)}']

    def _status(self, reason: object) -> int:
        known = {one.message: one.status for one in Reasons(self.blueprint).all()}
        return known.get(str(reason), 409)

    def _asked(self, operation: Operation, action: e.Action) -> str:
        by = next((one.value for one in action.keywords if one.name == "by"), None)
        types = {one.name: one.type for one in operation.inputs}
        given = {one.name: self._sent(one.value, types[one.name]) for one in action.keywords if one.name in types}
        pages = {
            one.name: self.printer.text(one.value)
            for one in action.keywords
            if one.name not in types and one.name not in _CIRCUMSTANCES
        }
        caller = [f"by={by.name}"] if isinstance(by, e.Name) else []
        return asked(
            self.blueprint,
            operation,
            given,
            revision=lambda name, entity: self._revision(action, name, entity),
            **pages,
        ).arguments(*caller)

    def _revision(self, action: e.Action, name: str, entity: str) -> str:
        given = next(one.value for one in action.keywords if one.name == name)
        assert isinstance(given, e.Name), "what is changed has a name"
        return f'await world.revision("{names.one(entity)}", {given.name})'

    def _inputs_of_message(self, action: e.Action) -> str:
        return ", ".join(
            f"{one.name}={self.printer.text(one.value)}" for one in action.keywords if one.name not in _CIRCUMSTANCES
        )

    def _then(self, action: e.Action) -> list[str]:
        self.printer.uses_facts = False
        lines = [f"assert {self.printer.condition(one)}" for one in action.arguments]
        return [*(["facts = await world.facts()"] if self.printer.uses_facts else []), *lines]

    def _field(self, value: Expression, type: Type) -> str:
        """What a field of a thing that is given holds."""
        if isinstance(value, e.Constant) and value.value is not None:
            return values.spelled(_typed(value, type), type, self.written, self.blueprint)
        if isinstance(value, e.Call) and value.function == "period":
            self.written.use(f"{self.blueprint.service.name}.domain.period", "Period")
            start, end = (self.printer.text(one) for one in value.arguments)
            return f"Period(start={start}, end={end})"
        if isinstance(value, e.Name) and self.printer.locals.get(value.name) == "answer":
            return self._id_of_answer(value)
        return self.printer.field(value, type)

    def _id_of_answer(self, value: e.Name) -> str:
        self.written.use("uuid", "UUID")
        return f'UUID({value.name}["id"])'

    def _sent(self, value: Expression, type: Type) -> str:
        """An input as a caller sends it."""
        match value:
            case e.Constant():
                return values.repr_of(values.sent(_typed(value, type), type))
            case e.Call(function="period", arguments=(start, end)):
                instant = t.DatetimeType()
                return f'{{"start": {self._sent(start, instant)}, "end": {self._sent(end, instant)}}}'
            case e.Record(fields=fields):
                types = _field_types(type, self.blueprint)
                members = (
                    f"{text_literal(one.name)}: {self._sent(one.value, types.get(one.name, one.value.type))}"
                    for one in fields
                )
                return f"{{{', '.join(members)}}}"
            case e.Collection(items=items):
                of = plain(type)
                inner = of.of if isinstance(of, t.ListType | t.SetType) else None
                return f"[{', '.join(self._sent(one, inner or one.type) for one in items)}]"
            case e.Name(name=name) if isinstance(plain(value.type), t.EntityType) or name in self.answers:
                return self._address(name, value.type, type)
            case e.Attribute(of=e.Name(name=name)) if name in self.printer.locals:
                return self._own(name, value)
            case _:
                return self.printer.text(value)

    def _address(self, name: str, given: Type, wanted: Type) -> str:
        inner = plain(wanted) if isinstance(plain(wanted), t.EntityType) else plain(given)
        assert isinstance(inner, t.EntityType)
        address = self.blueprint.entity(inner.name).address
        if name in self.answers:
            return f'{name}["{shown_address(self.answers[name], self.blueprint) or address}"]'
        return f"{name}.{address}"

    def _own(self, name: str, value: e.Attribute) -> str:
        """A field of a local, as it was when the local was made."""
        match self.printer.locals[name]:
            case "answer" | "view":
                return f'{name}["{value.name}"]'
            case "person" if value.name not in {"id", "email"}:
                return f"{name}.user.{value.name}"
            case _:
                return f"{name}.{value.name}"

    def _tuple(self, value: Expression) -> str:
        items = value.items if isinstance(value, e.Collection) else ()
        return f"({', '.join(self.printer.text(one) for one in items)},)" if items else "()"


def _is_asked(value: Expression) -> bool:
    return isinstance(value, e.Action) and value.action in {"person", "given", "when"}


def _constant(value: Expression | None) -> str | int | bool | None:
    return value.value if isinstance(value, e.Constant) else None


def _typed(value: e.Constant, type: Type) -> object:
    """A constant as a value of that type: text of a decimal is a decimal."""
    inner = plain(type)
    if isinstance(inner, t.DecimalType) and value.value is not None:
        return Decimal(str(value.value))
    return value.value


def _field_types(type: Type, blueprint: Blueprint) -> dict[str, Type]:
    inner = plain(type)
    if isinstance(inner, t.RecordType):
        return {one.name: one.type for one in inner.fields}
    if isinstance(inner, t.ValueType):
        return {one.name: one.type for one in blueprint.value(inner.name).fields}
    return {}
