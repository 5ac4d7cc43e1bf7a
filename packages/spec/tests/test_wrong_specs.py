"""Wrong specs and what a person reads about them: half of them chosen, half of them drawn from mechanical damage."""

import os
import random
from pathlib import Path

import pytest
from _whole import BOOKSHOP, CONDUIT, changed, damaged, messages, misplaced, refusal
from hypothesis import given
from hypothesis import strategies as st

from terminal import compare

SNAPSHOTS = Path(__file__).parent / "snapshots" / "wrong_specs"
DRAWN_SEED = 20260121
DRAWN_COUNT = 36

# what a change of the bookshop is about, what was there, what is there now
CHOSEN = (
    ("a path that names nothing", "/orders/{order}/cancel", "/orders/{oder}/cancel"),
    ("a method that is none", "`POST /orders -> 201`", "`SEND /orders -> 201`"),
    ("a status of a failure", "`POST /orders -> 201`", "`POST /orders -> 404`"),
    ("a path without its beginning", "`POST /orders -> 201`", "`POST orders -> 201`"),
    ("a field twice in a path", "/books/{book}/stock", "/books/{book}/{book}"),
    ("a door without a path", "`GET /books`", "`GET`"),
    ("a door of two operations", "`GET /books`", "`GET /orders/{order}`"),
    ("a door of what is built in", "`POST /orders -> 201`", "`POST /login -> 201`"),
    ("a query that puts", "`GET /books`", "`PUT /books`"),
    ("a command that gets", "`POST /orders -> 201`", "`GET /orders -> 201`"),
    ("an empty answer with something in it", "stock -> 200", "stock -> 204"),
    ("a bullet that is none", "- answers: page of Book", "- answer: page of Book"),
    ("a bullet twice", "- answers: page of Book", "- answers: page of Book\n- answers: list of Book"),
    ("an answer of nothing known", "- answers: page of Book", "- answers: page of Boook"),
    ("a page without its input", "| page | page(20, 100) |\n", ""),
    ("a page of nothing", "- answers: page of Book", "- answers: list of Book"),
    ("one thing for many", "- answers: page of Book", "- answers: Book"),
    ("another thing", "- door: `GET /orders/{order}`", "- door: `GET /orders/{order}`\n- answers: Book"),
    ("no answer", "book.stock += quantity\nreturn book", "book.stock += quantity\nif quantity > 2:\n    return book"),
    ("an answer of two kinds", "stock += quantity\nreturn book", "stock += 1\nif quantity > 2:\n    return 1\nreturn book"),
    ("a query without an answer", "```krepis\nreturn order\n```\n\n## Query search", "## Query search"),
    ("a command without a word", "```krepis\nbook.stock += quantity\nreturn book\n```", ""),
    ("two blocks", "## Query show order\n", "## Query show order\n\n```krepis\nreturn order\n```\n"),
    ("a template for JSON", "## Query show order\n", "## Query show order\n\n```jinja\n{{ order }}\n```\n"),
    ("HTML without a template", "- answers: page of Book", "- answers: html"),
    ("an input twice", "| max_price | money(EUR)? |", "| max_price, text | money(EUR)? |"),
    ("an input of an unknown type", "| max_price | money(EUR)? |", "| max_price | mony(EUR)? |"),
    ("a record in a query string", "| max_price | money(EUR)? |", "| max_price | {least: int}? |"),
    ("an input like no field", "| quantity | int 1..10000 |", "| quantity | of Book |"),
    ("an input like no entity", "| quantity | int 1..10000 |", "| quantity | of Boook |"),
    ("an input of the server's", "| quantity | int 1..10000 |", "| total | of Order |"),
    ("a rule that is none", "| quantity | int 1..10000 |", "| quantity | int, may be missing |"),
    ("an input with a taken name", "| quantity | int 1..10000 |", "| actor | int 1..10000 |"),
    ("an absent input read", "| quantity | int 1..10000 |", "| quantity | int 1..10000, may be absent |"),
    ("a default and an absence", "| quantity | int 1..10000 |", "| quantity | int, default 3, may be absent |"),
    ("a default of another type", "| quantity | int 1..10000 |", '| quantity | int, default "three" |'),
    ("an envelope of nothing", "- answers: page of Book", "- answers: page of Book\n- input in: search"),
    ("a form that is none", "- door: `POST /orders -> 201`", "- door: `POST /orders -> 201`\n- input as: xml"),
    ("rows that are none", "stock -> 200`", "stock -> 200`\n- input as: csv"),
    ("a name that a module has", "## Query search books", "## Query policy"),
    ("a quota without a number", "stock -> 200`", "stock -> 200`\n- at most: some per day"),
    ("a quota of no period", "stock -> 200`", "stock -> 200`\n- at most: 3 per fortnight per actor"),
    ("a quota per what is not there", "stock -> 200`", "stock -> 200`\n- at most: 3 per day per tenant"),
    ("a header with a space", "stock -> 200`", "stock -> 200`\n- once per: Idempotency Key"),
    ("a schedule that asks", "stock -> 200`", "stock -> 200`\n- every: day at 03:00"),
    ("a schedule in no zone", "- door: `POST /orders -> 201`", "- every: day at 03:00 Europe/Berln"),
    ("a schedule of no form", "- door: `POST /orders -> 201`", "- every: now and then"),
    ("an operation twice", "## Query show order", "## Query cancel order"),
    ("an operation like a thing", "## Query show order", "## Query order"),
    ("an operation without letters", "## Query show order", "## Query 123"),
    ("access to what is not there", "| staff | restock, show order | |", "| staff | restok, show order | |"),
    ("a caller that is none", "| staff | restock, show order | |", "| stuff | restock, show order | |"),
    ("a caller twice", "| staff | restock, show order | |", "| staff, staff | restock, show order | |"),
    ("a condition on what not all have", "| user | place order | |", "| user | place order | `order.total > 3` |"),
    ("a condition that is no question", "`order.customer == actor`", "`order.customer`"),
    ("callers of a service without accounts", "| auth | email and password, bearer token, 7 days |\n", ""),
    ("a reaction to nothing", "## When OrderPlaced", "## When OrderPlace"),
    ("a reaction without a block", "## Port Mail", "## When OrderPlaced\n\n## Port Mail"),
    ("a scenario twice", "## Always", "## Scenario the last copy is sold once\n\n```krepis\nthen(1 == 1)\n```\n\n## Always"),
    ("a reason that is mistyped", 'reason="out of stock")', 'reason="out of stocks")'),
    ("what is always a number", "`all(b.stock >= 0 for b in Book)`", "`sum(b.stock for b in Book)`"),
    ("a promise of nothing", "| place order | 300/s |", "| pace order | 300/s |"),
    ("a rate that is none", "| place order | 300/s |", "| place order | fast |"),
    ("a share of errors that is none", "| 15 ms | 0 |", "| 15 ms | few |"),
    ("a view of nothing", "## Access", "## View Card of Boook\n\n| field | value |\n|---|---|\n| isbn | |\n\n## Access"),
    ("a view without fields", "## Access", "## View Card of Book\n\n## Access"),
    ("a view of unknown fields", "## Access", "## View Card of Book\n\n| field | value |\n|---|---|\n| ispn | |\n\n## Access"),
    ("a view that extends another's", "## Access", "## View Card of Book\n\n- extends: OrderView\n\n## Access"),
    ("a total without a list", "## Access", "## View Card of Book\n\n- total: n\n\n| field |\n|---|\n| isbn |\n\n## Access"),
    ("a view like an entity", "## Access", "## View Line of Book\n\n| field |\n|---|\n| isbn |\n\n## Access"),
    ("a view of a secret", "## Access", "## View Me of User\n\n| field |\n|---|\n| password |\n\n## Access"),
    ("a view that shows itself", "## Access", "## View Me of Order\n\n| field | value |\n|---|---|\n| me | Me(customer) |\n\n## Access"),
    ("an account without a secret", "## Entity Book", "## Entity User\n\n| field | type | rules |\n|---|---|---|\n| email | text | |\n\n## Entity Book"),
)  # fmt: skip


def test_what_is_wrong_is_said_as_it_was_agreed_on():
    shown = [f"=== {title}\n{refusal(changed(BOOKSHOP, old, new))}\n" for title, old, new in CHOSEN]
    compare(SNAPSHOTS / "chosen.txt", "\n".join(shown))


@pytest.mark.parametrize(("old", "new"), [(old, new) for _, old, new in CHOSEN], ids=[title for title, _, _ in CHOSEN])
def test_a_wrong_spec_is_refused(old, new):
    assert messages(changed(BOOKSHOP, old, new)) != []


def test_what_damage_is_answered_with_is_as_it_was_agreed_on():
    compare(SNAPSHOTS / "drawn.txt", "\n".join(_drawn(DRAWN_SEED, DRAWN_COUNT)))


def test_all_mistakes_are_told_at_once():
    both = changed(
        changed(BOOKSHOP, "| staff | restock,", "| stuff | restok,"), "place order | 300/s", "place order | fast"
    )
    assert len(messages(both)) == 3


@pytest.mark.parametrize("number", range(60))
def test_damage_drawn_anew_is_told_at_places_in_the_spec(number):
    seed = f"{os.environ['KREPIS_SEED']}-{number}"
    print(f"{seed=}")
    chance = random.Random(seed)
    assert misplaced(damaged(chance.choice((BOOKSHOP, CONDUIT)), chance)) == []


@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_a_spec_that_is_damaged_in_many_places_is_read(chance, times):
    source = chance.choice((BOOKSHOP, CONDUIT))
    for _ in range(times):
        source = damaged(source, chance)
    assert misplaced(source) == []


@given(st.text())
def test_any_text_is_read_as_a_spec(source):
    assert misplaced(f"# Shop\n\n{source}") == []


def _drawn(seed, count):
    """As many wrong specs, each with the lines that were changed."""
    chance = random.Random(seed)
    found = []
    while len(found) < count:
        source = damaged(BOOKSHOP, chance)
        told = refusal(source)
        if told is not None:
            found.append(f"=== {_difference(source)}\n{told}\n")
    return found


def _difference(source):
    before, after = BOOKSHOP.split("\n"), source.split("\n")
    first = next(at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other)
    return f"line {first + 1}: {before[first]!r} became {after[first]!r}"
