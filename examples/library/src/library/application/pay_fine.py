"""Pay a fine."""

from uuid import UUID

from krepis import Command, Context
from krepis.types import Money

from library.application.ports import WritableFines
from library.application.views import FineView, fine_view
from library.domain.fine import Fine, pay


class PayFine(Command[FineView]):
    """A member pays a fine, or a part of it."""

    fine: UUID
    amount: Money


async def pay_fine(ctx: Context, command: PayFine, fine: Fine, *, fines: WritableFines) -> FineView:
    paid = pay(fine, command.amount)
    await fines.save(ctx, paid)
    return fine_view(paid)
