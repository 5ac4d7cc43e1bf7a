"""What follows what happens: letters to members, and news for the desk."""

import mailbox

import pytest


@pytest.fixture
def letters(anywhere):
    return lambda: [(letter["To"], letter["Subject"]) for letter in mailbox.Maildir(anywhere.settings.mail_folder)]


@pytest.fixture
async def awaited(desk):
    """Alice has the only copy, and Bob waits for it."""
    loan = await desk.lend(await desk.member("alice"), await desk.copy())
    await desk.reserve(await desk.member("bob"))
    return loan


async def test_a_member_is_told_once_when_their_copy_is_there(desk, awaited, letters):
    await desk.give_back(awaited)
    await desk.library.settle()
    await desk.library.settle()
    assert letters() == [("bob@example.org", "Ready for you: Dune")]


async def test_a_return_that_is_refused_tells_nobody(desk, awaited, letters):
    await desk.give_back(awaited)
    await desk.library.settle()
    await desk.refused(f"/loans/{awaited}/return")
    await desk.library.settle()
    assert len(letters()) == 1


async def test_the_same_return_with_the_same_key_is_one_return(desk, awaited, letters):
    key = {"headers": {"idempotency-key": "return-1"}}
    first = await desk.tell(f"/loans/{awaited}/return", **key)
    assert await desk.tell(f"/loans/{awaited}/return", **key) == first
    await desk.library.settle()
    assert len(letters()) == 1


async def test_the_desk_sees_what_happens(desk, awaited):
    headers = {"authorization": f"Bearer {await desk.token()}"}
    async with desk.library.events("/desk/events", headers=headers) as news:
        await desk.give_back(awaited)
        assert [(await news.next()).event for _ in range(2)] == ["ReservationReady", "CopyReturned"]


async def test_the_desk_lends_over_a_socket(desk):
    alice, copy = await desk.member(), await desk.copy()
    headers = {"authorization": f"Bearer {await desk.token()}"}
    async with desk.library.websocket("/desk", headers=headers) as socket:
        assert (await socket.ask("lend", {"member": alice, "copy": copy}))["answer"]["member"] == alice
        assert (await socket.ask("lend", {"member": alice, "copy": copy}))["problem"]["code"] == "copy_lent"
