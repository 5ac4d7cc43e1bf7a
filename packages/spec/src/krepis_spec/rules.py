"""The rules of a field: `unique, default 0, >= 0`. Which there are, for what, and which contradict each other."""

from __future__ import annotations

import re
from types import MappingProxyType

import msgspec
from msgspec import Struct

from krepis_spec.blueprint import Field
from krepis_spec.document import Text
from krepis_spec.limits import limited, noun
from krepis_spec.pieces import piece, split
from krepis_spec.problems import Problems, did_you_mean
from krepis_spec.types import (
    AnyType,
    ChoiceType,
    DatetimeType,
    DateType,
    DecimalType,
    EntityType,
    FileType,
    IntType,
    ListType,
    OptionalType,
    PropertiesType,
    SecretType,
    SetType,
    TextType,
    TokenType,
    Type,
    UuidType,
)


class _Rule(Struct, frozen=True):
    """A rule that is a flag of `Field`. `types` are those it may stand with, where not any."""

    changes: MappingProxyType[str, bool | str]
    types: tuple[type, ...] = ()
    suits: str = ""
    of_values: bool = False
    """Whether a field of a `Value` may have it."""


_KEYS = (TextType, IntType, DecimalType, DateType, DatetimeType, UuidType, ChoiceType, EntityType)
_INSTANTS = (DatetimeType, DateType)
_REFERENCE = "a reference to an entity"


def _rule(suits: str = "", types: tuple[type, ...] = (), *, of_values: bool = False, **changes: bool | str) -> _Rule:
    return _Rule(MappingProxyType(changes), types, suits, of_values)


_RULES: MappingProxyType[str, _Rule] = MappingProxyType(
    {
        "unique": _rule("text, numbers, dates, choices, UUIDs and references", _KEYS, unique=True),
        "immutable": _rule(immutable=True),
        "server": _rule(of_values=True, server=True),
        "sequence": _rule("`int`", (IntType,), sequence=True),
        "now": _rule("`datetime` and `date`", _INSTANTS, now=True),
        "now on change": _rule("`datetime` and `date`", _INSTANTS, now_on_change=True),
        "empty is none": _rule("text", (TextType,), of_values=True, empty_is_none=True),
        "searchable": _rule(
            "text, lists and sets of text, and `properties`",
            (TextType, PropertiesType, ListType, SetType),
            searchable=True,
        ),
        "follows changes": _rule("text", (TextType,), follows_changes=True),
        "deleted with it": _rule(_REFERENCE, (EntityType,), on_delete="delete"),
        "kept without it": _rule(_REFERENCE, (EntityType,), of_values=True, on_delete="keep"),
        "forbids it": _rule(_REFERENCE, (EntityType,), of_values=True, on_delete="forbid"),
    }
)
_EXAMPLES = ("default 0", ">= 0", "1..100", r"matches \d{13}", "from title")

WORDS = frozenset({*_RULES, "default", "matches", "from"})
"""The words that rules begin with."""

_CONTRADICTIONS = (
    ("now", "now on change", "both set it"),
    ("now on change", "immutable", "it can't change and never change"),
    ("follows changes", "immutable", "it can't change and never change"),
    ("now", "default", "both set it"),
    ("now on change", "default", "both set it"),
    ("sequence", "default", "both set it"),
    ("from", "default", "both set it"),
    ("unique", "default", "the second one would have the same value"),
    ("deleted with it", "kept without it", "one of them happens"),
    ("deleted with it", "forbids it", "one of them happens"),
    ("kept without it", "forbids it", "one of them happens"),
)
_WITHOUT_DEFAULT = (SecretType, TokenType, FileType, EntityType)


def rules_in(cell: Text) -> tuple[Text, ...]:
    r"""The rules that commas separate; one in quotes, backticks or brackets does not (`matches [a,b]{1,3}`)."""
    return split(cell)


def default_in(cell: Text) -> Text | None:
    """What stands behind `default`, if it does."""
    return _said(cell, "default")


def source_in(cell: Text) -> Text | None:
    """What stands behind `from`, if it does."""
    return _said(cell, "from")


def ruled(field: Field, cell: Text, problems: Problems, *, of_value: bool = False) -> Field:
    """The field with the rules of that cell, but for its default, which needs all of the blueprint."""
    said: dict[str, Text] = {}
    for rule in rules_in(cell):
        word = _word_of(rule)
        if word in said:
            problems.add(rule.span, f"the rule `{word}` is there twice")
            continue
        if rule.text in ("default", "from"):
            problems.add(rule.span, f"`{word}` needs more", "for example `default 0`, `from title`")
            continue
        changed = _applied(field, word, rule, problems, of_value=of_value)
        if changed is not None:
            field = changed
        elif word in WORDS:
            said[word] = rule
    if isinstance(_bare(field.type), AnyType):
        return _flagged(field, said)
    return _checked(field, said, problems, of_value=of_value)


def _applied(field: Field, word: str, rule: Text, problems: Problems, *, of_value: bool) -> Field | None:
    """The field with a limit in its type, or as it was after a problem; `None` where the rule is one of `WORDS`."""
    if word in _RULES or word in ("default", "from"):
        return None
    type = limited(field.type, rule, problems)
    if type is None:
        _refuse(rule, problems)
        return field
    return msgspec.structs.replace(field, type=type)


def _refuse(rule: Text, problems: Problems) -> None:
    if not rule.text:
        problems.add(rule.span, "a rule is missing beside a comma")
        return
    hint = did_you_mean(rule.text, _RULES)
    if rule.text.casefold() in ("required", "not null", "mandatory"):
        hint = "every field is required unless its type ends in `?`"
    if rule.text.casefold() in ("optional", "nullable", "may be none"):
        hint = "end the type in `?`: `text?`"
    examples = ", ".join(f"`{one}`" for one in (*_RULES, *_EXAMPLES))
    problems.add(rule.span, f"there is no rule `{rule.text}`", hint or f"rules are {examples}")


def _checked(field: Field, said: dict[str, Text], problems: Problems, *, of_value: bool) -> Field:
    bare = _bare(field.type)
    kept: dict[str, Text] = {}
    for word, rule in said.items():
        reason = _misfit(word, field.type, bare, of_value=of_value)
        if reason is None:
            kept[word] = rule
        else:
            problems.add(rule.span, *reason)
    for one, other, reason in _CONTRADICTIONS:
        if one in kept and other in kept:
            problems.add(kept[other].span, f"`{one}` and `{other}` contradict each other: {reason}")
    if "follows changes" in kept and "from" not in kept:
        problems.add(
            kept["follows changes"].span, "`follows changes` needs `from`", "for example: from title, follows changes"
        )
    return _flagged(field, kept)


def _misfit(word: str, type: Type, bare: Type, *, of_value: bool) -> tuple[str, str | None] | None:
    """Why a field of that type can't have the rule."""
    if word == "default":
        return (f"{noun(bare)} has no default", None) if isinstance(bare, _WITHOUT_DEFAULT) else None
    if word == "from":
        if of_value:
            return ("`from` is a rule of an entity's fields, not of a value's", None)
        return None if isinstance(bare, TextType) else (f"`from` is for text and `slug`, not for {noun(bare)}", None)
    rule = _RULES[word]
    if of_value and not rule.of_values:
        return (f"`{word}` is a rule of an entity's fields, not of a value's", None)
    if isinstance(bare, ListType | SetType) and isinstance(bare.of, EntityType) and "it" in word.split():
        return (f"`{word}` is for one reference; a list or a set only loses the one that goes", None)
    if rule.types and not isinstance(bare, rule.types):
        return (f"`{word}` is for {rule.suits}, not for {noun(bare)}", None)
    if word == "searchable" and isinstance(bare, ListType | SetType) and not isinstance(bare.of, TextType):
        return (f"`{word}` is for {rule.suits}, not for a list of {noun(bare.of)}", None)
    optional = isinstance(type, OptionalType)
    if word in ("kept without it", "empty is none") and not optional:
        return (f"`{word}` needs a field that may be none", "end its type in `?`")
    if word in ("sequence", "now", "now on change") and optional:
        return (f"`{word}` always gives a value, so the type can't end in `?`", None)
    return None


def _flagged(field: Field, rules: dict[str, Text]) -> Field:
    changes: dict[str, bool | str] = {}
    for word, rule in rules.items():
        if word == "from":
            changes["derived_from"] = _behind(rule, "from").text
        elif word in _RULES:
            changes.update(_RULES[word].changes)
    return msgspec.structs.replace(field, **changes)


def _word_of(rule: Text) -> str:
    if rule.text in _RULES:
        return rule.text
    first = re.split(r"\s", rule.text, maxsplit=1)[0]
    return first if first in ("default", "from") else ""


def _said(cell: Text, word: str) -> Text | None:
    return next((_behind(rule, word) for rule in rules_in(cell) if _word_of(rule) == word), None)


def _behind(rule: Text, word: str) -> Text:
    return piece(rule, len(word), len(rule.text))


def _bare(type: Type) -> Type:
    return type.of if isinstance(type, OptionalType) else type
