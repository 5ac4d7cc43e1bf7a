"""The composition root: the only place where a port and its adapter meet."""

import os
from collections.abc import Sequence

from krepis import App, bind
from krepis.port import Store
from krepis.sql import Database
from krepis.wiring import Binding

from library.adapters.http import doors
from library.adapters.sql.books import SqlBooks
from library.adapters.sql.copies import SqlCopies
from library.adapters.sql.fines import SqlFines
from library.adapters.sql.loans import SqlLoans
from library.adapters.sql.members import SqlMembers
from library.adapters.sql.reservations import SqlReservations
from library.adapters.sql.staff import SqlStaff
from library.adapters.sql.tables import metadata
from library.application.add_book import add_book
from library.application.add_copy import add_copy
from library.application.cancel_reservation import cancel_reservation
from library.application.hire_staff import hire_staff
from library.application.lend_copy import lend_copy
from library.application.list_loans import list_loans
from library.application.list_overdue import list_overdue
from library.application.pay_fine import pay_fine
from library.application.ports import (
    WritableBooks,
    WritableCopies,
    WritableFines,
    WritableLoans,
    WritableMembers,
    WritableReservations,
    WritableStaff,
)
from library.application.register_member import register_member
from library.application.reinstate_member import reinstate_member
from library.application.release_uncollected import release_uncollected
from library.application.renew_loan import renew_loan
from library.application.reserve_book import reserve_book
from library.application.return_copy import return_copy
from library.application.revise_book import revise_book
from library.application.revise_member import revise_member
from library.application.search_books import search_books
from library.application.show_account import show_account
from library.application.show_availability import show_availability
from library.application.show_book import show_book
from library.application.show_member import show_member
from library.application.suspend_member import suspend_member
from library.application.waive_fine import waive_fine
from library.application.withdraw_copy import withdraw_copy

MIGRATIONS = "library:adapters/sql/migrations"

HANDLERS = (
    add_book,
    add_copy,
    cancel_reservation,
    hire_staff,
    lend_copy,
    list_loans,
    list_overdue,
    pay_fine,
    register_member,
    reinstate_member,
    release_uncollected,
    renew_loan,
    reserve_book,
    return_copy,
    revise_book,
    revise_member,
    search_books,
    show_account,
    show_availability,
    show_book,
    show_member,
    suspend_member,
    waive_fine,
    withdraw_copy,
)

ON_SQL = (
    bind(WritableBooks, SqlBooks),
    bind(WritableCopies, SqlCopies),
    bind(WritableFines, SqlFines),
    bind(WritableLoans, SqlLoans),
    bind(WritableMembers, SqlMembers),
    bind(WritableReservations, SqlReservations),
    bind(WritableStaff, SqlStaff),
)


def build(store: Store, adapters: Sequence[Binding] = ON_SQL) -> App:
    """The library on that store. Tests give one in memory, with the adapters for it."""
    return App("library", handlers=HANDLERS, adapters=adapters, doors=doors, store=store)


def database(url: str) -> Database:
    """The library's database at that url."""
    return Database(url, metadata=metadata, migrations=MIGRATIONS)


app = build(database(os.environ.get("LIBRARY_DATABASE", "sqlite:///library.db")))
