"""A command that is sent again with the same key gives its first answer again, and runs once."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Protocol

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, func, insert, select

from krepis import Command, Context, OutboundPort, Query, Rejection, Value, WritePort, bind
from krepis.app import App
from krepis.context import Actor
from krepis.errors import KrepisError, Stale, WiringError
from krepis.http import Doors
from krepis.idempotency import TABLES, AnswerNotKept, BadIdempotencyKey, Idempotency, IdempotencyKeyReused
from krepis.identity import SYSTEM
from krepis.sql import Database, Sql, include_tables, statement
from krepis.testing import MemoryStore, TestService, TestSources, start
from krepis.testing.sources import START
from krepis.types import Secret, length

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"
ANN = Actor("ann")
BEN = Actor("ben")

metadata = MetaData()
include_tables(metadata, *TABLES)
orders = Table(
    "orders",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("item", Text, nullable=False),
)
ADD = statement(insert(orders).values(number=bindparam("number"), item=bindparam("item")))
COUNT = statement(select(func.count()).select_from(orders), into=int)
FIND = statement(select(orders.c.item).where(orders.c.number == bindparam("number")), into=str)
KEPT = statement(select(func.count()).select_from(TABLES[0]), into=int)
STORED = statement(select(TABLES[0].c.id, TABLES[0].c.digest, TABLES[0].c.actor, TABLES[0].c.answer))


class Ordered(Value):
    number: int
    item: str
    price: Decimal
    tags: frozenset[str]


class Order(Command[Ordered]):
    item: str
    fault: str = ""


class Pay(Command[None]):
    item: str
    card: Secret = Secret("")


class Book(Command[Ordered]):
    """Calls out before it writes."""

    item: str
    pause: bool = False


class Ring(Command[str]):
    """Calls out, twice, and writes nothing itself."""

    name: str


class Loud(Value):
    text: Annotated[str, length(1, 3)]


class Shout(Command[Loud]):
    name: str


class CountOrders(Query[int]):
    pass


class NotToday(Rejection):
    message = "not today"


class Orders(WritePort, Protocol):
    async def add(self, ctx: Context, item: str) -> int: ...
    async def count(self, ctx: Context) -> int: ...
    async def kept(self, ctx: Context) -> int: ...


class Carrier(OutboundPort, Protocol):
    async def book(self, ctx: Context, item: str) -> None: ...


class SqlOrders(Orders):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def add(self, ctx: Context, item: str) -> int:
        number = await self._sql.one(COUNT) + 1
        await self._sql.run(ADD, number=number, item=item)
        return number

    async def count(self, ctx: Context) -> int:
        return await self._sql.one(COUNT)

    async def kept(self, ctx: Context) -> int:
        return await self._sql.one(KEPT)


class Lorry(Carrier):
    """Notes the keys that it is called with, and waits where a test asks it to."""

    def __init__(self) -> None:
        self.keys: list[str | None] = []
        self.arrived = 0
        self.all_there = asyncio.Event()
        self.wait_for = 0

    async def book(self, ctx: Context, item: str) -> None:
        self.keys.append(ctx.idempotency_key)
        self.arrived += 1
        if self.wait_for:
            if self.arrived >= self.wait_for:
                self.all_there.set()
            await self.all_there.wait()


async def order(ctx: Context, command: Order, *, orders: Orders) -> Ordered:
    ctx.log.info("running")
    number = await orders.add(ctx, command.item)
    if command.fault == "refuse":
        raise NotToday
    if command.fault == "break":
        raise LookupError("a bug")
    if command.fault == "long":
        return Ordered(number=number, item="x" * 2000, price=Decimal(1), tags=frozenset())
    return Ordered(number=number, item=command.item, price=Decimal("1.50"), tags=frozenset({"a"}))


async def pay(ctx: Context, command: Pay, *, orders: Orders) -> None:
    await orders.add(ctx, command.item)


async def book(ctx: Context, command: Book, *, orders: Orders, carrier: Carrier) -> Ordered:
    before = await orders.count(ctx)
    await carrier.book(ctx, command.item)
    if await orders.count(ctx) != before:
        raise Stale
    number = await orders.add(ctx, command.item)
    return Ordered(number=number, item=command.item, price=Decimal(2), tags=frozenset())


async def ring(ctx: Context, command: Ring, *, carrier: Carrier) -> str:
    await carrier.book(ctx, "one")
    await carrier.book(ctx, "two")
    return str(ctx.new_id())


async def shout(ctx: Context, command: Shout) -> Loud:
    return Loud(text=command.name)


async def count_orders(ctx: Context, query: CountOrders) -> int:
    return 0


def an_app(url: str, lorry: Lorry, *, keeping: Idempotency | None = None, **database: Any) -> App:
    doors = Doors()
    doors.post("/orders", Order, status=201)
    doors.post("/pay", Pay)
    doors.post("/book", Book, etag="item")
    doors.get("/orders", CountOrders)
    return App(
        "shop",
        handlers=(order, pay, book, ring, shout, count_orders),
        adapters=(bind(Orders, SqlOrders), bind(Carrier, lambda: lorry, scope="app")),
        doors=doors,
        store=Database(url, metadata=metadata, **database),
        parts=(keeping or Idempotency(),),
    )


class Shop:
    """A started app, and what stands in its database."""

    def __init__(self, service: TestService, lorry: Lorry, keeping: Idempotency) -> None:
        self.service = service
        self.lorry = lorry
        self.keeping = keeping

    async def send(self, message: Command[Any], key: str | None = KEY, actor: Actor | None = ANN, **more: Any) -> Any:
        service = self.service.service
        ctx = service.context(actor=actor, idempotency_key=key, timeout=20, **more)
        return await service.dispatch(ctx, message)

    async def rows(self, wanted: Any) -> Any:
        store = self.service.service.app.store
        assert store is not None
        return await store.transact(self.service.context(), "read", lambda sql: sql.all(wanted))

    async def ordered(self) -> int:
        return (await self.rows(COUNT))[0]

    async def kept(self) -> int:
        return (await self.rows(KEPT))[0]

    @property
    def runs(self) -> int:
        return sum(line["event"] == "running" for line in self.service.sources.lines)


@asynccontextmanager
async def opened(url: str, keeping: Idempotency | None = None, **database: Any) -> AsyncGenerator[Shop]:
    lorry, keeping = Lorry(), keeping or Idempotency()
    app = an_app(url, lorry, keeping=keeping, **database)
    assert isinstance(app.store, Database)
    await app.store.open()
    if not app.store.in_memory:
        await app.store.create_tables()
        await app.store.close()
    async with start(app, TestSources()) as service:
        yield Shop(service, lorry, keeping)


@pytest.fixture(params=["file", "memory", "postgres"])
async def shop(request: pytest.FixtureRequest, make_url: Callable[[str], str]) -> AsyncGenerator[Shop]:
    async with opened(make_url(request.param)) as shop:
        yield shop


async def test_the_second_call_gets_the_first_answer(shop: Shop) -> None:
    first = await shop.send(Order(item="tea"))
    second = await shop.send(Order(item="tea"))
    assert second == first == Ordered(number=1, item="tea", price=Decimal("1.50"), tags=frozenset({"a"}))
    assert (shop.runs, await shop.ordered()) == (1, 1)


async def test_without_a_key_each_call_runs(shop: Shop) -> None:
    for _ in range(2):
        await shop.send(Order(item="tea"), key=None)
    assert (await shop.ordered(), await shop.kept()) == (2, 0)


async def test_an_answer_of_nothing_is_given_again(shop: Shop) -> None:
    assert [await shop.send(Pay(item="tea")) for _ in range(2)] == [None, None]
    assert await shop.ordered() == 1


@pytest.mark.parametrize(
    "other", [Order(item="cake"), Order(item="tea", fault="x"), Pay(item="tea")], ids=["field", "default", "command"]
)
async def test_a_key_is_good_for_one_thing(shop: Shop, other: Command[Any]) -> None:
    await shop.send(Order(item="tea"))
    with pytest.raises(IdempotencyKeyReused):
        await shop.send(other)
    assert await shop.ordered() == 1


async def test_another_secret_is_another_request(shop: Shop) -> None:
    await shop.send(Pay(item="tea", card=Secret("4111")))
    with pytest.raises(IdempotencyKeyReused):
        await shop.send(Pay(item="tea", card=Secret("4112")))
    await shop.send(Pay(item="tea", card=Secret("4111")))
    shown = repr(await shop.rows(STORED))
    assert "4111" not in shown
    assert KEY not in shown


@pytest.mark.parametrize(
    "scope",
    [{"actor": BEN}, {"actor": None}, {"tenant": "north"}, {"key": KEY[:-1]}],
    ids=lambda scope: next(iter(scope)),
)
async def test_a_key_belongs_to_whoever_sends_it(shop: Shop, scope: dict[str, Any]) -> None:
    await shop.send(Order(item="tea"))
    assert (await shop.send(Order(item="tea"), **scope)).number == 2


@pytest.mark.parametrize("fault", ["refuse", "break"])
async def test_what_was_not_done_may_be_tried_again(shop: Shop, fault: str) -> None:
    for _ in range(2):
        with pytest.raises((NotToday, LookupError)):
            await shop.send(Order(item="tea", fault=fault))
    assert (shop.runs, await shop.ordered(), await shop.kept()) == (2, 0, 0)
    assert (await shop.send(Order(item="tea"))).number == 1


async def test_concurrent_calls_with_one_key_run_once(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.send(Order(item="tea")) for _ in range(100)))
    assert {answer.number for answer in answers} == {1}
    assert (shop.runs, await shop.ordered(), await shop.kept()) == (1, 1, 1)


@pytest.mark.parametrize("isolation", ["serializable", "repeatable read", "read committed"])
async def test_every_isolation_runs_it_once(make_url: Callable[[str], str], isolation: str) -> None:
    async with opened(make_url("postgres"), isolation=isolation) as shop:
        answers = await asyncio.gather(*(shop.send(Order(item="tea")) for _ in range(40)))
        assert ({answer.number for answer in answers}, await shop.ordered()) == ({1}, 1)
        shop.lorry.wait_for = 4
        answers = await asyncio.gather(*(shop.send(Book(item="tea"), key=KEY + "2") for _ in range(4)))
        assert ({answer.number for answer in answers}, await shop.ordered()) == ({2}, 2)


async def test_calls_that_call_out_at_once_are_stored_once_and_call_with_one_key(shop: Shop) -> None:
    shop.lorry.wait_for = 5
    answers = await asyncio.gather(*(shop.send(Book(item="tea")) for _ in range(5)))
    assert {answer.number for answer in answers} == {1}
    assert await shop.ordered() == 1
    assert (len(shop.lorry.keys), len(set(shop.lorry.keys))) == (5, 1)
    assert (await shop.send(Book(item="tea"))).number == 1
    assert len(shop.lorry.keys) == 5


async def test_each_call_out_has_a_key_of_its_own_that_a_repetition_sends_again(shop: Shop) -> None:
    one = await shop.send(Ring(name="ann"))
    assert await shop.send(Ring(name="ann")) == one
    assert len(set(shop.lorry.keys)) == 2
    await shop.send(Ring(name="ann"), actor=BEN)
    await shop.send(Ring(name="ann"), key=None)
    assert len(set(shop.lorry.keys[:4])) == 4
    assert shop.lorry.keys[4:] == [None, None]
    assert all(key is not None and KEY not in key and len(key) == 32 for key in shop.lorry.keys[:4])


@pytest.mark.parametrize("key", ["x" * 255, "a b~!", "A"])
async def test_a_key_of_printable_ascii_is_one(shop: Shop, key: str) -> None:
    assert [(await shop.send(Order(item="tea"), key=key)).number for _ in range(2)] == [1, 1]


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\xe9", "a\tb", "a\x00b", '""', "a\x7f", "\u2028"])
async def test_what_is_no_key_is_refused(shop: Shop, key: str) -> None:
    with pytest.raises(BadIdempotencyKey):
        await shop.send(Order(item="tea"), key=key)
    assert await shop.ordered() == 0


async def test_a_key_of_nobody_must_be_long_enough_not_to_meet_another(shop: Shop) -> None:
    with pytest.raises(BadIdempotencyKey, match="at least 16"):
        await shop.send(Order(item="tea"), key="x" * 15, actor=None)
    assert (await shop.send(Order(item="tea"), key="x" * 16, actor=None)).number == 1


async def test_an_answer_that_is_too_long_or_not_as_promised_undoes_the_command(make_url: Callable[[str], str]) -> None:
    async with opened(make_url("file"), Idempotency(answer_bytes_max=1000)) as shop:
        with pytest.raises(KrepisError, match="bytes; with an idempotency key it may have 1000"):
            await shop.send(Order(item="tea", fault="long"))
        with pytest.raises(KrepisError, match="is not what its message promises"):
            await shop.send(Shout(name="longer than three"))
        assert (await shop.ordered(), await shop.kept()) == (0, 0)
        assert await shop.send(Shout(name="abc")) == Loud(text="abc")


async def test_an_answer_at_the_limit_is_kept(make_url: Callable[[str], str]) -> None:
    async with opened(make_url("file"), Idempotency(answer_bytes_max=len(b'{"text":"abc"}'))) as shop:
        assert [await shop.send(Shout(name="abc")) for _ in range(2)] == [Loud(text="abc")] * 2


async def test_an_answer_that_the_service_can_not_read_any_more_is_not_done_again(shop: Shop) -> None:
    await shop.send(Order(item="tea"))
    store: Any = shop.service.service.app.store
    spoil = statement(TABLES[0].update().values(answer='{"other":1}'))
    await store.transact(shop.service.context(), "write", lambda sql: sql.run(spoil))
    with pytest.raises(Rejection, match="before the service changed"):
        await shop.send(Order(item="tea"))
    assert await shop.ordered() == 1


async def test_old_answers_are_removed_in_batches_and_not_before_their_time(make_url: Callable[[str], str]) -> None:
    for kind in ("file", "postgres"):
        async with opened(make_url(kind), Idempotency(keep_s=60, clean_rows_max=3)) as shop:
            for number in range(7):
                await shop.send(Order(item="tea"), key=f"old {number}")
            shop.service.sources.advance(timedelta(seconds=60))
            await shop.send(Order(item="tea"), key="young")
            assert await shop.keeping.clean(shop.service.service) == 0
            shop.service.sources.advance(timedelta(microseconds=1))
            assert await shop.keeping.clean(shop.service.service) == 7
            assert await shop.kept() == 1
            assert (await shop.send(Order(item="tea"), key="young")).number == 8


async def test_the_part_cleans_beside_the_service(make_url: Callable[[str], str]) -> None:
    url = make_url("file")
    async with opened(url) as shop:
        await shop.send(Order(item="tea"))
    lorry = Lorry()
    app = an_app(url, lorry, keeping=Idempotency(keep_s=-1, clean_every_s=0.01))
    async with app.start(TestSources(at=START + timedelta(days=1))) as service, asyncio.timeout(5):
        assert app.store is not None
        while (await app.store.transact(service.context(), "read", lambda sql: sql.all(KEPT)))[0]:  # noqa: ASYNC110 - what removes it has no event for tests
            await asyncio.sleep(0.01)


async def test_a_door_answers_again_as_it_did(shop: Shop) -> None:
    async def post() -> Any:
        return await shop.service.post("/orders", json={"item": "tea"}, headers={"idempotency-key": KEY})

    first, second = await post(), await post()
    assert (first.status, first.body) == (second.status, second.body)
    assert first.status == 201
    assert "idempotency-replayed" not in first.headers
    assert second.headers == {**first.headers, "idempotency-replayed": "true"}


async def test_an_etag_is_the_same_again(shop: Shop) -> None:
    headers = {"idempotency-key": KEY}
    replies = [await shop.service.post("/book", json={"item": "tea"}, headers=headers) for _ in range(2)]
    assert [reply.headers["etag"] for reply in replies] == ['"tea"', '"tea"']
    assert replies[1].headers["idempotency-replayed"] == "true"


async def test_a_key_may_be_quoted_as_the_draft_has_it(shop: Shop) -> None:
    replies = [
        await shop.service.post("/orders", json={"item": "tea"}, headers={"idempotency-key": key})
        for key in (f'"{KEY}"', KEY)
    ]
    assert [reply.json["number"] for reply in replies] == [1, 1]


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"idempotency-key": KEY}, {"item": "cake"}, 422, "idempotency_key_reused"),
        ({"idempotency-key": "x" * 256}, {"item": "tea"}, 400, "bad_idempotency_key"),
        ({"idempotency-key": "caf\xe9 caf\xe9 caf\xe9 caf\xe9"}, {"item": "tea"}, 400, "bad_idempotency_key"),
        ({"idempotency-key": "short"}, {"item": "tea"}, 400, "bad_idempotency_key"),
    ],
)
async def test_a_door_refuses_with_a_stable_code(
    shop: Shop, headers: dict[str, str], body: Any, status: int, code: str
) -> None:
    await shop.service.post("/orders", json={"item": "tea"}, headers={"idempotency-key": KEY})
    reply = await shop.service.post("/orders", json=body, headers=headers)
    assert (reply.status, reply.json["code"]) == (status, code)
    assert await shop.ordered() == 1


async def test_two_long_keys_are_two(shop: Shop) -> None:
    for end in ("1", "2"):
        reply = await shop.service.post("/orders", json={"item": "tea"}, headers={"idempotency-key": "x" * 254 + end})
        assert reply.status == 201
    assert await shop.ordered() == 2


async def test_a_key_means_nothing_to_a_query(shop: Shop) -> None:
    assert (await shop.service.get("/orders", headers={"idempotency-key": "x" * 999})).status == 200


async def test_a_command_may_require_a_key(make_url: Callable[[str], str]) -> None:
    async with opened(make_url("file"), Idempotency(required=(Order,))) as shop:
        reply = await shop.service.post("/orders", json={"item": "tea"})
        assert (reply.status, reply.json["code"]) == (400, "idempotency_key_required")
        assert "Idempotency-Key" in reply.json["detail"]
        assert (await shop.service.post("/pay", json={"item": "tea"})).status == 204
        await shop.send(Order(item="tea"), key=None, actor=SYSTEM)
        document = (await shop.service.get("/openapi.json")).json
        assert "idempotency_key_required" in str(document["paths"]["/orders"]["post"]["responses"]["400"])
        assert "idempotency_key_required" not in str(document["paths"]["/pay"]["post"]["responses"])


class Key(Value):
    name: str
    api_key: str


class MakeKey(Command[list[Key]]):
    name: str


async def make_key(ctx: Context, command: MakeKey, *, orders: Orders) -> list[Key]:
    await orders.add(ctx, command.name)
    return [Key(name=command.name, api_key="k-0123456789")]


async def test_an_answer_that_is_not_kept_is_given_once_and_then_refused(make_url: Callable[[str], str]) -> None:
    async with opened(make_url("file"), Idempotency(unkept=(Order, Book))) as shop:
        headers = {"idempotency-key": KEY}
        assert (await shop.service.post("/orders", json={"item": "tea"}, headers=headers)).status == 201
        for command, code in (("tea", "answer_not_kept"), ("cake", "idempotency_key_reused")):
            reply = await shop.service.post("/orders", json={"item": command}, headers=headers)
            assert reply.json["code"] == code
        assert reply.status == 422
        document = (await shop.service.get("/openapi.json")).json["paths"]
        assert "answer_not_kept" in str(document["/orders"]["post"]["responses"]["409"])
        assert "answer_outdated" in str(document["/pay"]["post"]["responses"]["409"])
        assert [answer for _, _, _, answer in await shop.rows(STORED)] == [None]
        assert await shop.ordered() == 1


async def test_calls_at_once_whose_answer_is_not_kept_run_once(make_url: Callable[[str], str]) -> None:
    async with opened(make_url("file"), Idempotency(unkept=(Book,))) as shop:
        shop.lorry.wait_for = 3
        calls = [shop.send(Book(item="tea")) for _ in range(3)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == ["AnswerNotKept", "AnswerNotKept", "Ordered"]
        assert await shop.ordered() == 1


class Silent(Command):
    pass


class TellSecret(Command[list[Secret]]):
    pass


async def silent(ctx: Context, command: Silent) -> int:
    return 1


async def tell_secret(ctx: Context, command: TellSecret) -> list[Secret]:
    return []


@pytest.mark.parametrize(
    ("keeping", "again"), [(Idempotency(), AnswerNotKept), (Idempotency(kept=(MakeKey,)), None)], ids=["not", "kept"]
)
async def test_what_is_named_like_a_secret_is_not_kept_unless_it_is_said(
    make_url: Callable[[str], str], keeping: Idempotency, again: type[Rejection] | None
) -> None:
    app = App(
        "shop",
        handlers=(make_key, tell_secret),
        adapters=(bind(Orders, SqlOrders),),
        store=Database(make_url("memory"), metadata=metadata),
        parts=(keeping,),
    )
    async with start(app, TestSources()) as service:
        ctx = service.service.context(actor=ANN, idempotency_key=KEY)
        first = await service.dispatch(MakeKey(name="robot"), ctx)
        if again is None:
            assert await service.dispatch(MakeKey(name="robot"), ctx) == first
        else:
            assert isinstance(await service.refused(MakeKey(name="robot"), ctx), again)
        other = service.service.context(actor=BEN, idempotency_key=KEY)
        assert await service.dispatch(TellSecret(), other) == []
        assert isinstance(await service.refused(TellSecret(), other), AnswerNotKept)


def test_answers_that_can_not_be_given_again_stop_the_start() -> None:
    store = Database("sqlite://", metadata=metadata)

    def check(*parts: Idempotency) -> None:
        App("test", handlers=(silent, tell_secret, count_orders), store=store, parts=parts).check()

    with pytest.raises(WiringError, match="`Silent` can't be given again: it does not say what they are"):
        check(Idempotency())
    check(Idempotency(unkept=(Silent,)))
    check(Idempotency(unkept=(Silent,), required=(Silent,)))
    for named in (CountOrders, Order):
        with pytest.raises(WiringError, match=f"`{named.__name__}`, which is no command"):
            check(Idempotency(unkept=(Silent, named)))
    for named in (Silent, TellSecret):
        with pytest.raises(WiringError, match=f"keep the answers of `{named.__name__}`, and must not"):
            check(Idempotency(unkept=(Silent,), kept=(named,)))


@pytest.mark.parametrize(
    ("store", "problem"),
    [
        (None, "the app has none"),
        (MemoryStore(), "the app has none"),
        (Database("sqlite://", metadata=MetaData()), "krepis_idem"),
    ],
)
def test_a_store_without_its_table_stops_the_start(store: Any, problem: str) -> None:
    with pytest.raises(WiringError, match=problem):
        App("test", handlers=(shout,), store=store, parts=(Idempotency(),)).check()
