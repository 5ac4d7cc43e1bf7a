"""Add a copy."""

from uuid import UUID

from krepis import Command, Context

from library.application.ports import Books, Staff, WritableCopies, WritableReservations
from library.application.views import CopyView, copy_view
from library.domain.book import Isbn, NoSuchBook
from library.domain.copy import Copy
from library.domain.reservation import pass_on
from library.domain.staff import require_staff


class AddCopy(Command[CopyView]):
    """Staff add a copy of a book; it goes to the first who waits for one, else on the shelf."""

    isbn: Isbn
    by: UUID


async def add_copy(
    ctx: Context,
    command: AddCopy,
    *,
    books: Books,
    copies: WritableCopies,
    reservations: WritableReservations,
    staff: Staff,
) -> CopyView:
    require_staff(await staff.find(ctx, command.by))
    if await books.find(ctx, command.isbn) is None:
        raise NoSuchBook(isbn=command.isbn)
    first = await reservations.first_waiting(ctx, command.isbn)
    handover = pass_on(Copy(id=ctx.new_id(), isbn=command.isbn), first, ctx.now())
    await copies.add(ctx, handover.copy)
    if handover.reservation is not None:
        await reservations.save(ctx, handover.reservation)
    return copy_view(handover.copy)
