"""The ports in memory, for tests and trials; they pass the same contract tests as the ones on SQL."""

from datetime import datetime
from uuid import UUID

from krepis import Context
from krepis.testing import MemoryUnit
from krepis.types import Cursor, Email, Offset, Page, read_cursor, write_cursor

from library.application.ports import (
    BEFORE_ALL,
    OverduePlace,
    WritableBooks,
    WritableCopies,
    WritableFines,
    WritableLoans,
    WritableMembers,
    WritableReservations,
    WritableStaff,
)
from library.application.views import BookSummary, LoanView, OverdueView, loan_view
from library.domain.book import Book, search_text
from library.domain.copy import Copy
from library.domain.fine import Fine
from library.domain.loan import Loan
from library.domain.member import Member
from library.domain.reservation import Reservation
from library.domain.staff import StaffMember


class MemoryMembers(WritableMembers):
    def __init__(self, unit: MemoryUnit) -> None:
        self._members = unit.table("members", Member)

    async def find(self, ctx: Context, member: UUID) -> Member | None:
        return self._members.get(member)

    async def find_by_email(self, ctx: Context, email: Email) -> Member | None:
        return next((member for member in self._members if member.email == email), None)

    async def add(self, ctx: Context, member: Member) -> None:
        self._members.put(member.id, member)

    async def save(self, ctx: Context, member: Member) -> None:
        self._members.put(member.id, member)


class MemoryBooks(WritableBooks):
    def __init__(self, unit: MemoryUnit) -> None:
        self._books = unit.table("books", Book)
        self._copies = unit.table("copies", Copy)

    async def find(self, ctx: Context, isbn: str) -> Book | None:
        return self._books.get(isbn)

    async def search(self, ctx: Context, text: str, page: Offset) -> Page[BookSummary]:
        found = [book for book in self._books if text.casefold() in search_text(book)]
        found.sort(key=lambda book: (search_text(book), book.isbn))
        shown = found[page.offset : page.offset + page.limit]
        return Page(items=[self._summary(book) for book in shown], total=len(found))

    def _summary(self, book: Book) -> BookSummary:
        available = sum(copy.isbn == book.isbn and copy.status == "available" for copy in self._copies)
        return BookSummary(isbn=book.isbn, title=book.title, author=book.author, available=available)

    async def add(self, ctx: Context, book: Book) -> None:
        self._books.put(book.isbn, book)

    async def save(self, ctx: Context, book: Book) -> None:
        self._books.put(book.isbn, book)


class MemoryCopies(WritableCopies):
    def __init__(self, unit: MemoryUnit) -> None:
        self._copies = unit.table("copies", Copy)

    async def find(self, ctx: Context, copy: UUID) -> Copy | None:
        return self._copies.get(copy)

    async def count(self, ctx: Context, isbn: str) -> int:
        return sum(copy.isbn == isbn and copy.status != "withdrawn" for copy in self._copies)

    async def count_available(self, ctx: Context, isbn: str) -> int:
        return sum(copy.isbn == isbn and copy.status == "available" for copy in self._copies)

    async def add(self, ctx: Context, copy: Copy) -> None:
        self._copies.put(copy.id, copy)

    async def save(self, ctx: Context, copy: Copy) -> None:
        self._copies.put(copy.id, copy)


class MemoryLoans(WritableLoans):
    def __init__(self, unit: MemoryUnit) -> None:
        self._loans = unit.table("loans", Loan)
        self._copies = unit.table("copies", Copy)
        self._books = unit.table("books", Book)
        self._members = unit.table("members", Member)

    async def find(self, ctx: Context, loan: UUID) -> Loan | None:
        return self._loans.get(loan)

    async def count_open(self, ctx: Context, member: UUID) -> int:
        return sum(loan.member == member and loan.returned_at is None for loan in self._loans)

    async def open_of(self, ctx: Context, member: UUID) -> list[LoanView]:
        found = [loan for loan in self._loans if loan.member == member and loan.returned_at is None]
        return [self._view(loan) for loan in sorted(found, key=lambda loan: (loan.due_at, loan.id))]

    async def page_of(self, ctx: Context, member: UUID, page: Offset) -> Page[LoanView]:
        found = [loan for loan in self._loans if loan.member == member]
        found.sort(key=lambda loan: (loan.lent_at, loan.id), reverse=True)
        shown = found[page.offset : page.offset + page.limit]
        return Page(items=[self._view(loan) for loan in shown], total=len(found))

    async def page_overdue(self, ctx: Context, at: datetime, page: Cursor) -> Page[OverdueView]:
        behind = read_cursor(page.cursor, OverduePlace) or BEFORE_ALL
        overdue = [loan for loan in self._loans if loan.returned_at is None and loan.due_at < at]
        overdue.sort(key=lambda loan: (loan.due_at, loan.id))
        found = [loan for loan in overdue if (loan.due_at, loan.id) > behind]
        shown = found[: page.limit]
        more = len(found) > len(shown)
        return Page(
            items=[self._overdue(loan) for loan in shown],
            next=write_cursor((shown[-1].due_at, shown[-1].id)) if more else None,
        )

    def _view(self, loan: Loan) -> LoanView:
        copy = self._copies.get(loan.copy)
        assert copy is not None
        return loan_view(loan, copy.isbn)

    def _overdue(self, loan: Loan) -> OverdueView:
        member = self._members.get(loan.member)
        book = self._books.get(self._view(loan).isbn)
        assert member is not None
        assert book is not None
        return OverdueView(
            id=loan.id, due_at=loan.due_at, title=book.title, member=member.id, name=member.name, email=member.email
        )

    async def add(self, ctx: Context, loan: Loan) -> None:
        self._loans.put(loan.id, loan)

    async def save(self, ctx: Context, loan: Loan) -> None:
        self._loans.put(loan.id, loan)


class MemoryReservations(WritableReservations):
    def __init__(self, unit: MemoryUnit) -> None:
        self._reservations = unit.table("reservations", Reservation)

    async def find(self, ctx: Context, reservation: UUID) -> Reservation | None:
        return self._reservations.get(reservation)

    async def open_of(self, ctx: Context, member: UUID) -> list[Reservation]:
        found = [each for each in self._reservations if each.member == member and each.status in ("waiting", "ready")]
        return sorted(found, key=lambda each: (each.placed_at, each.id))

    async def count_waiting(self, ctx: Context, isbn: str) -> int:
        return len(self._waiting(isbn))

    async def first_waiting(self, ctx: Context, isbn: str) -> Reservation | None:
        return min(self._waiting(isbn), key=lambda each: (each.placed_at, each.id), default=None)

    async def ready_for(self, ctx: Context, copy: UUID) -> Reservation | None:
        return next((each for each in self._reservations if each.copy == copy and each.status == "ready"), None)

    async def uncollected(self, ctx: Context, at: datetime, limit: int) -> list[Reservation]:
        late = [
            (each.pickup_until, each.id, each)
            for each in self._reservations
            if each.status == "ready" and each.pickup_until is not None and each.pickup_until < at
        ]
        return [each for _, _, each in sorted(late)[:limit]]

    async def add(self, ctx: Context, reservation: Reservation) -> None:
        self._reservations.put(reservation.id, reservation)

    async def save(self, ctx: Context, reservation: Reservation) -> None:
        self._reservations.put(reservation.id, reservation)

    def _waiting(self, isbn: str) -> list[Reservation]:
        return [each for each in self._reservations if each.isbn == isbn and each.status == "waiting"]


class MemoryFines(WritableFines):
    def __init__(self, unit: MemoryUnit) -> None:
        self._fines = unit.table("fines", Fine)

    async def find(self, ctx: Context, fine: UUID) -> Fine | None:
        return self._fines.get(fine)

    async def open_of(self, ctx: Context, member: UUID) -> list[Fine]:
        found = [fine for fine in self._fines if fine.member == member and fine.status == "open"]
        return sorted(found, key=lambda fine: (fine.raised_at, fine.id))

    async def add(self, ctx: Context, fine: Fine) -> None:
        self._fines.put(fine.id, fine)

    async def save(self, ctx: Context, fine: Fine) -> None:
        self._fines.put(fine.id, fine)


class MemoryStaff(WritableStaff):
    def __init__(self, unit: MemoryUnit) -> None:
        self._staff = unit.table("staff", StaffMember)

    async def find(self, ctx: Context, person: UUID) -> StaffMember | None:
        return self._staff.get(person)

    async def add(self, ctx: Context, person: StaffMember) -> None:
        self._staff.put(person.id, person)
