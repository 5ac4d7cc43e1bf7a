"""Copies: the things that stand on the shelf, or don't."""

from typing import Literal
from uuid import UUID

from krepis import NotFound, Rejection, Value, replace

from library.domain.book import Isbn

CopyStatus = Literal["available", "lent", "set_aside", "withdrawn"]


class Copy(Value):
    """One copy of a book. `set_aside` means that it waits at the desk for the member whose reservation is ready."""

    id: UUID
    isbn: Isbn
    status: CopyStatus = "available"


class NoSuchCopy(NotFound):
    message = "there is no copy `{copy}`"


class CopyLent(Rejection):
    message = "this copy is lent"


class CopyWithdrawn(Rejection):
    message = "this copy has been withdrawn"


class CopySetAside(Rejection):
    message = "this copy is set aside for another member"


def withdraw(copy: Copy) -> Copy:
    """The copy, never to be lent again; only from the shelf."""
    match copy.status:
        case "lent":
            raise CopyLent(copy=copy.id)
        case "withdrawn":
            raise CopyWithdrawn(copy=copy.id)
        case "set_aside":
            raise CopySetAside(copy=copy.id)
        case "available":
            return replace(copy, status="withdrawn")
