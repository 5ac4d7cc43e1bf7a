"""Logins: a name and a password are checked, and how often one may be wrong is limited, over all processes.

An attempt is counted before its password is looked at, and taken back when it was right. So a thousand attempts at once
are a thousand attempts. The counting has transactions of its own, since the command of a wrong login is rolled back.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import unicodedata
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec import Struct
from sqlalchemy import bindparam, case, delete, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert  # compiles for SQLite, too; the other way round it does not

from krepis.accounts.passwords import Argon2Passwords
from krepis.accounts.ports import Logins, TooManyLogins, WrongCredentials
from krepis.accounts.settings import Throttle
from krepis.accounts.tables import login_throttle
from krepis.context import Context
from krepis.port import Mode, Store
from krepis.sql import Database, Sql, statement
from krepis.types import Secret

T = TypeVar("T")

_IPV6_NETWORK_BITS = 64
_NAME_CHARACTERS_MAX = 1_024
_DOUBLINGS_MAX = 60  # beyond, a delay is longer than any limit anyway


class Count(Struct, frozen=True):
    """The failures of one account or address."""

    key: str
    failures: int
    closed_until: datetime
    forget_at: datetime


_columns = login_throttle.c
_one_more = insert(login_throttle).values(
    key=bindparam("which"), failures=1, closed_until=bindparam("moment"), forget_at=bindparam("forgotten")
)

COUNTS = statement(
    select(login_throttle).where(_columns.key.in_(bindparam("keys", expanding=True))).order_by(_columns.key),
    into=Count,
)
COUNT_UP = statement(
    _one_more.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "failures": case((_columns.forget_at <= bindparam("moment"), 1), else_=_columns.failures + 1),
            "closed_until": _one_more.excluded.closed_until,
            "forget_at": _one_more.excluded.forget_at,
        },
        # What is closed for longer than any failure closes was closed by a clock that has been put back since.
        where=or_(_columns.closed_until <= bindparam("moment"), _columns.closed_until > bindparam("latest")),
    ).returning(_columns.failures),
    into=int,
)
CLOSE = statement(
    update(login_throttle)
    .where(_columns.key == bindparam("which"))
    .values(closed_until=bindparam("opens"), forget_at=bindparam("forgotten"))
)
TAKE_BACK = statement(
    update(login_throttle)
    .where(_columns.key == bindparam("which"))
    .values(failures=_columns.failures - 1, closed_until=bindparam("moment"))
)
FORGET = statement(delete(login_throttle).where(_columns.key == bindparam("which")))
FORGET_NOTHING = statement(delete(login_throttle).where(_columns.key == bindparam("which"), _columns.failures <= 0))
READ_COMMITTED = statement(text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"))
"""For PostgreSQL. Each statement here stands for itself, and rows are locked in one order; serializable transactions
would collide although they touch other rows, since a small table is read whole."""

SWEEP = statement(
    delete(login_throttle).where(
        _columns.key.in_(select(_columns.key).where(_columns.forget_at <= bindparam("now")).limit(bindparam("count")))
    )
)
SHORTEN = statement(
    delete(login_throttle).where(
        _columns.key.in_(
            select(_columns.key)
            .order_by(_columns.forget_at.desc(), _columns.key)
            .limit(bindparam("count"))
            .offset(bindparam("rows_max"))
        )
    )
)


class SqlLogins(Logins):
    """Lives as long as the app. `store` gives the store, which is known when the app starts."""

    def __init__(self, settings: Throttle, passwords: Argon2Passwords, store: Store) -> None:
        self._settings = settings
        self._passwords = passwords
        self._store = store
        self._is_sqlite = isinstance(store, Database) and store.is_sqlite

    async def check(
        self, ctx: Context, *, account: str, password: Secret, stored: str | None, client: str
    ) -> str | None:
        self._passwords.prepared(password)  # too long: refused before anything is counted or computed
        keys = self._keys(account, client)
        await self._transact(ctx, "read", lambda sql, now: self._need_open(sql, keys, now))
        await self._transact(ctx, "write", lambda sql, now: self._count(sql, keys, now))
        if not await self._passwords.verify(ctx, password, stored) or stored is None:
            raise WrongCredentials
        await self._transact(ctx, "write", lambda sql, now: self._take_back(sql, keys, _account_key(account), now))
        if await self._passwords.outdated(ctx, stored):
            return await self._passwords.rehash(ctx, password)
        return None

    def _keys(self, account: str, client: str) -> dict[str, int]:
        """What is counted, each with its free failures; in one order, so that two units never wait for each other."""
        keys = {_account_key(account): self._settings.account_free}
        network = network_of(client)
        if network:
            keys[_digest("address", network)] = self._settings.address_free
        return dict(sorted(keys.items()))

    async def _need_open(self, sql: Sql, keys: dict[str, int], now: datetime) -> None:
        longest = timedelta(seconds=self._settings.delay_max_s)
        waits = [count.closed_until - now for count in await sql.all(COUNTS, keys=list(keys))]
        wait = max((wait for wait in waits if wait <= longest), default=timedelta(0))
        if wait > timedelta(0):
            raise TooManyLogins(math.ceil(wait.total_seconds()))

    async def _count(self, sql: Sql, keys: dict[str, int], now: datetime) -> None:
        latest = now + timedelta(seconds=self._settings.delay_max_s)
        forgotten = now + timedelta(seconds=self._settings.forget_s)
        for key, free in keys.items():
            failures = await sql.first(COUNT_UP, which=key, moment=now, latest=latest, forgotten=forgotten)
            if failures is None:  # somebody else's attempt has closed it since we have looked
                await self._need_open(sql, keys, now)
                raise TooManyLogins(1)
            opens = now + self._delay(failures - free)
            if opens > now:
                await sql.run(CLOSE, which=key, opens=opens, forgotten=max(opens, forgotten))

    async def _take_back(self, sql: Sql, keys: dict[str, int], account_key: str, now: datetime) -> None:
        for key in keys:
            if key == account_key:
                await sql.run(FORGET, which=key)
            else:
                # Of an address only this attempt: whoever has one account must not wash away the failures with others.
                await sql.run(TAKE_BACK, which=key, moment=now)
                await sql.run(FORGET_NOTHING, which=key)

    def _delay(self, beyond: int) -> timedelta:
        if beyond <= 0:
            return timedelta(0)
        delay_s = self._settings.delay_s * 2 ** min(beyond - 1, _DOUBLINGS_MAX)
        return timedelta(seconds=min(delay_s, self._settings.delay_max_s))

    async def _transact(self, ctx: Context, mode: Mode, work: Callable[[Sql, datetime], Awaitable[T]]) -> T:
        own = ctx.begin()

        async def unit(sql: Sql) -> T:
            if mode == "write" and not self._is_sqlite:
                await sql.run(READ_COMMITTED)
            return await work(sql, own.now())

        return await self._store.transact(own, mode, unit)


def normalised(account: str) -> str:
    """A name as two people would call the same: without case, outer space or look-alike forms (NFKC)."""
    return unicodedata.normalize("NFKC", account[:_NAME_CHARACTERS_MAX]).casefold().strip()


def network_of(client: str) -> str:
    """What counts as one address: an IPv4 address, or the 64 bits of an IPv6 network, which one caller has whole."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_NETWORK_BITS), strict=False))
    return str(address)


def _account_key(account: str) -> str:
    return _digest("account", normalised(account))


def _digest(kind: str, name: str) -> str:
    return hashlib.sha256(f"{kind}:{name}".encode("utf-8", "surrogatepass")).hexdigest()
