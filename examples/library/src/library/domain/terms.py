"""What the library grants each kind of member, and what it asks for being late."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Literal

from krepis import Value
from krepis.types import Money

MemberKind = Literal["child", "adult", "student"]


class Terms(Value):
    """How much, and for how long, a member may borrow."""

    loan_period: timedelta
    loans_max: int
    reservations_max: int


TERMS: Final[Mapping[MemberKind, Terms]] = MappingProxyType(
    {
        "child": Terms(loan_period=timedelta(days=28), loans_max=3, reservations_max=1),
        "adult": Terms(loan_period=timedelta(days=21), loans_max=5, reservations_max=3),
        "student": Terms(loan_period=timedelta(days=42), loans_max=10, reservations_max=5),
    }
)

RENEWALS_MAX: Final = 2
PICKUP_PERIOD: Final = timedelta(days=3)

CURRENCY: Final = "EUR"
NOTHING: Final = Money.of("0.00", CURRENCY)
FINE_PER_DAY: Final = Money.of("0.25", CURRENCY)
FINE_MAX: Final = Money.of("10.00", CURRENCY)
DEBT_MAX: Final = Money.of("5.00", CURRENCY)
"""Who owes more than this borrows, renews and reserves nothing until they have paid."""
