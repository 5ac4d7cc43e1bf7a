"""Watch the desk."""

from krepis import Context, Query


class WatchDesk(Query[None]):
    """What happens at the desk, as it happens: copies that come back, copies that wait for somebody."""


async def watch_desk(ctx: Context, query: WatchDesk) -> None:
    """Whoever may ask may watch."""
