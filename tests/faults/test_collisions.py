"""Commands that want the same thing at the same time: exactly as many succeed as there is stock."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from faults.shop import Shop, an_order, drawn, encoded, refused, together

BUYERS = 50
STOCK = 10

pytestmark = pytest.mark.slow


def test_fifty_buyers_of_ten_copies(shop: Shop):
    shop.stocked(STOCK, "rare")
    buy_all(shop, "rare")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_fifty_buyers_of_ten_copies_at_two_processes(make_shop, kind: str):
    shop = make_shop(kind)
    shop.stocked(STOCK, "rare")
    shop.open("--workers", "2")
    buy_all(shop, "rare")


def buy_all(shop: Shop, sku: str) -> None:
    """Everybody buys a copy of `sku` at once, and those who are told so have one."""
    replies = together(BUYERS, lambda number: shop.order(f"{sku} {number}", sku))
    statuses = Counter(reply.status for reply in replies)
    assert statuses == {201: STOCK, 409: BUYERS - STOCK}, [reply.body for reply in replies if reply.status > 409]
    for reply in replies:
        if reply.status == 409:
            assert refused(shop, reply, 409, "sold_out")["facts"] == {"sku": sku, "left": 0}
    bought = {f"{sku} {number}" for number, reply in enumerate(replies) if reply.status == 201}
    assert {reference for reference in shop.references() if reference.startswith(f"{sku} ")} == bought


def test_of_equal_commands_one_is_stored_and_the_others_conflict(shop: Shop):
    replies = together(8, lambda _: shop.order("the same", "tea"))
    assert Counter(reply.status for reply in replies) == {201: 1, 409: 7}
    for reply in replies:
        if reply.status == 409:
            assert "facts" not in refused(shop, reply, 409, "conflict"), "no detail of the store is told"


@drawn
def test_orders_that_cross_each_other_are_whole(shop: Shop, seed: int):
    """Each takes several products, in an order of its own: what locks row by row would end in a deadlock."""
    skus = [f"cross{seed}x{number}" for number in range(5)]
    shop.stocked(8, *skus)
    chance = Random(seed)
    wanted = [chance.sample(skus, 3) for _ in range(16)]

    def call(number: int) -> int:
        order = an_order(f"cross {seed} {number}", *wanted[number])
        return shop.ask("POST", "/orders", encoded(order)).status

    statuses = together(len(wanted), call)
    assert set(statuses) <= {201, 409}
    stored = {reference for reference in shop.references() if reference.startswith(f"cross {seed} ")}
    assert stored == {f"cross {seed} {number}" for number, status in enumerate(statuses) if status == 201}
    left = {sku: 8 - sum(wanted[n].count(sku) for n, status in enumerate(statuses) if status == 201) for sku in skus}
    assert {sku: shop.ask("GET", f"/products/{sku}").json["stock"] for sku in skus} == left
