"""Release copies that nobody picked up."""

from typing import Final

from krepis import Command, Context
from krepis.events import Events

from library.application.hand_over import hand_over
from library.application.ports import WritableCopies, WritableReservations
from library.application.views import ReleaseView
from library.domain.reservation import expire

RELEASED_MAX: Final = 100
"""Copies that one call releases; who gets this many back calls again."""


class ReleaseUncollected(Command[ReleaseView]):
    """Reservations whose member did not come in time end; their copies go to the next, or back on the shelf."""


async def release_uncollected(
    ctx: Context,
    command: ReleaseUncollected,
    *,
    copies: WritableCopies,
    reservations: WritableReservations,
    events: Events,
) -> ReleaseView:
    late = await reservations.uncollected(ctx, ctx.now(), RELEASED_MAX)
    for reservation in late:
        assert reservation.copy is not None
        await reservations.save(ctx, expire(reservation, ctx.now()))
        await hand_over(ctx, reservation.copy, copies=copies, reservations=reservations, events=events)
    return ReleaseView(released=len(late))
