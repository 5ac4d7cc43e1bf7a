"""The ports that handlers ask for: passwords, logins, sessions, API keys, single-use tokens; and what these speak of.

An account itself is the app's: its own table with a name, a password's hash, whatever else. Here it is a *subject*: the
id that `ctx.actor.id` will have. Each text that is a secret (a token, a key) leaves a port once, as a plain `str` that
the app puts where its callers expect it; none of them is stored, only their SHA-256.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from msgspec import Struct

from krepis.context import Context
from krepis.errors import Forbidden, NotFound, Rejection, Unauthenticated
from krepis.identity import InvalidCredential
from krepis.message import Value
from krepis.port import OutboundPort, ReadPort, WritePort
from krepis.types import Secret


class PasswordTooShort(Rejection):
    """The password is shorter than the service asks for (HTTP 422)."""

    kind = "invalid"
    message = "a password has at least {characters_min} characters"


class PasswordTooLong(Rejection):
    """The password is longer than any that is taken (HTTP 422)."""

    kind = "invalid"
    message = "a password has at most {bytes_max} bytes"


class WrongCredentials(Unauthenticated):
    """There is no such account, or this is not its password (HTTP 401). Which of them is not said."""

    message = "the name or the password is wrong"


class TooManyLogins(Rejection):
    """Too many logins have failed, for this name or from this address (HTTP 429)."""

    kind = "too_many"
    message = "too many logins have failed; try again later"
    retry_after: int = 1

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after=retry_after)
        self.retry_after = retry_after


class RefreshTokenReused(InvalidCredential):
    """A refresh token came a second time: one of its two holders has stolen it, so the session is ended (HTTP 401)."""

    code = InvalidCredential.code

    def __init__(self, session: UUID) -> None:
        super().__init__()
        self.session = session


class NoSuchToken(NotFound):
    """There is no such token: it was used, it has expired, or it never was one (HTTP 404)."""

    message = "the token is not valid, or not any more"


class MoreThanOwner(Forbidden):
    """An API key was to have more than its owner (HTTP 403)."""

    message = "a key can't have more than its owner: {more}"


class TooManyApiKeys(Rejection):
    """The owner has as many API keys as one may have (HTTP 409)."""

    message = "there are {api_keys_max} keys already; revoke one first"


class ApiKeyNameTooLong(Rejection):
    """The name of an API key is longer than any that is taken (HTTP 422)."""

    kind = "invalid"
    message = "the name of a key has at most {characters_max} characters"


class Grant(Struct, frozen=True):
    """What a subject has: its roles and permissions, and the tenant that it belongs to."""

    subject: str
    roles: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    tenant: str | None = None


class SessionTokens(Value):
    """What a client gets when a session is opened or refreshed. `expires_in` is the access token's, in seconds.

    The two are plain text on purpose: whoever answers with them means it. They don't show in a `repr`.
    """

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - the word of RFC 6750, no secret

    def __repr__(self) -> str:
        return f"SessionTokens(expires_in={self.expires_in})"


class Session(Value):
    """A session that goes on."""

    id: UUID
    subject: str
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime


class ApiKey(Value):
    """An API key, without its secret. `used_at` is coarse: noted once in a while, not at each use."""

    id: UUID
    name: str
    prefix: str
    owner: str
    roles: frozenset[str]
    permissions: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


class NewApiKey(Value):
    """A key that was just made. `key` is shown to its owner now, and never again."""

    key: str
    id: UUID
    prefix: str

    def __repr__(self) -> str:
        return f"NewApiKey(id={self.id}, prefix={self.prefix!r})"


class Redeemed(Value):
    """What a single-use token was made for. `tenant` is the one of the context that it was made in."""

    subject: str
    payload: Mapping[str, Any]
    tenant: str | None = None


class Grants(ReadPort, Protocol):
    """What subjects have now. The app may give an adapter (`Accounts(grants=...)`): then every request is judged by it."""

    async def find(self, ctx: Context, subject: str) -> Grant | None:
        """What `subject` has; `None` when it is gone or locked, which ends its sessions and keys."""
        ...


class Passwords(OutboundPort, Protocol):
    """Hashes passwords, in threads. Outbound, so that no transaction is open while it takes its time."""

    async def hash(self, ctx: Context, password: Secret) -> str:
        """The Argon2id hash to be stored. Raises `PasswordTooShort`, `PasswordTooLong`, `Unavailable`."""
        ...

    async def verify(self, ctx: Context, password: Secret, stored: str | None) -> bool:
        """Whether it is the password behind `stored`. `None` takes as long as a hash, and is never right."""
        ...

    async def outdated(self, ctx: Context, stored: str) -> bool:
        """Whether `stored` was made with other parameters than those of now."""
        ...


class Logins(OutboundPort, Protocol):
    """Checks a name and a password, with a limit on how often one may try."""

    async def check(
        self, ctx: Context, *, account: str, password: Secret, stored: str | None, client: str
    ) -> str | None:
        """Return when `password` is the one behind `stored`, the hash of the account named `account`.

        Call it also when there is no such account, with `stored=None`: it then takes as long and refuses in the same
        words. `client` is the caller's address (`krepis.http.client_address`), empty when there is none. Answers with a
        new hash to be stored when the parameters have changed, else `None`.

        Raises `WrongCredentials`, `TooManyLogins`, `PasswordTooLong`, `Unavailable`.
        """
        ...


class Sessions(ReadPort, Protocol):
    """The sessions of a subject, of the tenant of `ctx`."""

    async def of(self, ctx: Context, subject: str) -> list[Session]:
        """Those that go on, the newest first."""
        ...


class WritableSessions(Sessions, WritePort, Protocol):
    """Opens, refreshes and ends sessions."""

    async def open(self, ctx: Context, grant: Grant) -> SessionTokens:
        """A new session, for a subject whose password (or other proof) was checked."""
        ...

    async def refresh(self, ctx: Context, refresh_token: Secret) -> SessionTokens:
        """New tokens for old. Raises `InvalidCredential`; a token that comes a second time ends its session."""
        ...

    async def close(self, ctx: Context, session: UUID) -> bool:
        """End one session, at once in every process; false when it had ended."""
        ...

    async def close_all(self, ctx: Context, subject: str, *, but: UUID | None = None) -> int:
        """End all sessions of `subject` but one; answers with how many. For a new password, or log out everywhere."""
        ...

    async def regrant(self, ctx: Context, grant: Grant) -> int:
        """Let the sessions of a subject have what `grant` says from now on; answers with how many there are."""
        ...


class ApiKeys(ReadPort, Protocol):
    """The API keys of an owner, of the tenant of `ctx`."""

    async def of(self, ctx: Context, owner: str) -> list[ApiKey]:
        """Those that are good, the newest first."""
        ...


class WritableApiKeys(ApiKeys, WritePort, Protocol):
    """Makes and revokes API keys."""

    async def make(
        self,
        ctx: Context,
        name: str,
        *,
        roles: frozenset[str] = frozenset(),
        permissions: frozenset[str] = frozenset(),
        expires_at: datetime | None = None,
    ) -> NewApiKey:
        """A key of the caller, with at most what the caller has; one made with a key ends no later than that one.

        Raises `MoreThanOwner`, `TooManyApiKeys`, `ApiKeyNameTooLong`.
        """
        ...

    async def revoke(self, ctx: Context, owner: str, id: UUID) -> bool:
        """End a key of `owner`, at once in every process; false when there is none."""
        ...

    async def revoke_all(self, ctx: Context, owner: str) -> int:
        """End all keys of `owner`; answers with how many."""
        ...


class SingleUseTokens(WritePort, Protocol):
    """Tokens that are good once: an invitation, a reset of a password. `purpose` keeps one kind from being another."""

    async def make(
        self, ctx: Context, purpose: str, subject: str, *, lifetime_s: float, payload: Mapping[str, Any] | None = None
    ) -> str:
        """A token, shown now and never again. Those of the same purpose and subject from before are good no more."""
        ...

    async def find(self, ctx: Context, purpose: str, token: Secret) -> Redeemed:
        """What it was made for, without spending it: before work that costs much. Raises `NoSuchToken`, also for a
        token of another tenant than that of `ctx`; a context without a tenant may find any.
        """
        ...

    async def redeem(self, ctx: Context, purpose: str, token: Secret) -> Redeemed:
        """What it was made for. It is spent when the command commits. Raises `NoSuchToken` as `find` does."""
        ...

    async def withdraw(self, ctx: Context, purpose: str, subject: str) -> int:
        """Take back what was not redeemed; answers with how many."""
        ...
