"""Hypothesis strategies of types, as code: what callers may send, in a narrow range, so that calls meet each other."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from krepis_generator.proofs import values
from krepis_generator.python.printer import plain
from krepis_generator.quoting import pattern_literal, text_literal
from krepis_generator.source import Module
from krepis_spec import types as t
from krepis_spec.types import Type

WIDTH = 4
"""How far numbers are drawn from the least one."""

ITEMS_MAX = 3

_LETTERS = 'st.text("ab é%_", min_size={low}, max_size={high})'


class NoStrategy(Exception):
    """There is none for that type."""


def strategy(type: Type, bundles: Mapping[str, str], module: Module) -> str:  # noqa: C901 - one branch a type
    """The code. Entities are drawn from `bundles`: by their names, the strategies of their addresses."""
    match type:
        case t.OptionalType(of=of):
            return f"st.none() | {strategy(of, bundles, module)}"
        case t.TextType(form="email" | "url" | "slug" as form):
            examples = ", ".join(text_literal(values.text(t.TextType(form=form), one)) for one in ("one", "other"))
            return f"st.sampled_from(({examples}))"
        case t.TextType(pattern=str() as pattern):
            return f"st.from_regex({pattern_literal(pattern)}, fullmatch=True)"
        case t.TextType(min=low, max=high):
            return _LETTERS.format(low=low, high=min(low + WIDTH, high if high is not None else low + WIDTH))
        case t.IntType(min=low, max=high):
            first = low if low is not None else min(0, high or 0)
            return f"st.integers({first}, {min(first + WIDTH, high if high is not None else first + WIDTH)})"
        case t.DecimalType():
            return _amounts(type)
        case t.BoolType():
            return "st.booleans()"
        case t.ChoiceType(choices=choices):
            return f"st.sampled_from(({', '.join(map(text_literal, choices))},))"
        case t.DateType():
            module.use("krepis.testing.sources", "START")
            module.use("datetime", "timedelta")
            return f"st.integers(0, {WIDTH}).map(lambda days: (START + timedelta(days=days)).date().isoformat())"
        case t.DatetimeType():
            return f"st.integers(0, {WIDTH}).map(hours_later)"
        case t.PeriodType():
            return (
                "st.tuples(st.integers(1, 4), st.integers(1, 2)).map("
                'lambda hours: {"start": hours_later(hours[0]), "end": hours_later(sum(hours))})'
            )
        case t.SecretType():
            return "st.just(PASSWORD)"
        case t.ListType(of=of, min=low, max=high) | t.SetType(of=of, min=low, max=high):
            most = max(low, min(ITEMS_MAX, high if high is not None else ITEMS_MAX))
            least = f"min_size={low}, " if low else ""
            return f"st.lists({strategy(plain(of), bundles, module)}, {least}max_size={most})"
        case t.RecordType(fields=fields):
            inner = (f"{text_literal(one.name)}: {strategy(one.type, bundles, module)}" for one in fields)
            return f"st.fixed_dictionaries({{{', '.join(inner)}}})"
        case t.EntityType(name=name) if name in bundles:
            return bundles[name]
        case t.PropertiesType() | t.JsonType():
            return "st.just({})"
        case _:
            raise NoStrategy(type)


def _amounts(type: t.DecimalType) -> str:
    low, high = values.ends(type)
    least = low if low is not None else Decimal(0)
    most = least + 20 if high is None else min(least + 20, high)
    return f'st.decimals("{least}", "{most}", places={type.places}).map(str)'
