"""Tables and bullets."""

import pytest
from _markdown import messages, read, section, source_at


def cells(table):
    return [[cell.text for cell in row.cells] for row in table.rows]


def test_a_table_has_its_cells_without_space_and_backticks():
    (table,) = section("| a | b |\n|---|---|\n|  `x y` | |\n| `p` and `q` | ``a`b`` |").tables
    assert cells(table) == [["x y", ""], ["`p` and `q`", "a`b"]]


def test_a_table_needs_no_pipes_at_its_ends():
    (table,) = section("a | b\n:-- | --:\nc | d").tables
    assert cells(table) == [["c", "d"]]


def test_an_escaped_pipe_is_part_of_its_cell():
    (table,) = section("| a | b |\n|---|---|\n| `x \\| y` | z |").tables
    assert cells(table) == [["x | y", "z"]]


def test_a_cell_has_its_place():
    document = read("# Shop\n\n## Entity Book\n\n  | a | 漢字 |\n  |---|---|\n  | 漢 |  `b c`  |\n")
    ((_, cell),) = [row.cells for row in document.sections[0].tables[0].rows]
    assert source_at(document, cell.span) == "b c"


def test_a_section_may_have_several_tables():
    found = section("| a |\n|---|\n\n| b |\n|---|\n| c |")
    assert [(table.header[0].text, cells(table)) for table in found.tables] == [("a", []), ("b", [["c"]])]


def test_a_row_of_wrong_length_is_a_problem_and_is_read_as_far_as_it_goes():
    assert messages("# Shop\n\n## Entity Book\n\n| a | b |\n|---|---|\n| 1 |\n| 1 | 2 | 3 |\n") == [
        "this row has 1 cell, and the table has 2 columns",
        "this row has 3 cells, and the table has 2 columns",
    ]


def bullets(below, heading="## Entity Book"):
    return [(one.key and one.key.text, one.value.text) for one in section(below, heading).bullets]


@pytest.mark.parametrize(
    ("written", "key", "value"),
    [
        ("- addressed by: isbn", "addressed by", "isbn"),
        ("* door: `POST /orders -> 201`", "door", "POST /orders -> 201"),
        ('+ invariant: `stock >= 0`, "out of stock"', "invariant", '`stock >= 0`, "out of stock"'),
        ("-   at   most:3 per month", "at most", "3 per month"),
        ("- every: day at 03:00\n  Europe/Berlin", "every", "day at 03:00 Europe/Berlin"),
        ("- status:\n  `a -> b,\n  b -> c`", "status", "a -> b, b -> c"),
        ("- unique:", "unique", ""),
        ("- payment_status: open -> paid", "payment_status", "open -> paid"),
        ("-\n  door: x", "door", "x"),
        ("- versioned", None, "versioned"),
        ("- per tenant", None, "per tenant"),
    ],
)
def test_a_bullet_has_a_key_and_a_value(written, key, value):
    assert bullets(written) == [(key, value)]


@pytest.mark.parametrize(
    "written",
    ["- This one is for people.", "- see https://example.org", "- `a: b`", "- 1: one", "- at 10:30", "1. door: x"],
)
def test_other_bullets_are_prose(written):
    assert (bullets(written), section(written).prose) == ([], written)


def test_prose_bullets_stay_together():
    assert section("- One, two, three.\n- door: x\n- Four, five, six.\n- Seven to nine.\n").prose == (
        "- One, two, three.\n- Four, five, six.\n- Seven to nine."
    )


def test_a_bullet_of_always_is_all_value():
    assert bullets("- `all(b for b in Book)`\n- note: x", "## Always") == [
        (None, "all(b for b in Book)"),
        (None, "note: x"),
    ]


def test_key_and_value_have_their_places():
    document = read("# Shop\n\n## Query one\n\n-  once  per:   ` x `\n")
    (bullet,) = document.sections[0].bullets
    places = [one.span for one in (bullet.key, bullet.value) if one]
    assert [source_at(document, span) for span in places] == ["once  per", "x"]


def test_a_value_over_several_lines_spans_them():
    (bullet,) = section("- unique: a,\n  b").bullets
    at = bullet.value.span
    assert (at.line, at.column, at.end_line, at.end_column) == (5, 11, 6, 4)


def test_what_stands_below_a_bullet_is_prose():
    assert section("- door: x\n\n  Because.").prose == "Because."
