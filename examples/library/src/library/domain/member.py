"""Members: who may borrow."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from krepis import Actor, NotFound, Rejection, Value, replace
from krepis.types import Email, Money, length

from library.domain.terms import DEBT_MAX, TERMS, MemberKind, Terms

MemberName = Annotated[str, length(1, 100)]
MemberStatus = Literal["active", "suspended"]


class Member(Value):
    """A person with a library card."""

    id: UUID
    name: MemberName
    email: Email
    kind: MemberKind
    status: MemberStatus = "active"
    joined_at: datetime

    @property
    def terms(self) -> Terms:
        """What this kind of member is granted."""
        return TERMS[self.kind]


class NoSuchMember(NotFound):
    message = "there is no member `{member}`"


class EmailTaken(Rejection):
    message = "`{email}` belongs to another member"


class MemberSuspended(Rejection):
    message = "this member is suspended"


class MemberNotSuspended(Rejection):
    message = "this member is not suspended"


class OwesTooMuch(Rejection):
    message = "{owed} is owed; at most {limit} may be"


def is_self(actor: Actor, member: Member) -> bool:
    """Whether it is this member who acts."""
    return actor.id == str(member.id)


def revise(member: Member, *, name: str, email: Email, kind: MemberKind) -> Member:
    """The member under another name or address, or of another kind; running loans keep their due dates."""
    return replace(member, name=name, email=email, kind=kind)


def suspend(member: Member) -> Member:
    """The member without the right to borrow; loans that run go on."""
    if member.status == "suspended":
        raise MemberSuspended(member=member.id)
    return replace(member, status="suspended")


def reinstate(member: Member) -> Member:
    """The member with all rights again."""
    if member.status == "active":
        raise MemberNotSuspended(member=member.id)
    return replace(member, status="active")


def require_good_standing(member: Member, owed: Money) -> None:
    """Who is suspended, or owes too much, gets nothing new."""
    if member.status == "suspended":
        raise MemberSuspended(member=member.id)
    if owed > DEBT_MAX:
        raise OwesTooMuch(owed=owed, limit=DEBT_MAX)
