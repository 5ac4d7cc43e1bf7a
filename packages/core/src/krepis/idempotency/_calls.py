"""One call with a key, and its one run: in a write transaction, or in a command that calls out before it writes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from krepis.context import Context
from krepis.errors import Malformed, Rejection
from krepis.idempotency._answers import Answers
from krepis.idempotency._tables import FIND, FINISH, STORE, Kept
from krepis.schema.encode import encode
from krepis.sql import Sql
from krepis.sql._waiting import Again
from krepis.types import Secret

KEY_CHARACTERS_MAX = 255

Handle = Callable[[], Awaitable[Any]]


class BadIdempotencyKey(Malformed):
    """The key is no key: empty, too long, or not of printable ASCII (HTTP 400)."""


class IdempotencyKeyReused(Rejection):
    """The key has been used for something else (HTTP 422)."""

    kind = "invalid"
    message = "this idempotency key was used for another request; send a new one"


class Call:
    """One call with a key: whose it is, what it asks for, and how it went."""

    __slots__ = ("actor", "digest", "id", "message", "phased", "replayed", "tenant")

    def __init__(self, ctx: Context, key: str, message: Any) -> None:
        self.tenant = ctx.tenant
        self.actor = None if ctx.actor is None else ctx.actor.id
        self.message = type(message).__name__
        self.id = hashlib.sha256(encode((self.tenant, self.actor, key))).hexdigest()
        # Under the key, so that what is stored doesn't let anybody guess a password that the message holds.
        asked = f"{self.message}\n".encode() + _canonical(message)
        self.digest = hmac.digest(key.encode(), asked, "sha256").hex()
        self.phased = False
        self.replayed = False

    def again(self, answers: Answers, kept: Kept) -> Any:
        """The first answer. Raises `IdempotencyKeyReused`, `AnswerNotKept` or `AnswerOutdated`."""
        if not hmac.compare_digest(kept.digest, self.digest):
            raise IdempotencyKeyReused
        answer = answers.read(kept.answer)
        self.replayed = True
        return answer

    def stored(self, ctx: Context, answer: str | None) -> dict[str, Any]:
        """The row of this call."""
        facts = {name: getattr(self, name) for name in ("id", "digest", "message", "tenant", "actor")}
        return {**facts, "answer": answer, "at": ctx.now()}


async def once(call: Call, answers: Answers, ctx: Context, sql: Sql, handle: Handle) -> Any:
    """In a write transaction: the key is taken first, so that whoever else has it waits for this transaction."""
    if not await sql.run(STORE, **call.stored(ctx, None)):
        return call.again(answers, await sql.one(FIND, id=call.id))
    answer = await handle()
    text = answers.text(ctx, answer)
    if text is not None:
        await sql.run(FINISH, key=call.id, answer=text)
    return answer


async def once_phased(call: Call, answers: Answers, ctx: Context, sql: Sql, handle: Handle) -> Any:
    """A command that calls out: nothing may be written before it has. Whoever comes second begins again."""
    call.phased = True
    kept = await sql.first(FIND, id=call.id)
    await sql.release()
    if kept is not None:
        return call.again(answers, kept)
    answer = await handle()
    if not await sql.run(STORE, **call.stored(ctx, answers.text(ctx, answer))):
        raise Again
    return answer


def unquoted(key: str) -> str:
    """A key as its header carries it, without the quotes of a Structured Field string (RFC 8941, section 3.3.3)."""
    if len(key) < 2 or key[0] != '"' or key[-1] != '"':
        return key
    return key[1:-1].replace('\\"', '"').replace("\\\\", "\\")


def _open(value: object) -> object:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"`{type(value).__name__}` has no form in JSON")


_canonical = msgspec.json.Encoder(enc_hook=_open, decimal_format="string", order="deterministic").encode
