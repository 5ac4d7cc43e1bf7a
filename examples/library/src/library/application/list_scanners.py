"""List scanners."""

from krepis import Context, Query
from krepis.accounts import ApiKey, ApiKeys


class ListScanners(Query[list[ApiKey]]):
    """The scanners that the caller has set up."""


async def list_scanners(ctx: Context, query: ListScanners, *, keys: ApiKeys) -> list[ApiKey]:
    assert ctx.actor is not None  # the policy lets in staff alone
    return await keys.of(ctx, ctx.actor.id)
