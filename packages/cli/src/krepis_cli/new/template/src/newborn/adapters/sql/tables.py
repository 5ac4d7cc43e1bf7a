"""The tables. A column has the name of the field that it keeps, so that rows become values without a mapping."""

from krepis.sql import Instant
from sqlalchemy import Column, MetaData, String, Table, Uuid

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

notes = Table(
    "notes",
    metadata,
    Column("id", Uuid(), primary_key=True),
    Column("text", String(1000), nullable=False),
    Column("written_at", Instant(), nullable=False),
)
