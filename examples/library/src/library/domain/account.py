"""Accounts: how a member or somebody of the staff signs in."""

from typing import Annotated
from uuid import UUID

from krepis import Rejection, Value
from krepis.types import Email, Secret, secret_length

Password = Annotated[Secret, secret_length(8, 200)]

INVITATION = "invitation"
"""What the single-use tokens are for that become accounts."""

INVITATION_S = 7 * 86_400.0


class Account(Value):
    """A way in for one person. `password` is the hash of it."""

    person: UUID
    email: Email
    password: str


class AccountKnown(Rejection):
    message = "there is an account for this address or this person already"


class PersonGone(Rejection):
    message = "whoever this account was made for is here no more"


class SignedInElsewhere(Rejection):
    message = "you are signed in at another branch; sign off there first"
