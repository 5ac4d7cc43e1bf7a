"""What goes into a column comes out again, to the last digit, on both databases; and it sorts as it should."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import convert
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    select,
)

from krepis.context import Context
from krepis.message import Value, replace
from krepis.sql import BadValueError, Database, Exact, Instant, Sql, statement

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("id", Uuid(), primary_key=True),
    Column("at", Instant()),
    Column("price", Exact(4)),
    Column("name", Text()),
    Column("big", BigInteger()),
    Column("day", Date()),
    Column("ok", Boolean()),
    Column("ratio", Float(53)),
    Column("raw", LargeBinary()),
    Column("position", Integer()),
)


class Thing(Value):
    id: UUID
    at: datetime | None
    price: Decimal | None
    name: str | None
    big: int | None
    day: date | None
    ok: bool | None
    ratio: float | None
    raw: bytes | None
    position: int | None


ADD = statement(insert(things))
ALL = statement(select(things).order_by(things.c.position), into=Thing)
BY_TIME = statement(select(things.c.at).order_by(things.c.at), into=datetime)
SINCE = statement(select(things.c.at).where(things.c.at >= bindparam("since")).order_by(things.c.at), into=datetime)
BY_PRICE = statement(select(things.c.price).order_by(things.c.price), into=Decimal)
TOTAL = statement(select(func.sum(things.c.price)), into=Decimal)
CLEAR = statement(delete(things))

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-11))])
INSTANTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES)  # noqa: DTZ001 - zones are drawn
PRICES = st.integers(-(2**63) + 1, 2**63 - 1).map(lambda units: Decimal(units).scaleb(-4))
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
THINGS = st.builds(
    Thing,
    id=st.uuids(),
    at=st.none() | INSTANTS,
    price=st.none() | PRICES,
    name=st.none() | TEXTS,
    big=st.none() | st.integers(-(2**63), 2**63 - 1),
    day=st.none() | st.dates(),
    ok=st.none() | st.booleans(),
    ratio=st.none() | st.floats(allow_nan=False),
    raw=st.none() | st.binary(),
    position=st.just(0),
)
FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class Bench:
    """An open database, and a way to it for tests that are not `async` (Hypothesis calls its tests many times)."""

    def __init__(self, runner: asyncio.Runner, database: Database, ctx: Context) -> None:
        self.run = runner.run
        self.database = database
        self.ctx = ctx

    def write(self, rows: list[Thing], asked: Any, **params: Any) -> list[Any]:
        async def work(sql: Sql) -> list[Any]:
            await sql.run(CLEAR)
            await sql.run_many(ADD, [{name: getattr(row, name) for name in row.__struct_fields__} for row in rows])
            return await sql.all(asked, **params)

        async def start() -> list[Any]:
            return await self.database.transact(self.ctx, "write", work)

        return self.run(start())


@pytest.fixture(params=["memory", "postgres"])
def bench(request, make_url, ctx: Context) -> Iterator[Bench]:
    database = Database(make_url(request.param), metadata=metadata)
    with asyncio.Runner() as runner:
        runner.run(database.open())
        if not database.in_memory:
            runner.run(database.create_tables())
        yield Bench(runner, database, ctx)
        runner.run(database.close())


def thing(number: int = 0, **values: Any) -> Thing:
    row: dict[str, Any] = dict.fromkeys(Thing.__struct_fields__)
    return convert(row | {"id": UUID(int=number), "position": number} | values, Thing)


@FEW
@given(rows=st.lists(THINGS, max_size=4, unique_by=lambda row: row.id))
def test_every_value_comes_back_as_it_went_in(bench: Bench, rows):
    numbered = [replace(row, position=n) for n, row in enumerate(rows)]
    assert bench.write(numbered, ALL) == numbered


@FEW
@given(instants=st.lists(INSTANTS, max_size=6))
def test_instants_sort_as_time_does_and_come_back_in_utc(bench: Bench, instants):
    found = bench.write([thing(n, at=at) for n, at in enumerate(instants)], BY_TIME)
    assert found == sorted(instants)
    assert {at.utcoffset() for at in found} <= {timedelta()}


@FEW
@given(instants=st.lists(INSTANTS, max_size=6), since=INSTANTS)
def test_instants_compare_in_sql(bench: Bench, instants, since):
    found = bench.write([thing(n, at=at) for n, at in enumerate(instants)], SINCE, since=since)
    assert found == sorted(at for at in instants if at >= since)


@FEW
@given(prices=st.lists(PRICES, max_size=6))
def test_decimals_sort_as_numbers_do(bench: Bench, prices):
    found = bench.write([thing(n, price=price) for n, price in enumerate(prices)], BY_PRICE)
    assert found == sorted(prices)


@FEW
@given(prices=st.lists(st.decimals(-(10**9), 10**9, places=4), min_size=1, max_size=8))
def test_decimals_are_summed_exactly_in_sql(bench: Bench, prices):
    assert bench.write([thing(n, price=price) for n, price in enumerate(prices)], TOTAL) == [sum(prices)]


@pytest.mark.parametrize("price", ["0.00001", "922337203685477.5808", "NaN", "Infinity", "1e30", "-1e-30"])
def test_a_decimal_that_would_be_rounded_is_refused(bench: Bench, price):
    with pytest.raises(BadValueError):
        bench.write([thing(price=Decimal(price))], ALL)


def test_a_decimal_keeps_the_digits_of_its_column(bench: Bench):
    assert [str(price) for price in bench.write([thing(price=Decimal("1.5"))], BY_PRICE)] == ["1.5000"]


def test_an_instant_without_a_zone_is_refused(bench: Bench):
    with pytest.raises(BadValueError, match="no time zone"):
        bench.write([thing(at=datetime(2026, 1, 1))], ALL)  # noqa: DTZ001 - that is the point
