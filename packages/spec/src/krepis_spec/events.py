"""`## Event` and `## Port`: what is told, and whom the service talks to."""

from __future__ import annotations

from krepis_spec.blueprint import Event, Field, Port, PortOperation
from krepis_spec.document import Document, Section, Text
from krepis_spec.fields import check_field_name, fields_of
from krepis_spec.limits import noun
from krepis_spec.naming import is_field_name, is_usable, snake
from krepis_spec.problems import Problems
from krepis_spec.rows import Cells, refuse_blocks, refuse_bullets, rows_of, table_of
from krepis_spec.types import NothingType, OptionalType, PageType, SecretType, TokenType, Type, ViewType
from krepis_spec.typing import Known, named_types_of, type_of

_NOTHING = frozenset({"", "-", "nothing"})


def events_of(document: Document, known: Known, problems: Problems) -> tuple[Event, ...]:
    events: list[Event] = []
    for section in document.sections:
        if section.kind == "event" and section.name is not None:
            refuse_bullets(section, "an event", problems)
            refuse_blocks(section, "an event", problems)
            fields = fields_of(section, "event", known, problems)
            events.append(Event(name=section.name.text, span=section.heading, doc=section.prose, fields=fields))
    return tuple(events)


def ports_of(document: Document, known: Known, problems: Problems) -> tuple[Port, ...]:
    ports: list[Port] = []
    for section in document.sections:
        if section.kind == "port" and section.name is not None:
            refuse_bullets(section, "a port", problems)
            refuse_blocks(section, "a port", problems)
            operations = _operations(section, known, problems)
            ports.append(Port(name=section.name.text, span=section.heading, doc=section.prose, operations=operations))
    return tuple(ports)


def _operations(section: Section, known: Known, problems: Problems) -> tuple[PortOperation, ...]:
    table = table_of(section, "a port", problems)
    if table is None or not table.rows:
        problems.add(
            section.heading, "a port needs a table of its operations", "its header is `| operation | input | answers |`"
        )
        return ()
    operations: dict[str, PortOperation] = {}
    for row in rows_of(table, ("operation", "input", "answers"), ("meaning",), problems):
        name = row.of["operation"]
        operation = snake(name.text)
        if not is_field_name(operation) or not is_usable(operation):
            problems.add(name.span, f"`{name.text}` can't be the name of an operation", "for example `send`")
        elif operation in operations:
            problems.add(name.span, f"there are two operations `{operation}`")
        else:
            operations[operation] = _operation(operation, row, known, problems)
    return tuple(operations.values())


def _operation(name: str, row: Cells, known: Known, problems: Problems) -> PortOperation:
    return PortOperation(
        name=name,
        span=row.span,
        inputs=_inputs(row.of["input"], known, problems),
        answers=_answers(row.of["answers"], known, problems),
        doc=row.get("meaning").text,
    )


def _inputs(cell: Text, known: Known, problems: Problems) -> tuple[Field, ...]:
    if cell.text in _NOTHING:
        return ()
    fields: list[Field] = []
    for name, type in named_types_of(cell, known, problems):
        if check_field_name(name, problems):
            _check_outbound(type, name, problems)
            fields.append(Field(name=name.text, span=name.span, type=type))
    return tuple(fields)


def _answers(cell: Text, known: Known, problems: Problems) -> Type:
    if cell.text in _NOTHING:
        return NothingType()
    type = type_of(cell, known, problems)
    _check_outbound(type, cell, problems)
    return type


def _check_outbound(type: Type, cell: Text, problems: Problems) -> None:
    bare = type.of if isinstance(type, OptionalType) else type
    if isinstance(bare, SecretType | TokenType | PageType | ViewType):
        problems.add(cell.span, f"{noun(bare)} is nothing that a port takes or answers")
