"""`krepis why`: from code to the lines of the spec and back, also after people have edited both."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from krepis_generator import pristine
from terminal import compare, in_pipes

SNAPSHOTS = Path(__file__).parent / "snapshots"

SPEC = """# Shop

Sells things.

## Entity Thing

| field | type | rules |
|---|---|---|
| name | text(1..20) | unique |

- invariant: `name != ""`, "no name"

## Query show thing

- door: `GET /things/{thing}`
"""
THING = '''"""A thing."""

from shop.values import Value


class Thing(Value):
    """Sells."""

    name: str

    def named(self) -> bool:
        return self.name != ""


def checked(thing: Thing) -> Thing:
    return thing
'''
HTTP = '''"""The doors."""

from shop import doors

doors.get("/things/{thing}", "show_thing")
doors.finish()
'''
ORIGINS = {
    "version": 1,
    "spec": "shop.md",
    "files": {
        "src/shop/domain/thing.py": [
            {"name": "", "lines": [1, 16], "spec": [[5, 1, 5, 16]]},
            {"name": "Thing", "lines": [6, 12], "spec": [[5, 1, 9, 33]]},
            {"name": "Thing.named", "lines": [11, 12], "spec": [[11, 1, 11, 39]]},
            {"name": "checked", "lines": [15, 16], "spec": [[11, 1, 11, 39]]},
        ],
        "src/shop/http.py": [{"name": "GET /things/{thing}", "lines": [5, 5], "spec": [[15, 3, 15, 30]]}],
        "src/shop/app.py": [{"name": "app", "lines": [1, 1], "spec": []}],
    },
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project that was built, as far as this verb looks at it."""
    project = tmp_path / "shop"
    built = {
        "shop.md": SPEC,
        "src/shop/domain/thing.py": THING,
        "src/shop/http.py": HTTP,
        "src/shop/app.py": "app = 1\n",
        "README.md": "# Shop\n",
    }
    for path, text in {
        **built,
        "src/shop/own.py": "mine = 1\n",
        "spec.lock/provenance.json": json.dumps(ORIGINS),
        "spec.lock/pristine.json": pristine.to_json({path: text.encode() for path, text in built.items()}).decode(),
    }.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text)
    return project


def why(project: Path, place: str) -> list[tuple[str, list[int], list[list[int]]]]:
    """The places of the answer: name, lines of the code, lines of the spec."""
    code, out, said = in_pipes("why", place, "--json", cwd=project)
    assert code == 0, out + said
    return [(place["name"], place["lines"], place["spec"]) for place in json.loads(out)["places"]]


def refused(project: Path, place: str) -> tuple[int, str]:
    """The exit code, and what is said."""
    code, out, said = in_pipes("why", place, cwd=project)
    assert out == ""
    return code, said


def test_a_line_leads_to_the_innermost_definition_around_it(shop: Path):
    assert why(shop, "src/shop/domain/thing.py:12") == [("Thing.named", [11, 12], [[11, 11]])]
    assert why(shop, "src/shop/domain/thing.py:9") == [("Thing", [6, 12], [[5, 9]])]


def test_a_line_outside_of_definitions_leads_to_what_the_file_comes_from(shop: Path):
    assert why(shop, "src/shop/domain/thing.py:1") == [("", [1, 16], [[5, 5]])]


def test_a_name_leads_to_its_definition(shop: Path):
    assert why(shop, "src/shop/domain/thing.py:Thing.named") == [("Thing.named", [11, 12], [[11, 11]])]
    assert why(shop, "src/shop/domain/thing.py:named") == [("Thing.named", [11, 12], [[11, 11]])]


def test_a_file_alone_shows_all_of_it(shop: Path):
    assert [name for name, _, _ in why(shop, "src/shop/domain/thing.py")] == ["Thing", "Thing.named", "checked"]


def test_a_line_of_the_spec_leads_to_all_that_it_became_the_narrowest_first(shop: Path):
    assert why(shop, "shop.md:11") == [("Thing.named", [11, 12], [[11, 11]]), ("checked", [15, 16], [[11, 11]])]
    assert why(shop, "shop.md:5") == [("Thing", [6, 12], [[5, 9]])]


def test_a_line_that_became_nothing_leads_to_what_its_section_became(shop: Path):
    assert why(shop, "shop.md:13") == [("GET /things/{thing}", [5, 5], [[15, 15]])]
    assert [name for name, _, _ in why(shop, "shop.md:10")] == ["Thing.named", "checked", "Thing"]


def test_what_has_no_name_in_python_is_found_as_well(shop: Path):
    assert why(shop, "shop.md:15") == [("GET /things/{thing}", [5, 5], [[15, 15]])]
    assert why(shop, "src/shop/http.py:5") == [("GET /things/{thing}", [5, 5], [[15, 15]])]


def test_a_definition_that_was_moved_is_found_where_it_is_now(shop: Path):
    file = shop / "src/shop/domain/thing.py"
    file.write_text(THING.replace("class Thing", "# one\n# two\nclass Thing"))
    assert why(shop, "src/shop/domain/thing.py:checked") == [("checked", [17, 18], [[11, 11]])]


def test_a_definition_that_was_taken_away_is_no_answer(shop: Path):
    file = shop / "src/shop/domain/thing.py"
    file.write_text(THING[: THING.index("def checked")])
    assert why(shop, "shop.md:11") == [("Thing.named", [11, 12], [[11, 11]])]
    assert refused(shop, "src/shop/domain/thing.py:checked") == (
        1,
        "krepis: `checked` was built from shop.md:11 and is not in `src/shop/domain/thing.py` any more (no_origin)\n",
    )


def test_a_file_that_is_no_python_any_more_leads_to_what_it_comes_from(shop: Path):
    (shop / "src/shop/domain/thing.py").write_text("class (:\n")
    assert why(shop, "src/shop/domain/thing.py:1") == [("", [1, 1], [[5, 5]])]


def test_it_works_from_any_folder(shop: Path):
    assert why(shop / "src/shop/domain", "thing.py:checked") == [("checked", [15, 16], [[11, 11]])]
    assert why(shop.parent, "shop/src/shop/domain/thing.py:checked") == [("checked", [15, 16], [[11, 11]])]


def test_a_spec_that_has_changed_since_is_said_to_have(shop: Path):
    (shop / "shop.md").write_text(f"\n{SPEC}")
    code, out, said = in_pipes("why", "src/shop/http.py:5", cwd=shop)
    assert (code, out.split("\n")[1]) == (0, "   15 | - door: `GET /things/{thing}`")
    assert said == "krepis: `shop.md` has changed since the project was built; its lines are those of then\n"


def test_a_line_of_a_spec_that_has_changed_is_found_by_what_it_says(shop: Path):
    (shop / "shop.md").write_text(SPEC.replace("Sells things.", "Sells\nthings,\nalways."))
    assert [name for name, _, _ in why(shop, "shop.md:17")] == ["GET /things/{thing}"]
    assert refused(shop, "shop.md:4") == (
        1,
        "krepis: line 4 of `shop.md` was written after the project was built (no_origin)\n",
    )


def test_what_has_no_name_in_python_is_followed_through_an_edit(shop: Path):
    (shop / "src/shop/http.py").write_text(HTTP.replace("from shop", "import os\n\nfrom shop"))
    assert why(shop, "shop.md:15") == [("GET /things/{thing}", [7, 7], [[15, 15]])]


def test_what_people_read(shop: Path):
    pages: list[str] = []
    for place in (
        *("src/shop/domain/thing.py:checked", "src/shop/domain/thing.py:8", "src/shop/domain/thing.py", "shop.md:11"),
        *("shop.md:3", "shop.md:10", "shop.md:99", "shop.md", "shop.md:Thing", "src/shop/domain/thing.py:chekced"),
        *("src/shop/domain/thing.py:nowhere", "src/shop/domain/thing.py:99", "src/shop/domain/thin.py:1"),
        *(
            "src/shop/own.py:1",
            "src/shop/app.py:1",
            "src/shop/app.py",
            "README.md:1",
            ":3",
            "shop.md:",
            "../other.py:1",
        ),
    ):
        code, out, said = in_pipes("why", place, cwd=shop)
        pages.append(f"$ krepis why {place}\n{out}{said}exit code {code}\n")
    compare(SNAPSHOTS / "why.txt", "\n".join(pages).replace(str(shop.parent), "FOLDER"))


def test_a_spec_that_is_gone_is_shown_as_it_was_built(shop: Path):
    (shop / "shop.md").unlink()
    code, out, said = in_pipes("why", "src/shop/http.py:5", cwd=shop)
    assert (code, out.split("\n")[1]) == (0, "   15 | - door: `GET /things/{thing}`")
    assert said == "krepis: `shop.md` is not there any more; its lines are those of the build\n"


@pytest.mark.parametrize("name", ["provenance", "pristine"])
@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 2}', '{"version": 1, "spec": 3}', "\0"])
def test_a_broken_lock_is_an_error_and_no_traceback(text: str, name: str, shop: Path):
    (shop / f"spec.lock/{name}.json").write_text(text)
    code, said = refused(shop, "shop.md:1")
    assert (code, "(provenance)" in said) == (1, True), said


def test_a_place_can_be_anything(shop: Path):
    for place in (
        "\x1b[2J:1",
        "a" * 5000,
        "a" * 900 + "/x:1",
        "a" * 900,
        "shop.md:" + "9" * 5000,
        "shop.md:٣",
        ":",
        "::",
        "src:1",
        os.devnull,
    ):
        code, said = refused(shop, place)
        assert code in (1, 2), said
        assert "(bug)" not in said, said
