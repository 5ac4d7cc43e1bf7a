async def test_an_email_address_belongs_to_one_member(desk):
    await desk.member("alice")
    body = {"name": "Another Alice", "email": "alice@example.org"}
    assert await desk.refused("/members", body) == "email_taken"


async def test_what_is_not_given_stays_as_it_is(desk):
    alice = await desk.member("alice")
    revised = await desk.send("PATCH", f"/members/{alice}", json={"name": "Alice B."})
    assert (revised.status, revised.json["name"], revised.json["email"]) == (200, "Alice B.", "alice@example.org")


async def test_null_is_not_the_same_as_not_given(desk):
    alice = await desk.member("alice")
    assert (await desk.send("PATCH", f"/members/{alice}", json={"name": None})).status == 422


async def test_a_member_does_not_take_the_email_address_of_another(desk):
    alice, _ = await desk.member("alice"), await desk.member("bob")
    refused = await desk.send("PATCH", f"/members/{alice}", json={"email": "bob@example.org"})
    assert (refused.status, refused.json["code"]) == (409, "email_taken")
    assert (await desk.ask(f"/members/{alice}"))["email"] == "alice@example.org"


async def test_an_account_shows_all_that_is_open(desk):
    alice, copy = await desk.member(), await desk.copy()
    await desk.late(alice, copy, days=1)
    loan = await desk.lend(alice, copy)
    account = await desk.account(alice)
    assert account["member"]["name"] == "Alice"
    assert [each["id"] for each in account["loans"]] == [loan]
    assert account["owed"] == {"amount": "0.25", "currency": "EUR"}


async def test_every_failing_field_is_named(desk):
    refused = await desk.send("POST", "/members", json={"name": "", "email": "x", "kind": "owl", "age": 7})
    assert refused.status == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert {error["path"] for error in refused.json["errors"]} == {"/name", "/email", "/kind", "/age"}
