"""Lists, tuples, sets, records and comprehensions."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from krepis_spec.blocks.environment import Binding, shown_by
from krepis_spec.blocks.functions import element
from krepis_spec.blocks.names import refuse_new
from krepis_spec.blocks.operators import truth
from krepis_spec.blocks.reading import Reading
from krepis_spec.expressions import Call, Clause, Collection, Comprehension, Expression, Keyword, Record, Source
from krepis_spec.fitting import items_of, joined, present, tuple_of, words
from krepis_spec.problems import did_you_mean
from krepis_spec.types import (
    AnyType,
    DatetimeType,
    ListType,
    OptionalType,
    PeriodType,
    RecordField,
    RecordType,
    SetType,
    Type,
)

_PERIOD = RecordType((RecordField("start", DatetimeType()), RecordField("end", DatetimeType())))


def _many(expected: Type | None) -> Type | None:
    """The type of the items, where a list or set is expected."""
    wanted = None if expected is None else present(expected)
    return wanted.of if isinstance(wanted, ListType | SetType) else None


def collection(reading: Reading, node: ast.List | ast.Tuple | ast.Set, expected: Type | None) -> Expression:
    """`[a, b]`, `(a, b)`, `{a, b}`."""
    span = reading.places.of(node)
    wanted = _many(expected)
    pair = items_of(expected) if expected is not None else None
    if isinstance(node, ast.Tuple):
        each = pair if pair is not None and len(pair) == len(node.elts) else (wanted,) * len(node.elts)
        items = tuple(reading.expression(item, type) for item, type in zip(node.elts, each, strict=True))
        return Collection(type=tuple_of(*(item.type for item in items)), span=span, form="tuple", items=items)
    items = tuple(reading.expression(item, wanted) for item in node.elts)
    of = _common(reading, node, items, wanted)
    if isinstance(node, ast.Set):
        return Collection(type=SetType(of), span=span, form="set", items=items)
    return Collection(type=ListType(of), span=span, form="list", items=items)


def _common(reading: Reading, node: ast.List | ast.Set, items: tuple[Expression, ...], wanted: Type | None) -> Type:
    if not items:
        return wanted or AnyType()
    common = items[0].type
    for item, piece in zip(items, node.elts, strict=True):
        both = joined(common, item.type)
        if both is None:
            reading.problem(
                piece,
                f"the items of a list are of one type; this is {words(item.type)}, and before it stands {words(common)}",
            )
            return AnyType()
        common = both
    return common


def dictionary(reading: Reading, node: ast.Dict, expected: Type | None) -> Expression:
    """`{"a": x}`: a record. Where one is expected, each field is held against its own, so that a mistake has its place."""
    wanted = None if expected is None else present(expected)
    if isinstance(wanted, PeriodType):
        return _period(reading, node)
    types = {field.name: field.type for field in wanted.fields} if isinstance(wanted, RecordType) else None
    fields: dict[str, Keyword] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        name = key.value if isinstance(key, ast.Constant) else None
        if not isinstance(name, str) or not name.isidentifier():
            reading.problem(key or value, 'the names in a record are written out: `{"name": value}`')
        elif name in fields:
            reading.problem(key or value, f"`{name}` stands here twice")
        elif types is not None and name not in types:
            reading.problem(key or value, f"this record has no `{name}`", did_you_mean(name, types))
            fields[name] = Keyword(name, reading.expression(value))
        else:
            fields[name] = Keyword(name, _field(reading, value, name, types))
    _check_missing(reading, node, fields, types or {})
    given = RecordType(tuple(RecordField(field.name, field.value.type) for field in fields.values()))
    type = given if types is None else wanted or given
    return Record(type=type, span=reading.places.of(node), fields=tuple(fields.values()))


def _period(reading: Reading, node: ast.Dict) -> Expression:
    """`{"start": ..., "end": ...}` where a period is asked for: as callers write one, it is `period(start, end)`."""
    both = dictionary(reading, node, _PERIOD)
    given = {field.name: field.value for field in both.fields} if isinstance(both, Record) else {}
    if given.keys() != {"start", "end"}:
        return reading.unknown(node)
    arguments = (given["start"], given["end"])
    return Call(type=PeriodType(), span=both.span, function="period", arguments=arguments)


def _field(reading: Reading, node: ast.expr, name: str, types: Mapping[str, Type] | None) -> Expression:
    if types is None:
        return reading.expression(node)
    found = reading.fitting(node, types[name], f"`{name}`")
    return found if reading.fits(found.type, types[name]) else reading.unknown(node)


def _check_missing(reading: Reading, node: ast.Dict, given: Mapping[str, Keyword], types: Mapping[str, Type]) -> None:
    missing = [name for name, type in types.items() if name not in given and not isinstance(type, OptionalType)]
    if missing and not reading.lenient:
        reading.problem(node, f"this record needs {', '.join(f'`{name}`' for name in missing)}")


def comprehension(
    reading: Reading, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, expected: Type | None
) -> Expression:
    """`[x for y in z if c]`. A later clause knows the names and the conditions of those before it."""
    with reading.within(reading.environment, per_row=True):
        clauses = tuple(_clause(reading, generator) for generator in node.generators)
        item = reading.expression(node.elt, _many(expected))
    span = reading.places.of(node)
    match node:
        case ast.ListComp():
            return Comprehension(type=ListType(item.type), span=span, form="list", element=item, clauses=clauses)
        case ast.SetComp():
            return Comprehension(type=SetType(item.type), span=span, form="set", element=item, clauses=clauses)
        case ast.GeneratorExp():
            return Comprehension(type=ListType(item.type), span=span, form="generator", element=item, clauses=clauses)


def _clause(reading: Reading, node: ast.comprehension) -> Clause:
    if node.is_async:
        reading.problem(node.target, "`async` is not part of the language")
    source = rows(reading, node.iter)
    variables = bind(reading, node.target, element(source.type), "row")
    conditions: list[Expression] = []
    for condition in node.ifs:
        conditions.append(truth(reading, condition, "what stands after `if`"))
        reading.environment = reading.environment.knowing(shown_by(conditions[-1], True))
    return Clause(variables, source, tuple(conditions))


def rows(reading: Reading, node: ast.expr) -> Expression:
    """What a `for` goes through."""
    source = reading.expression(node)
    if isinstance(source.type, ListType | SetType | AnyType):
        return source
    hint = "rule none out first: `if x is not None:`" if isinstance(source.type, OptionalType) else None
    return reading.refused(
        node, f"`for` goes through a list or a set; {reading.shown(node)} is {words(source.type)}", hint
    )


def bind(reading: Reading, target: ast.expr, type: Type, source: Source) -> tuple[str, ...]:
    """Gives names to what a `for` goes through, or what an assignment takes apart: one name, or one for each part of a tuple."""
    if isinstance(target, ast.Name):
        _bind_one(reading, target, type, source)
        return (target.id,)
    names = [one for one in target.elts if isinstance(one, ast.Name)] if isinstance(target, ast.Tuple) else []
    if not isinstance(target, ast.Tuple) or len(names) != len(target.elts):
        reading.problem(target, "a name stands here, or several with commas")
        return ()
    items = items_of(type)
    if items is None or len(items) != len(names):
        if not isinstance(type, AnyType):
            reading.problem(target, f"{len(names)} names cannot take {words(type)} apart")
        items = (AnyType(),) * len(names)
    for one, item in zip(names, items, strict=True):
        _bind_one(reading, one, item, source)
    return tuple(one.id for one in names)


def _bind_one(reading: Reading, target: ast.Name, type: Type, source: Source) -> None:
    refuse_new(reading, target, target.id)
    reading.environment = reading.environment.bound(target.id, Binding(type, source))
