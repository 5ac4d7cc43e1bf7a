"""Waive a fine."""

from uuid import UUID

from krepis import Command, Context

from library.application.ports import Staff, WritableFines
from library.application.views import FineView, fine_view
from library.domain.fine import NoSuchFine, Reason, waive
from library.domain.staff import require_manager


class WaiveFine(Command[FineView]):
    """A manager forgives what is still owed of a fine, and says why."""

    fine: UUID
    reason: Reason
    by: UUID


async def waive_fine(ctx: Context, command: WaiveFine, *, fines: WritableFines, staff: Staff) -> FineView:
    manager = require_manager(await staff.find(ctx, command.by))
    fine = await fines.find(ctx, command.fine)
    if fine is None:
        raise NoSuchFine(fine=command.fine)
    waived = waive(fine, by=manager.id, because=command.reason)
    await fines.save(ctx, waived)
    return fine_view(waived)
