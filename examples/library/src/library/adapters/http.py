"""The doors: which message stands at which method and path, and how it may be refused."""

from krepis import http
from krepis.types import UnknownCursor

from library.application.add_book import AddBook
from library.application.add_copy import AddCopy
from library.application.cancel_reservation import CancelReservation
from library.application.hire_staff import HireStaff
from library.application.lend_copy import LendCopy
from library.application.list_loans import ListLoans
from library.application.list_overdue import ListOverdue
from library.application.pay_fine import PayFine
from library.application.register_member import RegisterMember
from library.application.reinstate_member import ReinstateMember
from library.application.release_uncollected import ReleaseUncollected
from library.application.renew_loan import RenewLoan
from library.application.reserve_book import ReserveBook
from library.application.return_copy import ReturnCopy
from library.application.revise_book import ReviseBook
from library.application.revise_member import ReviseMember
from library.application.search_books import SearchBooks
from library.application.show_account import ShowAccount
from library.application.show_availability import ShowAvailability
from library.application.show_book import ShowBook
from library.application.show_member import ShowMember
from library.application.suspend_member import SuspendMember
from library.application.waive_fine import WaiveFine
from library.application.withdraw_copy import WithdrawCopy
from library.domain.book import BookKnown, BookRevised, NoSuchBook
from library.domain.copy import CopyLent, CopySetAside, CopyWithdrawn, NoSuchCopy
from library.domain.fine import FineSettled, NoSuchFine, NotPayable, PaidTooMuch
from library.domain.lending import TooManyLoans
from library.domain.loan import LoanOverdue, LoanReturned, NoSuchLoan, OthersWait, RenewedTooOften
from library.domain.member import EmailTaken, MemberNotSuspended, MemberSuspended, NoSuchMember, OwesTooMuch
from library.domain.reservation import (
    CopyOnShelf,
    NoSuchReservation,
    ReservationOver,
    ReservedAlready,
    TooManyReservations,
)
from library.domain.staff import NotManager, NotStaff

doors = http.Doors(title="Library", description="Members, books and their copies, loans, reservations and fines.")

doors.post("/staff", HireStaff, status=201)

doors.post("/members", RegisterMember, status=201, rejects=[EmailTaken])
doors.get("/members/{member}", ShowMember, rejects=[NoSuchMember])
doors.patch("/members/{member}", ReviseMember, rejects=[NoSuchMember, EmailTaken])
doors.post("/members/{member}/suspend", SuspendMember, rejects=[NotStaff, NoSuchMember, MemberSuspended])
doors.post("/members/{member}/reinstate", ReinstateMember, rejects=[NotStaff, NoSuchMember, MemberNotSuspended])
doors.get("/members/{member}/account", ShowAccount, rejects=[NoSuchMember])
doors.get("/members/{member}/loans", ListLoans, rejects=[NoSuchMember])

doors.get("/books", SearchBooks)
doors.post("/books", AddBook, status=201, rejects=[NotStaff, BookKnown])
doors.get("/books/{isbn}", ShowBook, etag="version", rejects=[NoSuchBook])
doors.put(
    "/books/{isbn}",
    ReviseBook,
    if_match="version",
    etag="version",
    rejects=[NotStaff, NoSuchBook, BookRevised],
)
doors.get("/books/{isbn}/availability", ShowAvailability, etag=True, rejects=[NoSuchBook])
doors.post("/books/{isbn}/copies", AddCopy, status=201, rejects=[NotStaff, NoSuchBook])
doors.post(
    "/books/{isbn}/reservations",
    ReserveBook,
    status=201,
    rejects=[
        NoSuchMember,
        NoSuchBook,
        MemberSuspended,
        OwesTooMuch,
        CopyOnShelf,
        ReservedAlready,
        TooManyReservations,
    ],
)

doors.post(
    "/copies/{copy}/withdraw",
    WithdrawCopy,
    rejects=[NotStaff, NoSuchCopy, CopyLent, CopySetAside, CopyWithdrawn],
)

doors.post(
    "/loans",
    LendCopy,
    status=201,
    rejects=[
        NoSuchMember,
        NoSuchCopy,
        MemberSuspended,
        OwesTooMuch,
        TooManyLoans,
        CopyLent,
        CopySetAside,
        CopyWithdrawn,
    ],
)
doors.get("/loans/overdue", ListOverdue, rejects=[UnknownCursor])
doors.post("/loans/{loan}/return", ReturnCopy, rejects=[NoSuchLoan, LoanReturned])
doors.post(
    "/loans/{loan}/renew",
    RenewLoan,
    rejects=[NoSuchLoan, MemberSuspended, OwesTooMuch, LoanReturned, LoanOverdue, RenewedTooOften, OthersWait],
)

doors.post("/reservations/release", ReleaseUncollected)
doors.post("/reservations/{reservation}/cancel", CancelReservation, rejects=[NoSuchReservation, ReservationOver])

doors.post("/fines/{fine}/payments", PayFine, rejects=[NoSuchFine, FineSettled, NotPayable, PaidTooMuch])
doors.post("/fines/{fine}/waive", WaiveFine, rejects=[NotStaff, NotManager, NoSuchFine, FineSettled])
