"""What holds after every command, whatever came before: the library in memory, driven by Hypothesis."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from krepis import Rejection
from krepis.identity import SYSTEM
from krepis.sql import statement
from krepis.testing import start
from sqlalchemy import select

from library.adapters.sql.tables import metadata
from library.application.add_book import AddBook
from library.application.add_copy import AddCopy
from library.application.cancel_reservation import CancelReservation
from library.application.lend_copy import LendCopy
from library.application.pay_fine import PayFine
from library.application.register_member import RegisterMember
from library.application.release_uncollected import ReleaseUncollected
from library.application.renew_loan import RenewLoan
from library.application.reserve_book import ReserveBook
from library.application.return_copy import ReturnCopy
from library.application.withdraw_copy import WithdrawCopy
from library.domain.copy import Copy
from library.domain.fine import Fine
from library.domain.loan import Loan
from library.domain.member import Member
from library.domain.reservation import Reservation
from library.domain.terms import FINE_PER_DAY, NOTHING

DUNE = "9780441013593"
EXAMPLES = 1000 if os.environ.get("KREPIS_LONG") else 25


class Library(RuleBasedStateMachine):
    """Members, copies of one book, and everything that can be done with them."""

    members = Bundle("members")
    copies = Bundle("copies")
    loans = Bundle("loans")
    reservations = Bundle("reservations")
    fines = Bundle("fines")

    new_shelf: Callable[[], Any]

    def __init__(self) -> None:
        super().__init__()
        self.app = self.new_shelf().app()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.service = self.runner.run(self.stack.enter_async_context(start(self.app))).acting(SYSTEM)

    def teardown(self):
        self.runner.run(self.stack.aclose())
        self.runner.close()

    def tell(self, command):
        return self.runner.run(self.service.dispatch(command))

    def ask(self, command):
        """The answer, or none for a refusal."""
        try:
            return self.tell(command)
        except Rejection:
            return None

    def stored(self, table, of):
        rows = statement(select(metadata.tables[table]), into=of)
        return self.runner.run(self._read(rows))

    async def _read(self, rows):
        return await self.app.store.transact(self.service.context(), "read", lambda sql: sql.all(rows))

    @initialize(target=members)
    def open_the_library(self):
        self.tell(AddBook(isbn=DUNE, title="Dune", author="Frank Herbert"))
        names = ("alice", "bob", "carol")
        kinds = ("adult", "child", "student")
        registered = [
            self.tell(RegisterMember(name=name, email=f"{name}@example.org", kind=kind))
            for name, kind in zip(names, kinds, strict=True)
        ]
        return multiple(*(member.id for member in registered))

    @rule(target=copies)
    def add_copy(self):
        return self.tell(AddCopy(isbn=DUNE)).id

    @rule(copy=copies)
    def withdraw(self, copy):
        self.ask(WithdrawCopy(copy=copy))

    @rule(target=loans, member=members, copy=copies)
    def lend(self, member, copy):
        loan = self.ask(LendCopy(member=member, copy=copy))
        return multiple() if loan is None else loan.id

    @rule(target=fines, loan=loans)
    def give_back(self, loan):
        returned = self.ask(ReturnCopy(loan=loan))
        return multiple() if returned is None or returned.fine is None else returned.fine.id

    @rule(loan=loans)
    def renew(self, loan):
        self.ask(RenewLoan(loan=loan))

    @rule(target=reservations, member=members)
    def reserve(self, member):
        reservation = self.ask(ReserveBook(member=member, isbn=DUNE))
        return multiple() if reservation is None else reservation.id

    @rule(reservation=reservations)
    def cancel(self, reservation):
        self.ask(CancelReservation(reservation=reservation))

    @rule()
    def release(self):
        self.ask(ReleaseUncollected())

    @rule(fine=fines, days=st.integers(1, 50))
    def pay(self, fine, days):
        self.ask(PayFine(fine=fine, amount=FINE_PER_DAY * days))

    @rule(days=st.integers(1, 60))
    def wait(self, days):
        self.service.sources.advance(timedelta(days=days))

    @invariant()
    def a_copy_is_lent_exactly_while_it_has_one_open_loan(self):
        open_loans = [loan.copy for loan in self.stored("loans", Loan) if loan.returned_at is None]
        lent = [copy.id for copy in self.stored("copies", Copy) if copy.status == "lent"]
        assert sorted(open_loans) == sorted(lent)

    @invariant()
    def a_copy_is_set_aside_exactly_while_one_reservation_is_ready_for_it(self):
        ready = [each.copy for each in self.stored("reservations", Reservation) if each.status == "ready"]
        set_aside = [copy.id for copy in self.stored("copies", Copy) if copy.status == "set_aside"]
        assert sorted(ready) == sorted(set_aside)

    @invariant()
    def no_copy_stands_on_the_shelf_while_somebody_waits(self):
        available = [copy for copy in self.stored("copies", Copy) if copy.status == "available"]
        waiting = [each for each in self.stored("reservations", Reservation) if each.status == "waiting"]
        assert not (available and waiting)

    @invariant()
    def nobody_has_more_than_the_terms_grant(self):
        members = {member.id: member.terms for member in self.stored("members", Member)}
        loans = Counter(loan.member for loan in self.stored("loans", Loan) if loan.returned_at is None)
        assert all(count <= members[member].loans_max for member, count in loans.items())

    @invariant()
    def no_fine_is_paid_beyond_its_amount(self):
        assert all(NOTHING <= fine.paid <= fine.amount for fine in self.stored("fines", Fine))


@pytest.mark.slow
def test_what_always_holds_holds_after_any_commands(in_memory):
    machine = type("LibraryInMemory", (Library,), {"new_shelf": staticmethod(lambda: in_memory)})
    run_state_machine_as_test(machine, settings=settings(max_examples=EXAMPLES, stateful_step_count=50))
