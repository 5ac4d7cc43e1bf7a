"""The second pass over values and entities: defaults, invariants and conditions, which need the fields of everything."""

from __future__ import annotations

import re

import msgspec

from krepis_spec.blocks import Scope, expression_of
from krepis_spec.blueprint import Blueprint, Entity, Field, Invariant, NoOverlap, Value
from krepis_spec.defaults import default_of
from krepis_spec.document import Bullet, Document, Section
from krepis_spec.entity_bullets import defaults_of, overlap_of
from krepis_spec.fields import rules_of
from krepis_spec.naming import snake
from krepis_spec.pieces import piece, unquoted
from krepis_spec.problems import Problems
from krepis_spec.types import BoolType

_WITH_MESSAGE = re.compile(r"""(?s)(.+?)\s*,\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")


def completed(blueprint: Blueprint, document: Document, problems: Problems) -> Blueprint:
    """The blueprint with the defaults, invariants and conditions of its values and entities."""
    sections = {(one.kind, one.name.text): one for one in reversed(document.sections) if one.name is not None}
    values = [_value(one, sections.get(("value", one.name)), blueprint, problems) for one in blueprint.values]
    entities = [_entity(one, sections.get(("entity", one.name)), blueprint, problems) for one in blueprint.entities]
    return msgspec.structs.replace(blueprint, values=tuple(values), entities=tuple(entities))


def _value(value: Value, section: Section | None, blueprint: Blueprint, problems: Problems) -> Value:
    if section is None:
        return value
    fields = _with_defaults(value.fields, section, blueprint, problems)
    invariants = _invariants(value.name, section, blueprint, problems)
    return msgspec.structs.replace(value, fields=fields, invariants=invariants)


def _entity(entity: Entity, section: Section | None, blueprint: Blueprint, problems: Problems) -> Entity:
    if section is None:
        return entity
    if entity.per_tenant and blueprint.service.tenants is None:
        bullet = next(one for one in section.bullets if (one.key or one.value).text.casefold() == "per tenant")
        problems.add(bullet.span, "`per tenant` needs the setting `tenants`", "`by user`, or `by header X-Tenant`")
    return msgspec.structs.replace(
        entity,
        fields=_with_defaults(entity.fields, section, blueprint, problems),
        invariants=_invariants(entity.name, section, blueprint, problems),
        no_overlap=tuple(_with_condition(one, entity, section, blueprint, problems) for one in entity.no_overlap),
    )


def _with_defaults(
    fields: tuple[Field, ...], section: Section, blueprint: Blueprint, problems: Problems
) -> tuple[Field, ...]:
    defaults = defaults_of(rules_of(section))
    return tuple(
        msgspec.structs.replace(field, default=default_of(defaults[field.name], field.type, blueprint, problems))
        if field.name in defaults
        else field
        for field in fields
    )


def _invariants(name: str, section: Section, blueprint: Blueprint, problems: Problems) -> tuple[Invariant, ...]:
    found: dict[str, Invariant] = {}
    for bullet in section.bullets:
        if bullet.key is None or bullet.key.text.casefold() != "invariant":
            continue
        invariant = _invariant(name, bullet, blueprint, problems)
        if invariant is None:
            continue
        if invariant.code in found:
            problems.add(bullet.value.span, f"two invariants of `{name}` say `{invariant.message}`")
        found.setdefault(invariant.code, invariant)
    return tuple(found.values())


def _invariant(name: str, bullet: Bullet, blueprint: Blueprint, problems: Problems) -> Invariant | None:
    match = _WITH_MESSAGE.fullmatch(bullet.value.text)
    message = None if match is None else unquoted(match[2])
    if match is None or message is None or not snake(message):
        problems.add(
            bullet.value.span,
            "an invariant ends with the sentence that callers read",
            'for example `stock >= 0`, "out of stock"',
        )
        return None
    text = piece(bullet.value, *match.span(1))
    scope = Scope(blueprint=blueprint, mode="invariant", names={}, fields_of=name)
    condition = expression_of(text, scope, problems, BoolType())
    if condition is None:
        return None
    return Invariant(condition=condition, text=text.text, message=message, code=snake(message), span=bullet.span)


def _with_condition(
    overlap: NoOverlap, entity: Entity, section: Section, blueprint: Blueprint, problems: Problems
) -> NoOverlap:
    bullet = next(one for one in section.bullets if one.span == overlap.span)
    cut = overlap_of(bullet, problems)
    if cut is None or cut.where is None:
        return overlap
    scope = Scope(blueprint=blueprint, mode="overlap", names={}, fields_of=entity.name)
    return msgspec.structs.replace(overlap, where=expression_of(cut.where, scope, problems, BoolType()))
