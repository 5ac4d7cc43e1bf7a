"""HTTP doors behave as RFC 9110 says, read every field from its place, and refuse with one documented shape."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import pytest
import pytest_asyncio

from krepis import Command, Context, KrepisError, NotFound, Query, Rejection, Stale, Unavailable, Value
from krepis.app import App
from krepis.http import Doors, Envelope, Errors, Listing, body, cookie, header, path, query
from krepis.testing import TestService, TestSources, start
from krepis.types import Cursor, Offset, Page, between, length, paged


class Book(Value):
    isbn: str
    title: str
    version: int = 1


class NoSuchBook(NotFound):
    message = "there is no book `{isbn}`"


class OutOfStock(Rejection):
    message = "only {left} left"


class ShowBook(Query[Book]):
    isbn: str


class SearchBooks(Query[Page[Book]]):
    text: str = ""
    tags: list[str] = []
    page: Annotated[Offset, paged(2, 5)] = Offset()


class Newest(Query[Page[Book]]):
    page: Annotated[Cursor, paged(3, 9)] = Cursor()


class AddBook(Command[Book]):
    isbn: Annotated[str, length(1, 13)]
    title: Annotated[str, length(1, 20)]


class Revise(Command[Book]):
    isbn: str
    title: str
    version: int


class Order(Command[None]):
    isbn: str
    quantity: Annotated[int, between(1, 9)]


class Echo(Query[dict[str, Any]]):
    id: UUID
    agent: str = ""
    theme: str = "light"
    limit: Annotated[int, between(1, 10)] = 5


class Renamed(Command[str], rename="camel"):
    first_name: str = "nobody"
    last_name: str = ""


class Break(Query[str]):
    how: str


def show_book(ctx: Context, query: ShowBook) -> Book:
    if query.isbn == "none":
        raise NoSuchBook(isbn=query.isbn)
    return Book(isbn=query.isbn, title="Dune")


def search_books(ctx: Context, query: SearchBooks) -> Page[Book]:
    titles = [query.text, *query.tags, f"{query.page.limit}+{query.page.offset}"]
    return Page(items=[Book(isbn=str(n), title=t) for n, t in enumerate(titles)], total=len(titles))


def newest(ctx: Context, query: Newest) -> Page[Book]:
    return Page(items=[Book(isbn=str(query.page.limit), title=query.page.cursor or "first")], next="n2")


def add_book(ctx: Context, command: AddBook) -> Book:
    return Book(isbn=command.isbn, title=command.title)


def revise(ctx: Context, command: Revise) -> Book:
    if command.version != 1:
        raise Stale
    return Book(isbn=command.isbn, title=command.title, version=2)


def order(ctx: Context, command: Order) -> None:
    raise OutOfStock(left=2)


def echo(ctx: Context, query: Echo) -> dict[str, Any]:
    return {"id": query.id, "agent": query.agent, "theme": query.theme, "limit": query.limit}


def renamed(ctx: Context, command: Renamed) -> str:
    return f"{command.first_name} {command.last_name}"


async def break_it(ctx: Context, query: Break) -> str:
    match query.how:
        case "bug":
            raise LookupError("secret detail")
        case "away":
            raise Unavailable
        case "hang":
            await asyncio.sleep(10)
        case _:
            pass
    return "fine"


def declared(**more: Any) -> Doors:
    doors = Doors(**more)
    doors.get("/books/newest", Newest, answer_envelope=Listing("books", total=None, next="more"))
    doors.get("/books/{isbn}", ShowBook, etag=True)
    doors.put("/books/{isbn}", Revise, if_match="version")
    doors.get("/books", SearchBooks)
    doors.post("/books", AddBook, status=201, envelope="book", answer_envelope="book")
    doors.post("/books/{isbn}/orders", Order)
    doors.get(
        "/echo/{id}", Echo, sources={"agent": header("User-Agent"), "theme": cookie("theme"), "limit": query("max")}
    )
    doors.post("/renamed/{last_name}", Renamed, sources={"first_name": query("firstName")})
    doors.post("/renamed", Renamed)
    doors.get("/break/{how}", Break, media_type="text/plain", timeout=0.05)
    return doors


HANDLERS = (show_book, search_books, newest, add_book, revise, order, echo, renamed, break_it)


def an_app(**more: Any) -> App:
    return App("books", handlers=HANDLERS, doors=declared(**more))


@pytest_asyncio.fixture
async def service() -> AsyncIterator[TestService]:
    async with start(an_app()) as started:
        yield started


async def test_a_field_named_in_the_path_comes_from_there(service: TestService) -> None:
    reply = await service.get("/books/123")
    assert (reply.status, reply.json) == (200, {"isbn": "123", "title": "Dune", "version": 1})
    assert reply.headers["content-type"] == "application/json"


async def test_a_literal_segment_wins_over_a_parameter(service: TestService) -> None:
    reply = await service.get("/books/newest?cursor=abc&limit=4")
    assert reply.json == {"books": [{"isbn": "4", "title": "abc", "version": 1}], "more": "n2"}


async def test_a_page_has_its_default_and_its_maximum(service: TestService) -> None:
    assert (await service.get("/books")).json["items"][-1]["title"] == "2+0"
    assert (await service.get("/books?limit=5&offset=10")).json["items"][-1]["title"] == "5+10"
    assert (await service.get("/books?limit=6")).status == 422


async def test_a_list_takes_every_occurrence_of_its_key(service: TestService) -> None:
    reply = await service.get("/books?tags=a&tags=b")
    assert [item["title"] for item in reply.json["items"]] == ["", "a", "b", "2+0"]


async def test_a_single_field_that_is_repeated_is_refused(service: TestService) -> None:
    reply = await service.get("/books?text=a&text=b")
    assert reply.status == 422
    assert reply.json["errors"] == [
        {"in": "query", "path": "/text", "code": "repeated", "message": "is given more than once"}
    ]


async def test_percent_encoding_is_undone_segment_by_segment(service: TestService) -> None:
    assert (await service.get("/books/a%2Fb%20%C3%A9")).json["isbn"] == "a/b é"
    assert (await service.get("/books?text=a%26b+c")).json["items"][0]["title"] == "a&b c"


async def test_text_that_is_not_utf_8_is_malformed(service: TestService) -> None:
    assert (await service.get("/books/%FF")).status == 400
    assert (await service.get("/books?text=%FF")).status == 400


async def test_headers_cookies_and_renamed_query_keys_are_sources(service: TestService) -> None:
    own = "00000000-0000-0000-0000-000000000001"
    reply = await service.get(f"/echo/{own}?max=7", headers={"User-Agent": "x", "Cookie": "a=b; theme=dark"})
    assert reply.json == {"id": own, "agent": "x", "theme": "dark", "limit": 7}


async def test_fields_are_read_under_the_names_that_callers_see(service: TestService) -> None:
    assert (await service.post("/renamed/hopper?firstName=grace")).json == "grace hopper"
    assert (await service.post("/renamed", json={"firstName": "grace"})).json == "grace "


async def test_no_body_is_an_empty_one_where_every_field_has_a_default(service: TestService) -> None:
    assert (await service.post("/renamed")).json == "nobody "
    reply = await service.post("/books")
    assert (reply.status, reply.json["errors"][0]["path"]) == (422, "/book")


async def test_every_failing_field_is_named_by_its_place(service: TestService) -> None:
    reply = await service.get("/echo/nobody?max=99")
    assert reply.status == 422
    assert [(error["in"], error["path"]) for error in reply.json["errors"]] == [("path", "/id"), ("query", "/max")]


async def test_path_and_body_make_one_message_and_fail_together(service: TestService) -> None:
    reply = await service.post("/books/1/orders", json={"quantity": 3})
    assert (reply.status, reply.json["code"], reply.json["detail"]) == (409, "out_of_stock", "only 2 left")
    assert reply.json["facts"] == {"left": 2}
    assert (await service.post("/books/1/orders", json={"quantity": 10})).json["errors"][0]["path"] == "/quantity"


async def test_envelopes_wrap_input_and_answer(service: TestService) -> None:
    reply = await service.post("/books", json={"book": {"isbn": "1", "title": "Dune"}})
    assert (reply.status, reply.json) == (201, {"book": {"isbn": "1", "title": "Dune", "version": 1}})
    reply = await service.post("/books", json={"isbn": "1", "title": "Dune"})
    assert {error["path"] for error in reply.json["errors"]} >= {"/book", "/isbn", "/title"}


async def test_head_answers_as_get_without_the_body(service: TestService) -> None:
    got, asked = await service.get("/books/1"), await service.request("HEAD", "/books/1")
    assert (asked.status, asked.body) == (200, b"")
    assert asked.headers == got.headers


async def test_options_names_the_methods_of_a_path(service: TestService) -> None:
    reply = await service.request("OPTIONS", "/books/1")
    assert (reply.status, reply.headers["allow"]) == (204, "GET, HEAD, OPTIONS, PUT")


async def test_a_method_without_a_door_is_405_with_allow(service: TestService) -> None:
    reply = await service.request("DELETE", "/books/1")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, OPTIONS, PUT")
    assert reply.json["code"] == "method_not_allowed"


async def test_a_path_without_a_door_is_404(service: TestService) -> None:
    for place in ("/nothing", "/books/1/2/3", "/", "/books//orders"):
        assert (await service.get(place)).status == 404


async def test_a_trailing_slash_leads_to_the_path_without_it(service: TestService) -> None:
    reply = await service.get("/books/1/?text=a")
    assert (reply.status, reply.headers["location"]) == (308, "/books/1?text=a")
    assert (await service.get("//elsewhere.example/")).status == 404


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]
)
async def test_a_body_of_another_type_is_415(service: TestService, media_type: str) -> None:
    reply = await service.post("/books", body=b"{}", headers={"Content-Type": media_type})
    assert (reply.status, reply.json["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "media_type", ["application/json", "Application/JSON; charset=UTF-8", "application/merge-patch+json"]
)
async def test_json_is_read_under_all_its_names(service: TestService, media_type: str) -> None:
    content = b'{"book":{"isbn":"1","title":"Dune"}}'
    assert (await service.post("/books", body=content, headers={"Content-Type": media_type})).status == 201


async def test_a_body_without_a_type_is_415(service: TestService) -> None:
    assert (await service.post("/books", body=b"{}")).status == 415


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("text/html, application/*;q=0.5", 200),
        ("*/*;q=0.1", 200),
        ("text/html", 406),
        ("application/json;q=0, */*", 406),
        ("application/json;q=zero", 406),
    ],
)
async def test_accept_decides_between_200_and_406(service: TestService, accept: str, status: int) -> None:
    assert (await service.get("/books/1", headers={"Accept": accept})).status == status


async def test_an_unchanged_answer_is_304(service: TestService) -> None:
    tag = (await service.get("/books/1")).headers["etag"]
    again = await service.get("/books/1", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert (await service.get("/books/2", headers={"If-None-Match": tag})).status == 200


async def test_if_match_on_a_read_is_412_when_it_has_changed(service: TestService) -> None:
    assert (await service.get("/books/1", headers={"If-Match": '"other"'})).status == 412
    assert (await service.get("/books/1", headers={"If-Match": "*"})).status == 200


async def test_a_versioned_change_needs_the_version_that_was_seen(service: TestService) -> None:
    change = {"title": "Dune"}
    assert (await service.put("/books/1", json=change)).status == 428
    for other in ('"7"', 'W/"1"', "*", '"1", "2"'):
        assert (await service.put("/books/1", json=change, headers={"If-Match": other})).status == 412
    assert (await service.put("/books/1", json=change, headers={"If-Match": '"1"'})).json["version"] == 2


async def test_a_rejection_has_its_status_code_and_trace(service: TestService) -> None:
    reply = await service.get("/books/none")
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json
    assert (problem["status"], problem["title"], problem["code"]) == (404, "Not Found", "no_such_book")
    assert problem["detail"] == "there is no book `none`"
    assert service.sources.lines[-1]["trace"] == problem["trace"]


async def test_a_bug_shows_its_trace_id_and_nothing_else(service: TestService) -> None:
    reply = await service.get("/break/bug")
    assert (reply.status, reply.json["code"]) == (500, "internal_error")
    assert "secret" not in reply.text
    line = service.sources.lines[-1]
    assert (line["event"], line["trace"]) == ("bug", reply.json["trace"])
    assert "secret detail" in str(line["traceback"])


async def test_what_is_away_says_when_to_come_back(service: TestService) -> None:
    reply = await service.get("/break/away")
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")


async def test_a_hanging_handler_is_504_at_the_doors_deadline(service: TestService) -> None:
    reply = await service.get("/break/hang")
    assert (reply.status, reply.json["code"]) == (504, "deadline_passed")


async def test_a_caller_may_ask_for_less_time(service: TestService) -> None:
    reply = await service.get("/break/hang", headers={"Request-Timeout": "0.001"})
    assert reply.status == 504


async def test_text_answers_have_their_type(service: TestService) -> None:
    reply = await service.get("/break/not")
    assert (reply.text, reply.headers["content-type"]) == ("fine", "text/plain; charset=utf-8")


async def test_the_same_requests_give_the_same_bytes() -> None:
    async def bytes_of() -> list[bytes]:
        async with start(an_app(), TestSources(seed=5)) as service:
            return [(await service.get("/books/none")).body, (await service.get("/break/bug")).body]

    assert await bytes_of() == await bytes_of()


async def test_errors_can_have_the_shape_that_a_service_wants() -> None:
    shape = Errors(
        template={"errors": "$fields", "status": "$status", "note": "fixed"},
        media_type="application/json",
        statuses={"out_of_stock": 422},
    )
    async with start(an_app(errors=shape)) as service:
        reply = await service.post("/books/1/orders", json={"quantity": 3})
        assert (reply.status, reply.json) == (
            422,
            {"errors": {"body": ["only 2 left"]}, "status": 422, "note": "fixed"},
        )
        reply = await service.get("/books?limit=x")
        assert list(reply.json["errors"]) == ["limit"]


async def test_doors_stand_under_their_base_path() -> None:
    async with start(an_app(base_path="/api/v1")) as service:
        assert (await service.get("/api/v1/books/1")).status == 200
        assert (await service.get("/books/1")).status == 404


async def test_a_body_over_the_limit_is_413(service: TestService) -> None:
    reply = await service.post("/books", body=b" " * 1_048_577, headers={"Content-Type": "application/json"})
    assert reply.status == 413


def test_a_door_that_names_an_unknown_field_is_refused() -> None:
    doors = Doors()
    doors.get("/books/{nothing}", SearchBooks)
    doors.post("/books", AddBook, sources={"colour": body("colour"), "isbn": path("isbn")})
    doors.get("/newest", ShowBook, answer_envelope=Listing("books"))
    doors.get("/book", ShowBook, etag="revision", answer_envelope=Envelope("book"))
    with pytest.raises(Exception, match="can't start") as refusal:
        App("books", handlers=HANDLERS, doors=doors).check()
    said = str(refusal.value)
    assert "`{nothing}` in its path, which is no field of `SearchBooks`" in said
    assert "names `colour`, which is no field of `AddBook`" in said
    assert "has a `Listing`, but its message answers with `Book`" in said
    assert "takes its ETag from `revision`" in said


async def test_a_deadline_that_passed_before_the_start_is_504() -> None:
    sources = TestSources()
    async with start(an_app(), sources) as service:
        sources.advance(timedelta(seconds=5))
        assert (await service.get("/break/not", headers={"Request-Timeout": "0"})).status in {200, 504}


@pytest.mark.parametrize("pattern", ["books", "/books/", "/books/x{isbn}", "/books/{isbn", "//books", ""])
def test_a_path_that_no_request_could_have_is_refused_where_it_is_written(pattern: str) -> None:
    with pytest.raises(KrepisError, match="is not of the form"):
        Doors().get(pattern, ShowBook)


def test_an_option_that_no_door_has_is_refused_with_the_nearest() -> None:
    with pytest.raises(KrepisError, match="did you mean `status`"):
        Doors().get("/books/{isbn}", ShowBook, stauts=3)  # type: ignore[call-arg]


def test_a_door_to_a_function_is_refused() -> None:
    with pytest.raises(KrepisError, match="`show_book`, which is no message"):
        Doors().get("/books/{isbn}", show_book)  # type: ignore[arg-type]
