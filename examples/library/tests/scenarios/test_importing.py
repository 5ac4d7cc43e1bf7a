"""Books by their ISBN alone, from a catalogue service that fails, hangs, and comes back."""

import asyncio
import time

import pytest
from krepis.identity import SYSTEM
from krepis.testing import start

from library.application.import_book import ImportBook

EMMA = "9780141439587"
OPEN_S = 10


@pytest.fixture
def take(desk, catalogue):
    """The status and code of an import."""

    async def send(isbn=EMMA, **options):
        reply = await desk.send("POST", "/imports", json={"isbn": isbn}, **options)
        return reply.status, reply.json.get("code")

    return send


async def test_a_book_comes_with_what_the_catalogue_knows(desk, take, catalogue):
    assert await take() == (201, None)
    book = await desk.ask(f"/books/{EMMA}")
    assert (book["title"], book["author"], book["published"]) == ("Emma", "Jane Austen", 1815)
    assert [path for path, _ in catalogue.asked] == [f"/books/{EMMA}"]


async def test_the_trace_and_the_time_that_is_left_go_along(take, catalogue):
    trace = "a" * 32
    headers = {"traceparent": f"00-{trace}-{'b' * 16}-01", "request-timeout": "1.5"}
    assert await take(headers=headers) == (201, None)
    ((_, sent),) = catalogue.asked
    assert sent["traceparent"].split("-")[1] == trace
    assert 0 < float(sent["request-timeout"]) <= 1.5
    assert "authorization" not in sent


async def test_a_book_that_is_here_is_not_looked_up(take, catalogue):
    assert await take("9780441013593") == (409, "book_known")
    assert catalogue.asked == []


async def test_a_book_that_nobody_knows_is_not_taken(desk, take, catalogue):
    catalogue.answers.append(404)
    assert await take() == (404, "not_in_catalogue")
    await desk.ask(f"/books/{EMMA}", 404)


async def test_a_stumble_of_the_catalogue_is_not_seen(take, catalogue):
    catalogue.answers.extend((503, 502))
    assert await take() == (201, None)
    assert len(catalogue.asked) == 3


async def test_a_catalogue_that_is_down_is_left_alone_until_it_has_had_time(desk, take, catalogue):
    catalogue.answers.extend([503] * 100)
    assert [(await take())[0] for _ in range(3)] == [503] * 3
    assert len(catalogue.asked) == 5, "the circuit has opened"
    catalogue.answers.clear()
    assert (await take())[0] == 503
    assert len(catalogue.asked) == 5
    desk.wait(seconds=OPEN_S)
    assert await take() == (201, None)
    assert len(catalogue.asked) == 6


async def test_a_catalogue_that_hangs_ends_with_the_time_of_the_caller(desk, take, catalogue):
    catalogue.answers.append("hang")
    begun = time.monotonic()
    assert await take(headers={"request-timeout": "0.2"}) == (504, "deadline_passed")
    assert time.monotonic() - begun < 1
    await desk.ask(f"/books/{EMMA}", 404)
    assert await take() == (201, None)


async def test_an_attempt_that_hangs_is_given_up_and_made_again(in_memory, catalogue):
    catalogue.answers.append("hang")
    async with start(in_memory.app()) as library:
        book = await library.acting(SYSTEM).dispatch(ImportBook(isbn=EMMA))
    assert (book.title, len(catalogue.asked)) == ("Emma", 2)


async def test_nobody_waits_for_a_catalogue_that_hangs(desk, take, catalogue):
    catalogue.answers.append("hang")
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(take(headers={"request-timeout": "1"}))
        assert await asyncio.to_thread(catalogue.hanging.wait, 5)
        await desk.member()  # a write of somebody else
        assert not slow.done()
    assert slow.result() == (504, "deadline_passed")


@pytest.mark.parametrize("status", [500, 301])
async def test_an_answer_that_makes_no_sense_is_a_bug_and_changes_nothing(desk, take, catalogue, status):
    catalogue.answers.append(status)
    assert (await take())[0] == 500
    await desk.ask(f"/books/{EMMA}", 404)


async def test_what_was_looked_up_is_known_for_a_while(take, catalogue):
    catalogue.answers.append(404)
    assert await take() == await take() == (404, "not_in_catalogue")
    assert len(catalogue.asked) == 1
