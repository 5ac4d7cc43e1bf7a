"""What has happened in the library, for whoever acts on it later."""

from uuid import UUID

from krepis import Event


class MemberRegistered(Event):
    """Somebody got a library card."""

    member: UUID


class ReservationReady(Event):
    """A copy waits at the desk for a member."""

    reservation: UUID


class CopyReturned(Event):
    """A copy came back."""

    copy: UUID
    loan: UUID
