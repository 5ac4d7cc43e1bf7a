"""The page of figures: what is counted, under which bounded names, and who may read it."""

import asyncio
from typing import Any

import pytest
from _watched import an_app
from prometheus_client.parser import text_string_to_metric_families

from krepis import App, KrepisError
from krepis.http import Doors
from krepis.telemetry import Health, Metrics
from krepis.testing import start
from krepis.types import Secret


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def at(text: str, name: str, **labels: str) -> float | None:
    return samples(text).get((name, frozenset(labels.items())))


async def test_requests_handlers_and_ports_are_counted():
    async with start(an_app(Metrics())) as service:
        for id in ("1", "2", "none", "bug"):
            await service.get(f"/books/{id}")
        text = (await service.get("/metrics")).text
    route = {"method": "GET", "route": "/books/{id}"}
    assert [at(text, "krepis_http_requests_total", **route, status=s) for s in ("200", "409", "500")] == [2, 1, 1]
    assert at(text, "krepis_http_request_seconds_count", **route) == 4
    handler = {"kind": "query", "message": "Show", "handler": "show"}
    counts = [at(text, "krepis_handler_seconds_count", **handler, outcome=o) for o in ("done", "refused", "failed")]
    assert counts == [2, 1, 1]
    assert at(text, "krepis_rejections_total", message="Show", code="sold_out") == 1
    assert at(text, "krepis_port_seconds_count", port="Books", method="find", outcome="done") == 2
    assert at(text, "krepis_running") == 0
    assert (at(text, "process_resident_memory_bytes") or 0) > 1_000_000


async def test_what_callers_make_up_makes_no_new_names():
    async with start(an_app(Metrics())) as service:
        await service.get("/metrics")
        await service.request("BREW0", "/nowhere")
        before = set(samples((await service.get("/metrics")).text))
        for n in range(50):
            await service.request(f"BREW{n}", f"/nowhere/{n}")
            await service.get(f"/made/up/{n}", headers={"traceparent": str(n)})
            await service.get(f"/books/{n}/more")
        after = samples((await service.get("/metrics")).text)
    assert len(set(after) - before) < 60  # one route of each method, with its buckets
    assert (
        "krepis_http_requests_total",
        frozenset({("method", "other"), ("route", "(none)"), ("status", "404")}),
    ) in after
    assert "made" not in str(after)


async def test_a_late_handler_counts_as_cancelled():
    async with an_app(Metrics()).start() as service:
        from _watched import Show

        from krepis.errors import DeadlinePassed

        with pytest.raises(DeadlinePassed):
            await service.dispatch(service.context(timeout=0.01), Show(id="slow"))
        text = (await _page(service)).body.decode()
    labels = {"kind": "query", "message": "Show", "handler": "show", "outcome": "cancelled"}
    assert at(text, "krepis_handler_seconds_count", **labels) == 1


async def _page(service: Any, path: str = "/metrics") -> Any:
    from krepis.http.facts import Facts

    door, params = service.doors.match("GET", path)
    return await door.start(Facts("GET", path, params, b"", {}, b"", service.sources.monotonic()))


async def test_units_that_are_run_again_are_counted(tmp_path):
    from krepis import Command, Context
    from krepis.sql import Database
    from krepis.sql._waiting import Again

    class Try(Command[int]):
        pass

    async def attempt(ctx: Context, command: Try) -> int:
        if ctx.origin.rewinds < 3:
            raise Again
        return ctx.origin.rewinds

    attempt.__annotations__.update(ctx=Context, command=Try)
    doors = Doors()

    class Unit(Health):
        def inside(self, handler: Any, proceed: Any) -> Any:
            async def inside(ctx: Any, message: Any, unit: Any) -> Any:
                return await proceed(ctx, message, unit)

            return inside

    app = App(
        "x", handlers=(attempt,), doors=doors, store=Database(f"sqlite:///{tmp_path}/x.db"), parts=(Metrics(), Unit())
    )
    async with app.start() as service:
        assert await service.dispatch(service.context(), Try()) == 3
        text = (await _page(service)).body.decode()
    assert at(text, "krepis_unit_retries_total", message="Try") == 3


async def test_the_build_is_told():
    async with start(an_app(Metrics(version="1.2", build="abc"))) as service:
        text = (await service.get("/metrics")).text
    (labels,) = [dict(labels) for name, labels in samples(text) if name == "krepis_build_info"]
    assert (labels["app"], labels["version"], labels["build"]) == ("shop", "1.2", "abc")


async def test_the_lag_of_the_loop_is_taken(monkeypatch):
    monkeypatch.setattr("krepis.telemetry.metrics.LAG_SAMPLE_S", 0.01)
    async with an_app(Metrics()).start() as service:
        async with asyncio.timeout(10):
            while not at((await _page(service)).body.decode(), "krepis_event_loop_lag_seconds_count"):  # noqa: ASYNC110 - it is asked as Prometheus asks
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("options", "headers", "client", "status"),
    [
        ({}, {}, "203.0.113.9", 200),
        ({"token": "t" * 20}, {}, "127.0.0.1", 404),
        ({"token": "t" * 20}, {"authorization": "Bearer wrong"}, "127.0.0.1", 404),
        ({"token": "t" * 20}, {"authorization": "Basic " + "t" * 20}, "127.0.0.1", 404),
        ({"token": "t" * 20}, {"authorization": "Bearer \xff\xfe"}, "127.0.0.1", 404),
        ({"token": "t" * 20}, {"authorization": "bearer " + "t" * 20}, "127.0.0.1", 200),
        ({"token": Secret("t" * 20)}, {"authorization": "Bearer " + "t" * 20}, "127.0.0.1", 200),
        ({"addresses": ["10.0.0.0/8"]}, {}, "10.1.2.3", 200),
        ({"addresses": ["10.0.0.0/8"]}, {}, "::ffff:10.1.2.3", 200),
        ({"addresses": ["10.0.0.0/8"]}, {}, "11.1.2.3", 404),
        ({"addresses": ["10.0.0.0/8", "::1"]}, {}, "::1", 200),
        ({"addresses": ["10.0.0.0/8"]}, {}, "", 404),
        ({"addresses": ["10.0.0.0/8"]}, {"x-forwarded-for": "10.1.2.3"}, "203.0.113.9", 404),
        ({"addresses": ["10.0.0.0/8"], "token": "t"}, {}, "10.1.2.3", 404),
    ],
)
async def test_who_may_read_the_page(options, headers, client, status):
    async with start(an_app(Metrics("/internal/figures", **options))) as service:
        reply = await service.get("/internal/figures", headers=headers, client=client)
        assert reply.status == status
        assert (await service.get("/metrics")).status == 404


@pytest.mark.parametrize("options", [{"addresses": ["10.0.0.1/8"]}, {"addresses": ["home"]}, {"token": ""}])
def test_settings_that_protect_nothing_are_refused(options):
    with pytest.raises(KrepisError):
        Metrics(**options)


async def test_a_door_at_the_same_place_stops_the_start():
    with pytest.raises(KrepisError, match=r"answers at `/books/\{id\}`"):
        async with start(an_app(Metrics("/books/{id}"))):
            pass


async def test_a_stream_is_counted_at_its_end():
    async with start(an_app(Metrics())) as service:
        await service.get("/stream")
        text = (await service.get("/metrics")).text
    assert at(text, "krepis_http_requests_total", method="GET", route="(none)", status="200") == 1
