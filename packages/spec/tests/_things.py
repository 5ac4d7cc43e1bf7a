"""Specs of things alone, as the tests of values, entities, events and ports write them."""

from __future__ import annotations

from krepis_spec.blueprint import Blueprint, Entity, Field
from krepis_spec.document import Span, Text
from krepis_spec.entities import completed, entities_of, events_of, ports_of, values_of
from krepis_spec.markdown import document_of
from krepis_spec.problems import Problems, SpecRefused
from krepis_spec.service import service_of
from krepis_spec.typing import Known


def checked(source: str) -> tuple[Blueprint, str]:
    """What could be understood of a spec, and what people read about the rest of it."""
    problems = Problems()
    document = document_of("shop.md", source, problems)
    values, entities = (
        frozenset(one.name.text for one in document.sections if one.kind == kind and one.name is not None)
        for kind in ("value", "entity")
    )
    known = Known(values, entities | {"User"}, frozenset({"BookView"}))
    blueprint = Blueprint(
        file="shop.md",
        digest="",
        service=service_of(document, problems),
        values=values_of(document, known, problems),
        entities=entities_of(document, known, problems),
        events=events_of(document, known, problems),
        ports=ports_of(document, known, problems),
    )
    user = Entity(name="User", span=Span(1, 1, 1, 1), user=True)
    around = (*blueprint.entities, *(() if "User" in entities else (user,)))
    blueprint = completed(
        Blueprint(
            file="shop.md",
            digest="",
            service=blueprint.service,
            values=blueprint.values,
            entities=around,
            events=blueprint.events,
            ports=blueprint.ports,
        ),
        document,
        problems,
    )
    return blueprint, said(problems, document.lines)


def right(source: str) -> Blueprint:
    """The blueprint of a spec without a problem."""
    blueprint, wrong = checked(source)
    assert wrong == ""
    return blueprint


def said(problems: Problems, lines: tuple[str, ...]) -> str:
    return str(SpecRefused("shop.md", lines, problems.sorted())) if problems else ""


def entity_with(fields: str, bullets: str = "", before: str = "") -> str:
    """A spec with one entity `Book` of these rows and bullets."""
    return f"# Shop\n\n{before}\n\n## Entity Book\n\n| field | type | rules |\n|---|---|---|\n{fields}\n\n{bullets}\n"


def field_of(row: str) -> Field:
    """The one field of an entity with that row; a title for others to refer to stands before it."""
    (book, *_) = right(entity_with(f"| title | text(1..200) | |\n{row}")).entities
    return book.fields[-1]


def text(written: str) -> Text:
    """A piece in the first line of a spec."""
    return Text(written, Span(1, 1, 1, 1 + len(written)))
