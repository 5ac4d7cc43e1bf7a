"""The doors: which message stands at which method and path, and how it may be refused."""

from krepis import http
from krepis.accounts import (
    LogOut,
    LogOutEverywhere,
    MoreThanOwner,
    NoSuchToken,
    RefreshSession,
    TooManyApiKeys,
    TooManyLogins,
    WrongCredentials,
)
from krepis.identity import api_key, bearer
from krepis.types import UnknownCursor

from library.application.add_book import AddBook
from library.application.add_copy import AddCopy
from library.application.cancel_reservation import CancelReservation
from library.application.hire_staff import HireStaff
from library.application.import_book import ImportBook
from library.application.invite import InviteMember, InviteStaff
from library.application.lend_copy import LendCopy
from library.application.list_loans import ListLoans
from library.application.list_notes import ListNotes
from library.application.list_overdue import ListOverdue
from library.application.list_scanners import ListScanners
from library.application.pay_fine import PayFine
from library.application.register_member import RegisterMember
from library.application.reinstate_member import ReinstateMember
from library.application.release_uncollected import ReleaseUncollected
from library.application.renew_loan import RenewLoan
from library.application.reserve_book import ReserveBook
from library.application.retire_scanner import RetireScanner
from library.application.return_copy import ReturnCopy
from library.application.revise_book import ReviseBook
from library.application.revise_member import ReviseMember
from library.application.search_books import SearchBooks
from library.application.set_cover import SetCover
from library.application.set_up_scanner import SetUpScanner
from library.application.show_account import ShowAccount
from library.application.show_availability import ShowAvailability
from library.application.show_book import ShowBook
from library.application.show_cover import ShowCover
from library.application.show_member import ShowMember
from library.application.sign_in import SignIn
from library.application.suspend_member import SuspendMember
from library.application.take_invitation import TakeInvitation
from library.application.waive_fine import WaiveFine
from library.application.watch_desk import WatchDesk
from library.application.withdraw_copy import WithdrawCopy
from library.application.write_note import WriteNote
from library.domain.account import AccountKnown, PersonGone, SignedInElsewhere
from library.domain.book import BookKnown, BookRevised, NoSuchBook, NotInCatalogue
from library.domain.copy import CopyLent, CopySetAside, CopyWithdrawn, NoSuchCopy
from library.domain.cover import NoCover
from library.domain.events import CopyReturned, ReservationReady
from library.domain.fine import FineSettled, NoSuchFine, NotPayable, PaidTooMuch
from library.domain.lending import TooManyLoans
from library.domain.loan import LoanOverdue, LoanReturned, NoSuchLoan, OthersWait, RenewedTooOften
from library.domain.member import EmailTaken, MemberNotSuspended, MemberSuspended, NoSuchMember, OwesTooMuch
from library.domain.note import NoBranch
from library.domain.reservation import (
    CopyOnShelf,
    NoSuchReservation,
    ReservationOver,
    ReservedAlready,
    TooManyReservations,
)
from library.domain.scanner import NoSuchScanner
from library.domain.staff import NoSuchStaff

doors = http.Doors(
    title="Library",
    description="Members, books and their copies, loans, reservations and fines.",
    credentials=(bearer(), api_key()),  # people sign in; scanners have a key
)

doors.post(
    "/session",
    SignIn,
    status=201,
    sources={"client": http.client_address()},
    rejects=[WrongCredentials, TooManyLogins, PersonGone, SignedInElsewhere],
)
doors.post("/session/refresh", RefreshSession)
doors.delete("/session", LogOut)
doors.delete("/sessions", LogOutEverywhere)
doors.post(
    "/invitations", TakeInvitation, status=201, rejects=[NoSuchToken, AccountKnown, PersonGone, SignedInElsewhere]
)

doors.post("/staff", HireStaff, status=201)
doors.post("/staff/{person}/invitation", InviteStaff, status=201, rejects=[NoSuchStaff])

doors.post("/members", RegisterMember, status=201, rejects=[EmailTaken])
doors.get("/members/{member}", ShowMember, rejects=[NoSuchMember])
doors.patch("/members/{member}", ReviseMember, rejects=[NoSuchMember, EmailTaken])
doors.post("/members/{member}/suspend", SuspendMember, rejects=[NoSuchMember, MemberSuspended])
doors.post("/members/{member}/reinstate", ReinstateMember, rejects=[NoSuchMember, MemberNotSuspended])
doors.post("/members/{member}/invitation", InviteMember, status=201, rejects=[NoSuchMember])
doors.get("/members/{member}/account", ShowAccount, rejects=[NoSuchMember])
doors.get("/members/{member}/loans", ListLoans, rejects=[NoSuchMember])

doors.get("/books", SearchBooks)
doors.post("/books", AddBook, status=201, rejects=[BookKnown])
doors.post("/imports", ImportBook, status=201, rejects=[BookKnown, NotInCatalogue])
doors.get("/books/{isbn}", ShowBook, etag="version", rejects=[NoSuchBook])
doors.put(
    "/books/{isbn}",
    ReviseBook,
    if_match="version",
    etag="version",
    rejects=[NoSuchBook, BookRevised],
)
doors.put(
    "/books/{isbn}/cover",
    SetCover,
    sources={"picture": http.upload(types=("image/png", "image/jpeg"), bytes_max=5_000_000)},
    rejects=[NoSuchBook],
)
doors.get("/books/{isbn}/cover", ShowCover, file="inline", rejects=[NoCover])
doors.get("/books/{isbn}/availability", ShowAvailability, etag=True, rejects=[NoSuchBook])
doors.post("/books/{isbn}/copies", AddCopy, status=201, rejects=[NoSuchBook])
doors.post(
    "/members/{member}/reservations",
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
    rejects=[NoSuchCopy, CopyLent, CopySetAside, CopyWithdrawn],
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
doors.get("/loans/overdue.csv", ListOverdue, stream="csv")
doors.post("/loans/{loan}/return", ReturnCopy, rejects=[NoSuchLoan, LoanReturned])
doors.post(
    "/loans/{loan}/renew",
    RenewLoan,
    rejects=[NoSuchLoan, MemberSuspended, OwesTooMuch, LoanReturned, LoanOverdue, RenewedTooOften, OthersWait],
)

doors.post("/reservations/release", ReleaseUncollected)
doors.post("/reservations/{reservation}/cancel", CancelReservation, rejects=[NoSuchReservation, ReservationOver])

doors.post("/fines/{fine}/payments", PayFine, rejects=[NoSuchFine, FineSettled, NotPayable, PaidTooMuch])
doors.post("/fines/{fine}/waive", WaiveFine, rejects=[NoSuchFine, FineSettled])

doors.get("/desk/notes", ListNotes, rejects=[NoBranch])
doors.post("/desk/notes", WriteNote, status=201, rejects=[NoBranch])
doors.get("/desk/scanners", ListScanners)
doors.post("/desk/scanners", SetUpScanner, status=201, rejects=[MoreThanOwner, TooManyApiKeys])
doors.delete("/desk/scanners/{scanner}", RetireScanner, rejects=[NoSuchScanner])
doors.events("/desk/events", WatchDesk, of=(CopyReturned, ReservationReady))
doors.websocket(
    "/desk",
    WatchDesk,
    commands={"lend": LendCopy, "return": ReturnCopy, "renew": RenewLoan},
    events=(CopyReturned, ReservationReady),
)
