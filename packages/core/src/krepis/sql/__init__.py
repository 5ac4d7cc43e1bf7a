"""SQL for repositories: one `Database` (SQLite or PostgreSQL), `Sql` for a unit of work, `statement` for what it runs.

The column types that mean the same on both are `Instant`, `Exact` and `Json`; the errors stand in `krepis.sql.errors`.
"""

from krepis.errors import TenantMissingError
from krepis.sql.database import Database
from krepis.sql.errors import (
    BadValueError,
    CheckViolation,
    CommitUnknown,
    ConstraintViolation,
    ForeignKeyViolation,
    ReadOnlyError,
    SchemaError,
    StatementError,
    StoreAway,
    StoreBusy,
    StoreDamagedError,
    StoreFailed,
    StoreFull,
    TransactionSpentError,
    UniqueViolation,
)
from krepis.sql.included import include_tables, missing_tables
from krepis.sql.statement import Statement, statement
from krepis.sql.tenants import across_tenants, tenanted
from krepis.sql.types import Converter, Exact, Instant, Json, Portable
from krepis.sql.unit import Sql

__all__ = (
    "BadValueError",
    "CheckViolation",
    "CommitUnknown",
    "ConstraintViolation",
    "Converter",
    "Database",
    "Exact",
    "ForeignKeyViolation",
    "Instant",
    "Json",
    "Portable",
    "ReadOnlyError",
    "SchemaError",
    "Sql",
    "Statement",
    "StatementError",
    "StoreAway",
    "StoreBusy",
    "StoreDamagedError",
    "StoreFailed",
    "StoreFull",
    "TenantMissingError",
    "TransactionSpentError",
    "UniqueViolation",
    "across_tenants",
    "include_tables",
    "missing_tables",
    "statement",
    "tenanted",
)
