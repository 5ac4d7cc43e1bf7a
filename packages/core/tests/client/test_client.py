"""`HttpClient` against a real server that stalls, resets, lies about lengths, and sends people elsewhere."""

from __future__ import annotations

import asyncio
import socket
from random import Random
from typing import Any, Protocol

import msgspec
import pytest

from krepis import App, Context, KrepisError, Query, Unavailable, Value, bind
from krepis._system import SystemSources
from krepis.client import HttpAnswer, HttpClient, NotAllowedError, UnexpectedAnswerError
from krepis.client.answer import Decoders, retry_after
from krepis.context import Actor, root
from krepis.errors import DeadlinePassed
from krepis.port import OutboundPort, safe
from krepis.resilience import CallTimedOut, Retries, Timeout
from krepis.testing import TestSources, start
from krepis.types import Secret


class Rate(Value):
    currency: str
    units: int


class OpenRate(Value, forbid_unknown_fields=False):
    currency: str
    units: int


def ctx(**options: Any) -> Context:
    return root(SystemSources(), **options)


async def echoed(client: HttpClient, given: Context, **options: Any) -> dict[str, Any]:
    """What the server saw."""
    answer = await client.request(given, options.pop("method", "GET"), options.pop("place", "/echo"), **options)
    return msgspec.json.decode(answer.expect(200).body)


# answers


async def test_an_answer_becomes_a_value(client: HttpClient) -> None:
    answer = await client.get(ctx(), "/rate")
    assert answer.expect(200).read(Rate) == Rate(currency="EUR", units=3)


async def test_what_others_add_is_ignored_where_the_value_says_so(client: HttpClient) -> None:
    answer = await client.get(ctx(), "/more")
    assert answer.read(OpenRate) == OpenRate(currency="EUR", units=3)
    with pytest.raises(UnexpectedAnswerError, match=r"`new` fails \(unknown\)"):
        answer.read(Rate)


@pytest.mark.parametrize("path", ["/other", "/broken", "/not-utf8", "/html", "/untyped", "/exact"])
async def test_a_body_that_is_no_such_value_is_refused_without_repeating_it(client: HttpClient, path: str) -> None:
    answer = (await client.get(ctx(), path)).expect(200)
    with pytest.raises(UnexpectedAnswerError) as raised:
        answer.read(Rate)
    assert "secret-text" not in str(raised.value)
    assert f"GET http://127.0.0.1:{client._base.rpartition(':')[2]}{path} answered" in str(raised.value)  # type: ignore[union-attr]


async def test_a_body_at_the_limit_is_read_and_one_byte_more_is_not(client: HttpClient) -> None:
    assert len((await client.get(ctx(), "/exact")).body) == 10_000
    with pytest.raises(UnexpectedAnswerError, match="more than 10000 bytes"):
        await client.get(ctx(), "/larger")


async def test_a_body_without_end_is_stopped_at_the_limit(client: HttpClient) -> None:
    with pytest.raises(UnexpectedAnswerError, match="more than 10000 bytes"):
        await asyncio.wait_for(client.get(ctx(), "/endless"), 5)


async def test_a_compressed_body_is_refused(client: HttpClient) -> None:
    with pytest.raises(UnexpectedAnswerError, match="compressed"):
        await client.get(ctx(), "/gzip")


async def test_a_status_that_was_not_expected_is_refused(client: HttpClient) -> None:
    assert (await client.get(ctx(), "/problem")).expect(200, 404).status == 404
    assert (await client.get(ctx(), "/empty")).expect(204).body == b""
    with pytest.raises(UnexpectedAnswerError, match="answered with 400 instead of 200, 201"):
        (await client.get(ctx(), "/wrong")).expect(200, 201)


async def test_a_service_that_is_away_says_for_how_long(client: HttpClient) -> None:
    with pytest.raises(Unavailable) as raised:
        (await client.get(ctx(), "/busy")).expect(200)
    assert vars(raised.value)["retry_after"] == 7
    with pytest.raises(Unavailable) as raised:
        (await client.get(ctx(), "/many")).expect(200)
    assert "retry_after" not in vars(raised.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("99999999999999999999", 86_400),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("\u0663", None),
        ("Sat, 01 Jan 2000 00:00:30 GMT", 30),
        ("Fri, 31 Dec 1999 23:00:00 GMT", 0),
        ("Sat, 99 Jan 2000 00:00:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: int | None) -> None:
    assert retry_after({"retry-after": text, "date": "Sat, 01 Jan 2000 00:00:00 GMT"}) == seconds


async def test_a_redirect_is_an_answer_and_not_followed(client: HttpClient) -> None:
    answer = await client.get(ctx(), "/redirect")
    assert answer.status == 302
    with pytest.raises(UnexpectedAnswerError, match="redirects are not followed"):
        answer.expect(200)


async def test_no_cookie_is_kept(client: HttpClient) -> None:
    await client.get(ctx(), "/cookie")
    assert "cookie" not in (await echoed(client, ctx()))["headers"]


# failures


@pytest.mark.parametrize(
    "path",
    ["/reset", "/close", "/garbage", "/two-lengths", "/no-number", "/half", "/half-chunk", "/bad-chunk", "/headers"],
)
async def test_what_is_no_whole_answer_is_unavailable_and_the_client_lives_on(client: HttpClient, path: str) -> None:
    with pytest.raises(Unavailable):
        await client.get(ctx(), path)
    assert (await client.get(ctx(), "/rate")).status == 200


async def test_a_port_where_nobody_listens_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with HttpClient(f"http://127.0.0.1:{taken.getsockname()[1]}") as client:
            with pytest.raises(Unavailable):
                await client.get(ctx(), "/")


async def test_a_name_that_does_not_exist_is_unavailable() -> None:
    async with HttpClient("http://nobody.invalid") as client:
        with pytest.raises(Unavailable):
            await client.get(ctx(), "/")


@pytest.mark.parametrize("path", ["/stall", "/stall-body", "/drip"])
async def test_a_call_ends_at_the_clients_time(base: str, path: str) -> None:
    async with HttpClient(base, timeout_s=0.1) as client:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(client.get(ctx(), path), 2)


@pytest.mark.parametrize("path", ["/stall", "/stall-body", "/drip"])
async def test_a_call_ends_at_the_deadline_of_its_context(client: HttpClient, path: str) -> None:
    with pytest.raises(DeadlinePassed):
        await asyncio.wait_for(client.get(ctx(timeout=0.1), path), 2)


async def test_after_the_deadline_nothing_is_sent() -> None:
    async with HttpClient("http://nobody.invalid") as client:
        with pytest.raises(DeadlinePassed):
            await client.get(ctx(timeout=-1), "/")


async def test_connections_of_calls_that_ended_early_are_given_back(base: str) -> None:
    async with HttpClient(base, timeout_s=0.02, connections_max=2) as client:
        for _ in range(6):
            with pytest.raises(Unavailable):
                await client.get(ctx(), "/stall")
        client.timeout_s = 5
        assert (await client.get(ctx(), "/rate")).status == 200


@pytest.mark.parametrize("seed", range(3))
async def test_callers_that_leave_at_any_moment_leave_no_connection_taken(base: str, seed: int) -> None:
    print(f"seed {seed}")
    random = Random(seed)
    paths = ["/rate", "/stall", "/half", "/reset", "/drip", "/larger", "/close"]
    async with HttpClient(base, timeout_s=0.2, connections_max=3, body_bytes_max=10_000) as client:
        tasks = [asyncio.ensure_future(client.get(ctx(), random.choice(paths))) for _ in range(40)]
        for task in tasks:
            await asyncio.sleep(random.random() / 200)
            if random.random() < 0.4:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        client.timeout_s = 5
        answers = await asyncio.gather(*[client.get(ctx(), "/rate") for _ in range(6)])
        assert [answer.status for answer in answers] == [200] * 6


async def test_errors_and_log_lines_show_neither_headers_nor_queries_nor_filled_in_paths(base: str) -> None:
    sources = TestSources()
    async with HttpClient(base, headers={"authorization": Secret("hidden-1")}) as client:
        with pytest.raises(Unavailable) as raised:
            await client.get(root(sources), "/half", query={"token": "hidden-2"})
        assert "hidden" not in repr(raised.value) + repr(vars(raised.value)) + str(sources.lines)
        answer = await client.get(root(sources), "/{name}", path={"name": "hidden-3"}, query={"token": "hidden-2"})
        with pytest.raises(UnexpectedAnswerError) as refused:
            answer.expect(404)
        assert "hidden" not in str(refused.value)
        assert "hidden" not in repr(client)


# what goes along


async def test_the_trace_the_baggage_and_the_time_that_is_left_go_along(client: HttpClient) -> None:
    given = ctx(timeout=3).narrow(baggage={"plan": "a b"})
    headers = (await echoed(client, given))["headers"]
    assert headers["traceparent"] == given.trace.traceparent
    assert headers["baggage"] == "plan=a%20b"
    assert 2 < float(headers["request-timeout"]) <= 3
    assert "krepis-context" not in headers


async def test_the_whole_context_goes_to_a_service_of_ones_own(base: str) -> None:
    given = ctx(actor=Actor("ann"), tenant="north")
    async with HttpClient(base, trusted=True) as client:
        assert (await echoed(client, given))["headers"]["krepis-context"]


async def test_the_environment_sets_no_proxy(client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with HttpClient(f"{client._base}") as under_proxy:
        assert (await under_proxy.get(ctx(), "/rate")).status == 200


async def test_a_post_carries_a_key_that_is_the_same_for_each_attempt_and_another_for_other_things(
    client: HttpClient,
) -> None:
    given = ctx(idempotency_key="k1")

    async def key(**options: Any) -> str | None:
        return (await echoed(client, given, **options))["headers"].get("idempotency-key")

    first = await key(method="POST", json={"a": 1})
    assert first is not None
    assert await key(method="POST", json={"a": 1}) == first
    others = [
        await key(method="POST", json={"a": 2}),
        await key(method="PATCH", json={"a": 1}),
        await key(method="POST", json={"a": 1}, place="/echo2"),
        await key(method="POST", idempotency_key="mine"),
    ]
    assert len({first, *others}) == 5
    assert [await key(method=method) for method in ("GET", "PUT", "DELETE")] == [None] * 3
    assert "idempotency-key" not in (await echoed(client, ctx(), method="POST"))["headers"]


async def test_bodies_paths_and_queries_arrive_as_they_were_given(client: HttpClient) -> None:
    seen = await echoed(
        client,
        ctx(),
        method="PUT",
        place="/rates/{name}/days",
        path={"name": "../a b?c#d/é"},
        query={"q": "x&y=1", "many": [1, 2], "yes": True},
        json=Rate(currency="EUR", units=1),
        headers={"X-Own": Secret("s")},
    )
    assert seen["path"] == "/rates/..%2Fa%20b%3Fc%23d%2F%C3%A9/days?q=x%26y%3D1&many=1&many=2&yes=true"
    assert msgspec.json.decode(seen["body"]) == {"currency": "EUR", "units": 1}
    assert (seen["headers"]["content-type"], seen["headers"]["x-own"]) == ("application/json", "s")


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"x": "a\r\nhost: evil"}},
        {"headers": {"x": "a\nb"}},
        {"headers": {"x": "a\0b"}},
        {"headers": {"x": "\u20ac"}},
        {"headers": {"x": Secret("a\r\nb")}},
        {"headers": {"x\r\ny": "a"}},
        {"headers": {"": "a"}},
        {"headers": {"Host": "evil"}},
        {"headers": {"content-length": "1"}},
        {"headers": {"transfer-encoding": "chunked"}},
        {"method": "POST", "idempotency_key": "a\r\nb"},
        {"place": "//evil.example"},
        {"place": "http://evil.example/"},
        {"place": "/a\r\nb"},
        {"place": "/a?b=c"},
        {"place": "/../admin"},
        {"place": "\\\\evil"},
        {"place": "/{name}", "path": {"name": ".."}},
        {"place": "/{name}", "path": {"name": ""}},
        {"place": "/{name}"},
    ],
)
async def test_what_would_be_another_request_is_refused(client: HttpClient, options: dict[str, Any]) -> None:
    with pytest.raises(KrepisError, match="hint: "):
        await echoed(client, ctx(), **options)


@pytest.mark.parametrize(
    "base", ["", "example.org", "ftp://example.org", "http://a@b", "http://a/?q", "http://a/\r\nb"]
)
def test_a_base_that_is_none_is_refused(base: str) -> None:
    with pytest.raises(KrepisError, match="hint: "):
        HttpClient(base)


async def test_a_client_that_is_not_open_says_so() -> None:
    with pytest.raises(KrepisError, match="is not open"):
        await HttpClient("http://127.0.0.1:1").get(ctx(), "/")


# as an adapter


class Rates(OutboundPort, Protocol):
    @safe
    async def rate(self, ctx: Context, path: str) -> Rate: ...


class HttpRates(HttpClient, Rates):
    async def rate(self, ctx: Context, path: str) -> Rate:
        return (await self.get(ctx, path)).expect(200).read(Rate)


class ShowRate(Query[Rate]):
    path: str


async def show_rate(ctx: Context, query: ShowRate, *, rates: Rates) -> Rate:
    return await rates.rate(ctx, query.path)


async def test_an_adapter_is_opened_and_closed_with_the_app(base: str) -> None:
    made: list[HttpRates] = []

    def rates() -> HttpRates:
        made.append(HttpRates(base))
        return made[0]

    chain = (Retries(2, pause_s=0), Timeout(0.2))
    app = App("rates", handlers=(show_rate,), adapters=(bind(Rates, rates, scope="app", through=chain),))
    async with start(app) as service:
        assert await service.dispatch(ShowRate(path="/rate")) == Rate(currency="EUR", units=3)
        assert isinstance(await service.refused(ShowRate(path="/stall")), CallTimedOut)
    with pytest.raises(KrepisError, match="is not open"):
        await made[0].rate(ctx(), "/rate")


def test_a_decoder_is_made_once_for_each_type() -> None:
    decoders = Decoders()
    answer = HttpAnswer(
        200, {"content-type": "application/json"}, b'{"currency": "EUR", "units": 3}', "GET x", decoders
    )
    assert answer.read(Rate) == answer.read(Rate)
    assert decoders.of(Rate) is decoders.of(Rate)


def test_an_address_is_refused_where_none_may_be_called() -> None:
    assert issubclass(NotAllowedError, KrepisError)
