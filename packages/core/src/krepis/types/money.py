"""Money: an exact decimal amount in one currency."""

from __future__ import annotations

import decimal
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated

from krepis.errors import KrepisError
from krepis.message import Value
from krepis.types.constraint import matches

_DIGITS_MAX = 120
"""Digits of a result in between. Far beyond what a message may hold, so only a mistake in the domain gets there."""

Currency = Annotated[str, matches("[A-Z]{3}")]
"""A currency in the form of ISO 4217: three capital letters. Whether it is in use today is not checked."""


class CurrenciesMixedError(KrepisError):
    """Money of two currencies was added, subtracted or compared."""


class InexactMoneyError(KrepisError):
    """A calculation with money would have lost digits."""


class Money(Value):
    """An amount in a currency. Nothing is ever rounded but by `rounded`.

    `Money.of("9.99", "EUR") * 3` is exact. Mixing currencies raises `CurrenciesMixedError`.
    """

    amount: Decimal
    currency: Currency

    @classmethod
    def of(cls, amount: Decimal | int | str, currency: str) -> Money:
        """Money out of an exact number; a `float` is refused, since it isn't one. Raises `KrepisError`."""
        if isinstance(amount, float | bool):
            raise KrepisError(f"`{amount}` is no exact amount", hint='write it as text: `Money.of("9.99", "EUR")`')
        try:
            exact = Decimal(amount)
        except decimal.InvalidOperation:
            raise KrepisError(f"`{amount}` is no amount", hint='write it like `Money.of("9.99", "EUR")`') from None
        if not exact.is_finite():
            raise KrepisError(f"`{amount}` is no amount", hint="an amount is finite")
        if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
            raise KrepisError(f"`{currency}` is no currency", hint="ISO 4217 has three capital letters: `EUR`")
        return cls(amount=exact, currency=currency)

    def __add__(self, other: Money) -> Money:
        return Money(amount=_exactly("add", self.amount, self._same(other)), currency=self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(amount=_exactly("subtract", self.amount, self._same(other)), currency=self.currency)

    def __mul__(self, factor: int | Decimal) -> Money:
        if isinstance(factor, float | bool):
            raise KrepisError(f"money times `{factor}` is not exact", hint="multiply by an `int` or a `Decimal`")
        return Money(amount=_exactly("multiply", self.amount, Decimal(factor)), currency=self.currency)

    __rmul__ = __mul__

    def __neg__(self) -> Money:
        return Money(amount=self.amount.copy_negate(), currency=self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.amount >= self._same(other)

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"

    def rounded(self, places: int = 2, mode: str = ROUND_HALF_EVEN) -> Money:
        """This amount with `places` digits after the point. `mode` is one of `decimal`'s; the default favours nobody."""
        context = decimal.Context(prec=_DIGITS_MAX)
        return Money(amount=self.amount.quantize(Decimal(1).scaleb(-places), mode, context), currency=self.currency)

    def _same(self, other: Money) -> Decimal:
        if other.currency != self.currency:
            raise CurrenciesMixedError(
                f"`{self}` and `{other}` are of different currencies", hint="convert one of them in the domain first"
            )
        return other.amount


def _exactly(operation: str, left: Decimal, right: Decimal) -> Decimal:
    context = decimal.Context(prec=_DIGITS_MAX, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow])
    try:
        result: Decimal = getattr(context, operation)(left, right)
    except decimal.DecimalException:
        raise InexactMoneyError(
            f"the result has more than {_DIGITS_MAX} digits", hint="round in between with `rounded`"
        ) from None
    return result
