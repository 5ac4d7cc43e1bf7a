"""Accounts: passwords, sessions with signed tokens, API keys, single-use tokens, and logins that can't be guessed.

`Accounts(AccountSettings(...))` is the part of an app; handlers ask for the ports below. Needs `krepis[accounts]`.
"""

from typing import TYPE_CHECKING, Any

from krepis.accounts.ports import (
    ApiKey,
    ApiKeyNameTooLong,
    ApiKeys,
    Grant,
    Grants,
    Logins,
    MoreThanOwner,
    NewApiKey,
    NoSuchToken,
    Passwords,
    PasswordTooLong,
    PasswordTooShort,
    Redeemed,
    RefreshTokenReused,
    Session,
    Sessions,
    SessionTokens,
    SingleUseTokens,
    TooManyApiKeys,
    TooManyLogins,
    WritableApiKeys,
    WritableSessions,
    WrongCredentials,
)
from krepis.accounts.settings import AccountSettings, Hashing, Key, Throttle, ed25519, hs256

if TYPE_CHECKING:
    from krepis.accounts.commands import LogOut, LogOutEverywhere, RefreshSession
    from krepis.accounts.part import Accounts
    from krepis.accounts.sql_callers import session_of
    from krepis.accounts.tables import TABLES

__all__ = (
    "TABLES",
    "AccountSettings",
    "Accounts",
    "ApiKey",
    "ApiKeyNameTooLong",
    "ApiKeys",
    "Grant",
    "Grants",
    "Hashing",
    "Key",
    "LogOut",
    "LogOutEverywhere",
    "Logins",
    "MoreThanOwner",
    "NewApiKey",
    "NoSuchToken",
    "PasswordTooLong",
    "PasswordTooShort",
    "Passwords",
    "Redeemed",
    "RefreshSession",
    "RefreshTokenReused",
    "Session",
    "SessionTokens",
    "Sessions",
    "SingleUseTokens",
    "Throttle",
    "TooManyApiKeys",
    "TooManyLogins",
    "WritableApiKeys",
    "WritableSessions",
    "WrongCredentials",
    "ed25519",
    "hs256",
    "session_of",
)


def __getattr__(name: str) -> Any:
    """What needs SQL, loaded when first asked for: an application layer that names ports needn't wait for it."""
    if name == "Accounts":
        from krepis.accounts.part import Accounts

        return Accounts
    if name == "TABLES":
        from krepis.accounts.tables import TABLES

        return TABLES
    if name in ("LogOut", "LogOutEverywhere", "RefreshSession"):
        from krepis.accounts import commands

        return getattr(commands, name)
    if name == "session_of":
        from krepis.accounts.sql_callers import session_of

        return session_of
    raise AttributeError(f"module `krepis.accounts` has no `{name}`")
