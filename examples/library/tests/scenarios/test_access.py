"""Who may see and do what."""

import pytest

NOBODY = "00000000-0000-7000-8000-000000000000"


async def test_the_catalogue_is_open_to_everybody(desk):
    stranger = desk.seen_by(None)
    await stranger.ask("/books")
    await stranger.ask("/books/9780441013593/availability")


@pytest.mark.parametrize("path", ["/loans/overdue", f"/members/{NOBODY}", f"/members/{NOBODY}/loans"])
async def test_whoever_has_no_badge_is_asked_for_it(desk, path):
    assert (await desk.seen_by(None).ask(path, 401))["code"] == "not_signed_in"


async def test_a_member_sees_their_own_account_and_no_other(desk):
    alice, bob = await desk.member("alice"), await desk.member("bob")
    assert (await desk.seen_by(alice).account(alice))["member"]["name"] == "Alice"
    assert (await desk.seen_by(alice).ask(f"/members/{bob}/account", 403))["code"] == "not_allowed"


async def test_a_member_renews_their_own_loan_and_no_other(desk):
    alice, bob = await desk.member("alice"), await desk.member("bob")
    loan = await desk.lend(alice, await desk.copy())
    assert await desk.seen_by(bob).refused(f"/loans/{loan}/renew", status=403) == "not_allowed"
    assert (await desk.seen_by(alice).tell(f"/loans/{loan}/renew"))["renewals"] == 1


async def test_a_member_reserves_for_themselves_and_gives_their_own_place_up(desk):
    alice, bob = await desk.member("alice"), await desk.member("bob")
    await desk.lend(alice, await desk.copy())
    assert await desk.seen_by(alice).refused(f"/members/{bob}/reservations", {"isbn": 5}, 403) == "not_allowed"
    reservation = await desk.seen_by(bob).reserve(bob)
    assert await desk.seen_by(alice).refused(f"/reservations/{reservation}/cancel", status=403) == "not_allowed"
    await desk.seen_by(bob).tell(f"/reservations/{reservation}/cancel")


async def test_a_member_lends_nothing_out(desk):
    alice, copy = await desk.member(), await desk.copy()
    assert await desk.seen_by(alice).refused("/loans", {"member": alice, "copy": copy}, 403) == "not_allowed"


async def test_only_a_manager_hires(desk):
    assert await desk.refused("/staff", {"name": "Lise"}, 403) == "not_allowed"
    manager = await desk.hired("manager")
    assert (await manager.tell("/staff", {"name": "Lise"}, 201))["role"] == "librarian"
