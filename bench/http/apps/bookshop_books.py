"""The books that are there before the race of the bookshops: a thousand, each with a title and a price of its own."""

from decimal import Decimal
from typing import NamedTuple

KINDS = ("Amber", "Blue", "Calm", "Dark", "Early", "Fair", "Golden", "High", "Idle", "Just")
KINDS += ("Kind", "Last", "Mild", "New", "Old", "Pale", "Quiet", "Red", "Slow", "Tall")
THINGS = ("Bridge", "Candle", "Desert", "Engine", "Forest", "Garden", "Harbour", "Island", "Journey", "Kingdom")
PLACES = ("", " of the North", " of the South", " by the Sea", " in Winter")
STOCK = 1_000_000_000  # nobody finds the shelf empty


class BookFacts(NamedTuple):
    isbn: str
    title: str
    price: Decimal
    stock: int = STOCK


BOOKS = tuple(
    BookFacts(f"978{number:010}", f"{kind} {thing}{place}", Decimal(499 + number).scaleb(-2))
    for number, (kind, thing, place) in enumerate((k, t, p) for k in KINDS for t in THINGS for p in PLACES)
)
