"""The tables. A column has the name of the field that it keeps, so that rows become values without a mapping.

The conditions that the domain decides on stand here once more as constraints: they say no to what gets past it.
"""

from decimal import Decimal
from typing import Any

import krepis.accounts
import krepis.audit
import krepis.files.tables
import krepis.idempotency
import krepis.jobs
import krepis.outbox
import krepis.schedules
from krepis.files import FileRef
from krepis.sql import Exact, Instant, Json, include_tables, tenanted
from krepis.sql.types import Converter, Portable
from krepis.types import Money
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, Numeric, String, Table, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from library.domain.terms import CURRENCY

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


class Euros(Portable):
    """`Money` in euros, as an exact number of cents."""

    impl = Numeric
    cache_ok = True
    _cents = Exact(2)

    def __repr__(self) -> str:
        return repr(self._cents)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return self._cents.load_dialect_impl(dialect)

    def converters(self, dialect: str) -> tuple[Converter | None, Converter | None]:
        bind, result = self._cents.converters(dialect)

        def from_money(money: Money) -> Any:
            assert money.currency == CURRENCY
            return bind(money.amount) if bind else money.amount

        def to_money(cents: Any) -> Money:
            amount: Decimal = result(cents) if result else cents
            return Money(amount=amount, currency=CURRENCY)

        return from_money, to_money


members = Table(
    "members",
    metadata,
    Column("id", Uuid(), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("email", String(254), nullable=False, unique=True),
    Column("kind", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("joined_at", Instant(), nullable=False),
)

books = Table(
    "books",
    metadata,
    Column("isbn", String(13), primary_key=True),
    Column("title", String(200), nullable=False),
    Column("author", String(200), nullable=False),
    Column("published", Integer()),
    Column("version", Integer(), nullable=False),
    Column("search_text", String(1300), nullable=False),
)

copies = Table(
    "copies",
    metadata,
    Column("id", Uuid(), primary_key=True),
    Column("isbn", String(13), ForeignKey("books.isbn"), nullable=False),
    Column("status", String(20), nullable=False),
    Index("copies_isbn_status", "isbn", "status"),
)

loans = Table(
    "loans",
    metadata,
    Column("id", Uuid(), primary_key=True),
    Column("member", Uuid(), ForeignKey("members.id"), nullable=False),
    Column("copy", Uuid(), ForeignKey("copies.id"), nullable=False),
    Column("lent_at", Instant(), nullable=False),
    Column("due_at", Instant(), nullable=False),
    Column("renewals", Integer(), nullable=False),
    Column("returned_at", Instant()),
    Index("loans_member", "member", "lent_at", "id"),
)
_OPEN = loans.c.returned_at.is_(None)
Index("loans_open_copy", loans.c.copy, unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("loans_open_due", loans.c.due_at, loans.c.id, sqlite_where=_OPEN, postgresql_where=_OPEN)

reservations = Table(
    "reservations",
    metadata,
    Column("id", Uuid(), primary_key=True),
    Column("member", Uuid(), ForeignKey("members.id"), nullable=False),
    Column("isbn", String(13), ForeignKey("books.isbn"), nullable=False),
    Column("status", String(20), nullable=False),
    Column("placed_at", Instant(), nullable=False),
    Column("copy", Uuid(), ForeignKey("copies.id")),
    Column("pickup_until", Instant()),
    Index("reservations_queue", "isbn", "status", "placed_at", "id"),
    Index("reservations_member", "member", "status"),
)
_READY = reservations.c.status == "ready"
Index("reservations_ready_copy", reservations.c.copy, unique=True, sqlite_where=_READY, postgresql_where=_READY)

fines = Table(
    "fines",
    metadata,
    Column("id", Uuid(), primary_key=True),
    Column("member", Uuid(), ForeignKey("members.id"), nullable=False),
    Column("loan", Uuid(), ForeignKey("loans.id"), nullable=False, unique=True),
    Column("amount", Euros(), nullable=False),
    Column("paid", Euros(), nullable=False),
    Column("status", String(20), nullable=False),
    Column("raised_at", Instant(), nullable=False),
    Column("waived_by", Uuid(), ForeignKey("staff.id")),
    Column("waived_because", String(500)),
    CheckConstraint("paid <= amount", name="paid"),
    Index("fines_member", "member", "status"),
)

staff = Table(
    "staff",
    metadata,
    Column("id", Uuid(), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("role", String(20), nullable=False),
    Column("branch", String(63)),
)

accounts = Table(
    "accounts",
    metadata,
    Column("person", Uuid(), primary_key=True),  # a member or somebody of the staff
    Column("email", String(254), nullable=False, unique=True),
    Column("password", String(512), nullable=False),
)

covers = Table(
    "covers",
    metadata,
    Column("isbn", String(13), ForeignKey("books.isbn"), primary_key=True),
    Column("picture", Json(FileRef), nullable=False),
)

# One branch never sees what another one writes: every statement on this table is narrowed to the branch of `ctx`.
notes = tenanted(
    Table(
        "notes",
        metadata,
        Column("id", Uuid(), primary_key=True),
        Column("branch", String(63), nullable=False),
        Column("text", String(1000), nullable=False),
        Column("written_by", Uuid(), ForeignKey("staff.id"), nullable=False),
        Column("written_at", Instant(), nullable=False),
        Index("notes_latest", "branch", "written_at", "id"),
    ),
    "branch",
)

include_tables(
    metadata,
    *krepis.accounts.TABLES,
    *krepis.audit.TABLES,
    *krepis.files.tables.TABLES,
    *krepis.idempotency.TABLES,
    *krepis.jobs.TABLES,
    *krepis.outbox.TABLES,
    *krepis.schedules.TABLES,
)
