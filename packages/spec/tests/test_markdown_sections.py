"""Headings, prose and blocks."""

from pathlib import Path

import pytest
from _markdown import messages, read, section, source_at

from krepis_spec.document import Span
from krepis_spec.markdown import document_of
from krepis_spec.problems import Problems

BOOKSHOP = Path(__file__).resolve().parents[3] / "examples" / "bookshop.md"


def test_the_title_names_the_service():
    document = read("# Book shop\n\nSells books.\n")
    assert (document.name.text, source_at(document, document.name.span)) == ("Book shop", "Book shop")


def test_the_prose_below_the_title_is_the_purpose():
    assert read("# Shop\n\nOne.\nTwo.\n\n- Three: four\n\n## Seed\n").purpose == "One.\nTwo.\n\n- Three: four"


def test_the_bookshop_has_its_sections_in_order():
    kinds = [found.kind for found in read(BOOKSHOP.read_text(encoding="utf-8")).sections]
    assert kinds == (
        "service entity value entity access command command command query query event port when scenario always load"
    ).split(" ")


def test_a_heading_says_kind_and_name_whatever_the_case():
    found = section("", "##  COMMAND   place   order ##")
    assert (found.kind, found.name and found.name.text) == ("command", "place order")


def test_a_view_says_of_which_entity_it_is():
    found = section("", "## View Line of sight of Order")
    assert (found.name and found.name.text, found.of and found.of.text) == ("Line of sight", "Order")


def test_the_names_of_a_view_have_their_places():
    document = read("# Shop\n\n## View `Short` of Order\n")
    (found,) = document.sections
    assert [source_at(document, name.span) for name in (found.name, found.of) if name] == ["Short", "Order"]


def test_an_underlined_heading_is_a_heading():
    document = read("Shop\n====\n\nEntity\nBook\n---\n\nText.\n")
    assert [(found.name and found.name.text, found.prose) for found in document.sections] == [("Book", "Text.")]


def test_a_section_spans_its_heading_and_all_below():
    document = read("# Shop\n\n## Seed\n\nText.\n\n\n## Load\n")
    assert [found.span for found in document.sections] == [Span(3, 1, 5, 6), Span(8, 1, 8, 8)]


@pytest.mark.parametrize("word", ["Overview", "Background", "Notes", "Entities", "Security", "Reporting"])
def test_a_section_of_prose_alone_is_for_people(word):
    assert read(f"# Shop\n\n## {word}\n\nText. [Link](x.md)\n\n- Bullet.\n").sections == ()


def test_a_small_heading_is_prose_of_its_section():
    assert section("### Why\n\nBecause.").prose == "### Why\n\nBecause."


def test_the_address_of_a_link_is_prose():
    assert section("See [this][1].\n\n[1]: https://example.org").prose.endswith("[1]: https://example.org")


def test_a_comment_is_no_prose():
    assert section("One.\n\n<!-- two:\n\n| three |\n-->\n\nFour.").prose == "One.\n\nFour."


def test_a_quotation_is_prose_whatever_is_in_it():
    assert section("> ## Entity Other\n> | a | b |").prose == "> ## Entity Other\n> | a | b |"


def test_front_matter_is_left_out():
    document = read("---\ntitle: Shop\n\ntags: [a]\n---\n\n# Shop\n\nText.\n")
    assert (document.name.text, document.name.span.line, document.purpose) == ("Shop", 7, "Text.")


def test_a_rule_above_the_title_is_no_front_matter():
    assert read("---\n# Shop\n---\n").name.text == "Shop"


def test_a_block_knows_where_its_lines_are():
    (block,) = section("```krepis\na = 1\n\nreturn a\n```", "## Query one").blocks
    assert (block.language, block.text, block.span) == ("krepis", "a = 1\n\nreturn a", Span(6, 1, 8, 9))


def test_an_indented_block_is_moved_to_the_margin():
    (block,) = section("  ~~~ krepis one\n  if a:\n      b\n  ~~~", "## Query one").blocks
    assert (block.text, block.span.line, block.span.column) == ("if a:\n    b", 6, 3)


def test_a_block_below_a_bullet_belongs_to_the_section():
    found = section("- door: GET /x\n\n  ```krepis\n  return x\n  ```", "## Query one")
    assert ([block.text for block in found.blocks], found.prose) == (["return x"], "")


def test_another_block_below_a_bullet_is_prose():
    assert section("- door: x\n\n  ```json\n  {}\n  ```").prose == "```json\n{}\n```"


def test_an_empty_block_has_a_place():
    (block,) = section("```jinja\n```", "## Query one").blocks
    assert (block.text, block.span) == ("", Span(6, 1, 6, 1))


def test_a_block_in_another_language_is_prose():
    found = section("```python\nx\n```\n\n```\ny\n```")
    assert (found.blocks, found.prose) == ((), "```python\nx\n```\n\n```\ny\n```")


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_all_line_ends_are_line_ends(end):
    source = BOOKSHOP.read_text(encoding="utf-8")
    assert read(source.replace("\n", end)) == read(source)


def test_a_wrong_heading_with_structure_is_read_as_what_was_meant():
    assert messages("# Shop\n\n## Entitty Book\n\n| a | b |\n|---|---|\n\n## Entity Other\n") == [
        "`Entitty` begins no section"
    ]


def test_a_wrong_heading_near_a_kind_is_read_as_what_was_meant():
    problems = Problems()
    (found,) = document_of("shop.md", "# Shop\n\n## Entitty Book\n\nText.\n", problems).sections
    assert (found.kind, found.name and found.name.text, found.prose) == ("entity", "Book", "Text.")


def test_what_has_no_title_has_an_empty_name():
    assert messages("## Seed\n") == ["the spec has no title"]
