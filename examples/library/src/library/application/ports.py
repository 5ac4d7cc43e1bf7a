"""The ports of the library. Queries take the reading ones, commands the writing ones, which extend them.

The adapters of all ports pass the contract tests in `tests/adapters/`.
"""

from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from krepis import Context, OutboundPort, ReadPort, WritePort
from krepis.port import safe
from krepis.types import Cursor, Email, Offset, Page

from library.application.views import BookSummary, LoanView, OverdueView
from library.domain.account import Account
from library.domain.book import Book
from library.domain.copy import Copy
from library.domain.cover import Cover
from library.domain.fine import Fine
from library.domain.letter import Letter
from library.domain.loan import Loan
from library.domain.member import Member
from library.domain.note import Note
from library.domain.reservation import Reservation
from library.domain.staff import StaffMember


class Members(ReadPort, Protocol):
    async def find(self, ctx: Context, member: UUID) -> Member | None: ...

    async def find_by_email(self, ctx: Context, email: Email) -> Member | None: ...


class WritableMembers(Members, WritePort, Protocol):
    async def add(self, ctx: Context, member: Member) -> None: ...

    async def save(self, ctx: Context, member: Member) -> None: ...


class Books(ReadPort, Protocol):
    async def find(self, ctx: Context, isbn: str) -> Book | None: ...

    async def search(self, ctx: Context, text: str, page: Offset) -> Page[BookSummary]:
        """The books that have `text` in their title or author, in any case of letters, by title; all for no text."""
        ...


class WritableBooks(Books, WritePort, Protocol):
    async def add(self, ctx: Context, book: Book) -> None: ...

    async def save(self, ctx: Context, book: Book) -> None: ...


class Copies(ReadPort, Protocol):
    async def find(self, ctx: Context, copy: UUID) -> Copy | None: ...

    async def count(self, ctx: Context, isbn: str) -> int:
        """How many copies the library has, wherever they are; withdrawn ones don't count."""
        ...

    async def count_available(self, ctx: Context, isbn: str) -> int:
        """How many copies stand on the shelf."""
        ...


class WritableCopies(Copies, WritePort, Protocol):
    async def add(self, ctx: Context, copy: Copy) -> None: ...

    async def save(self, ctx: Context, copy: Copy) -> None: ...


OverduePlace = tuple[datetime, UUID]
"""Where a page of overdue loans ends: when its last one was due, and its id."""

BEFORE_ALL: OverduePlace = (datetime.min.replace(tzinfo=UTC), UUID(int=0))


class Loans(ReadPort, Protocol):
    async def find(self, ctx: Context, loan: UUID) -> Loan | None: ...

    async def count_open(self, ctx: Context, member: UUID) -> int: ...

    async def open_of(self, ctx: Context, member: UUID) -> list[LoanView]:
        """The member's open loans, the next due first."""
        ...

    async def page_of(self, ctx: Context, member: UUID, page: Offset) -> Page[LoanView]:
        """All loans of the member, the latest first."""
        ...

    async def page_overdue(self, ctx: Context, at: datetime, page: Cursor) -> Page[OverdueView]:
        """The open loans that were due before that time, the longest overdue first.

        Raises `UnknownCursor` for a cursor that no page has given.
        """
        ...


class WritableLoans(Loans, WritePort, Protocol):
    async def add(self, ctx: Context, loan: Loan) -> None: ...

    async def save(self, ctx: Context, loan: Loan) -> None: ...


class Reservations(ReadPort, Protocol):
    async def find(self, ctx: Context, reservation: UUID) -> Reservation | None: ...

    async def open_of(self, ctx: Context, member: UUID) -> list[Reservation]:
        """The member's reservations that wait or are ready, the first placed first."""
        ...

    async def count_waiting(self, ctx: Context, isbn: str) -> int: ...

    async def first_waiting(self, ctx: Context, isbn: str) -> Reservation | None:
        """The first in the queue for the book."""
        ...

    async def ready_for(self, ctx: Context, copy: UUID) -> Reservation | None:
        """The reservation that the copy is set aside for."""
        ...

    async def uncollected(self, ctx: Context, at: datetime, limit: int) -> list[Reservation]:
        """At most `limit` ready reservations whose copy should have been picked up before that time."""
        ...


class WritableReservations(Reservations, WritePort, Protocol):
    async def add(self, ctx: Context, reservation: Reservation) -> None: ...

    async def save(self, ctx: Context, reservation: Reservation) -> None: ...


class Fines(ReadPort, Protocol):
    async def find(self, ctx: Context, fine: UUID) -> Fine | None: ...

    async def open_of(self, ctx: Context, member: UUID) -> list[Fine]:
        """The member's fines that are not settled, the oldest first."""
        ...


class WritableFines(Fines, WritePort, Protocol):
    async def add(self, ctx: Context, fine: Fine) -> None: ...

    async def save(self, ctx: Context, fine: Fine) -> None: ...


class Staff(ReadPort, Protocol):
    async def find(self, ctx: Context, person: UUID) -> StaffMember | None: ...


class WritableStaff(Staff, WritePort, Protocol):
    async def add(self, ctx: Context, person: StaffMember) -> None: ...


class Covers(ReadPort, Protocol):
    async def find(self, ctx: Context, isbn: str) -> Cover | None: ...


class WritableCovers(Covers, WritePort, Protocol):
    async def put(self, ctx: Context, cover: Cover) -> None:
        """Add, or replace the book's one."""
        ...


class Accounts(ReadPort, Protocol):
    async def find(self, ctx: Context, person: UUID) -> Account | None: ...

    async def find_by_email(self, ctx: Context, email: Email) -> Account | None: ...


class WritableAccounts(Accounts, WritePort, Protocol):
    async def add(self, ctx: Context, account: Account) -> None: ...

    async def save(self, ctx: Context, account: Account) -> None: ...


class Notes(ReadPort, Protocol):
    """Those of the branch of `ctx`."""

    async def latest(self, ctx: Context, limit: int) -> list[Note]:
        """At most `limit` notes, the latest first."""
        ...


class WritableNotes(Notes, WritePort, Protocol):
    async def add(self, ctx: Context, note: Note) -> None: ...


class Catalogue(OutboundPort, Protocol):
    """What all libraries together know of books."""

    @safe
    async def look_up(self, ctx: Context, isbn: str) -> Book | None:
        """The book as it would be new here; `None` when nobody knows it. Raises `Unavailable`."""
        ...


class Mail(OutboundPort, Protocol):
    async def send(self, ctx: Context, letter: Letter) -> None:
        """Hand a letter over for sending. The same call under the same idempotency key is the same letter."""
        ...
