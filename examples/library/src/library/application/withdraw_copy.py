"""Withdraw a copy."""

from uuid import UUID

from krepis import Command, Context

from library.application.ports import WritableCopies
from library.application.views import CopyView, copy_view
from library.domain.copy import NoSuchCopy, withdraw


class WithdrawCopy(Command[CopyView]):
    """Staff take a copy out of circulation, from the shelf and for good."""

    copy: UUID


async def withdraw_copy(ctx: Context, command: WithdrawCopy, *, copies: WritableCopies) -> CopyView:
    copy = await copies.find(ctx, command.copy)
    if copy is None:
        raise NoSuchCopy(copy=command.copy)
    withdrawn = withdraw(copy)
    await copies.save(ctx, withdrawn)
    return copy_view(withdrawn)
