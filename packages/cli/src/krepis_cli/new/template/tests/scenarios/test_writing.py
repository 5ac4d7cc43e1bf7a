"""Notes are written and read through the doors."""

import pytest


async def test_a_note_that_was_written_can_be_read(service):
    written = await service.post("/notes", json={"text": "milk, bread"})
    assert written.status == 201
    shown = await service.get(f"/notes/{written.json['id']}")
    assert (shown.status, shown.json) == (200, written.json)


async def test_a_note_has_the_time_of_its_command(service):
    written = await service.post("/notes", json={"text": "milk, bread"})
    assert written.json["written_at"] == "2030-01-01T12:00:00Z"


async def test_a_note_that_nobody_wrote_is_not_found(service):
    shown = await service.get("/notes/00000000-0000-0000-0000-000000000001")
    assert (shown.status, shown.json["code"]) == (404, "no_such_note")


@pytest.mark.parametrize(("note", "code"), [({}, "invalid"), ({"text": ""}, "invalid"), ({"text": " "}, "blank_note")])
async def test_a_note_without_words_is_refused(service, note, code):
    refused = await service.post("/notes", json=note)
    assert (refused.status, refused.json["code"]) == (422, code)
