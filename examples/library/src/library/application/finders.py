"""What messages are about: found once, for the policy and for the handler."""

from krepis import Context

from library.application.cancel_reservation import CancelReservation
from library.application.invite import InviteMember
from library.application.list_loans import ListLoans
from library.application.pay_fine import PayFine
from library.application.ports import Fines, Loans, Members, Reservations
from library.application.reinstate_member import ReinstateMember
from library.application.renew_loan import RenewLoan
from library.application.reserve_book import ReserveBook
from library.application.return_copy import ReturnCopy
from library.application.revise_member import ReviseMember
from library.application.show_account import ShowAccount
from library.application.show_member import ShowMember
from library.application.suspend_member import SuspendMember
from library.application.waive_fine import WaiveFine
from library.domain.fine import Fine, NoSuchFine
from library.domain.loan import Loan, NoSuchLoan
from library.domain.member import Member, NoSuchMember
from library.domain.reservation import NoSuchReservation, Reservation

AboutMember = (
    ShowMember | ReviseMember | SuspendMember | ReinstateMember | ShowAccount | ListLoans | ReserveBook | InviteMember
)


async def member_of(ctx: Context, message: AboutMember, *, members: Members) -> Member:
    member = await members.find(ctx, message.member)
    if member is None:
        raise NoSuchMember(member=message.member)
    return member


async def loan_of(ctx: Context, message: RenewLoan | ReturnCopy, *, loans: Loans) -> Loan:
    loan = await loans.find(ctx, message.loan)
    if loan is None:
        raise NoSuchLoan(loan=message.loan)
    return loan


async def reservation_of(ctx: Context, message: CancelReservation, *, reservations: Reservations) -> Reservation:
    reservation = await reservations.find(ctx, message.reservation)
    if reservation is None:
        raise NoSuchReservation(reservation=message.reservation)
    return reservation


async def fine_of(ctx: Context, message: PayFine | WaiveFine, *, fines: Fines) -> Fine:
    fine = await fines.find(ctx, message.fine)
    if fine is None:
        raise NoSuchFine(fine=message.fine)
    return fine
