"""`checked_...`: what must hold for a thing, asked before it is written."""

from __future__ import annotations

from krepis_generator import names
from krepis_generator.domain.limits import has_limits, unproven
from krepis_generator.domain.rejections import Reasons
from krepis_generator.python import Printer
from krepis_generator.python.constants import literal
from krepis_generator.quoting import pattern_literal, text_literal
from krepis_generator.source import Module, indented
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity, Field, Value
from krepis_spec.types import Type


class _OwnFields:
    """In an invariant there is no other row than the thing itself."""

    def holds_row(self, name: e.Name) -> bool:
        return False

    def row(self, entity: str, id: str) -> str:
        raise AssertionError(f"an invariant does not look at another `{entity}`")


def needs_check(thing: Entity | Value, blueprint: Blueprint) -> bool:
    """Whether there is a `checked_...` for it."""
    return bool(thing.invariants or unproven(thing, blueprint) or _parts(thing, blueprint))


def check_function(name: str) -> str:
    return f"checked_{names.one(name)}"


def may_break_limits(thing: Entity | Value, blueprint: Blueprint) -> bool:
    """Whether the check can raise `Invalid`."""
    if unproven(thing, blueprint):
        return True
    return any(may_break_limits(value, blueprint) for _, value in _parts(thing, blueprint))


def reasons_of(thing: Entity | Value, blueprint: Blueprint) -> list[str]:
    """The codes of what the check can raise."""
    inner = [code for _, value in _parts(thing, blueprint) for code in reasons_of(value, blueprint)]
    return list(dict.fromkeys((*(one.code for one in thing.invariants), *inner)))


def write_check(module: Module, thing: Entity | Value, blueprint: Blueprint, reasons: Reasons) -> Printer:
    """The function, in the thing's own module. Answers with the printer that wrote it."""
    one = names.one(thing.name)
    fields = {field.name: f"{one}.{field.name}" for field in thing.fields}
    printer = Printer(module, blueprint.service.name, _OwnFields(), {"id": f"{one}.id", **fields}, {})
    lines: list[str] = []
    for field, value in _parts(thing, blueprint):
        lines += _part_check(module, blueprint, f"{one}.{field.name}", field.type, value)
    for invariant in thing.invariants:
        lines += [f"if {printer.negated(invariant.condition).text}:"]
        lines += [f"    raise {reasons.use(invariant.code, invariant.message, module)}"]
    for field in unproven(thing, blueprint):
        lines += _limit_check(module, f"{one}.{field.name}", field)
    spans = [*(one.span for one in thing.invariants), *(field.span for field in unproven(thing, blueprint))]
    name = check_function(thing.name)
    body = indented("\n".join(lines))
    module.add(
        name,
        f'''\
def {name}({one}: {thing.name}) -> {thing.name}:
    """The same {names.words(thing.name)}, which keeps what must always hold for one."""
{body}
    return {one}''',
        spans=spans,
    )
    return printer


def _parts(thing: Entity | Value, blueprint: Blueprint) -> list[tuple[Field, Value]]:
    """The values in it that have rules of their own."""
    found: list[tuple[Field, Value]] = []
    for field in thing.fields:
        type = _plain(field.type)
        inner = _plain(type.of) if isinstance(type, t.ListType | t.SetType) else type
        if isinstance(inner, t.ValueType):
            value = blueprint.value(inner.name)
            if needs_check(value, blueprint):
                found.append((field, value))
    return found


def _part_check(module: Module, blueprint: Blueprint, text: str, type: Type, value: Value) -> list[str]:
    name, one = check_function(value.name), names.one(value.name)
    module.use(f"{blueprint.service.name}.domain.{one}", name)
    if isinstance(_plain(type), t.ListType | t.SetType):
        return [f"for {one} in {text}{' or ()' if isinstance(type, t.OptionalType) else ''}:", f"    {name}({one})"]
    if isinstance(type, t.OptionalType):
        return [f"if {text} is not None:", f"    {name}({text})"]
    return [f"{name}({text})"]


def _limit_check(module: Module, text: str, field: Field) -> list[str]:
    assert has_limits(field.type)
    lines: list[str] = []
    for condition, code, sentence in _conditions(module, text, field):
        there = f"{text} is not None and " if isinstance(field.type, t.OptionalType) else ""
        module.use("krepis", "Invalid")
        module.use("krepis.errors", "FieldError")
        told = text_literal(f"`{field.name}` {sentence}")
        lines += [f"if {there}{condition}:", f'    raise Invalid((FieldError(("{field.name}",), "{code}", {told}),))']
    return lines


def _conditions(module: Module, text: str, field: Field) -> list[tuple[str, str, str]]:
    """What is true where a limit is broken, the code, and the sentence."""
    type = _plain(field.type)
    match type:
        case t.IntType(min=low, max=high):
            return [(_outside(text, _whole(low), _whole(high)), "range", f"is {_between(low, high)}")]
        case t.DecimalType():
            return _amount(module, text, type, field)
        case t.TextType(min=low, max=high, pattern=pattern):
            found: list[tuple[str, str, str]] = []
            if low or high is not None:
                said = _between(low or None, high)
                found.append(
                    (_outside(f"len({text})", _whole(low or None), _whole(high)), "length", f"has {said} characters")
                )
            if pattern is not None:
                module.use_module("re")
                condition = f"re.fullmatch({pattern_literal(pattern)}, {text}, re.ASCII) is None"
                found.append((condition, "pattern", f"is of the form `{pattern}`"))
            return found
        case t.ListType(min=low, max=high) | t.SetType(min=low, max=high):
            said = _between(low or None, high)
            return [(_outside(f"len({text})", _whole(low or None), _whole(high)), "length", f"has {said} items")]
        case _:
            return []


def _amount(module: Module, text: str, type: t.DecimalType, field: Field) -> list[tuple[str, str, str]]:
    def number(limit: str | None) -> str | None:
        if limit is None:
            return None
        return literal(e.Constant(type=type, span=field.span, value=limit), module).text

    found: list[tuple[str, str, str]] = []
    if type.min is not None or type.max is not None:
        found.append(
            (_outside(text, number(type.min), number(type.max)), "range", f"is {_between(type.min, type.max)}")
        )
    if type.above is not None:
        found.append((f"{text} <= {number(type.above)}", "range", f"is more than {type.above}"))
    if type.below is not None:
        found.append((f"{text} >= {number(type.below)}", "range", f"is less than {type.below}"))
    return found


def _outside(text: str, low: str | None, high: str | None) -> str:
    if low is None:
        return f"{text} > {high}"
    if high is None:
        return f"{text} < {low}"
    return f"not {low} <= {text} <= {high}"


def _whole(limit: int | None) -> str | None:
    return None if limit is None else f"{limit:_}" if abs(limit) >= 10_000 else str(limit)


def _between(low: object, high: object) -> str:
    if low is None:
        return f"at most {high}"
    if high is None:
        return f"at least {low}"
    return f"{low} to {high}"


def _plain(type: Type) -> Type:
    return type.of if isinstance(type, t.OptionalType) else type
