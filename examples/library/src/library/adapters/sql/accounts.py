"""Accounts on SQL."""

from uuid import UUID

from krepis import Context
from krepis.sql import Sql, statement
from krepis.types import Email
from msgspec.structs import asdict
from sqlalchemy import bindparam, select

from library.adapters.sql.rows import adding, saving
from library.adapters.sql.tables import accounts
from library.application.ports import WritableAccounts
from library.domain.account import Account

_FIND = statement(select(accounts).where(accounts.c.person == bindparam("person")), into=Account)
_FIND_BY_EMAIL = statement(select(accounts).where(accounts.c.email == bindparam("email")), into=Account)
_ADD = adding(accounts)
_SAVE = saving(accounts)


class SqlAccounts(WritableAccounts):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, person: UUID) -> Account | None:
        return await self._sql.first(_FIND, person=person)

    async def find_by_email(self, ctx: Context, email: Email) -> Account | None:
        return await self._sql.first(_FIND_BY_EMAIL, email=email)

    async def add(self, ctx: Context, account: Account) -> None:
        await self._sql.run(_ADD, **asdict(account))

    async def save(self, ctx: Context, account: Account) -> None:
        await self._sql.run(_SAVE, **asdict(account))
