"""Add a copy."""

from krepis import Command, Context
from krepis.events import Events

from library.application.ports import Books, WritableCopies, WritableReservations
from library.application.views import CopyView, copy_view
from library.domain.book import Isbn, NoSuchBook
from library.domain.copy import Copy
from library.domain.events import ReservationReady
from library.domain.reservation import pass_on


class AddCopy(Command[CopyView]):
    """Staff add a copy of a book; it goes to the first who waits for one, else on the shelf."""

    isbn: Isbn


async def add_copy(
    ctx: Context,
    command: AddCopy,
    *,
    books: Books,
    copies: WritableCopies,
    reservations: WritableReservations,
    events: Events,
) -> CopyView:
    if await books.find(ctx, command.isbn) is None:
        raise NoSuchBook(isbn=command.isbn)
    first = await reservations.first_waiting(ctx, command.isbn)
    handover = pass_on(Copy(id=ctx.new_id(), isbn=command.isbn), first, ctx.now())
    await copies.add(ctx, handover.copy)
    if handover.reservation is not None:
        await reservations.save(ctx, handover.reservation)
        await events.emit(ctx, ReservationReady(reservation=handover.reservation.id))
    return copy_view(handover.copy)
