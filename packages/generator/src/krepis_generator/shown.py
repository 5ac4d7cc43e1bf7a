"""What callers see, as classes: which ones a view needs, how they and their attributes are called, and of what a view is made.

`View.fields` hold expressions; a `Record` in one of them (a value, with its references as addresses) is a class of its own:
`LineView` for a `Line`. A name that is not snake_case (`unitPrice`) is an attribute in snake_case that is renamed on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from krepis_generator import names
from krepis_generator.annotations import Annotations
from krepis_generator.python.printer import plain
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, View
from krepis_spec.expressions import Expression
from krepis_spec.naming import class_name, snake
from krepis_spec.showing import nodes_in
from krepis_spec.types import RecordType, Type


class Shown(Struct, frozen=True):
    """One class that callers see."""

    name: str
    fields: tuple[tuple[str, Type], ...]
    doc: str = ""


def attribute(shown: str) -> str:
    """The attribute that is shown under that name."""
    return snake(shown)


def classes_of(view: View, blueprint: Blueprint) -> tuple[Shown, ...]:
    """The classes of a view: those of the records in it, then its own."""
    records = record_names(view, blueprint)
    inner = [
        Shown(name, tuple((field.name, field.type) for field in type.fields))
        for type, name in records.items()
        if isinstance(type, RecordType)
    ]
    own = Shown(view.name, tuple((field.name, field.value.type) for field in view.fields), view.doc)
    return (*inner, own)


def record_names(view: View, blueprint: Blueprint) -> dict[Type, str]:
    """The class of each type of record in a view, innermost first."""
    found: dict[Type, str] = {}
    for field in view.fields:
        for record, source in _records(field.value):
            found.setdefault(record.type, _name(record, source, view, field.name, blueprint))
    return dict(reversed(found.items()))


def needs_rows(view: View, blueprint: Blueprint) -> bool:
    """Whether it shows more than the entity itself holds, so that a repository has to read it."""
    return any(_reaches_out(node, blueprint, view) for field in view.fields for node in nodes_in(field.value))


def needs_viewer(view: View, blueprint: Blueprint) -> bool:
    """Whether it depends on who looks, also in the views that it shows."""
    nodes = [node for field in view.fields for node in nodes_in(field.value)]
    if any(isinstance(node, e.Name) and node.source == "viewer" for node in nodes):
        return True
    return any(needs_viewer(blueprint.view(name), blueprint) for name in _nested(nodes))


def annotation(type: Type, annotations: Annotations, records: dict[Type, str]) -> str:
    """As a class that callers see has it: a reference is shown, so it is none any more."""
    match type:
        case RecordType():
            return records[type]
        case t.OptionalType(of=of):
            return f"{annotation(of, annotations, records)} | None"
        case t.ListType(of=of):
            return f"tuple[{annotation(of, annotations, records)}, ...]"
        case t.SetType(of=of):
            return f"frozenset[{annotation(of, annotations, records)}]"
        case _:
            return annotations.domain(type)


def _nested(nodes: list[Struct]) -> list[str]:
    return [node.type.name for node in nodes if isinstance(node, e.Construct) and isinstance(node.type, t.ViewType)]


def _reaches_out(node: Struct, blueprint: Blueprint, view: View) -> bool:
    match node:
        case e.Attribute(of=of, name=name) if isinstance(plain(of.type), t.EntityType):
            return name != "id" and not (isinstance(of, e.Name) and of.source == "thing")
        case e.Construct(type=t.ViewType()):
            return True
        case e.Name(source="entity" | "viewer" | "now" | "tenant"):
            return True
        case e.Name(source="field", name=name):
            fields = blueprint.entity(view.of).fields
            return any(field.name == name and names.is_relation(field.type) for field in fields)
        case _:
            return False


def _records(given: Expression) -> Iterator[tuple[e.Record, Expression | None]]:
    """Each record with what it shows, where that is known."""
    rows = {
        variable: clause.source
        for node in nodes_in(given)
        if isinstance(node, e.Comprehension)
        for clause in node.clauses
        for variable in clause.variables
    }
    for node in nodes_in(given):
        if isinstance(node, e.Record):
            first = node.fields[0].value if node.fields else None
            of = _root(first)
            yield node, rows.get(of.name, of) if isinstance(of, e.Name) else of


def _root(node: Expression | None) -> Expression | None:
    while isinstance(node, e.Attribute):
        if isinstance(node.of, e.Name) or isinstance(plain(node.of.type), t.ValueType):
            return node.of
        node = node.of
    return None


def _name(record: e.Record, source: Expression | None, view: View, field: str, blueprint: Blueprint) -> str:
    of = None if source is None else plain(source.type)
    inner = plain(of.of) if isinstance(of, t.ListType | t.SetType) else of
    stem = view.name.removesuffix("View")
    name = (
        f"{inner.name}View"
        if isinstance(inner, t.ValueType)
        else f"{stem}{class_name(names.singular(snake(field)))}View"
    )
    taken = {one.name for one in blueprint.views}
    return name if name not in taken else f"{stem}{name}"
