import pytest

DUNE = "9780441013593"


@pytest.fixture
async def lent(desk):
    """Alice has the only copy at home."""
    alice, copy = await desk.member("alice"), await desk.copy()
    return await desk.lend(alice, copy), copy


async def test_a_copy_that_comes_back_waits_for_whoever_reserved_first(desk, lent):
    loan, copy = lent
    bob, carol = await desk.member("bob"), await desk.member("carol")
    await desk.reserve(bob)
    await desk.reserve(carol)
    await desk.give_back(loan)
    (reservation,) = (await desk.account(bob))["reservations"]
    assert (reservation["status"], reservation["pickup_until"]) == ("ready", "2030-01-04T12:00:02Z")
    assert await desk.refused("/loans", {"member": carol, "copy": copy}) == "copy_set_aside"
    await desk.lend(bob, copy)
    assert (await desk.account(bob))["reservations"] == []


async def test_a_new_copy_goes_to_whoever_waits(desk, lent):
    bob = await desk.member("bob")
    await desk.reserve(bob)
    await desk.lend(bob, await desk.copy())


async def test_a_book_on_the_shelf_is_not_reserved(desk):
    alice = await desk.member()
    await desk.copy()
    assert await desk.refused(f"/members/{alice}/reservations", {"isbn": DUNE}) == "copy_on_shelf"


async def test_a_member_waits_once_for_a_book(desk, lent):
    bob = await desk.member("bob")
    await desk.reserve(bob)
    assert await desk.refused(f"/members/{bob}/reservations", {"isbn": DUNE}) == "reserved_already"


async def test_a_cancelled_reservation_gives_the_copy_to_the_next(desk, lent):
    loan, copy = lent
    bob, carol = await desk.member("bob"), await desk.member("carol")
    reservation = await desk.reserve(bob)
    await desk.reserve(carol)
    await desk.give_back(loan)
    await desk.tell(f"/reservations/{reservation}/cancel")
    await desk.lend(carol, copy)


async def test_a_cancelled_reservation_is_over(desk, lent):
    reservation = await desk.reserve(await desk.member("bob"))
    await desk.tell(f"/reservations/{reservation}/cancel")
    assert await desk.refused(f"/reservations/{reservation}/cancel") == "reservation_over"


async def test_a_copy_that_nobody_collects_goes_back_on_the_shelf(desk, lent):
    loan, _ = lent
    await desk.reserve(await desk.member("bob"))
    await desk.give_back(loan)
    assert await desk.tell("/reservations/release") == {"released": 0}
    desk.wait(days=3, seconds=1)
    assert await desk.tell("/reservations/release") == {"released": 1}
    assert await desk.ask("/books/9780441013593/availability") == {
        "isbn": "9780441013593",
        "copies": 1,
        "available": 1,
        "waiting": 0,
    }


async def test_a_loan_is_not_renewed_while_somebody_waits(desk, lent):
    loan, _ = lent
    await desk.reserve(await desk.member("bob"))
    assert await desk.refused(f"/loans/{loan}/renew") == "others_wait"
