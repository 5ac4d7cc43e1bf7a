"""`tests/domain/`: the rules of each entity, at their limits and just beyond."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from typing import Any, cast
from uuid import UUID

from krepis_generator import names
from krepis_generator.domain.checks import check_function, needs_check
from krepis_generator.domain.limits import unproven
from krepis_generator.domain.rejections import Reasons
from krepis_generator.domain.things import step_function, wrong_step
from krepis_generator.proofs import rows, values
from krepis_generator.proofs.keeping import fields_of, holds
from krepis_generator.proofs.meaning import NotKnown, constant
from krepis_generator.python.printer import plain
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity, Field, Invariant, Transitions
from krepis_spec.expressions import Expression
from krepis_spec.naming import snake
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type


def domain_modules(blueprint: Blueprint) -> list[Module]:
    """One module for each entity that has rules."""
    reasons = Reasons(blueprint)
    found = [_EntityTests(blueprint, entity, reasons).module() for entity in blueprint.entities]
    return [module for module in found if module.definitions]


class _EntityTests:
    def __init__(self, blueprint: Blueprint, entity: Entity, reasons: Reasons) -> None:
        self.blueprint = blueprint
        self.entity = entity
        self.reasons = reasons
        self.one = names.one(entity.name)
        self.said = names.a(names.words(entity.name)).replace(" ", "_")
        self.written = Module(f"tests/domain/test_{self.one}.py", spans=[entity.span])
        self.constant = rows.constant(entity.name)

    def module(self) -> Module:
        if needs_check(self.entity, self.blueprint):
            for field in unproven(self.entity, self.blueprint):
                self._limits(field)
            for number, invariant in enumerate(self.entity.invariants):
                self._invariant(invariant, number)
        for steps in self.entity.transitions:
            self._steps(steps)
        if any(field.searchable for field in self.entity.fields):
            self._search()
        return self.written

    def _check(self) -> str:
        name = check_function(self.entity.name)
        self.written.use(f"{self.blueprint.service.name}.domain.{self.one}", name)
        self.written.use("rows", self.constant)
        self.written.use("krepis", "replace")
        return name

    def _limits(self, field: Field) -> None:
        inside = values.inside(field.type, field.name, self.blueprint)
        beyond = [one.value for one in values.beyond(field.type, field.name, self.blueprint) if _is_checked(one.why)]
        check = self._check()
        self.written.use_module("pytest")
        if inside:
            self.written.add(
                f"test_{field.name}_within",
                f"""\
@pytest.mark.parametrize("{field.name}", [{self._spelled_all(inside, field)}])
def test_{self.said}_keeps_{field.name}_within_its_limits({field.name}):
    {self.one} = replace({self.constant}, {field.name}={field.name})
    assert {check}({self.one}) == {self.one}""",
                spans=[field.span],
            )
        if beyond:
            self.written.use("krepis", "Invalid")
            self.written.add(
                f"test_{field.name}_beyond",
                f"""\
@pytest.mark.parametrize("{field.name}", [{self._spelled_all(beyond, field)}])
def test_{self.said}_with_{field.name}_beyond_its_limits_is_refused({field.name}):
    with pytest.raises(Invalid):
        {check}(replace({self.constant}, {field.name}={field.name}))""",
                spans=[field.span],
            )

    def _spelled_all(self, many: list[Any], field: Field) -> str:
        return ", ".join(self._spelled(one, field.type) for one in many)

    def _spelled(self, value: Any, type: Type) -> str:
        inner = plain(type)
        if isinstance(value, str) and len(value) > 20 and len(set(value)) == 1:
            return f"{text_literal(value[0])} * {len(value)}"
        if isinstance(inner, t.ListType) and isinstance(value, list) and len(many := cast(list[Any], value)) != 1:
            one = rows.spelled(_first(many, inner, self.blueprint), inner.of, self.written, self.blueprint)
            for name in (entity.name for entity in self.blueprint.entities):
                if f"{rows.constant(name)}.id" in one:
                    self.written.use("rows", rows.constant(name))
            return f"({one},) * {len(many)}" if many else "()"
        return rows.spelled(value, type, self.written, self.blueprint)

    def _invariant(self, invariant: Invariant, number: int) -> None:
        found = self._edge(invariant)
        if found is None:
            return
        field, kept, broken = found
        check = self._check()
        self.written.use_module("pytest")
        reason = self.reasons.use(invariant.code, invariant.message, self.written).split("(")[0]
        what = snake(invariant.message) or str(number)
        self.written.add(
            f"test_{what}_kept",
            f"""\
def test_{self.said}_just_before_{what}_is_kept():
    {self.one} = replace({self.constant}, {field.name}={self._own(kept, field)})
    assert {check}({self.one}) == {self.one}""",
            spans=[invariant.span],
        )
        self.written.add(
            f"test_{what}",
            f"""\
def test_{self.said}_is_refused_with_{what}():
    with pytest.raises({reason}):
        {check}(replace({self.constant}, {field.name}={self._own(broken, field)}))""",
            spans=[invariant.span],
        )

    def _own(self, value: Any, field: Field) -> str:
        if isinstance(plain(field.type), t.EntityType) and isinstance(value, UUID):
            inner = plain(field.type)
            assert isinstance(inner, t.EntityType)
            self.written.use("rows", rows.constant(inner.name, value.int % 10))
        return rows.spelled(value, field.type, self.written, self.blueprint)

    def _edge(self, invariant: Invariant) -> tuple[Field, Any, Any] | None:
        """A field, with a value that keeps the invariant and one next to it that breaks it, while all the others are kept."""
        base = rows.example(self.entity, rows.FIRST, self.blueprint)
        for field in self.entity.fields:
            if field.name not in fields_of(invariant.condition):
                continue
            kept, broken = list[Any](), list[Any]()
            for value in _candidates(field, invariant.condition, base, self.blueprint):
                try:
                    (kept if holds(invariant, base | {field.name: value}, self.blueprint) else broken).append(value)
                except NotKnown:
                    return None
            kept = [
                one
                for one in kept
                if all(holds(other, base | {field.name: one}, self.blueprint) for other in self.entity.invariants)
            ]
            pairs = sorted(product(kept, broken), key=_apart)
            if pairs:
                return (field, *pairs[0])
        return None

    def _steps(self, steps: Transitions) -> None:
        field = next(one for one in self.entity.fields if one.name == steps.field)
        type = plain(field.type)
        assert isinstance(type, t.ChoiceType)
        step, wrong = step_function(self.entity.name, field.name), wrong_step(self.entity.name, field.name)
        module, many = self.written, f"{field.name.upper()}_STEPS"
        module.use_module("pytest")
        module.use("itertools", "product")
        module.use("krepis", "replace")
        module.use("rows", self.constant)
        module.use(f"{self.blueprint.service.name}.domain.{self.one}", step, wrong)
        pairs = ", ".join(f"({text_literal(one)}, {text_literal(other)})" for one, other in steps.allowed)
        all_of = f"{field.name.upper()}_ALL"
        module.add(all_of, f"{all_of} = ({', '.join(map(text_literal, type.choices))},)")
        module.add(many, f"{many} = {{{pairs}}}" if pairs else f"{many} = set()")
        if steps.allowed:
            module.add(
                f"test_{field.name}_steps",
                f"""\
@pytest.mark.parametrize(("before", "after"), sorted({many}))
def test_{self.said}_goes_from_{field.name}_to_{field.name}(before, after):
    assert {step}(replace({self.constant}, {field.name}=before), after).{field.name} == after""",
                spans=[steps.span],
            )
        module.add(
            f"test_{field.name}_no_steps",
            f"""\
@pytest.mark.parametrize(("before", "after"), sorted(set(product({all_of}, {all_of})) - {many}))
def test_there_is_no_other_way_from_{field.name}_to_{field.name}(before, after):
    with pytest.raises({wrong}):
        {step}(replace({self.constant}, {field.name}=before), after)""",
            spans=[steps.span],
        )

    def _search(self) -> None:
        module = self.written
        module.use("krepis", "replace")
        module.use("rows", self.constant)
        module.use(f"{self.blueprint.service.name}.domain.{self.one}", "search_text")
        for field in self.entity.fields:
            if field.searchable:
                module.add(
                    f"test_search_{field.name}",
                    f"""\
def test_a_search_looks_into_{field.name}_in_either_case():
    assert "strasse 7" in search_text(replace({self.constant}, {field.name}="An der Straße 7"))""",
                    spans=[field.span],
                )


def _is_checked(why: str) -> bool:
    """Whether a `checked_...` looks at that; the form of a number is the door's affair."""
    return why != "too many places"


def _first(value: list[Any], type: t.ListType, blueprint: Blueprint) -> Any:
    """One item; where there is none, a plausible one. References in it are those of the first rows."""
    item = value[0] if value else values.plausible(type.of, "item", blueprint)
    if not isinstance(type.of, t.ValueType):
        return item
    references = {
        field.name: rows.id_of(inner.name, rows.FIRST, blueprint)
        for field in blueprint.value(type.of.name).fields
        if isinstance(inner := plain(field.type), t.EntityType)
    }
    return cast(dict[str, Any], item) | references


def _candidates(field: Field, condition: Expression, base: dict[str, Any], blueprint: Blueprint) -> Iterator[Any]:
    """Values that may be at a limit: those that the condition names, those of other fields, and what is next to them."""
    type = plain(field.type)
    own = [base[field.name], *(value for name, value in base.items() if name in fields_of(condition))]
    written = [_of_constant(one) for one in nodes_in(condition) if isinstance(one, e.Constant)]
    for value in dict.fromkeys(one for one in (*written, *own, 0) if _is_simple(one)):
        match type:
            case t.IntType() if isinstance(value, int) and not isinstance(value, bool):
                yield from (value, value - 1, value + 1)
            case t.DecimalType(places=places) if isinstance(value, int | Decimal) and not isinstance(value, bool):
                step = Decimal(1).scaleb(-places)
                number = Decimal(value).quantize(step)
                yield from (number, number - step, number + step)
            case t.EntityType() if isinstance(value, UUID):
                yield value
            case t.ChoiceType(choices=choices) if value == 0:
                yield from choices
            case t.BoolType() if value == 0:
                yield from (True, False)
            case _:
                if value != 0 and isinstance(value, base[field.name].__class__):
                    yield value


def _of_constant(node: e.Constant) -> Any:
    try:
        return constant(node)
    except NotKnown:
        return None


def _is_simple(value: Any) -> bool:
    return not isinstance(value, list | dict) and value is not None


def _apart(pair: tuple[Any, Any]) -> float:
    """How far two values are from each other; what is no number is not far."""
    kept, broken = pair
    if isinstance(kept, int | Decimal) and isinstance(broken, int | Decimal):
        return float(abs(kept - broken))
    return 0.0
