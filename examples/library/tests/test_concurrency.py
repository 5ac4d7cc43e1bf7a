"""Commands that collide: whatever the order in which they run, the store ends as if one had come after the other."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from krepis import Rejection
from krepis.identity import SYSTEM
from krepis.testing import TestSources, start

from library.application.add_book import AddBook
from library.application.add_copy import AddCopy
from library.application.lend_copy import LendCopy
from library.application.pay_fine import PayFine
from library.application.register_member import RegisterMember
from library.application.reserve_book import ReserveBook
from library.application.return_copy import ReturnCopy
from library.application.show_account import ShowAccount
from library.application.show_availability import ShowAvailability
from library.domain.terms import FINE_PER_DAY

DUNE = "9780441013593"
MEMBERS = 12


@pytest.fixture
async def two_servers(on_disk):
    """Two servers on the same database, as two processes would be; seeds differ, or they would give the same ids."""
    async with AsyncExitStack() as stack:
        yield [
            (await stack.enter_async_context(start(on_disk.app(), TestSources(seed=seed)))).acting(SYSTEM)
            for seed in range(2)
        ]


@pytest.fixture
async def members(two_servers):
    server, _ = two_servers
    await server.dispatch(AddBook(isbn=DUNE, title="Dune", author="Frank Herbert"))
    return [(await server.dispatch(register(f"m{number}"))).id for number in range(MEMBERS)]


def register(name):
    return RegisterMember(name=name, email=f"{name}@example.org")


async def at_once(servers, messages):
    """Send all messages at the same time, to each server in turn; answers in two lists: answers, codes of refusals."""

    async def send(index, message):
        try:
            return await servers[index % len(servers)].dispatch(message)
        except Rejection as refusal:
            return refusal

    ends = await asyncio.gather(*(send(index, message) for index, message in enumerate(messages)))
    refusals = [end.code for end in ends if isinstance(end, Rejection)]
    return [end for end in ends if not isinstance(end, Rejection)], refusals


async def test_the_last_copy_is_lent_once(two_servers, members):
    copy = (await two_servers[0].dispatch(AddCopy(isbn=DUNE))).id
    lent, refusals = await at_once(two_servers, [LendCopy(member=member, copy=copy) for member in members])
    assert len(lent) == 1
    assert refusals == ["copy_lent"] * (MEMBERS - 1)


async def test_a_member_who_asks_for_many_copies_at_once_gets_no_more_than_the_limit(two_servers, members):
    alice, *_ = members
    copies = [(await two_servers[0].dispatch(AddCopy(isbn=DUNE))).id for _ in range(9)]
    lent, refusals = await at_once(two_servers, [LendCopy(member=alice, copy=copy) for copy in copies])
    assert (len(lent), set(refusals)) == (5, {"too_many_loans"})


async def test_an_email_address_is_given_once(two_servers, members):
    registered, refusals = await at_once(two_servers, [register("alice") for _ in range(MEMBERS)])
    assert len(registered) == 1
    assert set(refusals) == {"email_taken"}


async def test_a_fine_is_never_paid_twice(two_servers, members):
    alice, *_ = members
    server, _ = two_servers
    copy = (await server.dispatch(AddCopy(isbn=DUNE))).id
    loan = await server.dispatch(LendCopy(member=alice, copy=copy))
    server.sources.advance(loan.due_at - loan.lent_at + (loan.due_at - loan.lent_at) / 21)
    fine = (await server.dispatch(ReturnCopy(loan=loan.id))).fine
    assert fine is not None
    paid, refusals = await at_once(two_servers, [PayFine(fine=fine.id, amount=FINE_PER_DAY)] * MEMBERS)
    assert (len(paid), set(refusals)) == (1, {"fine_settled"})


async def test_no_copy_stands_on_the_shelf_while_somebody_waits(two_servers, members):
    alice, *others = members
    server, _ = two_servers
    copy = (await server.dispatch(AddCopy(isbn=DUNE))).id
    loan = await server.dispatch(LendCopy(member=alice, copy=copy))
    wishes = [ReserveBook(member=member, isbn=DUNE) for member in others]
    await at_once(two_servers, [*wishes[:5], ReturnCopy(loan=loan.id), *wishes[5:]])
    book = await server.dispatch(ShowAvailability(isbn=DUNE))
    assert book.available == 0 or book.waiting == 0
    accounts = [await server.dispatch(ShowAccount(member=member)) for member in others]
    ready = [each for account in accounts for each in account.reservations if each.status == "ready"]
    assert len(ready) + book.available == 1
