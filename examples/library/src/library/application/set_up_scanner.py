"""Set up a scanner."""

from krepis import Command, Context
from krepis.accounts import NewApiKey, WritableApiKeys

from library.domain.scanner import SCAN, ScannerName


class SetUpScanner(Command[NewApiKey]):
    """A scanner gets a key of its own, which is shown now and never again. It acts for whoever sets it up."""

    name: ScannerName


async def set_up_scanner(ctx: Context, command: SetUpScanner, *, keys: WritableApiKeys) -> NewApiKey:
    return await keys.make(ctx, command.name, permissions=frozenset((SCAN,)))
