"""Tables of fields: what values, entities and events have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from krepis_spec.blueprint import Field
from krepis_spec.document import Section, Text
from krepis_spec.limits import noun
from krepis_spec.naming import NAME_CHARACTERS_MAX, SCOPE_WORDS, is_field_name, is_usable, snake
from krepis_spec.pieces import names_in
from krepis_spec.problems import Problems, did_you_mean
from krepis_spec.rows import Cells, rows_of, table_of
from krepis_spec.rules import ruled, source_in
from krepis_spec.types import (
    AnyType,
    FileType,
    ListType,
    OptionalType,
    PageType,
    RecordType,
    SecretType,
    SetType,
    TextType,
    TokenType,
    Type,
    ViewType,
)
from krepis_spec.typing import Known, type_of

Owner = Literal["value", "entity", "event"]

_GIVEN = frozenset({"id", "version"})


def fields_of(section: Section, owner: Owner, known: Known, problems: Problems) -> tuple[Field, ...]:
    """The fields of a section's table, without their defaults. None is a problem, unless for an event."""
    article = f"an {owner}" if owner != "value" else "a value"
    table = table_of(section, article, problems)
    if table is None:
        if owner != "event":
            problems.add(
                section.heading, f"{article} needs a table of its fields", "its header is `| field | type | rules |`"
            )
        return ()
    columns = ("meaning",) if owner == "event" else ("rules", "meaning")
    found: dict[str, Field] = {}
    for row in rows_of(table, ("field", "type"), columns, problems):
        for field in _fields_of_row(row, owner, known, problems):
            if field.name in found:
                problems.add(row.of["field"].span, f"there are two fields `{field.name}`")
            else:
                found[field.name] = field
    if not table.rows and owner != "event":
        problems.add(table.span, f"{article} has at least one field")
    fields = tuple(found.values())
    sources = {name: source_in(cell) for name, cell in rules_of(section).items()}
    for field in fields:
        source = sources.get(field.name)
        if source is not None and field.derived_from is not None:
            _check_source(field, source, found, problems)
    return fields


def rules_of(section: Section) -> dict[str, Text]:
    """The cell of the rules of each field. What is wrong with the table is told by `fields_of`."""
    quiet = Problems()
    rules: dict[str, Text] = {}
    for table in section.tables[:1]:
        for row in rows_of(table, ("field", "type"), ("rules", "meaning"), quiet):
            for name in names_in(row.of["field"], "name", quiet):
                rules.setdefault(name.text, row.get("rules"))
    return rules


def check_field_name(name: Text, problems: Problems) -> bool:
    """Whether that can be the name of a field, an input or an argument; a problem where it can't."""
    if is_field_name(name.text) and is_usable(name.text):
        return True
    if name.text in SCOPE_WORDS or is_field_name(name.text):
        problems.add(name.span, f"`{name.text}` is a word of the language, or of Python", "choose another name")
    else:
        wanted = snake(name.text)[:NAME_CHARACTERS_MAX].strip("_")
        usable = is_field_name(wanted) and is_usable(wanted)
        problems.add(
            name.span,
            f"`{name.text}` is no name of a field: lower-case words joined by `_`, at most {NAME_CHARACTERS_MAX} characters",
            f"write `{wanted}`; a view may show it under another name" if usable else None,
        )
    return False


def _fields_of_row(row: Cells, owner: Owner, known: Known, problems: Problems) -> list[Field]:
    type = type_of(row.get("type"), known, problems)
    misplaced = _misplaced(type, owner)
    if misplaced is not None:
        problems.add(row.get("type").span, *misplaced)
        type = AnyType()
    fields: list[Field] = []
    for name in names_in(row.of["field"], "name", problems):
        if name.text in _GIVEN and owner == "entity":
            problems.add(name.span, f"every entity has `{name.text}` already", "leave it out, or choose another name")
        elif check_field_name(name, problems):
            field = Field(name=name.text, span=row.span, type=type, doc=row.get("meaning").text)
            fields.append(ruled(field, row.get("rules"), problems, of_value=owner == "value"))
    return fields


def _misplaced(type: Type, owner: Owner) -> tuple[str, str | None] | None:
    """Why a field can't be of that type, and what can."""
    bare, *inside = _types_in(type)
    if isinstance(bare, ListType | SetType) and isinstance(bare.of, ListType | SetType):
        return (f"a field is no {noun(bare)} of a {noun(bare.of)}", "give the inner one a `## Value`")
    if isinstance(bare, PageType):
        return ("a `page` is the input of a query, and no field", None)
    for one in (bare, *inside):
        if isinstance(one, ViewType):
            return (f"`{one.name}` is what readers see, and no field", "name the entity or a value")
        if isinstance(one, SecretType | TokenType) and (owner != "entity" or one is not bare):
            return (f"{noun(one)} is for inputs, and for fields of entities alone", None)
        if isinstance(one, FileType) and owner == "value":
            return ("`file` is for inputs, and for fields of entities", None)
    return None


def _types_in(type: Type) -> Iterator[Type]:
    """The type, unless it is optional, and all that is inside of it."""
    if isinstance(type, OptionalType):
        yield from _types_in(type.of)
        return
    yield type
    if isinstance(type, ListType | SetType):
        yield from _types_in(type.of)
    elif isinstance(type, RecordType):
        for field in type.fields:
            yield from _types_in(field.type)


def _check_source(field: Field, name: Text, fields: Mapping[str, Field], problems: Problems) -> None:
    """`from title`: there is such a field, it is text, and the way ends."""
    source = fields.get(name.text)
    if source is None:
        hint = did_you_mean(name.text, set(fields) - {field.name})
        problems.add(name.span, f"`from {name.text}` names no field of this table", hint)
        return
    bare = source.type.of if isinstance(source.type, OptionalType) else source.type
    if not isinstance(bare, TextType | AnyType):
        problems.add(name.span, f"`from {name.text}` needs text, and `{name.text}` is {noun(bare)}")
    seen = [field.name]
    while source is not None and source.name not in seen:
        seen.append(source.name)
        source = fields.get(source.derived_from or "")
    if source is not None and source.name == field.name:
        problems.add(name.span, f"`{field.name}` is derived from itself: {' from '.join([*seen, field.name])}")
