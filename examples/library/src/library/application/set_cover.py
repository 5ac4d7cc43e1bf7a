"""Set the cover of a book."""

from krepis import Command, Context
from krepis.files import FileRef, Files

from library.application.ports import Books, WritableCovers
from library.domain.book import Isbn, NoSuchBook
from library.domain.cover import Cover


class SetCover(Command[FileRef]):
    """Staff give a book a picture; the one from before goes."""

    isbn: Isbn
    picture: FileRef


async def set_cover(ctx: Context, command: SetCover, *, books: Books, covers: WritableCovers, files: Files) -> FileRef:
    if await books.find(ctx, command.isbn) is None:
        raise NoSuchBook(isbn=command.isbn)
    before = await covers.find(ctx, command.isbn)
    await files.keep(ctx, command.picture)
    if before is not None:
        await files.drop(ctx, before.picture)
    await covers.put(ctx, Cover(isbn=command.isbn, picture=command.picture))
    return command.picture
