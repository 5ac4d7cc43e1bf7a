"""A service that is asked to stop while it writes, and clients so slow that they seem to have stopped."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from faults.shop import Reply, Shop, an_order, drawn, encoded, traffic
from serving import wait_until

SLOW_CLIENTS = 40
PATIENCE_S = 4.0
"""More than five orders take on a busy machine, and less than the limit at which a slow client is let go."""
SKUS = [f"sku{number}" for number in range(6)]

pytestmark = pytest.mark.slow


def test_a_write_that_runs_when_the_service_is_stopped_ends_and_is_acknowledged(own_shop: Shop):
    own_shop.stocked(9, "tea")
    replies: list[Reply] = []
    buyer = threading.Thread(target=lambda: replies.append(own_shop.order("last", "tea", x_fault="wait")))
    buyer.start()
    assert own_shop.served.wait_log('"waiting"')
    assert own_shop.served.stop() == 0
    buyer.join(5)
    assert [reply.status for reply in replies] == [201]
    assert own_shop.references() == {"last"}


def test_offloaded_work_that_nobody_waits_for_does_not_hold_up_the_stop(make_shop: Callable[..., Shop]):
    shop = make_shop("sqlite")
    shop.open()
    burn_s = 30  # far longer than a stop takes on a busy machine
    assert shop.ask("GET", f"/burn/{burn_s}", request_timeout="0.1").status == 504
    started = time.monotonic()
    shop.served.stop()
    assert time.monotonic() - started < burn_s / 3


@drawn
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("words", [(), ("--workers", "2")], ids=["one", "two"])
def test_a_service_that_is_stopped_under_traffic_forgets_nothing(
    make_shop: Callable[..., Shop], kind: str, words: tuple[str, ...], seed: int
):
    shop = make_shop(kind)
    shop.stocked(1_000_000, *SKUS)
    shop.open(*words)
    with traffic(shop, SKUS, seed) as orders:
        assert wait_until(lambda: len(orders.acknowledged) > 20, 10)
        shop.served.process.send_signal(signal.SIGTERM)
        assert shop.served.process.wait(20) == 0
    assert {reply.status for _, reply in orders.replies} == {201}
    assert orders.acknowledged <= shop.references()
    assert "Traceback" not in shop.served.log


@pytest.mark.parametrize("sent", ["nothing", "half a line", "half the headers", "half the body"])
def test_slow_clients_do_not_hold_up_the_others(own_shop: Shop, sent: str):
    own_shop.stocked(100, "tea")
    body = encoded(an_order("slow", "tea"))
    head = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
        body
    )
    piece = {
        "nothing": b"",
        "half a line": b"POST /or",
        "half the headers": head[:40],
        "half the body": head + body[:9],
    }[sent]
    with ExitStack() as stack:
        slow = [stack.enter_context(own_shop.served.raw(piece)) for _ in range(SLOW_CLIENTS)]
        started = time.monotonic()
        for number in range(5):
            assert own_shop.order(f"quick {number}", "tea").status == 201
        assert time.monotonic() - started < PATIENCE_S
        if sent != "nothing":
            slow[0].sendall((head + body)[len(piece) :])
            assert b"201" in slow[0].recv(65536).split(b"\r\n")[0], "slow, but in time"
    expected = {f"quick {number}" for number in range(5)} | ({"slow"} if sent != "nothing" else set())
    assert own_shop.references() == expected


def test_a_client_that_does_not_read_its_answers_does_not_hold_up_the_others(own_shop: Shop):
    own_shop.stocked(100, "tea")
    large = encoded(an_order("large", "tea") | {"customer": "x" * 2000})
    assert own_shop.ask("POST", "/orders", large).status == 201
    ask = b"GET /orders/large HTTP/1.1\r\nHost: x\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(own_shop.served.raw(ask * 50))
        started = time.monotonic()
        for number in range(5):
            assert own_shop.order(f"quick {number}", "tea").status == 201
        assert time.monotonic() - started < PATIENCE_S
