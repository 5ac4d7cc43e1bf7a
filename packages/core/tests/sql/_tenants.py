"""Tables of two tenants, and random statements over them."""

from __future__ import annotations

from random import Random
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    Uuid,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    true,
    union,
    union_all,
    update,
)

from krepis.sql import tenanted

metadata = MetaData()

books = tenanted(
    Table(
        "books",
        metadata,
        Column("tenant", String(20), primary_key=True),
        Column("isbn", String(20), primary_key=True),
        Column("title", String(50), nullable=False),
        Column("stock", Integer, nullable=False),
    )
)
loans = tenanted(
    Table(
        "loans",
        metadata,
        Column("owner", String(20), primary_key=True),
        Column("id", Integer, primary_key=True),
        Column("isbn", String(20), nullable=False),
        Column("days", Integer, nullable=False),
        ForeignKeyConstraint(["owner", "isbn"], ["books.tenant", "books.isbn"]),
    ),
    "owner",
)
notes = tenanted(
    Table(
        "notes",
        metadata,
        Column("tenant", String(20), nullable=False),
        Column("id", Uuid, primary_key=True),
        Column("text", String(50), nullable=False),
    )
)
words = Table(
    "words", metadata, Column("word", String(20), primary_key=True), Column("weight", Integer, nullable=False)
)


class Draw:
    """Draws Core statements. Whatever it draws, its author has forgotten the tenant."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._names = 0

    def reading(self) -> Any:
        """A statement that returns whose rows it has seen, in a column that is called `whose`."""
        make = self._random.choice((self._select, self._select, self._union, self._cte, self._outer, self._nested))
        return make(2)

    def writing(self) -> Any:
        table = self._random.choice((books, loans))
        number = books.c.stock if table is books else loans.c.days
        kind = self._random.randrange(4)
        if kind == 0:
            return update(table).values({number.name: number + self._random.randint(1, 5)}).where(self._where(table, 1))
        if kind == 1:
            amount = select(func.coalesce(func.max(loans.c.days), 0)).scalar_subquery()
            return update(books).values(stock=books.c.stock + amount)
        if kind == 2:
            other = loans.alias(self._name())
            return update(books).values(stock=other.c.days).where(or_(books.c.isbn == other.c.isbn, other.c.days > 3))
        return delete(loans).where(self._where(loans, 1))

    def _select(self, depth: int) -> Any:
        one, column = self._source()
        statement = select(column.label("whose"))
        if self._random.random() < 0.5:
            other, _ = self._source()
            statement = statement.select_from(one.join(other, true())).where(self._where(other, depth))
        return statement.where(self._where(one, depth))

    def _outer(self, depth: int) -> Any:
        one, column = self._source()
        other, theirs = self._source()
        full = self._random.random() < 0.4
        on = (
            and_(one.c.isbn == other.c.isbn)
            if full
            else self._random.choice((true(), literal(1) == 0, one.c.isbn == other.c.isbn))
        )
        joined = one.outerjoin(other, on, full=full)
        return select(func.coalesce(self._random.choice((column, theirs)), "nobody").label("whose")).select_from(joined)

    def _union(self, depth: int) -> Any:
        join = self._random.choice((union, union_all))
        return join(self._select(depth - 1), self._select(depth - 1))

    def _cte(self, depth: int) -> Any:
        inner = self._select(depth - 1).cte(self._name())
        one, _ = self._source()
        return select(inner.c.whose).select_from(inner.join(one, true()))

    def _nested(self, depth: int) -> Any:
        inner = self.reading() if depth else self._select(0)
        return select(inner.subquery(self._name()).c.whose)

    def _source(self) -> tuple[Any, Any]:
        table = self._random.choice((books, loans))
        one = table.alias(self._name())
        return one, one.c.tenant if table is books else one.c.owner

    def _where(self, one: Any, depth: int) -> Any:
        kind = self._random.randrange(7 if depth > 0 else 4)
        if kind == 0:
            return true()
        if kind == 1:
            return one.c.isbn.like("%" + self._random.choice("1234"))
        if kind == 2:
            return or_(one.c.isbn == "b1", self._where(one, depth - 1))
        if kind == 3:
            return not_(one.c.isbn == "b2")
        other, _ = self._source()
        inside = select(other.c.isbn).where(self._where(other, depth - 1))
        if kind == 4:
            return one.c.isbn.in_(inside)
        if kind == 5:
            return exists(inside.where(other.c.isbn == one.c.isbn))
        return or_(not_(exists(inside)), true())

    def _name(self) -> str:
        self._names += 1
        return f"n{self._names}"


ADD_BOOK = insert(books)
ADD_LOAN = insert(loans).values(id=bindparam("id"), isbn=bindparam("isbn"), days=bindparam("days"))
