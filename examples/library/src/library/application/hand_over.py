"""Hand over a copy that is free now: a step that several use cases share."""

from uuid import UUID

from krepis import Context
from krepis.events import Events

from library.application.ports import WritableCopies, WritableReservations
from library.domain.copy import Copy
from library.domain.events import ReservationReady
from library.domain.reservation import pass_on


async def hand_over(
    ctx: Context, copy_id: UUID, *, copies: WritableCopies, reservations: WritableReservations, events: Events
) -> Copy:
    """Set the copy aside for the first who waits for its book, or put it back on the shelf."""
    copy = await copies.find(ctx, copy_id)
    assert copy is not None
    handover = pass_on(copy, await reservations.first_waiting(ctx, copy.isbn), ctx.now())
    await copies.save(ctx, handover.copy)
    if handover.reservation is not None:
        await reservations.save(ctx, handover.reservation)
        await events.emit(ctx, ReservationReady(reservation=handover.reservation.id))
    return handover.copy
