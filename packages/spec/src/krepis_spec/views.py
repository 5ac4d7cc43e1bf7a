"""`## View X of E`: what readers see of an entity, and the views of entities that have none.

A view's row is `field · value`; the value is an expression over the entity and `viewer`. A row without a value shows the
entity's field of that name. An entity among the values is shown as its address; `UserView(author)` nests a view.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from krepis_spec.blocks import Scope, expression_of, made_fields
from krepis_spec.blueprint import Blueprint, View, ViewField
from krepis_spec.document import Bullet, Document, Section, Span, Text
from krepis_spec.expressions import Construct, Expression, Name
from krepis_spec.keyed import bullets_of, refuse_doubles
from krepis_spec.naming import is_class_name, is_usable, snake
from krepis_spec.pieces import names_in
from krepis_spec.problems import Problems, did_you_mean
from krepis_spec.rows import refuse_blocks, rows_of, table_of
from krepis_spec.showing import address_of, is_hidden, nodes_in, shown
from krepis_spec.surroundings import for_readers, things_of
from krepis_spec.types import Type, UuidType, ViewType

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_BULLETS = ("envelope", "list envelope", "total", "extends")


def outlines_of(document: Document, blueprint: Blueprint, problems: Problems) -> tuple[View, ...]:
    """All views without their fields, those of the spec first; expressions need to know them before any has fields."""
    entities = {one.name for one in blueprint.entities}
    sections = [one for one in document.sections if one.kind == "view"]
    _check_names(sections, blueprint, problems)
    outlines = [found for one in sections if (found := _outline_of(one, entities, problems)) is not None]
    written = tuple({one.name: one for one in reversed(outlines)}.values())[::-1]
    viewed = {one.of for one in written}
    names = {one.name: one for one in written}
    added: list[View] = []
    for entity in blueprint.entities:
        name = f"{entity.name}View"
        if entity.name in viewed:
            continue
        if name in names:
            problems.add(
                names[name].span, f"`{name}` is the name of the view of `{entity.name}`, which has none of its own"
            )
        else:
            added.append(View(name=name, of=entity.name, span=entity.span, default=True))
    return (*written, *added)


def views_of(document: Document, blueprint: Blueprint, problems: Problems) -> tuple[View, ...]:
    """The views of `blueprint` with their fields."""
    sections = {
        section.name.text: section for section in reversed(document.sections) if section.kind == "view" and section.name
    }
    own = {
        view.name: _default_fields(view, blueprint)
        if view.default
        else _fields_of(sections[view.name], view, blueprint, problems)
        for view in blueprint.views
    }
    bases = _bases_of(sections, blueprint, problems)
    found: list[View] = []
    for view in blueprint.views:
        fields = _extended(view.name, own, bases)
        base_names = {one.name for base in _chain(view.name, bases)[1:] for one in own[base]}
        for field in own[view.name]:
            if field.name in base_names:
                problems.add(field.span, f"`{field.name}` is shown by the view that this one extends already")
        found.append(msgspec.structs.replace(view, fields=fields))
    _refuse_cycles(found, problems)
    return tuple(found)


def view_for(entity: str, blueprint: Blueprint) -> View | None:
    """The view by which an entity is shown where none is named: `<Entity>View`, or the only one; `None`: it has to be said."""
    named = blueprint.index.views.get(f"{entity}View")
    if named is not None and named.of == entity:
        return named
    views = [one for one in blueprint.views if one.of == entity]
    return views[0] if len(views) == 1 else None


def _check_names(sections: list[Section], blueprint: Blueprint, problems: Problems) -> None:
    names = [one.name for one in sections if one.name is not None]
    refuse_doubles(names, "view", problems)
    taken = things_of(blueprint).classes
    for name in names:
        if not is_class_name(name.text) or not is_usable(name.text):
            problems.add(name.span, f"`{name.text}` cannot be the name of a view", "a good one: `OrderSummary`")
        elif name.text in taken:
            problems.add(name.span, f"`{name.text}` is the name of {taken[name.text]} already")


def _outline_of(section: Section, entities: set[str], problems: Problems) -> View | None:
    if section.name is None or section.of is None:
        problems.add(section.heading, "a view says what it is of", "write `## View OrderSummary of Order`")
        return None
    if section.of.text not in entities:
        hint = did_you_mean(section.of.text, entities)
        problems.add(section.of.span, f"there is no entity `{section.of.text}`", hint)
        return None
    bullets = bullets_of(section, "a view", _BULLETS, problems)
    names = {key: _shown_name(one, problems) for key in _BULLETS[:3] for one in bullets[key]}
    total, around = names.get("total"), names.get("list envelope")
    if total is not None and around is None:
        problems.add(
            bullets["total"][0].span, "a total stands beside a list in its envelope", "add `- list envelope: orders`"
        )
    elif total is not None and total == around:
        problems.add(bullets["total"][0].value.span, f"the list is called `{total}` already")
    return View(
        name=section.name.text,
        of=section.of.text,
        span=section.heading,
        doc=section.prose,
        envelope=names.get("envelope"),
        list_envelope=around,
        total=total,
    )


def _shown_name(bullet: Bullet, problems: Problems) -> str | None:
    if _NAME.fullmatch(bullet.value.text):
        return bullet.value.text
    problems.add(bullet.value.span, f"`{bullet.value.text}` is no name", "letters, digits, `_` and `-`")
    return None


def _fields_of(section: Section, view: View, blueprint: Blueprint, problems: Problems) -> tuple[ViewField, ...]:
    refuse_blocks(section, "a view", problems)
    table = table_of(section, "a view", problems)
    extends = bullets_of(section, "a view", _BULLETS, problems)["extends"]
    if table is None:
        if not extends:
            problems.add(section.heading, f"the view `{view.name}` shows nothing", "its table is `field · value`")
        return ()
    scope = Scope(blueprint=blueprint, mode="view", names=for_readers(blueprint), fields_of=view.of)
    found: list[ViewField] = []
    names: list[Text] = []
    for row in rows_of(table, ("field",), ("value",), problems):
        for name in names_in(row.get("field"), "name of a field", problems):
            if not _NAME.fullmatch(name.text):
                problems.add(name.span, f"`{name.text}` is no name of a field", "letters, digits, `_` and `-`")
                continue
            names.append(name)
            value = (
                _field_named(name, view, blueprint, problems)
                if not row.get("value").text
                else expression_of(row.get("value"), scope, problems)
            )
            if value is not None:
                seen = shown(value, blueprint, lambda one: address_of(one, blueprint))
                found.append(ViewField(name=name.text, span=name.span, value=seen))
    refuse_doubles(names, "field", problems)
    return tuple({one.name: one for one in found}.values())


def _field_named(name: Text, view: View, blueprint: Blueprint, problems: Problems) -> Expression | None:
    """The entity's field that a row without a value shows."""
    entity = blueprint.entity(view.of)
    types = dict(made_fields(entity)) | {one.name: one.type for one in entity.fields}
    type = types.get(snake(name.text))
    if type is None:
        hint = did_you_mean(name.text, types)
        problems.add(name.span, f"`{view.of}` has no field `{name.text}`, so its value has to be told", hint)
    elif is_hidden(type):
        problems.add(name.span, f"`{name.text}` is never shown", "leave it out")
    else:
        return Name(type=type, span=name.span, name=snake(name.text), source="field")
    return None


def _default_fields(view: View, blueprint: Blueprint) -> tuple[ViewField, ...]:
    entity = blueprint.entity(view.of)
    fields = [(one.name, one.type, one.span) for one in entity.fields if not is_hidden(one.type)]
    if entity.address == "id":
        fields.insert(0, ("id", UuidType(), entity.span))
    return tuple(
        ViewField(name=name, span=span, value=_field_shown(name, type, span, blueprint)) for name, type, span in fields
    )


def _field_shown(name: str, type: Type, span: Span, blueprint: Blueprint) -> Expression:
    field = Name(type=type, span=span, name=name, source="field")
    return shown(field, blueprint, lambda one: address_of(one, blueprint))


def _bases_of(sections: Mapping[str, Section], blueprint: Blueprint, problems: Problems) -> dict[str, str]:
    views = blueprint.index.views
    bases: dict[str, str] = {}
    for name, section in sections.items():
        view = views.get(name)
        if view is None:
            continue
        for bullet in bullets_of(section, "a view", _BULLETS, problems)["extends"]:
            base = views.get(bullet.value.text)
            if base is None:
                hint = did_you_mean(bullet.value.text, views)
                problems.add(bullet.value.span, f"there is no view `{bullet.value.text}`", hint)
            elif base.of != view.of:
                problems.add(bullet.value.span, f"`{base.name}` is a view of `{base.of}`, and this one of `{view.of}`")
            elif name in _chain(base.name, bases):
                problems.add(bullet.value.span, f"`{name}` would extend itself")
            else:
                bases[name] = base.name
    return bases


def _chain(name: str, bases: Mapping[str, str]) -> list[str]:
    """The view, the one that it extends, and so on."""
    chain = [name]
    while chain[-1] in bases:
        chain.append(bases[chain[-1]])
    return chain


def _extended(name: str, own: Mapping[str, tuple[ViewField, ...]], bases: Mapping[str, str]) -> tuple[ViewField, ...]:
    fields: dict[str, ViewField] = {}
    for one in reversed(_chain(name, bases)):
        fields |= {field.name: field for field in own[one]}
    return tuple(fields.values())


def _refuse_cycles(views: list[View], problems: Problems) -> None:
    nested = {view.name: [one for field in view.fields for one in _views_in(field)] for view in views}
    for view in views:
        for field in view.fields:
            if any(_reaches(one, view.name, nested) for one in _views_in(field)):
                problems.add(field.value.span, f"`{view.name}` would show itself, without an end")


def _views_in(field: ViewField) -> list[str]:
    return [
        one.type.name for one in nodes_in(field.value) if isinstance(one, Construct) and isinstance(one.type, ViewType)
    ]


def _reaches(start: str, goal: str, nested: Mapping[str, list[str]]) -> bool:
    seen, ahead = set[str](), [start]
    while ahead:
        name = ahead.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            ahead.extend(nested.get(name, ()))
    return False
