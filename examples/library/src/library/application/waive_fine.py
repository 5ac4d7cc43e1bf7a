"""Waive a fine."""

from uuid import UUID

from krepis import Command, Context

from library.application.ports import WritableFines
from library.application.views import FineView, fine_view
from library.domain.fine import Fine, Reason, waive


class WaiveFine(Command[FineView]):
    """A manager forgives what is still owed of a fine, and says why."""

    fine: UUID
    reason: Reason


async def waive_fine(ctx: Context, command: WaiveFine, fine: Fine, *, fines: WritableFines) -> FineView:
    assert ctx.actor is not None  # the policy lets in managers alone
    waived = waive(fine, by=UUID(ctx.actor.id), because=command.reason)
    await fines.save(ctx, waived)
    return fine_view(waived)
