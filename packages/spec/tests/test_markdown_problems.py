"""What looks like structure and is none is a problem, as a person reads it: `snapshots/markdown/`."""

from pathlib import Path

import pytest
from _markdown import messages, read, refused

from terminal import compare

SNAPSHOTS = Path(__file__).parent / "snapshots" / "markdown"

# name -> a spec that is wrong in one way
WRONG = (
    ("no_title", "Shop\n\n## Seed\n"),
    ("nothing", ""),
    ("empty_title", "#\n\nText.\n"),
    ("two_titles", "# Shop\n\n## Seed\n\n# Other\n\nText.\n"),
    ("title_below_a_section", "## Seed\n\n# Shop\n"),
    ("section_as_title", "# Shop\n\n# Entity Book\n\n| field | type |\n|---|---|\n"),
    ("unknown_section", "# Shop\n\n## Entitty Book\n\nText.\n"),
    ("unknown_section_with_a_table", "# Shop\n\n## Things\n\n| a |\n|---|\n"),
    ("unknown_section_with_a_block", "# Shop\n\n## Cleanup\n\n```krepis\nreturn 1\n```\n"),
    ("unknown_section_with_a_bullet", "# Shop\n\n## Quarry books\n\n- door: GET /books\n"),
    ("kind_with_a_colon", "# Shop\n\n## Scenario: one\n"),
    ("empty_heading", "# Shop\n\n##\n"),
    ("name_is_missing", "# Shop\n\n## Command\n"),
    ("name_is_too_much", "# Shop\n\n## Service Shop\n"),
    ("view_of_nothing", "# Shop\n\n## View Short\n\n## View Long of\n\n## View of Order\n"),
    ("section_twice", "# Shop\n\n## Access\n\n## Access\n"),
    ("heading_without_space", "# Shop\n\n##Entity Book\n"),
    ("bullet_without_space", "# Shop\n\n## Query one\n\n-door: GET /x\n"),
    ("bullet_with_a_bold_key", "# Shop\n\n## Query one\n\n- **door**: GET /x\n- `answers`: text\n- **every:** day\n"),
    ("bullet_in_a_bullet", "# Shop\n\n## Query one\n\n- door: GET /x\n  - answers: text\n"),
    ("table_without_delimiters", "# Shop\n\n## Entity Book\n\n| field | type |\n| isbn | text |\n"),
    ("table_with_short_delimiters", "# Shop\n\n## Entity Book\n\n| field | type |\n|---|\n| isbn | text |\n"),
    ("table_below_a_bullet", "# Shop\n\n## Query one\n\n- door: GET /x\n| input | type |\n|---|---|\n"),
    ("table_in_a_list", "# Shop\n\n## Query one\n\n1. See:\n\n   | input | type |\n   |---|---|\n"),
    ("table_that_is_indented", "# Shop\n\n## Query one\n\n    | input | type |\n    |---|---|\n"),
    ("table_underlined", "# Shop\n\n## Entity Book\n\n| field | type |\n---\n"),
    ("table_without_a_section", "# Shop\n\n| field | type |\n|---|---|\n"),
    ("row_too_short", "# Shop\n\n## Entity Book\n\n| field | type | rules |\n|---|---|---|\n| isbn | text |\n"),
    ("row_too_long", "# Shop\n\n## Entity Book\n\n| field | type |\n|---|---|\n| isbn | text | unique |\n"),
    ("row_with_a_pipe", "# Shop\n\n## Access\n\n| who | when |\n|---|---|\n| user | `a | b` |\n"),
    ("row_that_is_none", "# Shop\n\n## Entity Book\n\n| field |\n|---|\n| isbn |\nText.\n"),
    ("block_not_closed", "# Shop\n\n## Query one\n\n```krepis\nreturn 1\n\n## Seed\n"),
    ("block_not_closed_at_the_end", "# Shop\n\n## Query one\n\n```krepis"),
    ("block_in_an_unknown_language", "# Shop\n\n## Query one\n\n```kreps\nreturn 1\n```\n"),
    ("block_without_a_section", "# Shop\n\n```krepis\nreturn 1\n```\n"),
    ("comment_not_closed", "# Shop\n\n<!-- later\n\n## Seed\n"),
    ("comment_not_closed_in_a_list", "# Shop\n\n## Access\n\n- a:\n\n  <!-- later\n\n  b\n"),
    ("table_without_delimiters_but_with_dashes", "# Shop\n\n## Entity Book\n\n| field | type |\n| isbn-13 | text |\n"),
    ("heading_in_a_list", "# Shop\n\n## Access\n\n- ## Seed\n"),
    ("nested_too_deep", "# Shop\n\n- - - - - - - - - - - a\n\n## Seed\n"),
)


@pytest.mark.parametrize(("name", "source"), WRONG, ids=[name for name, _ in WRONG])
def test_what_is_wrong_is_said(name, source):
    SNAPSHOTS.parent.mkdir(exist_ok=True)
    compare(SNAPSHOTS / f"{name}.txt", refused(source))


def test_every_snapshot_is_of_a_test():
    assert sorted(path.stem for path in SNAPSHOTS.iterdir()) == sorted(name for name, _ in WRONG)


def test_all_mistakes_are_found_at_once():
    assert len(messages("\n\n".join(source for _, source in WRONG if "not_closed" not in source))) > 20


@pytest.mark.parametrize(
    "written", ["a - b", "#1 is best", "-5 degrees", "1 | 2", "<b>bold</b>", "-- said: he", "*Note: x*"]
)
def test_prose_that_is_no_structure_passes(written):
    assert read(f"# Shop\n\n## Seed\n\n{written}\n").sections[0].prose == written
