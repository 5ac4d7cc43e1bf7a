"""Cancel a reservation."""

from uuid import UUID

from krepis import Command, Context
from krepis.events import Events

from library.application.hand_over import hand_over
from library.application.ports import WritableCopies, WritableReservations
from library.application.views import ReservationView, reservation_view
from library.domain.reservation import Reservation, cancel


class CancelReservation(Command[ReservationView]):
    """A member gives up their place in the queue; a copy that waited for them goes to the next."""

    reservation: UUID


async def cancel_reservation(
    ctx: Context,
    command: CancelReservation,
    reservation: Reservation,
    *,
    copies: WritableCopies,
    reservations: WritableReservations,
    events: Events,
) -> ReservationView:
    cancelled = cancel(reservation)
    await reservations.save(ctx, cancelled)
    if reservation.copy is not None:
        await hand_over(ctx, reservation.copy, copies=copies, reservations=reservations, events=events)
    return reservation_view(cancelled)
