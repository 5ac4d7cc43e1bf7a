"""Letters: what the library writes to its members."""

from krepis import Value
from krepis.types import Email

from library.domain.book import Book
from library.domain.member import Member
from library.domain.reservation import Reservation


class Letter(Value):
    """An electronic letter in plain text."""

    to: Email
    subject: str
    text: str


def invitation(member: Member, token: str) -> Letter:
    """How a new member gets their account."""
    return Letter(
        to=member.email,
        subject="Your library card",
        text=f"Dear {member.name},\n\nwelcome! With this word you choose your password, once:\n\n{token}\n",
    )


def ready_notice(member: Member, reservation: Reservation, book: Book) -> Letter:
    """That a copy waits, and until when."""
    assert reservation.pickup_until is not None
    return Letter(
        to=member.email,
        subject=f"Ready for you: {book.title}",
        text=(
            f"Dear {member.name},\n\n`{book.title}` waits for you at the desk until "
            f"{reservation.pickup_until:%d %B %Y, %H:%M} UTC.\n"
        ),
    )
