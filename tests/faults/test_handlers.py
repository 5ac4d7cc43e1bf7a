"""Handlers that fail after they have written, and callers who leave: an answer, a trace in the log, nothing stored."""

from __future__ import annotations

import time
from random import Random

import pytest

from faults.orders import SHORT_SECONDS
from faults.shop import Shop, an_order, drawn, encoded, refused, together
from serving import wait_until

TRACE = "4bf92f3577b34da6a3ce929d0e0e47"


def test_a_handler_that_raises_is_rolled_back_and_tells_its_caller_a_trace_alone(shop: Shop):
    reply = shop.order("raises", "tea", x_fault="raise")
    document = refused(shop, reply, 500, "internal_error")
    assert b"secret" not in reply.body
    assert set(document) == {"type", "title", "status", "detail", "code", "trace"}
    assert "a secret of the service" in shop.lines(reply.trace)[0]["traceback"]
    assert "raises" not in shop.references()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["hang", "count", "burn"])
def test_a_handler_beyond_its_callers_deadline_is_rolled_back(shop: Shop, fault: str):
    started = time.monotonic()
    reply = shop.order(f"late {fault}", "tea", x_fault=fault, request_timeout="0.25")
    document = refused(shop, reply, 504, "deadline_passed")
    assert time.monotonic() - started < 2
    assert "nothing has changed" in document["detail"]
    assert f"late {fault}" not in shop.references()


@pytest.mark.slow
def test_a_body_that_does_not_arrive_by_the_doors_limit_is_408(shop: Shop):
    trace = f"{TRACE}03"
    whole = sent("never whole", trace).replace(b"/orders", b"/orders/soon")
    with shop.served.raw(whole[:-1]) as connection:
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"slow_body"' in answer
    assert trace.encode() in answer
    assert any(line.get("code") == "slow_body" for line in shop.lines(trace))
    assert "never whole" not in shop.references()


@pytest.mark.slow
def test_a_handler_that_hangs_ends_at_its_doors_limit(shop: Shop):
    started = time.monotonic()
    body = encoded(an_order("hangs", "tea"))
    reply = shop.ask("POST", "/orders/soon", body, x_fault="hang", request_timeout="600")
    refused(shop, reply, 504, "deadline_passed")
    assert SHORT_SECONDS <= time.monotonic() - started < SHORT_SECONDS + 2
    assert "hangs" not in shop.references()


@pytest.mark.slow
def test_offloaded_work_beyond_its_deadline_is_answered_in_time(shop: Shop):
    reply = shop.ask("GET", "/burn/0.6", request_timeout="0.1")
    refused(shop, reply, 504, "deadline_passed")


@pytest.mark.slow
def test_readers_and_other_doors_are_served_while_commands_hang(shop: Shop):
    before = shop.served.log.count('"hanging"')

    def call(number: int) -> tuple[int, float]:
        started = time.monotonic()
        if number < 3:
            status = shop.order(f"crowd {number}", "tea", x_fault="hang", request_timeout="4").status
        else:
            wait_until(lambda: shop.served.log.count('"hanging"') > before, 3)
            status = shop.ask("GET", "/products/tea").status
        return status, time.monotonic() - started

    answers = together(6, call)
    assert [status for status, _ in answers] == [504] * 3 + [200] * 3
    assert all(took < 3.5 for _, took in answers[3:])
    assert shop.served.log.count('"hanging"') > before


def test_a_deadline_of_nothing_is_refused_before_anything_happens(shop: Shop):
    refused(shop, shop.order("never", "tea", request_timeout="0"), 504, "deadline_passed")
    assert "never" not in shop.references()


def test_a_caller_who_leaves_while_the_handler_runs_is_rolled_back(shop: Shop):
    trace = f"{TRACE}01"
    with shop.served.raw(sent("left", trace, fault="hang")):
        assert wait_until(lambda: any(line["event"] == "hanging" for line in shop.lines(trace)), 5)
    assert wait_until(lambda: any(line["event"] == "caller_gone" for line in shop.lines(trace)), 2)
    assert "left" not in shop.references()
    assert shop.order("after the one that left", "tea").status == 201, "its lock is gone with it"


def test_a_caller_who_leaves_in_the_middle_of_the_body_has_ordered_nothing(shop: Shop):
    trace = f"{TRACE}02"
    whole = sent("half", trace)
    with shop.served.raw(whole[:-20]):
        pass
    assert wait_until(lambda: any(line["event"] == "caller_gone" for line in shop.lines(trace)), 2)
    assert "half" not in shop.references()


@drawn
def test_callers_who_leave_at_any_moment_have_ordered_all_or_nothing(shop: Shop, seed: int):
    chance = Random(seed)
    before = shop.references()
    for number in range(30):
        whole = sent(f"moment {seed} {number}", f"{chance.getrandbits(128):032x}")
        upto = chance.choice([len(whole), chance.randrange(len(whole))])
        with shop.served.raw(whole[:upto]):
            time.sleep(chance.choice([0, 0, 0.001, 0.003]))
    assert shop.order(f"last {seed}", "tea").status == 201
    assert shop.references() >= before | {f"last {seed}"}


def sent(reference: str, trace: str, fault: str = "none") -> bytes:
    body = encoded(an_order(reference, "tea", "cake"))
    return (
        b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"traceparent: 00-%s-00f067aa0ba902b7-01\r\nX-Fault: %s\r\nContent-Length: %d\r\n\r\n%s"
        % (trace.encode(), fault.encode(), len(body), body)
    )
