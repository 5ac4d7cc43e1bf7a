"""Pages: how a long answer is asked for, and how it is given.

```python
class ListBooks(Query[Page[BookView]]):
    page: Annotated[Offset, paged(20, 100)] = Offset()
```

From a query string the fields of a page stand beside the others: `GET /books?limit=50&offset=100`.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from msgspec import Meta
from msgspec.structs import force_setattr, replace

from krepis.errors import KrepisError
from krepis.message import Value
from krepis.types.constraint import PageLimits

PAGE_LIMIT_DEFAULT = 20
"""Items in a page when neither the caller nor an annotation says."""

PAGE_LIMIT_MAX = 100
"""Items in a page at most, when no annotation says."""

PAGE_LIMIT_CEILING = 1000
"""What an annotation can allow at most. More belongs into a stream."""

PAGE_OFFSET_MAX = 1_000_000
"""A database walks over all rows before an offset, so far ones are refused; a `Cursor` has no such end."""

CURSOR_LENGTH_MAX = 1024
"""Characters of a cursor."""

T = TypeVar("T")


class _Unsaid(int):
    """A limit that nobody has given: works as `PAGE_LIMIT_DEFAULT`, and can be told from a given one."""


_UNSAID = _Unsaid(PAGE_LIMIT_DEFAULT)


class Page(Value, Generic[T]):
    """Some of many: `items`, how many there are in `total` (where that is cheap to know), and the cursor of what is
    `next` (`None` at the end, and for pages by offset).
    """

    items: list[T]
    total: int | None = None
    next: str | None = None


class Offset(Value):
    """The page of `limit` items that begins after `offset` others."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_LIMIT_CEILING)] = _UNSAID
    offset: Annotated[int, Meta(ge=0, le=PAGE_OFFSET_MAX)] = 0


class Cursor(Value):
    """The page of `limit` items that begins where `cursor` (the `next` of the page before) points; the first if none."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_LIMIT_CEILING)] = _UNSAID
    cursor: Annotated[str, Meta(min_length=1, max_length=CURSOR_LENGTH_MAX)] | None = None


def paged(default: int, maximum: int) -> PageLimits:
    """How many items a page has when the caller doesn't say, and at most.

    For annotations: `Annotated[Offset, paged(20, 100)]`. Raises `KrepisError` when that makes no sense.
    """
    if not 1 <= default <= maximum <= PAGE_LIMIT_CEILING:
        raise KrepisError(
            f"`paged({default}, {maximum})` makes no sense", hint=f"1 <= default <= maximum <= {PAGE_LIMIT_CEILING}"
        )
    return PageLimits(default, maximum)


def settle(owner: Any, name: str, default: int) -> bool:
    """True, after giving the page `owner.name` the limit that its annotation says if the caller has given none.

    `owner` was just decoded and nobody has seen it yet, so its being frozen is kept in spirit.
    """
    asked = getattr(owner, name)
    if isinstance(asked, Offset | Cursor) and type(asked.limit) is _Unsaid:
        force_setattr(owner, name, replace(asked, limit=default))
    return True
