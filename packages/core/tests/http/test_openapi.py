"""The OpenAPI document is valid, says everything that a door does, and nothing that it doesn't."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from _stall import declared, stall
from openapi_spec_validator import OpenAPIV31SpecValidator

from krepis.http import Errors
from krepis.http.openapi import openapi_bytes, openapi_document
from krepis.testing import TestService, start

GOOD = {"slug": "fig", "title": "Fig", "price": {"amount": "2.50", "currency": "EUR"}}
TEMPLATE = {
    "error": {"code": "$code", "status": "$status", "fields": "$fields", "about": ["$title", 1]},
    "trace": "$trace",
}


def document(**more: Any) -> dict[str, Any]:
    return openapi_document(stall(**more).check()[1])


def operation(method: str, path: str, **more: Any) -> dict[str, Any]:
    return document(**more)["paths"]["/api" + path][method]


def resolved(whole: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for part in node.get("$ref", "#").split("/")[1:]:
        whole = whole[part]
    return whole if "$ref" in node else node


def parameter(method: str, path: str, name: str) -> dict[str, Any]:
    return next(each for each in operation(method, path)["parameters"] if each["name"] == name)


@pytest_asyncio.fixture
async def service() -> AsyncIterator[TestService]:
    async with start(stall()) as started:
        await started.post("/api/goods", json={"good": GOOD})
        yield started


@pytest.mark.parametrize("errors", [None, Errors(template=TEMPLATE, media_type="application/json")])
def test_the_document_is_valid(errors: Errors | None) -> None:
    OpenAPIV31SpecValidator(document(errors=errors)).validate()


def test_every_door_is_in_it() -> None:
    written = {(method, path) for path, item in document()["paths"].items() for method in item}
    assert written == {(door.method.lower(), door.pattern) for door in declared().declared}


def test_the_same_doors_make_the_same_bytes() -> None:
    assert openapi_bytes(stall().check()[1]) == openapi_bytes(stall().check()[1])


def test_the_document_names_the_service() -> None:
    assert document()["info"] == {"title": "Stall", "version": "1.2.3", "description": "A market stall."}


def test_an_operation_is_named_and_described_by_its_message() -> None:
    found = operation("get", "/goods")
    assert (found["operationId"], found["summary"], found["tags"]) == ("SearchGoods", "Search goods", ["goods"])
    assert found["description"] == "Finds goods by a `text` in their title.\n\nThe newest come last."


def test_a_second_door_of_a_message_has_a_name_of_its_own() -> None:
    app = stall()
    app.doors.get("/wares/{slug}", app.doors.declared[3].message)
    paths = openapi_document(app.check()[1])["paths"]
    assert paths["/api/goods/{slug}"]["get"]["operationId"] == "ShowGood"
    assert paths["/api/wares/{slug}"]["get"]["operationId"] == "ShowGoodGetApiWaresSlug"


def test_every_source_of_strings_is_a_parameter() -> None:
    places = [(each["in"], each["name"]) for each in operation("get", "/goods")["parameters"]]
    assert places == [
        ("query", "text"),
        ("query", "kinds"),
        ("query", "limit"),
        ("query", "offset"),
        ("header", "x-locale"),
        ("cookie", "basket"),
    ]


def test_a_list_is_a_name_that_is_repeated() -> None:
    found = parameter("get", "/goods", "kinds")
    assert (found["style"], found["explode"], found["schema"]["type"]) == ("form", True, "array")


def test_a_page_shows_its_bounds() -> None:
    schema = parameter("get", "/goods", "limit")["schema"]
    assert (schema["minimum"], schema["maximum"], schema["default"]) == (1, 50, 20)


def test_what_stands_in_the_path_is_required() -> None:
    assert parameter("get", "/goods/{slug}", "slug")["required"]


def test_a_field_with_a_default_is_not_required() -> None:
    assert "required" not in parameter("get", "/goods", "text")


def test_an_envelope_is_in_the_body_and_in_the_answer() -> None:
    whole = document()
    found = whole["paths"]["/api/goods"]["post"]
    body = resolved(whole, found["requestBody"]["content"]["application/json"]["schema"])
    sent = resolved(whole, found["responses"]["201"]["content"]["application/json"]["schema"])
    assert list(body["properties"]) == list(sent["properties"]) == ["good"]


def test_a_listing_has_its_own_names() -> None:
    whole = document()
    answer = whole["paths"]["/api/newest"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert list(resolved(whole, answer)["properties"]) == ["goods", "more"]


def test_a_body_without_required_fields_may_be_left_out() -> None:
    assert "required" not in operation("patch", "/goods/{slug}/note")["requestBody"]


def test_an_answer_always_has_its_fields_with_a_default() -> None:
    assert "version" in document()["components"]["schemas"]["GoodView"]["required"]


def test_a_type_that_is_read_and_sent_has_a_schema_for_each() -> None:
    from krepis import Command, Context
    from krepis.app import App
    from krepis.http import Doors
    from krepis.message import Value

    class Note(Value):
        text: str = ""

    class Echo(Command[Note]):
        note: Note

    def echo(ctx: Context, command: Echo) -> Note:
        return command.note

    echo.__annotations__ = {"ctx": Context, "command": Echo, "return": Note}
    Echo.__annotations__ = {"note": Note}
    doors = Doors()
    doors.post("/echo", Echo)
    schemas = openapi_document(App("echo", handlers=[echo], doors=doors).check()[1])["components"]["schemas"]
    assert ("required" in schemas["Note"], schemas["NoteAnswer"]["required"]) == (False, ["text"])


def test_text_is_text() -> None:
    content = operation("get", "/motto")["responses"]["200"]["content"]
    assert content == {"text/plain": {"schema": {"type": "string"}}}


def test_nothing_has_no_content() -> None:
    assert operation("delete", "/goods/{slug}")["responses"]["204"] == {"description": "No Content"}


def test_a_secret_is_only_written() -> None:
    pin = document()["components"]["schemas"]["CloseStall"]["properties"]["pin"]
    assert (pin["format"], pin["writeOnly"], pin["minLength"]) == ("password", True, 4)


def test_money_is_an_exact_text() -> None:
    amount = document()["components"]["schemas"]["Money"]["properties"]["amount"]
    assert (amount["type"], amount["format"]) == ("string", "decimal")


def test_a_version_is_sent_as_if_match() -> None:
    found = parameter("put", "/goods/{slug}", "If-Match")
    assert (found["in"], found["required"]) == ("header", True)
    assert {"412", "428"} <= operation("put", "/goods/{slug}")["responses"].keys()


@pytest.mark.parametrize("path", ["/goods/{slug}", "/goods/{slug}/revision"])
def test_a_versioned_answer_shows_its_etag(path: str) -> None:
    answers = operation("get", path)["responses"]
    assert answers["200"]["headers"].keys() == answers["304"]["headers"].keys() == {"ETag"}


def test_a_declared_rejection_shows_its_code_and_its_sentence() -> None:
    answer = document()["components"]["responses"]["409.slug_taken"]
    assert answer["description"] == "`slug_taken`: Another good has this name already."
    narrowed = answer["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]
    assert narrowed["code"] == {"const": "slug_taken"}


def test_statuses_of_the_service_are_those_of_the_document() -> None:
    answers = operation("post", "/goods", errors=Errors(statuses={"slug_taken": 422}))["responses"]
    assert answers["422"] == {"$ref": "#/components/responses/422.invalid.slug_taken"}


def test_a_template_is_the_shape_of_every_error() -> None:
    whole = document(errors=Errors(template=TEMPLATE, media_type="application/json"))
    schema = whole["components"]["responses"]["403.wrong_pin"]["content"]["application/json"]["schema"]
    assert schema["properties"]["error"]["properties"]["code"] == {"const": "wrong_pin"}
    assert schema["properties"]["error"]["properties"]["about"]["prefixItems"] == [{"const": "Forbidden"}, {"const": 1}]


def test_a_door_that_reads_authorization_has_a_security_scheme() -> None:
    from krepis.http import header

    app = stall()
    motto, echo = app.doors.declared[9], app.doors.declared[0]
    app.doors.declared.remove(echo)
    app.doors.get("/goods", echo.message, sources={"locale": header("Authorization")})
    whole = openapi_document(app.check()[1])
    assert whole["paths"]["/api/goods"]["get"]["security"] == [{}, {"Authorization": []}]
    assert "security" not in whole["paths"][motto.pattern]["get"]


ASKED: list[tuple[str, str, str, dict[str, Any], int]] = [
    # method, pattern, path, what is sent, status
    ("get", "/goods", "/goods?text=Fig", {}, 200),
    ("get", "/goods", "/goods?text=%FF", {}, 400),
    ("get", "/goods", "/goods", {"headers": {"accept": "image/png"}}, 406),
    ("get", "/goods", "/goods?limit=0", {}, 422),
    ("post", "/goods", "/goods", {"json": {"good": {**GOOD, "slug": "pear"}}}, 201),
    ("post", "/goods", "/goods", {"json": {"good": GOOD}}, 409),
    ("post", "/goods", "/goods", {"body": b"{", "headers": {"content-type": "application/json"}}, 400),
    ("post", "/goods", "/goods", {"body": b" " * 2_000_000, "headers": {"content-type": "application/json"}}, 413),
    ("post", "/goods", "/goods", {"body": b"a=1", "headers": {"content-type": "text/plain"}}, 415),
    ("post", "/goods", "/goods", {"json": {"good": {}}}, 422),
    ("get", "/goods/{slug}", "/goods/fig", {}, 200),
    ("get", "/goods/{slug}", "/goods/fig", {"headers": {"if-none-match": "*"}}, 304),
    ("get", "/goods/{slug}", "/goods/fig", {"headers": {"if-match": '"x"'}}, 412),
    ("get", "/goods/{slug}", "/goods/none", {}, 404),
    ("get", "/goods/{slug}/revision", "/goods/fig/revision", {"headers": {"if-none-match": '"1"'}}, 304),
    ("put", "/goods/{slug}", "/goods/fig", {"json": {"title": "F"}, "headers": {"if-match": '"1"'}}, 200),
    ("put", "/goods/{slug}", "/goods/fig", {"json": {"title": "F"}, "headers": {"if-match": '"2"'}}, 412),
    ("put", "/goods/{slug}", "/goods/fig", {"json": {"title": "F"}, "headers": {"if-match": "what"}}, 412),
    ("put", "/goods/{slug}", "/goods/fig", {"json": {"title": "F"}}, 428),
    ("patch", "/goods/{slug}/note", "/goods/fig/note", {}, 204),
    ("delete", "/goods/{slug}", "/goods/fig", {}, 204),
    ("delete", "/goods/{slug}", "/goods/none", {}, 404),
    ("post", "/closing", "/closing", {"json": {"pin": "9999"}}, 403),
    ("get", "/motto", "/motto", {}, 200),
    ("get", "/motto", "/motto", {"headers": {"accept": "text/html"}}, 406),
    ("get", "/measures/{day}", "/measures/%00", {}, 422),
]


@pytest.mark.parametrize(("method", "pattern", "path", "given", "status"), ASKED)
async def test_each_answer_that_occurs_is_documented(
    service: TestService, method: str, pattern: str, path: str, given: dict[str, Any], status: int
) -> None:
    reply = await service.request(method.upper(), "/api" + path, **given)
    whole = document()
    answer = resolved(whole, whole["paths"]["/api" + pattern][method]["responses"][str(status)])
    media_type = reply.headers.get("content-type", "").partition(";")[0]
    assert reply.status == status
    assert ([media_type] if media_type else []) == list(answer.get("content", {}))
    assert {name.lower() for name in answer.get("headers", {})} <= reply.headers.keys()


def test_each_status_that_is_documented_is_one_that_occurs() -> None:
    # 408 and 414 are the ASGI engine's (test_asgi.py); 500, 503 and 504 can befall every door (test_doors.py).
    elsewhere = {"408", "414", "500", "503", "504"}
    documented = {
        status for item in document()["paths"].values() for each in item.values() for status in each["responses"]
    }
    assert documented - elsewhere == {str(status) for *_, status in ASKED}


async def test_the_document_is_served(service: TestService) -> None:
    reply = await service.get("/api/openapi.json")
    assert (reply.headers["content-type"], reply.json) == (
        "application/json",
        json.loads(openapi_bytes(stall().check()[1])),
    )
