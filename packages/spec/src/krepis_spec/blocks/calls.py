"""Calls: functions of the language, methods of text, constructors of values and views. What does something is an action."""

from __future__ import annotations

import ast
import zoneinfo

from krepis.errors import KrepisError
from krepis_spec.blocks.actions import ACTIONS, action, port_call, relation
from krepis_spec.blocks.environment import Binding
from krepis_spec.blocks.functions import MEANINGS, Function, Parameter, accepts, by_name, element
from krepis_spec.blocks.keywords import keywords, no_arguments, slots_of
from krepis_spec.blocks.names import refuse_new
from krepis_spec.blocks.reading import Reading
from krepis_spec.expressions import Call, Constant, Construct, Expression, Keyword, Lambda
from krepis_spec.fitting import bare, joined, present, words
from krepis_spec.problems import did_you_mean
from krepis_spec.schedules import is_zone
from krepis_spec.types import (
    AnyType,
    BoolType,
    DatetimeType,
    EntityType,
    OptionalType,
    TextType,
    TokenType,
    Type,
    ValueType,
    ViewType,
)


def call(reading: Reading, node: ast.Call, expected: Type | None) -> Expression:
    """`f(x)`, `x.f()`, `Line(...)`, `create(...)`."""
    match node.func:
        case ast.Name(id=name):
            return _named(reading, node, name, expected)
        case ast.Attribute(value=ast.Name(id=port), attr=attr) if port in reading.ports:
            return port_call(reading, node, port, attr)
        case ast.Attribute(attr="add" | "discard" as attr) as func:
            return relation(reading, node, func, attr)
        case ast.Attribute() as func:
            return _method(reading, node, func, expected)
        case _:
            return reading.refused(node.func, f"{reading.shown(node.func)} cannot be called")


def _named(reading: Reading, node: ast.Call, name: str, expected: Type | None) -> Expression:
    if name in ACTIONS:
        return action(reading, node, name)
    if name == "link":
        return _door(reading, node)
    if name in by_name:
        return _function(reading, node, by_name[name], list(node.args), expected)
    if name in reading.values:
        no_arguments(reading, node.args, f"`{name}`")
        given = keywords(reading, node, slots_of(reading.values[name].fields), f"`{name}`")
        return Construct(type=ValueType(name), span=reading.places.of(node), keywords=given)
    if name in reading.views:
        return _view(reading, node, name)
    return reading.refused(node.func, *_unknown_call(reading, name))


def _door(reading: Reading, node: ast.Call) -> Expression:
    """`link(show_order, order)`: its first argument is the name of an operation, which is no value."""
    first = node.args[0] if node.args else None
    name = first.id if isinstance(first, ast.Name) else ""
    operation = reading.operations.get(name)
    if first is None or operation is None or operation.door is None:
        doors = [one.name for one in reading.operations.values() if one.door is not None]
        return reading.refused(
            first or node, "`link` begins with an operation that has a door", did_you_mean(name, doors)
        )
    path = [one for one in operation.inputs if one.place == "path"]
    if len(node.args) != len(path) + 1 or node.keywords:
        listed = ", ".join(f"`{one.name}`" for one in path) or "nothing"
        return reading.refused(node, f"the path of `{name}` names {listed}")
    things = [
        reading.fitting(value, one.type, f"`{one.name}` of `{name}`")
        for value, one in zip(node.args[1:], path, strict=True)
    ]
    shown = Constant(type=TextType(), span=reading.places.of(first), value=name)
    return Call(
        type=by_name["link"].result((), {}), span=reading.places.of(node), function="link", arguments=(shown, *things)
    )


def _unknown_call(reading: Reading, name: str) -> tuple[str, str | None]:
    if name in reading.entities:
        return f"`{name}` is an entity", f"`create({name}, ...)` makes one"
    if name in reading.events:
        return f"`{name}` is an event", f"`emit({name}, ...)` tells it"
    if name in reading.operations:
        return f"`{name}` is an operation, and no block calls one", f"a scenario does: `when({name}, ...)`"
    if name == "require":
        return "`require` is a line of its own", None
    if name in reading.environment.names:
        return f"`{name}` is a value and cannot be called", None
    known = [*by_name, *ACTIONS, "require", *reading.values, *reading.views]
    return f"there is no function `{name}`", did_you_mean(name, known)


def _view(reading: Reading, node: ast.Call, name: str) -> Expression:
    of = (
        EntityType(reading.views[name].of)
        if reading.views[name].of in reading.entities
        else ValueType(reading.views[name].of)
    )
    if len(node.args) != 1 or node.keywords:
        return reading.refused(node, f"`{name}` takes one thing: the {reading.views[name].of} that it shows")
    shown = reading.fitting(node.args[0], of, f"what `{name}` shows")
    return Construct(type=ViewType(name), span=reading.places.of(node), arguments=(shown,))


def _method(reading: Reading, node: ast.Call, func: ast.Attribute, expected: Type | None) -> Expression:
    function = by_name.get(func.attr)
    if function is not None and function.method:
        return _function(reading, node, function, [func.value, *node.args], expected)
    of = reading.expression(func.value)
    if isinstance(of.type, AnyType):
        return reading.unknown(node)
    if function is not None:
        return reading.refused(
            func, f"`{func.attr}` stands before its value", f"write `{func.attr}({reading.shown(func.value)[1:-1]})`"
        )
    methods = (
        [one.name for one in by_name.values() if one.method]
        if isinstance(of.type, TextType | TokenType)
        else ["add", "discard"]
    )
    return reading.refused(
        func,
        f"{words(of.type)} has nothing to call by the name of `{func.attr}`",
        _method_hint(func.attr) or did_you_mean(func.attr, methods),
    )


def _method_hint(name: str) -> str | None:
    match name:
        case "append" | "extend" | "insert":
            return "a list is set as a whole: `x.lines = x.lines + [Line(...)]`"
        case "remove" | "pop":
            return "a list is set as a whole: `x.lines = [l for l in x.lines if ...]`"
        case "isoformat":
            return "`str(x)` is ISO 8601"
        case _:
            return None


def _function(
    reading: Reading, node: ast.Call, function: Function, given: list[ast.expr], expected: Type | None
) -> Expression:
    """A call of a pure function; `given` are its arguments with the value before the dot, if it is a method."""
    positional = [one for one in function.parameters if not one.named]
    arguments: list[Expression] = []
    for index, value in enumerate(given):
        parameter = _parameter_at(positional, index)
        if parameter is None:
            reading.problem(
                value, f"`{function.name}` takes no more than {len(positional)} here", f"`{function.signature}`"
            )
            break
        arguments.append(_argument(reading, value, function, parameter, arguments, expected))
    missing = [one.name for one in positional[len(given) :] if not one.optional]
    if missing:
        reading.problem(node, f"`{function.name}` needs `{missing[0]}`", f"`{function.signature}`")
    named = _named_arguments(reading, node, function, arguments)
    if missing or len(arguments) < len(given):
        return reading.unknown(node)
    _check_together(reading, node, function, arguments, named)
    return Call(
        type=function.result(tuple(arguments), named),
        span=reading.places.of(node),
        function=function.name,
        arguments=tuple(arguments),
        keywords=tuple(Keyword(name, value) for name, value in named.items()),
    )


def _parameter_at(positional: list[Parameter], index: int) -> Parameter | None:
    if index < len(positional):
        return positional[index]
    return positional[-1] if positional and positional[-1].repeated else None


def _argument(
    reading: Reading,
    node: ast.expr,
    function: Function,
    parameter: Parameter,
    before: list[Expression],
    expected: Type | None,
) -> Expression:
    found = reading.expression(node, _expected(parameter, before, expected))
    if not accepts(parameter.takes, found.type):
        hint = f"`{function.signature}`"
        if isinstance(found.type, OptionalType) and accepts(parameter.takes, present(found.type)):
            hint = "it may be none here; rule that out first: `x is not None`"
        return reading.refused(
            node, f"`{function.name}` takes {MEANINGS[parameter.takes]} here; this is {words(found.type)}", hint
        )
    if parameter.takes in {"pattern", "zone", "flag"} and not isinstance(found, Constant):
        return reading.refused(node, f"`{function.name}` takes {MEANINGS[parameter.takes]}")
    if parameter.takes == "pattern":
        return _pattern(reading, node, found)
    if parameter.takes == "zone":
        return _zone(reading, node, found)
    return found


def _expected(parameter: Parameter, before: list[Expression], expected: Type | None) -> Type | None:
    match parameter.takes:
        case "datetime":
            return DatetimeType()
        case "flag":
            return BoolType()
        case "number" | "amount" | "many" | "list":
            return expected
        case "anything" if before:
            return before[0].type
        case _:
            return None


def _pattern(reading: Reading, node: ast.expr, found: Expression) -> Expression:
    from krepis.types import matches  # it is not light, and most blocks have no pattern

    if isinstance(found, Constant) and isinstance(found.value, str):
        try:
            matches(found.value)
        except KrepisError as error:
            return reading.refused(node, f"this pattern cannot be used: {error}")
    return found


def _zone(reading: Reading, node: ast.expr, found: Expression) -> Expression:
    if isinstance(found, Constant) and isinstance(found.value, str) and not is_zone(found.value):
        hint = did_you_mean(found.value, zoneinfo.available_timezones())
        return reading.refused(node, f"`{found.value}` is no time zone", hint)
    return found


def _named_arguments(
    reading: Reading, node: ast.Call, function: Function, before: list[Expression]
) -> dict[str, Expression]:
    parameters = {one.name: one for one in function.parameters if one.named}
    named: dict[str, Expression] = {}
    for one in node.keywords:
        if one.arg is None or one.arg not in parameters:
            message = f"`{function.name}` has no `{one.arg}=`" if one.arg else "`**` is not part of the language"
            reading.problem(one.value, message, f"`{function.signature}`")
        elif parameters[one.arg].takes == "key":
            named[one.arg] = _key(reading, one.value, function, element(before[0].type) if before else AnyType())
        else:
            named[one.arg] = _argument(reading, one.value, function, parameters[one.arg], [], None)
    missing = function.name == "group" and "key" not in named
    if missing:
        reading.problem(node, "`group` needs `key`", f"`{function.signature}`")
    return named


def _key(reading: Reading, node: ast.expr, function: Function, item: Type) -> Expression:
    if not isinstance(node, ast.Lambda):
        return reading.refused(node, "a key is a `lambda` with one name", "`key=lambda b: b.title`")
    every = node.args
    if len(every.args) != 1 or every.vararg or every.kwarg or every.kwonlyargs or every.posonlyargs or every.defaults:
        return reading.refused(node, "a key is a `lambda` with one name", "`key=lambda b: b.title`")
    parameter = every.args[0]
    refuse_new(reading, parameter, parameter.arg)
    with reading.within(reading.environment.bound(parameter.arg, Binding(item, "row")), per_row=True):
        body = reading.expression(node.body)
    if function.name != "group" and not accepts("key", body.type):
        hint = "it may be none: `x.field is None` sorts by that" if isinstance(body.type, OptionalType) else None
        reading.problem(node.body, f"{words(body.type)} has no order", hint)
    return Lambda(type=body.type, span=reading.places.of(node), parameter=parameter.arg, body=body)


def _check_together(
    reading: Reading, node: ast.Call, function: Function, arguments: list[Expression], named: dict[str, Expression]
) -> None:
    """What depends on several arguments."""
    match function.name:
        case "min" | "max" if len(arguments) > 1:
            _check_values(reading, node, function, arguments)
        case "min" | "max" | "sorted" | "top" if "key" not in named:
            if len(arguments) > 0 and function.name in {"min", "max"} and not accepts("many", arguments[0].type):
                reading.problem(node, f"`{function.name}` takes a list or set, or several values")
            elif not accepts("ordered", element(arguments[0].type)):
                reading.problem(
                    node, f"{words(element(arguments[0].type))} has no order", "say by what: `key=lambda x: ...`"
                )
        case "search":
            _check_searchable(reading, node, arguments[0].type)
        case "round" if len(arguments) == 2:
            places = arguments[1].value if isinstance(arguments[1], Constant) else None
            if not isinstance(places, int) or not 0 <= places <= 12:
                reading.problem(node.args[1], "`round` takes the number of places written out, from 0 to 12")
        case "range" if len(arguments) > 3:
            reading.problem(node, "`range` takes at most three numbers")
        case _:
            pass


def _check_values(reading: Reading, node: ast.Call, function: Function, arguments: list[Expression]) -> None:
    common: Type | None = bare(arguments[0].type)
    for one in arguments[1:]:
        common = None if common is None else joined(common, bare(one.type))
    if common is None or not all(accepts("ordered", one.type) for one in arguments):
        listed = " and ".join(words(one.type) for one in arguments)
        reading.problem(node, f"`{function.name}` does not go with {listed}")


def _check_searchable(reading: Reading, node: ast.Call, type: Type) -> None:
    if isinstance(type, EntityType) and not any(field.searchable for field in reading.fields_of(type.name)):
        reading.problem(node, f"no field of {type.name} is searchable", "say so in its row: `searchable`")
