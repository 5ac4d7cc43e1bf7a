"""Long answers: read page after page, each in a unit of work of its own, and sent as NDJSON or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest
from _board import NASTY, ListRows, Note, StartBoard, a_row

from krepis import App, Context, KrepisError, Query, Value
from krepis.errors import WiringError
from krepis.handler import Handler
from krepis.http import Doors
from krepis.http.facts import Facts, StreamedAnswer
from krepis.http.open_streams import StreamBroken
from krepis.part import Part, Run
from krepis.testing import TestService
from krepis.types import Cursor, Page

ANN = {"authorization": "Bearer anns"}


async def pinned(service: TestService, count: int) -> None:
    for number in range(count):
        reply = await service.post("/notes", json={"reader": "ann", "text": f"note {number}"}, headers=ANN)
        assert reply.status == 201


class Asked(Part):
    """Counts how often each message is handled."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def around(self, handler: Handler, proceed: Run) -> Run:
        async def noting(ctx: Context, message: Any, render: Any) -> Any:
            self.messages.append(message)
            return await proceed(ctx, message, render)

        return noting

    @property
    def of_rows(self) -> list[Any]:
        return [message.page for message in self.messages if isinstance(message, ListRows)]


@pytest.mark.parametrize("count", [0, 1, 10, 11, 25])
async def test_all_rows_come_once_and_in_order(start_board: StartBoard, kind: str, count: int) -> None:
    async with start_board(kind) as service:
        await pinned(service, count)
        for path in ("/notes.ndjson", "/offset.ndjson"):
            reply = await service.get(path, headers=ANN)
            assert (reply.status, reply.headers["content-type"]) == (200, "application/x-ndjson")
            numbers = [json.loads(line)["number"] for line in reply.body.splitlines()]
            assert numbers == list(range(1, count + 1)), path


async def test_each_page_is_asked_when_the_one_before_was_taken(start_board: StartBoard) -> None:
    asked = Asked()
    async with (
        start_board(parts=(asked,)) as service,
        aclosing(await opened(service, "/rows.ndjson?count=120")) as rows,
    ):
        assert len(asked.of_rows) == 1
        await anext(rows)
        assert len(asked.of_rows) == 1
        await anext(rows)
        assert asked.of_rows == [Cursor(limit=50), Cursor(limit=50, cursor="50")]


async def test_the_caller_has_no_say_about_pages(start_board: StartBoard) -> None:
    asked = Asked()
    async with start_board(parts=(asked,)) as service:
        reply = await service.get("/rows.ndjson?count=60&limit=1&cursor=59", headers=ANN)
        assert len(reply.body.splitlines()) == 60
        assert [page.limit for page in asked.of_rows] == [50, 50]


async def test_csv_is_read_back_as_it_was(start_board: StartBoard) -> None:
    async with start_board() as service:
        reply = await service.get("/formulas.csv?count=120", headers=ANN)
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(reply.text, newline="")))
    assert [line["text"] for line in lines] == [a_row(number).text for number in range(120)]
    assert lines[1] == {
        "number": "-1", "text": NASTY[1], "price": "-0.25", "at": "2030-01-01T12:00:00Z", "done": "false", "maybe": "",
    }  # fmt: skip
    assert reply.body.startswith(b"number,text,price,at,done,maybe\r\n0,plain,0,2030-01-01T12:00:00Z,true,\r\n")


async def test_text_that_a_spreadsheet_would_run_is_text(start_board: StartBoard) -> None:
    async with start_board() as service:
        reply = await service.get(f"/rows.csv?count={len(NASTY)}", headers=ANN)
    shown = [line["text"] for line in csv.DictReader(io.StringIO(reply.text, newline=""))]
    assert shown == [("'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") and text else text) for text in NASTY]
    assert "\r\n-1," in reply.text, "numbers are numbers"


async def test_no_rows_are_a_header_alone(start_board: StartBoard) -> None:
    async with start_board() as service:
        assert (await service.get("/rows.csv", headers=ANN)).text == "number,text,price,at,done,maybe\r\n"
        assert (await service.get("/rows.ndjson", headers=ANN)).body == b""
        head = await service.request("HEAD", "/rows.csv", headers=ANN)
        assert (head.status, head.body, service.service.streams.downloads) == (200, b"", 0)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/rows.csv?count=1", {}, 401),
        ("/rows.csv?count=1", {"authorization": "Bearer nobodys"}, 401),
        ("/rows.csv?count=one", ANN, 422),
        ("/rows.csv?count=1", ANN | {"accept": "application/json"}, 406),
        ("/rows.csv?count=1&fail_at=0", ANN, 500),
    ],
)
async def test_what_is_refused_is_refused_as_at_any_door(
    start_board: StartBoard, path: str, headers: dict[str, str], status: int
) -> None:
    async with start_board() as service:
        reply = await service.get(path, headers=headers)
        assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json")
        assert service.service.streams.downloads == 0


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/rows.ndjson?count=120&fail_at=100", "a bug in the middle"),
        ("/rows.csv?count=120&stuck=true", "is the cursor that asked for it"),
    ],
)
async def test_a_page_that_fails_breaks_the_answer_and_is_in_the_log(
    start_board: StartBoard, path: str, said: str
) -> None:
    async with start_board() as service:
        with pytest.raises(StreamBroken):
            await service.get(path, headers=ANN)
        assert service.service.streams.downloads == 0
        bugs = [line for line in service.sources.lines if line["event"] == "bug"]
        assert len(bugs) == 1
        assert said in bugs[0]["error"]


async def test_a_caller_whose_token_is_revoked_gets_no_more_pages(start_board: StartBoard) -> None:
    async with (
        start_board(recheck_s=0.000001) as service,
        aclosing(await opened(service, "/rows.ndjson?count=120")) as rows,
    ):
        await anext(rows)
        await service.post("/revoke", json={"token": "anns"}, headers={"authorization": "Bearer sams"})
        with pytest.raises(StreamBroken) as broken:
            await anext(rows)
        assert broken.value.reply.status == 401


async def test_there_are_as_many_at_a_time_as_may_be_and_one_more_is_refused(start_board: StartBoard) -> None:
    async with start_board(downloads_max=2) as service:
        one, two = await opened(service, "/rows.csv?count=1"), await opened(service, "/rows.csv?count=1")
        refused = await service.get("/rows.csv?count=1", headers=ANN)
        assert (refused.status, refused.headers["retry-after"], refused.json["code"]) == (503, "5", "too_many_streams")
        await one.aclose()
        assert (await service.get("/rows.csv?count=1", headers=ANN)).status == 200
        await two.aclose()
        assert service.service.streams.downloads == 0


async def test_no_new_answer_begins_when_the_service_stops(start_board: StartBoard) -> None:
    async with start_board() as service:
        service.service.streams.close()
        assert (await service.get("/rows.csv?count=1", headers=ANN)).json["code"] == "closing"


class Nested(Value):
    note: Note
    names: list[str]


class ListNested(Query[Page[Nested]]):
    page: Cursor = Cursor()


class ListAll(Query[list[Note]]):
    page: Cursor = Cursor()


class ListUnpaged(Query[Page[Note]]):
    pass


async def list_nested(ctx: Context, query: ListNested) -> Page[Nested]:
    return Page(items=[])


async def list_all(ctx: Context, query: ListAll) -> list[Note]:
    return []


async def list_unpaged(ctx: Context, query: ListUnpaged) -> Page[Note]:
    return Page(items=[])


@pytest.mark.parametrize(
    ("message", "kind", "said"),
    [
        (ListNested, "csv", "has no form for `note` of `Nested`"),
        (ListAll, "csv", "streams rows, but its message answers with `list"),
        (ListUnpaged, "ndjson", "`ListUnpaged` does not ask for pages"),
    ],
)
def test_what_can_not_be_rows_stops_the_start(message: Any, kind: Any, said: str) -> None:
    doors = Doors()
    doors.get("/rows", message, stream=kind)
    handlers: Sequence[Any] = (list_nested, list_all, list_unpaged)
    with pytest.raises(WiringError, match=said):
        App("rows", handlers=handlers, doors=doors).check()


def test_an_unknown_form_is_refused_where_it_is_written() -> None:
    options: Any = {"stream": "xml"}
    with pytest.raises(KrepisError, match="stream='xml'"):
        Doors().get("/rows", ListNested, **options)


async def opened(service: TestService, path: str) -> Any:
    """The pieces of an answer, not yet taken."""
    place, _, asked = path.partition("?")
    door, params = service.service.doors.match("GET", place)
    sent = {name.encode(): value.encode() for name, value in ANN.items()}
    reply = await door.start(Facts("GET", place, params, asked.encode(), sent, b"", 0.0))
    assert isinstance(reply, StreamedAnswer)
    return reply.chunks
