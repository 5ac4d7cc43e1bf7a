"""Views that speak of doors and versions: links, and what changes with each change."""

from typing import Any

from _whole import messages

from krepis_spec import read_text
from krepis_spec.types import EntityType, IntType, TextType

NOTE = "# Notes\n\n## Entity Note\n\n| field | type |\n|---|---|\n| text | text |\n\n"
SHOW = "\n\n## Query show note\n\n- door: `GET /notes/{note}`\n\n```krepis\nreturn note\n```\n"


def view(row):
    return f"\n\n## View NoteView of Note\n\n| field | value |\n|---|---|\n{row}"


def value(source) -> Any:
    return read_text("notes.md", source).view("NoteView").fields[0].value


def test_a_view_links_to_a_door():
    link = value(NOTE + view("| url | `link(show_note, note)` |") + SHOW)
    assert (link.function, link.arguments[0].value) == ("link", "show_note")
    assert [one.type for one in link.arguments] == [TextType(), EntityType("Note")]


def test_a_view_links_to_what_comes_with_accounts():
    accounts = "\n\n## Service\n\n| setting | value |\n|---|---|\n| auth | email and password |"
    assert value(NOTE + accounts + view("| me | `link(current_user)` |")).arguments[0].value == "current_user"


def test_a_link_needs_a_door():
    run = "\n\n## Command count notes\n\n- every: day at 03:00\n\n```krepis\nrequire(1 == 1, 'x')\n```\n"
    assert messages(NOTE + view("| url | `link(count_notes)` |") + run) == [
        "`link` begins with an operation that has a door"
    ]


def test_a_link_names_what_the_path_names():
    source = NOTE + view("| url | `link(show_note)` |") + SHOW
    assert messages(source) == ["the path of `show_note` names `note`"]


def test_the_version_of_what_is_versioned_is_a_number():
    assert value(f"{NOTE}- versioned" + view("| before | `version - 1` |")).type == IntType()


def test_only_what_is_versioned_has_a_version():
    assert messages(NOTE + view("| version | |")) == ["`Note` has no field `version`, so its value has to be told"]


def test_a_block_reads_the_version_of_what_is_versioned():
    query = SHOW.replace("return note", "return note.version")
    assert read_text("notes.md", f"{NOTE}- versioned{query}").operation("show_note").answer.type == IntType()


def test_no_block_sets_a_version():
    door = (
        "\n\n## Command change note\n\n- door: `POST /notes/{note}`\n\n```krepis\nnote.version = 3\nreturn note\n```\n"
    )
    assert len(messages(f"{NOTE}- versioned{door}")) == 1
