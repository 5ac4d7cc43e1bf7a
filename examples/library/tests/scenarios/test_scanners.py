"""Scanners: machines at the desk that have a key instead of a password."""

import pytest

NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def scanner(desk):
    return await desk.tell("/desk/scanners", {"name": "the box at the door"}, 201)


@pytest.fixture
def by_scanner(desk, scanner):
    """The status and code of what the scanner is answered."""

    async def send(method, path, **options):
        reply = await desk.library.request(method, path, headers={"x-api-key": scanner["key"]}, **options)
        return reply.status, (reply.json or {}).get("code")

    return send


async def test_a_scanner_takes_a_copy_back(desk, by_scanner):
    loan = await desk.lend(await desk.member(), await desk.copy())
    assert await by_scanner("POST", f"/loans/{loan}/return", json={}) == (200, None)
    assert (await desk.refused(f"/loans/{loan}/return")) == "loan_returned"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/loans/overdue"), ("POST", "/loans"), ("GET", f"/members/{NOBODY}"), ("POST", "/desk/scanners")],
)
async def test_a_scanner_does_nothing_else(by_scanner, method, path):
    assert await by_scanner(method, path, **({"json": {}} if method == "POST" else {})) == (403, "not_allowed")


async def test_a_retired_scanner_is_out_at_once(desk, scanner, by_scanner):
    assert (await desk.send("DELETE", f"/desk/scanners/{scanner['id']}")).status == 204
    assert await by_scanner("POST", f"/loans/{NOBODY}/return", json={}) == (401, "invalid_credential")
    assert (await desk.send("DELETE", f"/desk/scanners/{scanner['id']}")).status == 404


async def test_a_scanner_is_retired_by_whoever_set_it_up(desk, scanner, by_scanner):
    other = await desk.hired()
    assert (await other.send("DELETE", f"/desk/scanners/{scanner['id']}")).json["code"] == "no_such_scanner"
    assert (await by_scanner("POST", f"/loans/{NOBODY}/return", json={}))[0] == 404


async def test_the_key_of_a_scanner_is_shown_once(desk, scanner):
    (listed,) = await desk.ask("/desk/scanners")
    assert (listed["name"], listed["prefix"]) == ("the box at the door", scanner["prefix"])
    assert scanner["key"] not in str(listed)


async def test_a_key_is_not_given_again(desk):
    once = {"json": {"name": "box"}, "headers": {"idempotency-key": "scanner-1"}}
    assert (await desk.send("POST", "/desk/scanners", **once)).status == 201
    assert (await desk.send("POST", "/desk/scanners", **once)).json["code"] == "answer_not_kept"


async def test_a_member_sets_no_scanner_up(desk):
    member = desk.seen_by(await desk.member())
    assert await member.refused("/desk/scanners", {"name": "mine"}, 403) == "not_allowed"
