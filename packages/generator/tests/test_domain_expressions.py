"""Expressions of the language, as Python: each gives what the language says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from domain_kit import id_of, loaded, modules_of

from krepis_spec import expressions, read_text
from krepis_spec.expressions import Expression
from krepis_spec.showing import nodes_in

SPEC = """\
# Sums

Sums.

## Value Pair

| field | type | rules |
|---|---|---|
| left, right | int | |

## Entity Thing

| field | type | rules |
|---|---|---|
| name | text(1..40) | unique |
| count | int | |
| other | Thing? | |

## Command sum up

- door: `POST /sums`

| input | type | rules |
|---|---|---|
| n, m | int | |
| price | money(EUR) | |
| share | decimal(4) | |
| text | text | |
| word | text? | |
| flag | bool | |
| day | date | |
| at | datetime | |
| numbers | list of int | |
| names | list of text | |
| pairs | list of {a: int, b: text} | |
| choice | one of red, green | |
| maybe | int? | may be absent |
| thing | Thing | |

```krepis
%s
```
"""

NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)

GIVEN: dict[str, Any] = {
    "n": 7,
    "m": -2,
    "price": Decimal("9.99"),
    "share": Decimal("0.2500"),
    "text": "Crème Brûlée",
    "word": None,
    "flag": True,
    "day": date(2026, 1, 31),
    "at": datetime(2026, 1, 31, 23, 30, tzinfo=UTC),
    "numbers": [3, 1, 2, 3],
    "names": ["b", "a", "B"],
    "choice": "green",
    "maybe": 4,
    "now": NOW,
}

CASES = (
    ("n + m * 2 - 1", 2),
    ("(n + m) * 2", 10),
    ("n - (m - 1)", 10),
    ("-(n + 1)", -8),
    ("n ** 2 % 5", 4),
    ("m // 3", -1),
    ("n / 2", Decimal("3.500000000000")),
    ("price * 3 + 0.01", Decimal("29.98")),
    ("round(price * share, 2)", Decimal("2.50")),
    ("round(share * 10)", 2),
    ("abs(m) + int(2.7)", 4),
    ("0 < n <= 7 and not flag", False),
    ("not (flag and n > 9)", True),
    ("flag or n / 0 > 1", True),
    ("'odd' if n % 2 == 1 else 'even'", "odd"),
    ("(1 if flag else 2) + 1", 2),
    ("word is None", True),
    ("word is not None and len(word) > 3", False),
    ("len(word) if word is not None else -1", -1),
    ("maybe is absent", False),
    ("choice == 'red'", False),
    ("choice in ['red', 'green']", True),
    ("'ME' in text", False),
    ("n not in numbers", True),
    ("f'{n} of {m}: {text}'", "7 of -2: Crème Brûlée"),
    ("f'{{{n}}} \"{text.upper()}\" it''s'", '{7} "CRÈME BRÛLÉE" its'),
    ("f'{price:.1f}'", "10.0"),
    ("'\\\\' + text[0]", "\\C"),
    ("numbers[0] + numbers[-1]", 6),
    ("len(numbers)", 4),
    ("sum(numbers)", 9),
    ("sum(x * 2 for x in numbers if x > 1)", 16),
    ("sum(price * x for x in numbers)", Decimal("89.91")),
    ("sum(price for x in numbers if x > 9)", Decimal(0)),
    ("min(numbers)", 1),
    ("max(numbers, default=0)", 3),
    ("max(n, m, 9)", 9),
    ("min((x for x in numbers if x > 9))", None),
    ("any(x > 2 for x in numbers)", True),
    ("all(x > 2 for x in numbers)", False),
    ("count(x for x in numbers if x == 3)", 2),
    ("average(numbers)", Decimal("2.250000000000")),
    ("average([x for x in numbers if x > 9])", None),
    ("sorted(numbers)", (1, 2, 3, 3)),
    ("sorted(names, key=lambda s: (s.lower(), s), reverse=True)", ("b", "B", "a")),
    ("reversed(numbers)", (3, 2, 1, 3)),
    ("top(names, 2, key=lambda s: s)", ("b", "a")),
    ("take(numbers, 2)", (3, 1)),
    ("skip(numbers, 2)", (2, 3)),
    ("first(numbers)", 3),
    ("last([x for x in numbers if x > 9])", None),
    ("distinct(numbers)", (3, 1, 2)),
    ("len(set(numbers))", 3),
    ("len({1, 1, n})", 2),
    ("list(range(3))", (0, 1, 2)),
    ("[i * 10 + x for i, x in enumerate(numbers)]", (3, 11, 22, 33)),
    ("[f'{x}{s}' for x, s in zip(numbers, names)]", ("3b", "1a", "2B")),
    ("[x + y for x in [1, 2] for y in [10, 20]]", (11, 21, 12, 22)),
    ("str(price)", "9.99"),
    ("str(at)", "2026-01-31T23:30:00+00:00"),
    ("text.lower().strip()", "crème brûlée"),
    ("text.startswith('Cr') and text.endswith('e')", True),
    ("contains(text, 'Brû')", True),
    ("text.replace('è', 'e')", "Creme Brûlée"),
    ("'a, b'.split(', ')", ("a", "b")),
    ("'-'.join(names)", "b-a-B"),
    ("truncate(text, 5)", "Crème"),
    ("slugify(text)", "creme-brulee"),
    ("matches(text, '[A-Z].*')", True),
    ("matches(text, '[A-Z]')", False),
    ("day + days(1)", date(2026, 2, 1)),
    ("at - hours(1) < at", True),
    ("at - now > weeks(1)", False),
    ("now - at > minutes(5) + seconds(1)", True),
    ("day - date(at)", timedelta()),
    ("date(at, 'Europe/Berlin')", date(2026, 2, 1)),
    ("hour(at, 'Europe/Berlin') * 100 + minute(at)", 30),
    ("year(at) * 100 + month(at)", 202601),
    ("weekday(at)", 5),
    ("add_months(day, 1)", date(2026, 2, 28)),
    ("year(add_months(at, -2))", 2025),
    ("start_of_day(day, 'Europe/Berlin')", datetime(2026, 1, 30, 23, tzinfo=UTC)),
    ("period(at, at + days(1)).end - at", timedelta(days=1)),
    ("at in period(at, at + days(1))", True),
    ("overlaps(period(at, at + days(1)), period(at + days(1), at + days(2)))", False),
    ("Pair(left=n, right=m).right", -2),
    ("[Pair(left=x, right=1).left for x in numbers]", (3, 1, 2, 3)),
    ("[p.b for p in pairs if p.a > 1]", ("two",)),
    ("thing.name + str(thing.count)", "lamp2"),
    ("thing.other is None or thing.other.count > 4", True),
    ("thing.other is not None and thing.other == thing", False),
)
"""Expression and value; a list comes back as a tuple."""


@pytest.mark.parametrize(("written", "value"), CASES)
def test_an_expression_gives_what_it_says(written: str, value: Any) -> None:
    assert _value_of(written) == value


def test_every_kind_of_expression_is_among_them() -> None:
    found = {type(node) for written, _ in CASES for node in nodes_in(_body(written)) if isinstance(node, Expression)}

    assert found >= set(Expression.__args__) - {expressions.Action, expressions.Record}


def test_groups_are_in_the_order_of_their_keys() -> None:
    block = "groups = group(numbers, key=lambda x: x % 2)\nreturn [f'{g.key}: {len(g.items)}' for g in groups]"

    assert _result(block) == ("0: 1", "1: 3")


def test_a_record_has_a_class_of_its_own() -> None:
    shown = _result("return {'twice': n * 2, 'words': names}")

    assert (type(shown).__name__, shown.twice, shown.words) == ("SumUpAnswer", 14, ("b", "a", "B"))


def _body(written: str) -> Any:
    return read_text("sums.md", SPEC % f"value = {written}\nreturn value").operation("sum_up").body


def _value_of(written: str) -> Any:
    value = _result(f"value = {written}\nreturn [value]")[0]
    return tuple(value) if isinstance(value, list) else value


def _result(block: str) -> Any:
    blueprint = read_text("sums.md", SPEC % block)
    with loaded(blueprint, modules_of(blueprint)) as modules:
        module = modules["domain.sum_up"]
        thing = modules["domain.thing"].Thing
        lamp = thing(id=id_of(1), name="lamp", count=2, other=id_of(2))
        lamps = {id_of(1): lamp, id_of(2): thing(id=id_of(2), name="desk", count=5)}
        pairs = [module.PairGiven(a=1, b="one"), module.PairGiven(a=2, b="two")] if hasattr(module, "PairGiven") else []
        given = {**GIVEN, "pairs": pairs, "thing": id_of(1), "things": lamps, "other": lamps[id_of(2)]}
        code = module.decide.__code__
        names = code.co_varnames[: code.co_kwonlyargcount]
        if module.decide.__annotations__.get("thing") is thing:
            given["thing"] = lamp
        return module.decide(**{name: given[name] for name in names})
