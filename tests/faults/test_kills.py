"""kill -9 at any moment, again and again: what was acknowledged is stored, what is stored is whole.

Four callers order all the time, so that nearly every moment is in the middle of a transaction, and many in that of a
commit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

import pytest

from faults.shop import LONG, Shop, drawn, traffic

ROUNDS = 300 if LONG else 8
SKUS = [f"sku{number}" for number in range(6)]

pytestmark = pytest.mark.slow


@drawn
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_process_that_is_killed_loses_nothing_and_leaves_nothing_half(
    make_shop: Callable[..., Shop], kind: str, seed: int
):
    chance = Random(f"{seed} {kind}")
    shop = make_shop(kind)
    shop.stocked(1_000_000, *SKUS)
    acknowledged: set[str] = set()
    unchanged: set[str] = set()
    for number in range(ROUNDS):
        shop.open(*(["--workers", "2"] if number == ROUNDS - 1 else []))
        with traffic(shop, SKUS, seed * 1000 + number) as orders:
            time.sleep(chance.uniform(0.03, 0.25))
            shop.close()  # kill -9, while the callers go on
        acknowledged |= orders.acknowledged
        unchanged |= orders.unchanged
        stored = shop.references()
        assert acknowledged <= stored, f"round {number}"
        assert not unchanged & stored, f"round {number}"
    assert len(acknowledged) > ROUNDS
    shop.open()
    assert shop.order("at the end", "sku1").status == 201
