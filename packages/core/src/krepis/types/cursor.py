"""Writes and reads the cursor of a page: where the page before ended, opaque to callers.

```python
Place = tuple[datetime, UUID]                     # what the page is ordered by; the last part is unique

behind = read_cursor(page.cursor, Place)          # None on the first page
page = Page(items=items, next=write_cursor((items[-1].due_at, items[-1].id)) if more else None)
```

A cursor is not secret and not signed: it says where to go on, and must not say what the caller may see.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, TypeVar

import msgspec

from krepis.errors import Rejection

T = TypeVar("T")


class UnknownCursor(Rejection):
    """The cursor is none that a page has given (HTTP 422)."""

    kind = "invalid"
    message = "this is not the `next` of a page"


def write_cursor(place: Any) -> str:
    """The cursor that points behind `place`, a tuple of plain values."""
    return urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def read_cursor(cursor: str | None, place: type[T]) -> T | None:
    """Where a cursor points, as a `place`; `None` for no cursor. Raises `UnknownCursor`.

    A moment without a zone is refused, since it would not compare with the moments of a database.
    """
    if cursor is None:
        return None
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        found: Any = msgspec.json.decode(urlsafe_b64decode(padded), type=place)
        if any(getattr(part, "tzinfo", True) is None for part in found):
            raise UnknownCursor
        return found
    except (ValueError, RecursionError) as error:
        raise UnknownCursor from error
