import pytest


def euros(amount):
    return {"amount": amount, "currency": "EUR"}


@pytest.fixture
async def fined(desk):
    """Alice has come two days late."""
    alice = await desk.member()
    return alice, await desk.late(alice, await desk.copy(), days=2)


async def test_a_late_return_costs_a_fine_by_the_day(desk, fined):
    alice, fine = fined
    assert (fine["amount"], fine["owed"], fine["status"]) == (euros("0.50"), euros("0.50"), "open")
    assert (await desk.account(alice))["owed"] == euros("0.50")


async def test_a_return_in_time_costs_nothing(desk):
    loan = await desk.lend(await desk.member(), await desk.copy())
    desk.wait(days=21)
    assert (await desk.give_back(loan))["fine"] is None


async def test_a_fine_is_paid_in_parts_to_the_cent(desk, fined):
    alice, fine = fined
    place = f"/fines/{fine['id']}/payments"
    assert (await desk.tell(place, {"amount": euros("0.20")}))["owed"] == euros("0.30")
    assert (await desk.tell(place, {"amount": euros("0.30")}))["status"] == "paid"
    assert (await desk.account(alice))["fines"] == []


async def test_more_than_is_owed_is_not_taken(desk, fined):
    alice, fine = fined
    assert await desk.refused(f"/fines/{fine['id']}/payments", {"amount": euros("0.51")}) == "paid_too_much"
    assert (await desk.account(alice))["owed"] == euros("0.50")


@pytest.mark.parametrize("amount", [euros("0.001"), euros("-1.00"), {"amount": "0.25", "currency": "USD"}])
async def test_a_payment_that_is_no_whole_number_of_euro_cents_is_refused(desk, fined, amount):
    _, fine = fined
    assert await desk.refused(f"/fines/{fine['id']}/payments", {"amount": amount}, 422) == "not_payable"


async def test_a_manager_waives_a_fine(desk, fined):
    alice, fine = fined
    manager = await desk.hired("manager")
    waived = await manager.tell(f"/fines/{fine['id']}/waive", {"reason": "snowed in"})
    assert waived["status"] == "waived"
    assert (await desk.account(alice))["owed"] == euros("0.00")


async def test_nobody_but_a_manager_waives_a_fine(desk, fined):
    alice, fine = fined
    place = f"/fines/{fine['id']}/waive"
    assert await desk.refused(place, {"reason": "nice"}, 403) == "not_allowed"
    assert await desk.seen_by(alice).refused(place, {"reason": "nice"}, 403) == "not_allowed"
    assert (await desk.account(alice))["owed"] == euros("0.50")
