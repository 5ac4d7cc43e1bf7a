"""What a person reads about mistakes in a block."""

from pathlib import Path

import pytest
from _bookshop import problems_of
from _wrong_blocks import WRONG

from krepis_spec.blocks.scope import Mode
from terminal import compare

SNAPSHOTS = Path(__file__).parent / "snapshots"


def _page(mode: Mode, text: str) -> str:
    shown = text if len(text) < 100 else f"{text[:60]}... ({len(text)} characters)"
    return f"{mode}:\n    " + shown.replace("\n", "\n    ") + "\n" + "\n".join(problems_of(text, mode))


def test_every_mistake_has_its_place_and_a_way_out():
    compare(SNAPSHOTS / "blocks_wrong.txt", "\n\n".join(_page(mode, text) for mode, text in WRONG) + "\n")


@pytest.mark.parametrize(("mode", "text"), WRONG)
def test_no_mistake_passes(mode, text):
    assert problems_of(text, mode)


def test_a_mistake_behind_wide_letters_counts_characters():
    assert problems_of('x = "é日本𝄞" + bok')[0].startswith("1:14-17 ")


def test_a_mistake_in_an_f_string_has_its_own_place():
    assert problems_of('x = f"é {bok}"')[0].startswith("1:10-13 ")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('x = f"""\n  {bok}"""', "2:4-7"),
        ('x = ("é"\n    f"{bok}")', "2:8-11"),
        ('x = f"{1}" f"{bok}"', "1:15-18"),
        ('x = f"{now} {bok.title.lower()}"', "1:14-17"),
    ],
)
def test_a_mistake_in_any_f_string_has_its_place(text, place):
    assert [one.split()[0] for one in problems_of(text)] == [place]


def test_one_mistake_is_told_once():
    assert len(problems_of("x = bok.price + 1\ny = x * 2\nreturn y.title.lower()")) == 1


def test_all_mistakes_of_a_block_are_told_at_once():
    assert len(problems_of("x = bok\ny = boook\nbook.stok = 1")) == 3


@pytest.mark.parametrize(
    "text", ["", "\n", "# later", "x = 1\0", "x = '\ud800'", "\r", "x" * 50_001, "\ufeffx", "\t", "(" * 5000]
)
def test_what_is_no_text_of_a_block_is_refused(text):
    assert len(problems_of(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "return " + "[" * 120 + "]" * 120,
        "return " + "not " * 5000 + "gift",
        "return 1" + "+1" * 5000,
        "return book" + ".a" * 5000,
        "if gift:\n  x = 1\n" + "elif gift:\n  x = 1\n" * 500,
        "return " + "1 if gift else " * 500 + "2",
    ],
)
def test_what_nests_too_deep_is_refused(text):
    assert "100 levels are allowed" in " ".join(problems_of(text)) or "nested parentheses" in " ".join(
        problems_of(text)
    )


def test_chains_inside_of_chains_are_read_once():
    assert problems_of("return " + "(1 < " * 40 + "1" + " < 2)" * 40)
