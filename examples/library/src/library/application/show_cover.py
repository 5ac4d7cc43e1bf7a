"""Show the cover of a book."""

from krepis import Context, Query
from krepis.files import FileRef

from library.application.ports import Covers
from library.domain.book import Isbn
from library.domain.cover import NoCover


class ShowCover(Query[FileRef]):
    """The picture of a book."""

    isbn: Isbn


async def show_cover(ctx: Context, query: ShowCover, *, covers: Covers) -> FileRef:
    cover = await covers.find(ctx, query.isbn)
    if cover is None:
        raise NoCover(isbn=query.isbn)
    return cover.picture
