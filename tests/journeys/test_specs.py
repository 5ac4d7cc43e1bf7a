"""The specs of a page: what extends another one, and what their writers read."""

import pytest

from journeys.markdown import Deviation
from journeys.specs import examples_in, refusal

FIELDS = "| field | type |\n|---|---|\n| title | text |\n"
SHOP = f"````spec name=shop\n# Shop\n\n## Entity Book\n\n{FIELDS}\n## Entity Order\n\n{FIELDS}````\n"
WRONG = f"````spec wrong extends=shop\n## Entity Shelf\n\n{FIELDS.replace('text', 'txt')}````\n"
SAID = """```text output
`spec.md` has 1 mistake
spec.md:5:11: there is no type `txt`
    5 | | title | txt |
      |           ^^^
  hint: did you mean `text`?
```
"""


def headings(example):
    return [line for line in example.source.split("\n") if line.startswith("#")]


def test_a_section_stands_in_place_of_that_with_its_heading():
    _, extended = examples_in(f"{SHOP}````spec extends=shop\n## Entity Book\n\n{FIELDS}````\n")
    assert headings(extended) == ["# Shop", "## Entity Book", "## Entity Order"]


def test_another_section_comes_behind_those_that_are_there():
    _, extended = examples_in(f"{SHOP}````spec extends=shop\n## Value Line\n\n{FIELDS}````\n")
    assert headings(extended) == ["# Shop", "## Entity Book", "## Entity Order", "## Value Line"]


def test_what_looks_like_a_heading_in_a_block_is_none():
    block = "## Command x\n\n```krepis\n## Entity Book\ndelete(book)\n```\n"
    _, extended = examples_in(f"{SHOP}````spec extends=shop\n{block}````\n")
    assert "## Entity Book\ndelete(book)" in extended.source


def test_what_extends_can_be_extended():
    document = f"{SHOP}````spec extends=shop name=more\n## Value Line\n\n{FIELDS}````\n"
    *_, last = examples_in(f"{document}````spec extends=more\n## Value Part\n\n{FIELDS}````\n")
    assert headings(last)[-2:] == ["## Value Line", "## Value Part"]


def test_a_right_example_says_nothing():
    (shop,) = examples_in(SHOP)
    assert shop.said is None
    assert refusal(shop) is None


def test_a_mistake_is_told_with_the_line_of_the_block():
    _, wrong = examples_in(SHOP + WRONG + SAID)
    assert refusal(wrong) == wrong.said == SAID.removeprefix("```text output\n").removesuffix("\n```\n")


def test_a_mistake_in_what_is_not_shown_is_no_example():
    broken = SHOP.replace("| title | text |", "| title | txt |")
    *_, right = examples_in(f"{broken}````spec extends=shop\n## Value Line\n\n{FIELDS}````\n")
    with pytest.raises(AssertionError, match="not shown"):
        refusal(right)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (SHOP + WRONG, "stands below it"),
        (SHOP + WRONG + SAID.replace("text output", "text"), "stands below it"),
        (WRONG + SAID, "no spec above is called `shop`"),
        (SHOP.replace("name=shop", "nam=shop"), "`nam` means nothing"),
        (f"{SHOP}````spec extends=shop\nSome prose.\n````\n", "begins with the heading of a section"),
    ],
)
def test_a_block_that_is_no_example_is_a_deviation(document, said):
    with pytest.raises(Deviation, match=said):
        examples_in(document)
