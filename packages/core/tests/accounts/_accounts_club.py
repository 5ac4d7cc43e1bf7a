"""A club with members of its own and Krepis's accounts: log in, show oneself, change the password, keys, invitations.

`_accounts_club.py URL` runs it as a process of its own, which does what it reads: one JSON list a line, of a verb and its
arguments. It answers with one line each.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Column, MetaData, String, Table, bindparam, insert, select, update
from sqlalchemy import Uuid as UuidType

from krepis import App, Command, Context, NotFound, Query, ReadPort, Value, WritePort, bind
from krepis.access import Policy, anyone, may, permission, user
from krepis.accounts import (
    TABLES,
    Accounts,
    AccountSettings,
    ApiKey,
    ApiKeys,
    Grant,
    Grants,
    Hashing,
    Logins,
    LogOut,
    LogOutEverywhere,
    NewApiKey,
    Passwords,
    RefreshSession,
    Session,
    Sessions,
    SingleUseTokens,
    Throttle,
    WritableApiKeys,
    WritableSessions,
    WrongCredentials,
    hs256,
    session_of,
)
from krepis.http import Doors, Errors, client_address
from krepis.idempotency import TABLES as IDEMPOTENCY_TABLES
from krepis.identity import api_key, bearer
from krepis.part import Part
from krepis.sql import Database, Json, Sql, include_tables, statement
from krepis.testing import Reply, TestService, TestSources
from krepis.types import Secret

PASSWORD = "correct horse battery"
SECRET = "the club's own secret, of more than 32 bytes"
PATIENT = Throttle(delay_s=60)  # for processes on the real clock, which may be slow
CHEAP = Hashing(passes=1, memory_kib=8, lanes=1)

metadata = MetaData()
members = Table(
    "members",
    metadata,
    Column("id", UuidType(), primary_key=True),
    Column("email", String(200), nullable=False, unique=True),
    Column("password_hash", String(200)),
    Column("permissions", Json(frozenset[str]), nullable=False),
)
include_tables(metadata, *TABLES, *IDEMPOTENCY_TABLES)


class Member(Value):
    id: UUID
    email: str
    password_hash: str | None
    permissions: frozenset[str]


class NoSuchMember(NotFound):
    message = "there is no such member"


class Members(ReadPort, Protocol):
    async def by_email(self, ctx: Context, email: str) -> Member | None: ...
    async def find(self, ctx: Context, id: UUID) -> Member | None: ...


class WritableMembers(Members, WritePort, Protocol):
    async def add(self, ctx: Context, member: Member) -> None: ...
    async def set_password(self, ctx: Context, id: UUID, password_hash: str) -> None: ...
    async def set_permissions(self, ctx: Context, id: UUID, permissions: frozenset[str]) -> None: ...


BY_EMAIL = statement(select(members).where(members.c.email == bindparam("email")), into=Member)
FIND = statement(select(members).where(members.c.id == bindparam("member")), into=Member)
ADD = statement(insert(members))
SET_PASSWORD = statement(
    update(members).where(members.c.id == bindparam("member")).values(password_hash=bindparam("hash"))
)
SET_PERMISSIONS = statement(
    update(members).where(members.c.id == bindparam("member")).values(permissions=bindparam("granted"))
)


class SqlMembers(WritableMembers):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def by_email(self, ctx: Context, email: str) -> Member | None:
        return await self._sql.first(BY_EMAIL, email=email)

    async def find(self, ctx: Context, id: UUID) -> Member | None:
        return await self._sql.first(FIND, member=id)

    async def add(self, ctx: Context, member: Member) -> None:
        await self._sql.run(
            ADD,
            id=member.id,
            email=member.email,
            password_hash=member.password_hash,
            permissions=member.permissions,
        )

    async def set_password(self, ctx: Context, id: UUID, password_hash: str) -> None:
        await self._sql.run(SET_PASSWORD, member=id, hash=password_hash)

    async def set_permissions(self, ctx: Context, id: UUID, permissions: frozenset[str]) -> None:
        await self._sql.run(SET_PERMISSIONS, member=id, granted=permissions)


class SqlGrants(Grants):
    """What members have now: whoever has no permissions at all is locked out."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, subject: str) -> Grant | None:
        member = await self._sql.first(FIND, member=UUID(subject))
        return None if member is None or not member.permissions else Grant(subject, permissions=member.permissions)


class Register(Command[UUID]):
    email: str
    password: Secret
    permissions: frozenset[str] = frozenset({"read", "write"})


class LoggedIn(Value):
    email: str
    token: str
    refresh: str


class LogIn(Command[LoggedIn]):
    email: str
    password: Secret
    client: str = ""


class MeView(Value):
    id: str
    permissions: list[str]
    session: UUID | None


class Me(Query[MeView]):
    pass


class Write(Command[str]):
    pass


class ListSessions(Query[list[Session]]):
    pass


class MakeKey(Command[NewApiKey]):
    name: str
    permissions: frozenset[str]


class ListKeys(Query[list[ApiKey]]):
    pass


class RevokeKey(Command[bool]):
    id: UUID


class AskReset(Command[str]):
    """Answers with the token, which a real club would send by mail."""

    email: str


class ResetPassword(Command[None]):
    token: Secret
    password: Secret


class GrantMore(Command[int]):
    member: UUID
    permissions: frozenset[str]


async def register(ctx: Context, command: Register, *, members: WritableMembers, passwords: Passwords) -> UUID:
    hashed = await passwords.hash(ctx, command.password)
    member = Member(id=ctx.new_id(), email=command.email, password_hash=hashed, permissions=command.permissions)
    await members.add(ctx, member)
    return member.id


async def log_in(
    ctx: Context, command: LogIn, *, members: WritableMembers, logins: Logins, sessions: WritableSessions
) -> LoggedIn:
    member = await members.by_email(ctx, command.email)
    stored = None if member is None else member.password_hash
    rehashed = await logins.check(
        ctx, account=command.email, password=command.password, stored=stored, client=command.client
    )
    if member is None:
        raise WrongCredentials
    if rehashed is not None:
        await members.set_password(ctx, member.id, rehashed)
    tokens = await sessions.open(ctx, Grant(str(member.id), permissions=member.permissions))
    return LoggedIn(email=member.email, token=tokens.access_token, refresh=tokens.refresh_token)


async def me(ctx: Context, query: Me) -> MeView:
    assert ctx.actor is not None
    return MeView(id=ctx.actor.id, permissions=sorted(ctx.actor.permissions), session=session_of(ctx))


async def write(ctx: Context, command: Write) -> str:
    return "written"


async def list_sessions(ctx: Context, query: ListSessions, *, sessions: Sessions) -> list[Session]:
    assert ctx.actor is not None
    return await sessions.of(ctx, ctx.actor.id)


async def make_key(ctx: Context, command: MakeKey, *, keys: WritableApiKeys) -> NewApiKey:
    return await keys.make(ctx, command.name, permissions=command.permissions)


async def list_keys(ctx: Context, query: ListKeys, *, keys: ApiKeys) -> list[ApiKey]:
    assert ctx.actor is not None
    return await keys.of(ctx, ctx.actor.id)


async def revoke_key(ctx: Context, command: RevokeKey, *, keys: WritableApiKeys) -> bool:
    assert ctx.actor is not None
    return await keys.revoke(ctx, ctx.actor.id, command.id)


async def ask_reset(ctx: Context, command: AskReset, *, members: Members, tokens: SingleUseTokens) -> str:
    member = await members.by_email(ctx, command.email)
    if member is None:
        raise NoSuchMember
    return await tokens.make(ctx, "reset", str(member.id), lifetime_s=3600, payload={"email": member.email})


async def reset_password(
    ctx: Context,
    command: ResetPassword,
    *,
    members: WritableMembers,
    passwords: Passwords,
    tokens: SingleUseTokens,
    sessions: WritableSessions,
) -> None:
    await tokens.find(ctx, "reset", command.token)
    hashed = await passwords.hash(ctx, command.password)
    redeemed = await tokens.redeem(ctx, "reset", command.token)
    await members.set_password(ctx, UUID(redeemed.subject), hashed)
    await sessions.close_all(ctx, redeemed.subject)


async def grant(ctx: Context, command: GrantMore, *, members: WritableMembers, sessions: WritableSessions) -> int:
    await members.set_permissions(ctx, command.member, command.permissions)
    return await sessions.regrant(ctx, Grant(str(command.member), permissions=command.permissions))


HANDLERS = (
    register,
    log_in,
    me,
    write,
    list_sessions,
    make_key,
    list_keys,
    revoke_key,
    ask_reset,
    reset_password,
    grant,
)
POLICY = Policy(
    may(anyone, Register, LogIn, RefreshSession, AskReset, ResetPassword, GrantMore),
    may(user, Me, ListSessions, MakeKey, ListKeys, RevokeKey, LogOut, LogOutEverywhere),
    may(permission("write"), Write),
)


def doors() -> Doors:
    doors = Doors(credentials=(bearer("Token"), api_key()), errors=Errors(statuses={"wrong_credentials": 401}))
    doors.post("/members", Register, status=201)
    doors.post("/login", LogIn, sources={"client": client_address()}, envelope="user", answer_envelope="user")
    doors.get("/me", Me)
    doors.post("/write", Write)
    doors.get("/sessions", ListSessions)
    doors.post("/session/refresh", RefreshSession)
    doors.delete("/session", LogOut)
    doors.delete("/sessions", LogOutEverywhere)
    doors.post("/keys", MakeKey, status=201)
    doors.get("/keys", ListKeys)
    doors.delete("/keys/{id}", RevokeKey)
    doors.post("/resets", AskReset)
    doors.post("/resets/redeem", ResetPassword)
    return doors


def settings(**changes: Any) -> AccountSettings:
    given: dict[str, Any] = {"keys": (hs256("one", SECRET),), "issuer": "https://club.example", "hashing": CHEAP}
    return AccountSettings(**(given | changes))


def an_app(
    url: str, *, fresh: bool = False, store: Database | None = None, parts: Sequence[Part] = (), **changes: Any
) -> App:
    """`fresh` reads what members have at each request; `parts` stand before the accounts, whose settings `changes` are."""
    return App(
        "club",
        handlers=HANDLERS,
        adapters=(bind(WritableMembers, SqlMembers),),
        doors=doors(),
        store=store or Database(url, metadata=metadata),
        policy=POLICY,
        parts=(*parts, Accounts(settings(**changes), grants=SqlGrants if fresh else None)),
    )


def by(token: str) -> dict[str, str]:
    return {"authorization": f"Token {token}"}


async def registered(club: TestService, email: str = "ann@example.org", **more: Any) -> str:
    reply = await club.post("/members", json={"email": email, "password": PASSWORD} | more)
    assert reply.status == 201, reply.text
    return reply.json


async def login(club: TestService, email: str = "ann@example.org", password: str = PASSWORD, **more: Any) -> Reply:
    return await club.post("/login", json={"user": {"email": email, "password": password}}, **more)


async def logged_in(club: TestService, email: str = "ann@example.org") -> tuple[str, str]:
    reply = await login(club, email)
    assert reply.status == 200, reply.text
    return reply.json["user"]["token"], reply.json["user"]["refresh"]


async def refreshed(club: TestService, refresh: str) -> Reply:
    return await club.post("/session/refresh", json={"refresh_token": refresh})


async def status(club: TestService, token: str) -> int:
    return (await club.get("/me", headers=by(token))).status


async def follow(url: str) -> None:
    """What a second process does: `me TOKEN`, `key KEY`, `out TOKEN`, `refresh TOKEN`, `login PASSWORD`."""
    async with an_app(url, throttle=PATIENT).start() as service:
        club = TestService(service, TestSources())  # for its requests alone: the service runs on the real clock
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            verb, text = json.loads(line)
            if verb == "me":
                reply = await club.get("/me", headers=by(text))
            elif verb == "key":
                reply = await club.get("/me", headers={"x-api-key": text})
            elif verb == "out":
                reply = await club.delete("/session", headers=by(text))
            elif verb == "refresh":
                reply = await refreshed(club, text)
            else:
                reply = await login(club, password=text, client="10.0.0.2")
            print(json.dumps([reply.status, reply.json if reply.body else None]), flush=True)


if __name__ == "__main__":
    asyncio.run(follow(sys.argv[1]))
