"""Pages of parts, which no door of the app may hide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from krepis.errors import KrepisError
from krepis.part import Start

if TYPE_CHECKING:
    from krepis.app import Service


def free_pages(service: Service, pages: Sequence[tuple[str, Start]]) -> Sequence[tuple[str, Start]]:
    """`pages`; raises `KrepisError` where the app has a door of its own."""
    for pattern, _ in pages:
        if any(door.method == "GET" and door.pattern == pattern for door in service.app.doors.declared):
            raise KrepisError(
                f"a part of the app answers at `{pattern}`, and a door does", hint="give one another path"
            )
    return pages
