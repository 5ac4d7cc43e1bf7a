"""Fields, entities, answers and reactions in the words of a plan."""

from __future__ import annotations

from collections.abc import Iterator

from krepis_spec.blueprint import Answer, Entity, Field, Reaction
from krepis_spec.expressions import Action, Collection, Constant, Expression
from krepis_spec.fitting import words
from krepis_spec.showing import nodes_in
from krepis_spec.types import ListType

_FLAGS = (
    ("unique", "unique"),
    ("immutable", "immutable"),
    ("server", "set by the server"),
    ("sequence", "numbered"),
    ("now", "when it was created"),
    ("now_on_change", "when it was changed"),
    ("empty_is_none", "empty is none"),
    ("searchable", "searchable"),
)
_ON_DELETE = (("delete", "deleted with it"), ("keep", "kept without it"), ("forbid", "forbids its deletion"))


def rules_of(field: Field) -> str:
    """What holds for a field besides its type."""
    said = [text for name, text in _FLAGS if getattr(field, name)]
    if field.derived_from is not None:
        said.append(f"from {field.derived_from}" + (", follows changes" if field.follows_changes else ""))
    if field.default is not None:
        said.append(f"default {_value(field.default)}")
    said += [text for name, text in _ON_DELETE if field.on_delete == name]
    return ", ".join(said)


def conditions_of(entity: Entity) -> Iterator[str]:
    """What holds for an entity as a whole."""
    if entity.user:
        yield "signs in"
    if entity.address != "id":
        yield f"addressed by {entity.address}"
    for keys in entity.unique:
        yield f"unique: {', '.join(keys)}"
    for columns in entity.indexes:
        yield f"index: {', '.join(columns)}"
    for steps in entity.transitions:
        yield f"{steps.field}: {', '.join(f'{before} -> {after}' for before, after in steps.allowed)}"
    for one in entity.no_overlap:
        per = f" per {', '.join(one.per)}" if one.per else ""
        yield f"no overlap: {one.field}{per}" + ("" if one.where is None else ", under a condition")
    for invariant in entity.invariants:
        yield f"{invariant.text}, else: {invariant.message}"
    if entity.versioned:
        yield "lost updates are refused"
    if entity.per_tenant:
        yield "per tenant; unique means unique for each"


def answer_words(answer: Answer) -> str:
    """What callers get."""
    if answer.form == "one":
        return answer.view or words(answer.type)
    if answer.form in {"list", "page", "csv"} and isinstance(answer.type, ListType):
        return f"{answer.form} of {answer.view or words(answer.type.of)}"
    return answer.form


def reaction_words(reaction: Reaction) -> str:
    """What a reaction does: the first sentence of its prose, or the actions of its block."""
    if reaction.doc:
        return reaction.doc.split("\n\n")[0].replace("\n", " ")
    actions = [one for one in nodes_in(reaction.body) if isinstance(one, Action)]
    named = [one.subject if one.action == "call" else f"{one.action} {one.subject}".strip() for one in actions]
    return ", ".join(dict.fromkeys(named)) or "nothing"


def _value(given: Expression) -> str:
    match given:
        case Constant(value=None):
            return "none"
        case Constant(value=value):
            return str(value).lower() if isinstance(value, bool) else str(value)
        case Collection(items=()):
            return "none"
        case _:
            return "computed"
