"""Who may do what in the library."""

from krepis.access import Policy, anyone, may, permission, role, user
from krepis.accounts import LogOut, LogOutEverywhere, RefreshSession

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
from library.domain.loan import has_lent
from library.domain.member import is_self
from library.domain.reservation import has_reserved
from library.domain.scanner import SCAN

MEMBER = role("member")
LIBRARIAN = role("librarian")
MANAGER = role("manager")
SCANNER = permission(SCAN)

OF_MEMBERS = (ShowMember, ShowAccount, ListLoans, ReserveBook)
AT_THE_DESK = (
    InviteMember,
    RegisterMember,
    ReviseMember,
    SuspendMember,
    ReinstateMember,
    LendCopy,
    ReturnCopy,
    PayFine,
    WatchDesk,
    WriteNote,
    ListNotes,
    SetUpScanner,
    ListScanners,
    RetireScanner,
)
IN_THE_STACKS = (AddBook, ImportBook, SetCover, ReviseBook, AddCopy, WithdrawCopy, ListOverdue, ReleaseUncollected)

policy = Policy(
    may(anyone, SearchBooks, ShowBook, ShowAvailability, ShowCover),
    may(anyone, SignIn, RefreshSession, TakeInvitation),
    may(user, LogOut, LogOutEverywhere),
    may(MEMBER, *OF_MEMBERS, when=is_self),
    may(MEMBER, RenewLoan, when=has_lent),
    may(MEMBER, CancelReservation, when=has_reserved),
    may(LIBRARIAN, *OF_MEMBERS, RenewLoan, CancelReservation, *AT_THE_DESK, *IN_THE_STACKS),
    may(SCANNER, ReturnCopy),
    may(MANAGER, HireStaff, InviteStaff, WaiveFine),
)
