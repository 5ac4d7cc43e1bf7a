"""Reservations: the queue for a book, and the copy that waits at the desk for whoever is first in it.

While anybody waits for a book no copy of it is available: a copy that becomes free is passed on to the first in the
queue, and nobody may queue for a book that stands on the shelf.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from krepis import Actor, NotFound, Rejection, Value, replace

from library.domain.book import Isbn
from library.domain.copy import Copy
from library.domain.member import Member
from library.domain.terms import PICKUP_PERIOD

ReservationStatus = Literal["waiting", "ready", "collected", "cancelled", "expired"]


class Reservation(Value):
    """A member's place in the queue for a book; when it is `ready`, `copy` waits for them until `pickup_until`."""

    id: UUID
    member: UUID
    isbn: Isbn
    status: ReservationStatus = "waiting"
    placed_at: datetime
    copy: UUID | None = None
    pickup_until: datetime | None = None


class Handover(Value):
    """A copy that became free: set aside for a reservation that is ready now, or back on the shelf."""

    copy: Copy
    reservation: Reservation | None


class NoSuchReservation(NotFound):
    message = "there is no reservation `{reservation}`"


class ReservationOver(Rejection):
    message = "this reservation is {status} already"


class ReservedAlready(Rejection):
    message = "this member waits for this book already"


class TooManyReservations(Rejection):
    message = "this member may have at most {limit} reservations"


class CopyOnShelf(Rejection):
    message = "a copy stands on the shelf; there is nothing to wait for"


def has_reserved(actor: Actor, reservation: Reservation) -> bool:
    """Whether it is the member who waits who acts."""
    return actor.id == str(reservation.member)


def reserve(
    member: Member, isbn: str, *, mine: list[Reservation], copies_available: int, reservation_id: UUID, at: datetime
) -> Reservation:
    """A place at the end of the queue. `mine` are the member's open reservations."""
    if copies_available:
        raise CopyOnShelf(isbn=isbn)
    if any(reservation.isbn == isbn for reservation in mine):
        raise ReservedAlready(isbn=isbn)
    limit = member.terms.reservations_max
    if len(mine) >= limit:
        raise TooManyReservations(limit=limit)
    return Reservation(id=reservation_id, member=member.id, isbn=isbn, placed_at=at)


def pass_on(copy: Copy, first: Reservation | None, at: datetime) -> Handover:
    """What becomes of a copy that is free now, given the first who waits for the book, if anybody does."""
    if first is None:
        return Handover(copy=replace(copy, status="available"), reservation=None)
    assert first.status == "waiting"
    assert first.isbn == copy.isbn
    ready = replace(first, status="ready", copy=copy.id, pickup_until=at + PICKUP_PERIOD)
    return Handover(copy=replace(copy, status="set_aside"), reservation=ready)


def collect(reservation: Reservation) -> Reservation:
    """The reservation after its member took the copy home."""
    assert reservation.status == "ready"
    return replace(reservation, status="collected")


def cancel(reservation: Reservation) -> Reservation:
    """The reservation after its member gave it up."""
    if reservation.status not in ("waiting", "ready"):
        raise ReservationOver(reservation=reservation.id, status=reservation.status)
    return replace(reservation, status="cancelled")


def expire(reservation: Reservation, at: datetime) -> Reservation:
    """The reservation after its member did not come in time."""
    assert reservation.pickup_until is not None
    assert reservation.pickup_until < at
    return replace(reservation, status="expired")
