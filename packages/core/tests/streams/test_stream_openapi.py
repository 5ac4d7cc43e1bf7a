"""What the OpenAPI document says of streams."""

from typing import Any

import msgspec
from _board import a_board, metadata

from krepis.http.openapi import openapi_document
from krepis.sql import Database


def document() -> dict[str, Any]:
    _, table = a_board(Database("sqlite://", metadata=metadata)).check()
    return msgspec.json.decode(msgspec.json.encode(openapi_document(table)))


def test_rows_are_text_of_rows() -> None:
    paths = document()["paths"]
    content = paths["/notes.ndjson"]["get"]["responses"]["200"]["content"]
    assert content["application/x-ndjson"]["x-row"] == {"$ref": "#/components/schemas/Note"}
    assert content["application/x-ndjson"]["schema"]["type"] == "string"
    assert paths["/rows.csv"]["get"]["responses"]["200"]["content"]["text/csv"]["x-row"]["$ref"].endswith("Row")
    assert [one["name"] for one in paths["/notes.ndjson"]["get"]["parameters"]] == ["reader"], (
        "pages are not its affair"
    )
    assert [one["name"] for one in paths["/notes"]["get"]["parameters"]] == ["reader", "limit", "cursor"]


def test_event_streams_name_their_events_and_refusals() -> None:
    written = document()
    operation = written["paths"]["/events"]["get"]
    stream = operation["responses"]["200"]["content"]["text/event-stream"]
    assert stream["x-events"] == {"Pinned": {"$ref": "#/components/schemas/Pinned"}}
    assert stream["x-start"]["type"] == "integer"
    assert [one["name"] for one in operation["parameters"]] == ["board", "Last-Event-ID"]
    assert "too_many_streams" in operation["responses"]["503"]["$ref"]
    assert "malformed" in operation["responses"]["400"]["$ref"]


def test_websockets_name_commands_and_events_in_members_of_our_own() -> None:
    written = document()
    live = written["x-websockets"]["/live"]
    assert live["commands"]["pin"]["data"] == {"$ref": "#/components/schemas/Pin"}
    assert live["commands"]["pin"]["answer"] == {"$ref": "#/components/schemas/Note"}
    assert set(live["events"]) == {"Pinned"}
    assert "/live" not in written["paths"]
    assert {"Pin", "Note", "Pinned", "Cleaned"} <= set(written["components"]["schemas"])
