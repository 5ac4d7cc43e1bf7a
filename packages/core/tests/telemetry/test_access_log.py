"""One line for each request, with the route and not the path."""

import pytest
from _watched import an_app

from krepis.deadline import CallerGone
from krepis.http.facts import Facts
from krepis.telemetry import AccessLog
from krepis.testing import start


async def test_a_request_leaves_one_line():
    async with start(an_app(AccessLog())) as service:
        await service.get("/books/secret-path?token=x", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
        line = service.sources.lines[-1]
    assert line.pop("seconds") >= 0
    assert line == {
        "level": "info",
        "event": "request",
        "trace": "a" * 32,
        "intent": "Show",
        "method": "GET",
        "route": "/books/{id}",
        "status": 200,
        "bytes": 13,
    }


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/no", 404), ("PUT", "/orders", 405), ("OPTIONS", "/orders", 204)]
)
async def test_what_is_no_door_leaves_a_line_without_a_path(method, path, status):
    async with start(an_app(AccessLog())) as service:
        await service.request(method, path)
        line = service.sources.lines[-1]
    assert (line["event"], line["route"], line["status"]) == ("request", "(none)", status)


async def test_a_stream_leaves_its_line_at_the_end_with_all_its_bytes():
    async with start(an_app(AccessLog())) as service:
        await service.get("/stream")
        assert service.sources.lines[-1]["bytes"] == 8
        await service.request("HEAD", "/stream")
        assert service.sources.lines[-1]["bytes"] == 0


async def test_a_caller_who_goes_away_leaves_a_line():
    async def gone() -> None:
        return None

    async with an_app(AccessLog()).start() as service:
        lines: list[tuple[str, dict[str, object]]] = []
        service.sources.emit = lambda level, event, facts: lines.append((event, dict(facts)))
        door, params = service.doors.match("GET", "/books/slow")
        with pytest.raises(CallerGone):
            await door.start(Facts("GET", "/books/slow", params, b"", {}, b"", service.sources.monotonic(), gone))
    assert lines[-1][0] == "request"
    assert lines[-1][1]["status"] == 499


async def test_a_hostile_method_is_one_line():
    async with start(an_app(AccessLog())) as service:
        await service.request('G\n{"forged": 1}', "/no")
        line = service.sources.lines[-1]
    assert line["method"] == "other"
