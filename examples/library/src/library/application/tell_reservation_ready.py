"""Tell a member that a copy waits for them."""

from krepis import Context

from library.application.ports import Books, Mail, Members, Reservations
from library.domain.events import ReservationReady
from library.domain.letter import ready_notice


async def tell_reservation_ready(
    ctx: Context, event: ReservationReady, *, reservations: Reservations, members: Members, books: Books, mail: Mail
) -> None:
    """Nothing is sent when the reservation has moved on by then."""
    reservation = await reservations.find(ctx, event.reservation)
    if reservation is None or reservation.status != "ready":
        return
    member = await members.find(ctx, reservation.member)
    book = await books.find(ctx, reservation.isbn)
    assert member is not None
    assert book is not None
    await mail.send(ctx, ready_notice(member, reservation, book))
