"""What an answer says that is written, its block returns: literals take its types, and things inside of records are shown."""

import pytest
from _whole import messages

SHOP = """# Shop

## Entity Book

| field | type |
|---|---|
| title | text |
| price | money(EUR) |
| parts | list of Part |

## Value Part

| field | type |
|---|---|
| name | text |

## Query ask

- door: `GET /ask`
- answers: {answers}

```krepis
return {returned}
```
"""


def said(answers, returned):
    return messages(SHOP.replace("{answers}", answers).replace("{returned}", returned))


@pytest.mark.parametrize(
    ("answers", "returned"),
    [
        ("one of a, b", '"a"'),
        ("money(EUR)", "9.99"),
        ("{day: date, kind: one of a, b}", '{"day": "2026-01-31", "kind": "b"}'),
        ("list of {price: money(EUR)}", '[{"price": 0}]'),
    ],
)
def test_a_literal_takes_the_type_of_the_answer(answers, returned):
    assert said(answers, returned) == []


@pytest.mark.parametrize(
    ("answers", "returned"),
    [
        ("{count: int, books: list of Book}", '{"count": 1, "books": [b for b in Book]}'),
        ("{book: Book?}", '{"book": first(list(Book))}'),
        ("list of {parts: list of Part}", '[{"parts": b.parts} for b in Book]'),
        ("list of Part", "[p for b in Book for p in b.parts]"),
    ],
)
def test_things_inside_of_an_answer_are_shown(answers, returned):
    assert said(answers, returned) == []


def test_what_does_not_fit_is_told_where_it_stands():
    assert said("{count: int, kind: one of a, b}", '{"count": "1", "kind": "c"}') == [
        "`count` is int; this is text",
        '`"c"` is not one of a, b',
    ]


def test_a_zone_that_there_is_not_is_told():
    assert said("int", 'hour(now, "Berlin")') == ["`Berlin` is no time zone"]
