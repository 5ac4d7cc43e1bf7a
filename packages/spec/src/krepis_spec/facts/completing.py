"""What a block leaves unsaid: fields derived from others, numbers of sequences, a name for each thing that it makes."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity, Field
from krepis_spec.document import Span
from krepis_spec.expressions import Expression, Statement
from krepis_spec.facts.model import plain
from krepis_spec.facts.trees import mapped, mapped_value, names_set, numbered, statements
from krepis_spec.naming import snake
from krepis_spec.showing import nodes_in


def completed(body: Sequence[Statement], blueprint: Blueprint, absent: frozenset[str] = frozenset()) -> list[Statement]:
    """The block with what it leaves unsaid: fields derived from others, numbers of sequences, a name for each thing that it makes."""
    taken = {name for statement in statements(body) for name in names_set(statement)}
    taken |= {node.name for node in nodes_in(tuple(body)) if isinstance(node, e.Name)}
    return _named(body, blueprint, taken, absent)


def _named(body: Sequence[Statement], blueprint: Blueprint, taken: set[str], absent: frozenset[str]) -> list[Statement]:
    found: list[Statement] = []
    for statement in body:
        before: list[Statement] = []
        found_here = _with_names(_completed(statement, blueprint, absent), before, taken)
        match found_here:
            case e.For(body=inner):
                found_here = replace(found_here, body=tuple(_named(inner, blueprint, taken, absent)))
            case e.If(body=inner, otherwise=otherwise):
                both = (
                    tuple(_named(inner, blueprint, taken, absent)),
                    tuple(_named(otherwise, blueprint, taken, absent)),
                )
                found_here = replace(found_here, body=both[0], otherwise=both[1])
            case _:
                pass
        found += [*before, found_here]
    return found


def _with_names(statement: Statement, before: list[Statement], taken: set[str]) -> Statement:
    """The statement where a name stands for each thing that it makes inside of an expression; `before` gets what makes it."""

    def change(node: Expression) -> Expression:
        if isinstance(node, e.Conditional | e.Logic | e.Comprehension | e.Lambda):
            return node  # what may happen or not, or often, is no thing that could have a name before
        inner = mapped(node, change)
        if not isinstance(inner, e.Action) or inner.action not in {"create", "put"}:
            return inner
        words = snake(inner.subject)
        name = next(one for one in numbered(words) if one not in taken)
        taken.add(name)
        before.append(e.Let(span=inner.span, names=(name,), value=inner))
        return e.Name(type=inner.type, span=inner.span, name=name, source="local")

    match statement:
        case e.Let(value=e.Action(action="create" | "put") as action):
            return replace(statement, value=mapped(action, change))
        case e.Do(action=e.Action(action="create" | "put") as action):
            return replace(statement, action=mapped(action, change))
        case e.For(source=source):
            return replace(statement, source=change(source))
        case e.If(test=test):
            return replace(statement, test=change(test))
        case _:
            fields = (name for name in statement.__struct_fields__ if name not in {"span", "names"})
            return replace(statement, **{name: mapped_value(getattr(statement, name), change) for name in fields})


def _completed(statement: Statement, blueprint: Blueprint, absent: frozenset[str]) -> Statement:
    def change(node: Expression) -> Expression:
        inner = mapped(node, change)
        if isinstance(inner, e.Action) and inner.action in {"create", "put"}:
            return _created(inner, blueprint)
        if isinstance(inner, e.Action) and inner.action == "update":
            return _updated(inner, blueprint, absent)
        return inner

    match statement:
        case e.For():
            return replace(statement, source=change(statement.source))
        case e.If():
            return replace(statement, test=change(statement.test))
        case _:
            changed = {
                name: mapped_value(getattr(statement, name), change)
                for name in statement.__struct_fields__
                if name not in {"span", "names"}
            }
            return replace(statement, **changed)


def _created(node: e.Action, blueprint: Blueprint) -> e.Action:
    entity = blueprint.entity(node.subject)
    given = {one.name: one.value for one in node.keywords}
    for field in entity.fields:
        if field.name in given:
            continue
        if field.derived_from is not None and field.derived_from in given:
            given[field.name] = _derived(entity, field, given[field.derived_from], None)
        elif field.sequence:
            subject = _text(entity.name, node.span), _text(field.name, node.span)
            given[field.name] = e.Call(type=field.type, span=node.span, function="next_number", arguments=subject)
    return replace(node, keywords=tuple(e.Keyword(name, value) for name, value in given.items()))


def _updated(node: e.Action, blueprint: Blueprint, absent: frozenset[str]) -> e.Action:
    entity = blueprint.entity(node.subject or entity_name(node))
    given = {one.name: one.value for one in node.keywords}
    for field in entity.fields:
        if field.follows_changes and field.derived_from in given and field.name not in given:
            assert node.of is not None
            assert field.derived_from is not None
            value = given[field.derived_from]
            if isinstance(value, e.Name) and value.name in absent:
                source = next(one for one in entity.fields if one.name == field.derived_from)
                kept = e.Attribute(type=source.type, span=value.span, of=node.of, name=source.name)
                test = e.IsAbsent(type=t.BoolType(), span=value.span, of=value)
                value = e.Conditional(type=source.type, span=value.span, test=test, then=kept, otherwise=value)
            given[field.name] = _derived(entity, field, value, node.of)
    return replace(node, keywords=tuple(e.Keyword(name, value) for name, value in given.items()))


def _derived(entity: Entity, field: Field, value: Expression, of: Expression | None) -> Expression:
    """`slugify(title)`, and where it is unique the first of its like that nobody else has."""
    span = value.span
    slug: Expression = e.Call(type=field.type, span=span, function="slugify", arguments=(value,))
    if not field.unique and field.name != entity.address:
        return slug
    one = e.Name(type=t.EntityType(entity.name), span=span, name="other", source="row")
    own = e.Attribute(type=field.type, span=span, of=one, name=field.name)
    alike = e.Call(type=t.BoolType(), span=span, function="startswith", arguments=(own, slug))
    conditions: list[Expression] = [alike]
    if of is not None:
        conditions.append(e.Compare(type=t.BoolType(), span=span, left=one, operator="!=", right=of))
    all_of_them = e.Name(type=t.ListType(t.EntityType(entity.name)), span=span, name=entity.name, source="entity")
    taken = e.Comprehension(
        type=t.ListType(field.type),
        span=span,
        form="list",
        element=own,
        clauses=(e.Clause(("other",), all_of_them, tuple(conditions)),),
    )
    return e.Call(type=field.type, span=span, function="unique_slug", arguments=(slug, taken))


def _text(value: str, span: Span) -> e.Constant:
    return e.Constant(type=t.TextType(), span=span, value=value)


def entity_name(node: e.Action) -> str:
    type = plain(node.of.type) if node.of is not None else None
    return type.name if isinstance(type, t.EntityType) else ""
