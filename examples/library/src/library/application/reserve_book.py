"""Reserve a book."""

from uuid import UUID

from krepis import Command, Context

from library.application.ports import Books, Copies, Fines, WritableReservations
from library.application.views import ReservationView, reservation_view
from library.domain.book import Isbn, NoSuchBook
from library.domain.fine import total_owed
from library.domain.member import Member, require_good_standing
from library.domain.reservation import reserve


class ReserveBook(Command[ReservationView]):
    """A member queues for a book of which no copy stands on the shelf."""

    member: UUID
    isbn: Isbn


async def reserve_book(
    ctx: Context,
    command: ReserveBook,
    member: Member,
    *,
    books: Books,
    copies: Copies,
    reservations: WritableReservations,
    fines: Fines,
) -> ReservationView:
    if await books.find(ctx, command.isbn) is None:
        raise NoSuchBook(isbn=command.isbn)
    require_good_standing(member, total_owed(await fines.open_of(ctx, member.id)))
    reservation = reserve(
        member,
        command.isbn,
        mine=await reservations.open_of(ctx, member.id),
        copies_available=await copies.count_available(ctx, command.isbn),
        reservation_id=ctx.new_id(),
        at=ctx.now(),
    )
    await reservations.add(ctx, reservation)
    return reservation_view(reservation)
