"""Orders in PostgreSQL with asyncpg, for the peers that use no ORM.

The terms of S5, the same for every server: the database's own durability, one transaction of six rows per order, eight
connections.
"""

import os

import asyncpg

CONNECTIONS_MAX = 8

SCHEMA = """
CREATE TABLE orders (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer TEXT NOT NULL, total_cents BIGINT NOT NULL);
CREATE TABLE order_lines (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id BIGINT NOT NULL REFERENCES orders (id),
    sku TEXT NOT NULL, quantity BIGINT NOT NULL, price_cents BIGINT NOT NULL);
CREATE INDEX order_lines_by_order ON order_lines (order_id);
"""

INSERT_ORDER = "INSERT INTO orders (customer, total_cents) VALUES ($1, $2) RETURNING id"
INSERT_LINE = "INSERT INTO order_lines (order_id, sku, quantity, price_cents) VALUES ($1, $2, $3, $4)"
SELECT_ORDER = "SELECT customer, total_cents FROM orders WHERE id = $1"
SELECT_LINES = "SELECT sku, quantity, price_cents FROM order_lines WHERE order_id = $1 ORDER BY id"


async def open_pool() -> asyncpg.Pool:
    pool = await asyncpg.create_pool(os.environ["BENCH_DB"], min_size=CONNECTIONS_MAX, max_size=CONNECTIONS_MAX)
    await pool.execute(SCHEMA)
    return pool


async def insert_order(pool, order) -> int:
    async with pool.acquire() as connection, connection.transaction():
        order_id = await connection.fetchval(INSERT_ORDER, order.customer, order.total_cents())
        await connection.executemany(
            INSERT_LINE, [(order_id, line.sku, line.quantity, line.price_cents) for line in order.lines]
        )
    return order_id


async def read_order(pool, order_id: int):
    """(customer, total_cents, [(sku, quantity, price_cents), ...]), or nothing."""
    async with pool.acquire() as connection:
        row = await connection.fetchrow(SELECT_ORDER, order_id)
        return row and (*row, await connection.fetch(SELECT_LINES, order_id))
