"""What `Accounts` can be told: keys, lifetimes, the cost of a hash, the patience with wrong logins."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import asdict

from krepis.errors import KrepisError
from krepis.types import Secret

HS256_BYTES_MIN = 32

Algorithm = Literal["HS256", "Ed25519"]


class Key(Struct, frozen=True):
    """One key for access tokens. The algorithm belongs to the key: what a token says of it is only compared.

    `id` is the `kid` of the tokens that it signs. `signs` is false for a public key, which only verifies.
    """

    id: str
    algorithm: Algorithm
    material: Secret
    signs: bool = True


def hs256(id: str, secret: str | Secret) -> Key:
    """A shared secret of at least 32 bytes (RFC 7518, section 3.2), the same in every process of the service."""
    return Key(id, "HS256", secret if isinstance(secret, Secret) else Secret(secret))


def ed25519(id: str, pem: str | Secret) -> Key:
    """An Ed25519 key (RFC 8037, RFC 9864) as PEM: a private one signs and verifies, a public one only verifies."""
    material = pem if isinstance(pem, Secret) else Secret(pem)
    return Key(id, "Ed25519", material, signs="PRIVATE KEY" in material.reveal())


class Hashing(Struct, frozen=True, kw_only=True):
    """What a password hash costs, and which passwords are taken.

    The defaults are the second recommendation of RFC 9106, section 4: three passes over 64 MiB in four lanes. At most
    `threads_max` hashes are computed at a time (so 128 MiB at most), `waiting_max` wait; the next one is refused as
    `Unavailable`. A password has at least `characters_min` characters and at most `bytes_max` bytes of UTF-8.
    """

    passes: int = 3
    memory_kib: int = 65_536
    lanes: int = 4
    threads_max: int = 2
    waiting_max: int = 128
    characters_min: int = 8
    bytes_max: int = 1_024


class Throttle(Struct, frozen=True, kw_only=True):
    """How much patience there is with wrong logins.

    An account (the name that was typed, whether or not there is one) has `account_free` failures, an address (an IPv6
    network of 64 bits counts as one) has `address_free`. Each further one closes it, for `delay_s` at first, twice as
    long each time, at most `delay_max_s`. After `forget_s` without an attempt all is forgotten. `rows_max` is what the
    sweep leaves in the table; the oldest go first.
    """

    account_free: int = 5
    address_free: int = 50
    delay_s: float = 1.0
    delay_max_s: float = 900.0
    forget_s: float = 3_600.0
    rows_max: int = 100_000


class AccountSettings(Struct, frozen=True, kw_only=True):
    """Settings of `Accounts`; times are in seconds.

    - `keys`: the first one signs, all of them verify. To rotate: put a new one in front, everywhere; take the old one
      out when `access_s` has passed.
    - `issuer`, `audience` (the issuer unless set): what tokens say and must say. Services that share keys need audiences.
    - `access_s`: how long an access token is good. `idle_s`: a session that is not refreshed for so long ends.
      `session_s`: a session ends then whatever happens.
    - `leeway_s`: how far the clocks of two processes may be apart.
    - `revocation_lag_s`: how long a session or API key that was ended elsewhere may still be taken here. 0 reads it at each request.
    - `cached_max`: verified tokens, and sessions and keys read, that an instance remembers.
    - `sessions_max`, `api_keys_max`: of one subject; one session more ends the oldest, one key more is refused.
    - `api_key_word`: what API keys begin with, so that people and secret scanners know one when they see it.
    - `sweep_s`: how often what has expired is removed and the last use of API keys is noted.
    """

    keys: tuple[Key, ...]
    issuer: str
    audience: str = ""
    access_s: float = 900
    idle_s: float = 30 * 86_400
    session_s: float = 180 * 86_400
    leeway_s: float = 30
    revocation_lag_s: float = 0
    cached_max: int = 10_000
    sessions_max: int = 100
    api_keys_max: int = 100
    api_key_word: str = "key"
    sweep_s: float = 60
    hashing: Hashing = Hashing()
    throttle: Throttle = Throttle()

    def __post_init__(self) -> None:
        if not self.keys or not self.keys[0].signs:
            raise KrepisError(
                "the first key of the accounts can't sign", hint="put a `hs256` or a private `ed25519` key first"
            )
        if len({key.id for key in self.keys}) != len(self.keys):
            raise KrepisError("two keys of the accounts have the same id", hint="name them by their date: `2026-07`")
        for key in self.keys:
            if key.algorithm == "HS256" and len(key.material.reveal().encode()) < HS256_BYTES_MIN:
                raise KrepisError(
                    f"the key `{key.id}` of the accounts has less than {HS256_BYTES_MIN} bytes",
                    hint="make one with `python -c 'import secrets; print(secrets.token_urlsafe(32))'`",
                )
        if not self.issuer:
            raise KrepisError("the accounts have no issuer", hint="name the service: `https://library.example`")
        word = self.api_key_word
        if not (word.isascii() and word.isalnum() and len(word) <= _WORD_MAX):
            raise KrepisError(
                f"`{word}` can't be the first word of API keys", hint=f"take up to {_WORD_MAX} letters and digits"
            )
        for name, lowest in _LOWEST.items():
            for part in (self, self.hashing, self.throttle):
                if name in part.__struct_fields__ and asdict(part)[name] < lowest:
                    raise KrepisError(f"`{name}` of the accounts is less than {lowest}", hint="give it more")


_WORD_MAX = 16
_LOWEST: Mapping[str, Any] = MappingProxyType(
    {
        "access_s": 1,
        "idle_s": 1,
        "session_s": 1,
        "leeway_s": 0,
        "revocation_lag_s": 0,
        "cached_max": 0,
        "sessions_max": 1,
        "api_keys_max": 1,
        "sweep_s": 0.01,
        "passes": 1,
        "memory_kib": 8,
        "lanes": 1,
        "threads_max": 1,
        "waiting_max": 1,
        "characters_min": 1,
        "bytes_max": 1,
        "account_free": 1,
        "address_free": 1,
        "delay_s": 0.001,
        "delay_max_s": 0.001,
        "forget_s": 1,
        "rows_max": 1,
    }
)
