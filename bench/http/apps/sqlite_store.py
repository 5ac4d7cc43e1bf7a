"""Orders in SQLite with the standard library, for the peers that use no ORM.

The terms of S4, the same for every server: WAL, synchronous NORMAL, one transaction of six rows per order, at most
eight connections, five seconds of patience with a busy file.
"""

import os
import queue
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

CONNECTIONS_MAX = 8
BUSY_MS = 5_000

SCHEMA = """
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer TEXT NOT NULL, total_cents INTEGER NOT NULL);
CREATE TABLE order_lines (
    id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (id),
    sku TEXT NOT NULL, quantity INTEGER NOT NULL, price_cents INTEGER NOT NULL);
CREATE INDEX order_lines_by_order ON order_lines (order_id);
"""

INSERT_ORDER = "INSERT INTO orders (customer, total_cents) VALUES (?, ?)"
INSERT_LINE = "INSERT INTO order_lines (order_id, sku, quantity, price_cents) VALUES (?, ?, ?, ?)"
SELECT_ORDER = "SELECT customer, total_cents FROM orders WHERE id = ?"
SELECT_LINES = "SELECT sku, quantity, price_cents FROM order_lines WHERE order_id = ? ORDER BY id"


class Connections:
    """A pool of connections that any thread may borrow from."""

    def __init__(self) -> None:
        self._idle = queue.LifoQueue()
        for _ in range(CONNECTIONS_MAX):
            self._idle.put(connect())

    @contextmanager
    def borrow(self) -> Iterator[sqlite3.Connection]:
        connection = self._idle.get()
        try:
            yield connection
        finally:
            self._idle.put(connection)


def connect() -> sqlite3.Connection:
    path = os.environ["BENCH_DB"].removeprefix("sqlite:///")
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def create_schema() -> None:
    connection = connect()
    connection.executescript(SCHEMA)
    connection.close()


def insert_order(connection, order) -> int:
    connection.execute("BEGIN IMMEDIATE")
    try:
        order_id = connection.execute(INSERT_ORDER, (order.customer, order.total_cents())).lastrowid
        connection.executemany(
            INSERT_LINE, [(order_id, line.sku, line.quantity, line.price_cents) for line in order.lines]
        )
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return order_id


def read_order(connection, order_id: int):
    """(customer, total_cents, [(sku, quantity, price_cents), ...]), or nothing."""
    row = connection.execute(SELECT_ORDER, (order_id,)).fetchone()
    return row and (*row, connection.execute(SELECT_LINES, (order_id,)).fetchall())
