"""Passwords as Argon2id hashes (RFC 9106), computed in threads: one takes about a tenth of a second and 64 MiB."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from krepis.accounts.ports import Passwords, PasswordTooLong, PasswordTooShort
from krepis.accounts.settings import Hashing
from krepis.context import Context, Sources
from krepis.errors import KrepisError
from krepis.threads import OffloadThreads
from krepis.types import Secret

if TYPE_CHECKING:
    import argon2

_SALT_BYTES = 16
_HASH_BYTES = 32


class Argon2Passwords(Passwords):
    """Lives as long as the app. `computed` counts hashes, which is what a login costs whoever it is for."""

    def __init__(self, settings: Hashing, sources: Sources) -> None:
        self._settings = settings
        self._sources = sources
        self._argon2 = _hasher(settings)
        self._threads = OffloadThreads(settings.threads_max, settings.waiting_max)
        self._dummy = ""
        self.computed = 0

    async def __aenter__(self) -> Self:
        # No password has this hash: nobody has seen what it is of.
        secret, salt = self._sources.entropy(_HASH_BYTES), self._sources.entropy(_SALT_BYTES)
        self._dummy = await self._in_thread(self._hash, secret, salt)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown()

    async def hash(self, ctx: Context, password: Secret) -> str:
        if len(password.reveal()) < self._settings.characters_min:
            raise PasswordTooShort(characters_min=self._settings.characters_min)
        return await self.rehash(ctx, password)

    async def rehash(self, ctx: Context, password: Secret) -> str:
        """As `hash`, for a password that was taken before, however short it is."""
        return await self._in_thread(self._hash, self.prepared(password), ctx.origin.draw(_SALT_BYTES))

    async def verify(self, ctx: Context, password: Secret, stored: str | None) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

        secret = self.prepared(password)
        try:
            await self._in_thread(self._argon2.verify, stored or self._dummy, secret)
            return bool(stored)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            pass
        ctx.log.error("password_hash_unreadable", reason="what is stored for the account is no Argon2 hash")
        with suppress(VerifyMismatchError):  # so that this account takes as long as any other
            await self._in_thread(self._argon2.verify, self._dummy, secret)
        return False

    async def outdated(self, ctx: Context, stored: str) -> bool:
        return self._argon2.check_needs_rehash(stored)

    def prepared(self, password: Secret) -> bytes:
        """The bytes that are hashed: UTF-8 in NFC, as RFC 8265, section 4.2 has it. Raises `PasswordTooLong`."""
        bytes_max = self._settings.bytes_max
        text = password.reveal()
        # The cheap look first: nothing is copied of a password of a mebibyte.
        if len(text) <= bytes_max:
            raw = unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
            if len(raw) <= bytes_max:
                return raw
        raise PasswordTooLong(bytes_max=bytes_max)

    def _hash(self, secret: bytes, salt: bytes) -> str:
        return self._argon2.hash(secret, salt=salt)

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        self.computed += 1
        return await asyncio.wrap_future(self._threads.submit(work, *arguments))


def _hasher(settings: Hashing) -> argon2.PasswordHasher:
    try:
        import argon2
    except ImportError as error:
        raise KrepisError("accounts need Argon2", hint="pip install krepis[accounts]") from error
    try:
        return argon2.PasswordHasher(
            time_cost=settings.passes,
            memory_cost=settings.memory_kib,
            parallelism=settings.lanes,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
        )
    except Exception as error:
        raise KrepisError(f"a password can't be hashed so: {error}", hint="see `Hashing`") from error
