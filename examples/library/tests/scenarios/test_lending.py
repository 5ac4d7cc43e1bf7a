async def test_a_copy_is_lent_until_the_due_date_of_the_members_kind(desk):
    alice, copy = await desk.member(kind="child"), await desk.copy()
    loan = await desk.tell("/loans", {"member": alice, "copy": copy}, status=201)
    assert (loan["lent_at"], loan["due_at"]) == ("2030-01-01T12:00:00Z", "2030-01-29T12:00:00Z")


async def test_a_lent_copy_is_not_lent_to_anybody_else(desk):
    alice, bob, copy = await desk.member("alice"), await desk.member("bob"), await desk.copy()
    await desk.lend(alice, copy)
    assert await desk.refused("/loans", {"member": bob, "copy": copy}) == "copy_lent"
    assert (await desk.account(bob))["loans"] == []


async def test_a_copy_that_came_back_is_lent_again(desk):
    alice, bob, copy = await desk.member("alice"), await desk.member("bob"), await desk.copy()
    await desk.give_back(await desk.lend(alice, copy))
    await desk.lend(bob, copy)


async def test_a_copy_comes_back_once(desk):
    loan = await desk.lend(await desk.member(), await desk.copy())
    await desk.give_back(loan)
    assert await desk.refused(f"/loans/{loan}/return") == "loan_returned"


async def test_a_child_takes_three_copies_home_and_not_four(desk):
    child = await desk.member(kind="child")
    for _ in range(3):
        await desk.lend(child, await desk.copy())
    assert await desk.refused("/loans", {"member": child, "copy": await desk.copy()}) == "too_many_loans"


async def test_a_suspended_member_borrows_again_when_reinstated(desk):
    alice, copy = await desk.member(), await desk.copy()
    await desk.tell(f"/members/{alice}/suspend")
    assert await desk.refused("/loans", {"member": alice, "copy": copy}) == "member_suspended"
    await desk.tell(f"/members/{alice}/reinstate")
    await desk.lend(alice, copy)


async def test_only_staff_suspend(desk):
    alice = await desk.member()
    assert await desk.seen_by(alice).refused(f"/members/{alice}/suspend", status=403) == "not_allowed"


async def test_who_owes_too_much_borrows_nothing_until_they_have_paid(desk):
    alice, copy = await desk.member(), await desk.copy()
    fine = await desk.late(alice, copy, days=21)
    assert await desk.refused("/loans", {"member": alice, "copy": copy}) == "owes_too_much"
    await desk.tell(f"/fines/{fine['id']}/payments", {"amount": {"amount": "0.25", "currency": "EUR"}})
    await desk.lend(alice, copy)


async def test_a_withdrawn_copy_is_gone(desk):
    alice, copy = await desk.member(), await desk.copy()
    await desk.tell(f"/copies/{copy}/withdraw")
    assert await desk.refused("/loans", {"member": alice, "copy": copy}) == "copy_withdrawn"
    assert (await desk.ask("/books/9780441013593/availability"))["copies"] == 0


async def test_a_loan_is_renewed_from_its_due_date(desk):
    loan = await desk.lend(await desk.member(), await desk.copy())
    renewed = await desk.tell(f"/loans/{loan}/renew")
    assert (renewed["renewals"], renewed["due_at"]) == (1, "2030-02-12T12:00:00Z")


async def test_unknown_members_copies_and_loans_are_not_found(desk):
    alice, nobody = await desk.member(), "00000000-0000-7000-8000-000000000000"
    assert await desk.refused("/loans", {"member": nobody, "copy": nobody}, 404) == "no_such_member"
    assert await desk.refused("/loans", {"member": alice, "copy": nobody}, 404) == "no_such_copy"
    assert await desk.refused(f"/loans/{nobody}/return", status=404) == "no_such_loan"


async def test_a_members_loans_are_listed_page_by_page_the_latest_first(desk):
    alice, copy = await desk.member(), await desk.copy()
    first = await desk.lend(alice, copy)
    desk.wait(days=1)
    await desk.give_back(first)
    second = await desk.lend(alice, copy)
    page = await desk.ask(f"/members/{alice}/loans?limit=1")
    rest = await desk.ask(f"/members/{alice}/loans?limit=1&offset=1")
    assert [loan["id"] for loan in page["items"] + rest["items"]] == [second, first]
    assert page["total"] == 2


async def test_overdue_loans_are_listed_with_whom_to_remind(desk):
    await desk.lend(await desk.member("alice"), await desk.copy())
    await desk.lend(await desk.member("bob"), await desk.copy())
    assert (await desk.ask("/loans/overdue"))["items"] == []
    desk.wait(days=22)
    first = await desk.ask("/loans/overdue?limit=1")
    second = await desk.ask("/loans/overdue", query={"limit": 1, "cursor": first["next"]})
    reminded = {(loan["title"], loan["email"]) for loan in first["items"] + second["items"]}
    assert reminded == {("Dune", "alice@example.org"), ("Dune", "bob@example.org")}
    assert second["next"] is None
