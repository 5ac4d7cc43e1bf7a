"""Covers: what a book looks like."""

from krepis import NotFound, Value
from krepis.files import FileRef

from library.domain.book import Isbn


class Cover(Value):
    """The picture of a book."""

    isbn: Isbn
    picture: FileRef


class NoCover(NotFound):
    message = "there is no picture of `{isbn}`"
