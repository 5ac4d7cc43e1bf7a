"""The two statements that every repository has: add a row, and save one that is there."""

from typing import Any

from krepis.sql import Statement, statement
from sqlalchemy import Table, bindparam, insert, update


def adding(table: Table) -> Statement[Any]:
    """Insert one row; takes every column by name."""
    return statement(insert(table))


def saving(table: Table) -> Statement[Any]:
    """Replace the row with that primary key; takes every column by name."""
    values = {column.name: bindparam(column.name, type_=column.type) for column in table.c if not column.primary_key}
    keys = [column == bindparam(column.name, type_=column.type) for column in table.primary_key]
    return statement(update(table).where(*keys).values(values))
