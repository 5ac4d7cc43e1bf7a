"""What callers see, and how it is made of what the domain knows."""

from datetime import datetime
from uuid import UUID

from krepis import Value
from krepis.types import Email, Money

from library.domain.book import Book
from library.domain.copy import Copy, CopyStatus
from library.domain.fine import Fine, FineStatus
from library.domain.loan import Loan
from library.domain.member import Member, MemberStatus
from library.domain.reservation import Reservation, ReservationStatus
from library.domain.staff import Branch, StaffMember, StaffRole
from library.domain.terms import MemberKind


class MemberView(Value):
    id: UUID
    name: str
    email: Email
    kind: MemberKind
    status: MemberStatus
    joined_at: datetime


class BookView(Value):
    isbn: str
    title: str
    author: str
    published: int | None
    version: int


class BookSummary(Value):
    """A book in a list, with the number of copies on the shelf."""

    isbn: str
    title: str
    author: str
    available: int


class AvailabilityView(Value):
    """How many copies of a book there are, how many stand on the shelf, and how many members wait for one."""

    isbn: str
    copies: int
    available: int
    waiting: int


class CopyView(Value):
    id: UUID
    isbn: str
    status: CopyStatus


class LoanView(Value):
    id: UUID
    member: UUID
    copy: UUID
    isbn: str
    lent_at: datetime
    due_at: datetime
    renewals: int
    returned_at: datetime | None


class OverdueView(Value):
    """An overdue loan, with what is needed to remind the member."""

    id: UUID
    due_at: datetime
    title: str
    member: UUID
    name: str
    email: Email


class ReservationView(Value):
    id: UUID
    member: UUID
    isbn: str
    status: ReservationStatus
    placed_at: datetime
    copy: UUID | None
    pickup_until: datetime | None


class FineView(Value):
    id: UUID
    member: UUID
    loan: UUID
    amount: Money
    paid: Money
    owed: Money
    status: FineStatus
    raised_at: datetime


class ReturnView(Value):
    """A loan that has ended, and the fine if it ended late."""

    loan: LoanView
    fine: FineView | None


class AccountView(Value):
    """All that is open between a member and the library."""

    member: MemberView
    loans: list[LoanView]
    reservations: list[ReservationView]
    fines: list[FineView]
    owed: Money


class ReleaseView(Value):
    """How many copies were passed on or put back on the shelf."""

    released: int


class StaffView(Value):
    id: UUID
    name: str
    role: StaffRole
    branch: Branch | None


class InvitationView(Value):
    """The word that makes an account, once. It is shown now and never again."""

    token: str


def member_view(member: Member) -> MemberView:
    return MemberView(
        id=member.id,
        name=member.name,
        email=member.email,
        kind=member.kind,
        status=member.status,
        joined_at=member.joined_at,
    )


def book_view(book: Book) -> BookView:
    return BookView(
        isbn=book.isbn, title=book.title, author=book.author, published=book.published, version=book.version
    )


def copy_view(copy: Copy) -> CopyView:
    return CopyView(id=copy.id, isbn=copy.isbn, status=copy.status)


def loan_view(loan: Loan, isbn: str) -> LoanView:
    return LoanView(
        id=loan.id,
        member=loan.member,
        copy=loan.copy,
        isbn=isbn,
        lent_at=loan.lent_at,
        due_at=loan.due_at,
        renewals=loan.renewals,
        returned_at=loan.returned_at,
    )


def reservation_view(reservation: Reservation) -> ReservationView:
    return ReservationView(
        id=reservation.id,
        member=reservation.member,
        isbn=reservation.isbn,
        status=reservation.status,
        placed_at=reservation.placed_at,
        copy=reservation.copy,
        pickup_until=reservation.pickup_until,
    )


def fine_view(fine: Fine) -> FineView:
    return FineView(
        id=fine.id,
        member=fine.member,
        loan=fine.loan,
        amount=fine.amount,
        paid=fine.paid,
        owed=fine.owed,
        status=fine.status,
        raised_at=fine.raised_at,
    )


def staff_view(person: StaffMember) -> StaffView:
    return StaffView(id=person.id, name=person.name, role=person.role, branch=person.branch)
