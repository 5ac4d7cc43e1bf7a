"""Which names a project can have, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from krepis.errors import KrepisError
from krepis_cli.new import NAME_CHARACTERS_MAX, check_name, suggested_name
from terminal import compare, in_pipes

SNAPSHOTS = Path(__file__).parent / "snapshots"

WRONG = (
    "",
    "Bookshop",
    "BookShop",
    "book-shop",
    "book shop",
    "2fast",
    "_hidden",
    "end_",
    "two__lines",
    "Bücher",
    "книги",
    "ﬁne",
    "shop\u200b",
    "shop\n",
    "\x1b[2Jshop",
    ".",
    "..",
    "../shop",
    "/tmp/shop",
    "a\\b",
    "class",
    "match",
    "none_" * 9,
    "print",
    "json",
    "tests",
    "run",
    "msgspec",
    "krepis",
)


@pytest.mark.parametrize("name", ["a", "shop", "book_shop", "b2b", "x_1_y", "a" * NAME_CHARACTERS_MAX])
def test_a_plain_name_is_right(name, tmp_path):
    check_name(name, tmp_path / name)


@pytest.mark.parametrize("name", [*WRONG, "a" * (NAME_CHARACTERS_MAX + 1), "\udcff"])
def test_another_is_refused_with_a_name_that_is_right(name, tmp_path):
    with pytest.raises(KrepisError) as refused:
        check_name(name, tmp_path)
    assert refused.value.code == "project_name"
    suggested = refused.value.hint.removeprefix("`krepis new ").removesuffix("`")
    check_name(suggested, tmp_path)


@given(st.text())
@example("class")
@example("json_service")
@example("9" * 500)
@example("a" * 39 + "_b")
def test_whatever_was_typed_what_is_suggested_is_right(text):
    check_name(suggested_name(text, Path("nowhere")), Path("nowhere"))


def test_a_project_that_is_installed_from_its_own_folder_is_no_other_package(tmp_path, monkeypatch):
    package = tmp_path / "shop_of_mine" / "src" / "shop_of_mine"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(package.parent)
    check_name("shop_of_mine", tmp_path / "shop_of_mine")
    with pytest.raises(KrepisError, match="it would hide the package"):
        check_name("shop_of_mine", tmp_path / "elsewhere")


@pytest.mark.slow
def test_what_is_said_of_wrong_names_reads_as_it_should(tmp_path):
    said: list[str] = []
    for name in (*WRONG, "a" * 100, b"\xff"):
        code, out, text = in_pipes("new", "--", name, cwd=tmp_path)
        assert (code, out) == (1, "")
        said.append(text)
    compare(SNAPSHOTS / "wrong-names.txt", "".join(said))
    assert list(tmp_path.iterdir()) == []
