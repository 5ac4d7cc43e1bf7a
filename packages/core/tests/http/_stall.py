"""A market stall that uses everything that a door can do: what the OpenAPI document is compared with."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Protocol
from uuid import UUID

from krepis import Command, Context, Forbidden, NotFound, Query, ReadPort, Rejection, Stale, Value, WritePort, replace
from krepis.app import App, bind
from krepis.http import Doors, Listing, cookie, header
from krepis.message import field
from krepis.testing import MemoryStore, MemoryUnit
from krepis.types import (
    ABSENT,
    Absent,
    Cursor,
    Email,
    Money,
    Offset,
    Page,
    Secret,
    Slug,
    Url,
    between,
    decimals,
    length,
    matches,
    paged,
    secret_length,
)


class Kind(Enum):
    FRUIT = "fruit"
    BREAD = "bread"


class GoodView(Value):
    """Something on the stall."""

    slug: Slug
    title: str
    price: Money
    kind: Kind
    added: datetime
    version: int = 1
    note: str | None = None


class Good(GoodView):
    """The same, as it is kept."""


class NoSuchGood(NotFound):
    """The stall has nothing of this name."""

    message = "there is no `{slug}`"


class SlugTaken(Rejection):
    """Another good has this name already."""

    message = "`{slug}` is taken"


class WrongPin(Forbidden):
    """The pin is not that of the stall."""

    message = "this is not the pin"


class SearchGoods(Query[Page[GoodView]]):
    """Finds goods by a `text` in their title.

    The newest come last.
    """

    text: Annotated[str, length(1, 80)] | None = None
    kinds: Annotated[list[Kind], length(0, 3)] = []
    locale: Annotated[str, matches("[a-z]{2}(-[A-Z]{2})?")] = "en"
    basket: UUID | None = None
    page: Annotated[Offset, paged(20, 50)] = Offset()


class ListNewest(Query[Page[GoodView]]):
    """The newest goods, page after page."""

    page: Annotated[Cursor, paged(3, 9)] = Cursor()


class ShowGood(Query[GoodView]):
    """One good."""

    slug: Slug


class ShowRevision(Query[GoodView]):
    """One good, with its version as the ETag."""

    slug: Slug


class AddGood(Command[GoodView]):
    """Puts a good on the stall."""

    slug: Slug
    title: Annotated[str, length(1, 60)]
    price: Money
    kind: Kind = Kind.FRUIT
    note: Annotated[str, length(1, 200)] | None = None


class ReviseGood(Command[GoodView]):
    """Changes a good that nobody else has changed."""

    slug: Slug
    version: Annotated[int, between(1, 1_000_000)]
    title: Annotated[str, length(1, 60)]


class NoteGood(Command[None]):
    """Writes or removes a note; says nothing of what is left out."""

    slug: Slug
    note: Annotated[str, length(1, 200)] | Absent | None = ABSENT


class RemoveGood(Command[None]):
    slug: Slug


class CloseStall(Command[None]):
    """Closes for today, for those who know the pin."""

    pin: Annotated[Secret, secret_length(4, 8)]
    reason: str = "evening"


class ReadMotto(Query[str]):
    """What the sign says."""


class Measure(Query[dict[str, Any]]):
    """Reads a text of every kind."""

    day: date
    count: Annotated[int, between(-5, 5)] = 0
    ratio: Annotated[float, between(0, 1)] = 0.5
    weight: Annotated[Decimal, decimals(2)] = Decimal("1.00")
    open: bool = True
    at: datetime | None = None
    numbers: list[int] = []


class Card(Value, tag=True):
    number: Annotated[str, matches("[0-9]{4}")]


class Cash(Value, tag=True):
    coins: Annotated[list[int], length(1, 9)]


class Leaf(Value):
    """May hold others of its kind."""

    name: Annotated[str, length(1, 9)]
    leaves: Annotated[list[Leaf], length(0, 3)] = []


class Weigh(Command[dict[str, Any]]):
    """Takes a value of every kind."""

    paid: Card | Cash
    tree: Leaf
    mail: Email
    site: Url | None = None
    shelf: tuple[int, str] = (1, "a")
    prices: dict[str, Decimal] = {}
    days: set[date] = field(default_factory=set)
    blob: Annotated[bytes, length(0, 18)] = b""
    wait: timedelta | None = None


class Goods(ReadPort, Protocol):
    async def find(self, ctx: Context, slug: str) -> Good | None: ...
    async def listed(self, ctx: Context) -> list[Good]: ...


class Stock(Goods, WritePort, Protocol):
    async def put(self, ctx: Context, good: Good) -> None: ...
    async def remove(self, ctx: Context, slug: str) -> bool: ...


class MemoryGoods(Stock):
    def __init__(self, unit: MemoryUnit) -> None:
        self._goods = unit.table("goods", Good)

    async def find(self, ctx: Context, slug: str) -> Good | None:
        return self._goods.get(slug)

    async def listed(self, ctx: Context) -> list[Good]:
        return list(self._goods)

    async def put(self, ctx: Context, good: Good) -> None:
        self._goods.put(good.slug, good)

    async def remove(self, ctx: Context, slug: str) -> bool:
        return self._goods.discard(slug)


async def search_goods(ctx: Context, query: SearchGoods, *, goods: Goods) -> Page[GoodView]:
    found = [good for good in await goods.listed(ctx) if not query.text or query.text in good.title]
    first = query.page.offset
    return Page(items=[_view(good) for good in found[first : first + query.page.limit]], total=len(found))


async def list_newest(ctx: Context, query: ListNewest, *, goods: Goods) -> Page[GoodView]:
    return Page(items=[_view(good) for good in (await goods.listed(ctx))[: query.page.limit]], next="more")


async def show_good(ctx: Context, query: ShowGood, *, goods: Goods) -> GoodView:
    return _view(await _found(ctx, query.slug, goods))


async def show_revision(ctx: Context, query: ShowRevision, *, goods: Goods) -> GoodView:
    return _view(await _found(ctx, query.slug, goods))


async def add_good(ctx: Context, command: AddGood, *, stock: Stock) -> GoodView:
    if await stock.find(ctx, command.slug) is not None:
        raise SlugTaken(slug=command.slug)
    good = Good(
        slug=command.slug,
        title=command.title,
        price=command.price,
        kind=command.kind,
        added=ctx.now(),
        note=command.note,
    )
    await stock.put(ctx, good)
    return _view(good)


async def revise_good(ctx: Context, command: ReviseGood, *, stock: Stock) -> GoodView:
    good = await _found(ctx, command.slug, stock)
    if good.version != command.version:
        raise Stale
    revised = replace(good, title=command.title, version=good.version + 1)
    await stock.put(ctx, revised)
    return _view(revised)


async def note_good(ctx: Context, command: NoteGood, *, stock: Stock) -> None:
    good = await _found(ctx, command.slug, stock)
    if command.note is not ABSENT:
        await stock.put(ctx, replace(good, note=command.note))


async def remove_good(ctx: Context, command: RemoveGood, *, stock: Stock) -> None:
    if not await stock.remove(ctx, command.slug):
        raise NoSuchGood(slug=command.slug)


def close_stall(ctx: Context, command: CloseStall) -> None:
    if command.pin.reveal() != "1234":
        raise WrongPin


def read_motto(ctx: Context, query: ReadMotto) -> str:
    return "Fresh today"


def measure(ctx: Context, query: Measure) -> dict[str, Any]:
    return {"day": query.day, "count": query.count, "ratio": query.ratio, "open": query.open, "numbers": query.numbers}


def weigh(ctx: Context, command: Weigh) -> dict[str, Any]:
    return {"leaves": len(command.tree.leaves), "shelf": command.shelf, "days": len(command.days)}


async def _found(ctx: Context, slug: str, goods: Goods) -> Good:
    good = await goods.find(ctx, slug)
    if good is None:
        raise NoSuchGood(slug=slug)
    return good


def _view(good: Good) -> GoodView:
    return GoodView(**{name: getattr(good, name) for name in GoodView.__struct_fields__})


HANDLERS = (
    search_goods, list_newest, show_good, show_revision, add_good, revise_good, note_good, remove_good, close_stall,
    read_motto, measure, weigh,
)  # fmt: skip


def declared(**more: Any) -> Doors:
    about: dict[str, Any] = {"title": "Stall", "version": "1.2.3", "description": "A market stall."}
    doors = Doors(base_path="/api", **(about | more))
    doors.get("/goods", SearchGoods, sources={"locale": header("X-Locale"), "basket": cookie("basket")})
    doors.get("/newest", ListNewest, answer_envelope=Listing("goods", total=None, next="more"))
    doors.post("/goods", AddGood, status=201, envelope="good", answer_envelope="good", rejects=[SlugTaken])
    doors.get("/goods/{slug}", ShowGood, etag=True, rejects=[NoSuchGood])
    doors.get("/goods/{slug}/revision", ShowRevision, etag="version", rejects=[NoSuchGood])
    doors.put("/goods/{slug}", ReviseGood, etag="version", if_match="version", rejects=[NoSuchGood])
    doors.patch("/goods/{slug}/note", NoteGood, rejects=[NoSuchGood])
    doors.delete("/goods/{slug}", RemoveGood, rejects=[NoSuchGood])
    doors.post("/closing", CloseStall, rejects=[WrongPin])
    doors.get("/motto", ReadMotto, media_type="text/plain")
    doors.get("/measures/{day}", Measure, sources={"at": header("X-At")})
    doors.post("/scales", Weigh)
    return doors


def stall(**more: Any) -> App:
    adapters = (bind(Stock, MemoryGoods),)
    return App("stall", handlers=HANDLERS, adapters=adapters, doors=declared(**more), store=MemoryStore())
