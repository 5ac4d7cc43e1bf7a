"""Retire a scanner."""

from uuid import UUID

from krepis import Command, Context
from krepis.accounts import WritableApiKeys

from library.domain.scanner import NoSuchScanner


class RetireScanner(Command[None]):
    """A scanner is lost or broken: its key is good no more, at once."""

    scanner: UUID


async def retire_scanner(ctx: Context, command: RetireScanner, *, keys: WritableApiKeys) -> None:
    assert ctx.actor is not None  # the policy lets in staff alone
    if not await keys.revoke(ctx, ctx.actor.id, command.scanner):
        raise NoSuchScanner(scanner=command.scanner)
