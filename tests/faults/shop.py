"""What the fault tests share: a served shop, its callers, and what must be true of its store whatever happened."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Protocol

import pytest

from faults.orders import metadata
from faults.project import HERE, lay_out, make_tables
from serving import Served, wait_until

LONG = bool(os.environ.get("KREPIS_LONG"))
SEED = int(os.environ["KREPIS_SEED"])
"""What is drawn, is drawn from it. It stands in the name of each test that draws: `KREPIS_SEED=... pytest` repeats it."""

drawn = pytest.mark.parametrize("seed", [SEED])

_CHECKS = {
    "no stock is negative": "SELECT sku, stock FROM products WHERE stock < 0",
    "sold and stock are what there was": (
        "SELECT p.sku, p.initial, p.stock, coalesce(sum(l.quantity), 0) FROM products p"
        " LEFT JOIN order_lines l ON l.sku = p.sku GROUP BY p.sku, p.initial, p.stock"
        " HAVING p.initial <> p.stock + coalesce(sum(l.quantity), 0)"
    ),
    "an order has all its lines": (
        "SELECT o.reference, o.line_count, count(l.number) FROM orders o"
        " LEFT JOIN order_lines l ON l.order_id = o.id GROUP BY o.id, o.reference, o.line_count"
        " HAVING o.line_count <> count(l.number)"
    ),
}
_REFERENCES = "SELECT reference FROM orders"


class Store(Protocol):
    """The database itself, asked behind the service's back."""

    url: str

    def ask(self, *texts: str) -> list[list[tuple[Any, ...]]]:
        """The rows of each text, all from one snapshot; what it changes is committed."""
        ...


class SqliteFile:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    def ask(self, *texts: str) -> list[list[tuple[Any, ...]]]:
        connection = sqlite3.connect(self.path, timeout=20, isolation_level=None)
        try:
            connection.execute("BEGIN")
            rows = [connection.execute(text).fetchall() for text in texts]
            connection.execute("COMMIT")
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return rows
        finally:
            connection.close()


class Postgres:
    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, *texts: str) -> list[list[tuple[Any, ...]]]:
        return asyncio.run(self._ask(texts))

    async def _ask(self, texts: Sequence[str]) -> list[list[tuple[Any, ...]]]:
        import asyncpg

        connection: Any = await asyncpg.connect(self.url)
        try:
            async with connection.transaction(isolation="repeatable_read"):
                return [[tuple(row) for row in await connection.fetch(text)] for text in texts]
        finally:
            await connection.close()


class Reply(NamedTuple):
    """An answer, and the trace that its caller sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    trace: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Shop:
    """A shop that is served by a process of its own, and can be served again after that has died."""

    def __init__(self, folder: Path, store: Store, **environment: str) -> None:
        self.folder = folder
        self.store = store
        self._environment = {"ORDERS_DB": store.url, **environment}
        self._numbers = Random()
        self._served: Served | None = None
        lay_out(folder, HERE / "orders.py")
        make_tables(store.url, metadata)

    @property
    def served(self) -> Served:
        assert self._served is not None, "the shop is closed"
        return self._served

    def open(self, *words: str) -> None:
        self._served = Served(self.folder, *words, **self._environment)
        assert wait_until(self._answers, 20), self.served.log

    def close(self) -> None:
        if self._served is not None:
            self._served.kill()
            self._served = None

    def stocked(self, stock: int, *skus: str) -> None:
        """Put products on the shelf."""
        rows = ", ".join(f"('{sku}', {stock}, {stock})" for sku in skus)
        self.store.ask(f"INSERT INTO products (sku, initial, stock) VALUES {rows}")

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """One request on a connection of its own; `_` in a header's name is written `-`."""
        trace = f"{self._numbers.getrandbits(128) or 1:032x}"
        sent = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        if body is not None:
            sent["content-type"] = "application/json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=30)
        try:
            connection.request(method, path, body, sent)
            reply = connection.getresponse()
            shown = {name.lower(): value for name, value in reply.getheaders()}
            return Reply(reply.status, shown, reply.read(), trace)
        finally:
            connection.close()

    def order(self, reference: str, *skus: str, **headers: str) -> Reply:
        """Order one of each."""
        return self.ask("POST", "/orders", encoded(an_order(reference, *skus)), **headers)

    def references(self) -> set[str]:
        """The orders in the store; what is not whole fails here."""
        *broken, references = self.store.ask(*_CHECKS.values(), _REFERENCES)
        for promise, rows in zip(_CHECKS, broken, strict=True):
            assert rows == [], promise
        return {reference for (reference,) in references}

    def lines(self, trace: str) -> list[dict[str, Any]]:
        """What the log says about one request."""
        whole = [line for line in self.served.log.splitlines() if trace in line and line.startswith("{")]
        return [line for line in map(json.loads, whole) if line["trace"] == trace]

    def _answers(self) -> bool:
        try:
            return self.ask("GET", "/nothing").status == 404
        except OSError:
            return False


def refused(shop: Shop, reply: Reply, status: int, code: str) -> Any:
    """Assert that `reply` is a documented refusal, and that the log leads to it; answers with its document."""
    shown = f"{reply.status} {reply.body[:500]!r}"
    assert reply.status == status, shown
    assert reply.headers["content-type"] == "application/problem+json", shown
    document = reply.json
    assert (document["status"], document["code"]) == (status, code), shown
    assert document["trace"] == reply.trace, "the caller gets the trace that they sent"
    assert wait_until(lambda: shop.lines(reply.trace), 5), "the log has the trace"
    expected = {"event": "bug"} if status == 500 else {"event": "refused", "code": code, "status": status}
    assert any(expected.items() <= line.items() for line in shop.lines(reply.trace)), shop.lines(reply.trace)
    return document


def an_order(reference: str, *skus: str) -> dict[str, Any]:
    return {
        "reference": reference,
        "customer": "Ada",
        "address": {"street": "1 Main St", "city": "London"},
        "lines": [{"sku": sku, "quantity": 1} for sku in skus],
    }


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """`work(0)`, `work(1)` ... at the same time, each in a thread of its own."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


class Traffic:
    """Callers that order one after the other until told to stop, and remember what they were told."""

    def __init__(self, shop: Shop, skus: Sequence[str], seed: int, *, callers: int = 4) -> None:
        self.replies: list[tuple[str, Reply]] = []
        self._shop = shop
        self._skus = skus
        self._seed = seed
        self._going = True
        self._pool = ThreadPoolExecutor(callers)
        self._ends = [self._pool.submit(self._call, number) for number in range(callers)]

    @property
    def acknowledged(self) -> set[str]:
        return {reference for reference, reply in self.replies if reply.status == 201}

    @property
    def unchanged(self) -> set[str]:
        """The orders of which the answer says that nothing has changed."""
        return {
            reference
            for reference, reply in self.replies
            if reply.status >= 400 and reply.json["code"] != "commit_unknown"
        }

    def stop(self) -> None:
        self._going = False
        for end in self._ends:
            end.result(30)
        self._pool.shutdown()

    def _call(self, number: int) -> None:
        chance = Random(f"{self._seed} {number}")
        for count in range(1_000_000):
            if not self._going:
                return
            reference = f"{self._seed}-{number}-{count}"
            try:
                reply = self._shop.order(reference, *chance.sample(self._skus, 3))
            except (OSError, http.client.HTTPException):
                if not self._going:
                    return
                wait_until(lambda: not self._going, 0.02)
            else:
                self.replies.append((reference, reply))


@contextmanager
def traffic(shop: Shop, skus: Sequence[str], seed: int, *, callers: int = 4) -> Generator[Traffic]:
    going = Traffic(shop, skus, seed, callers=callers)
    try:
        yield going
    finally:
        going.stop()
