"""Access tokens: signed claims (JWS, RFC 7515; `at+jwt`, RFC 9068), made and checked with joserfc.

What is checked, in this order: size and form; that the key is one of ours and the algorithm that key's own; the
signature; issuer and audience; the times. Whatever is wrong, the caller hears the same: `InvalidCredential`.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from krepis.accounts.ports import Grant
from krepis.accounts.settings import AccountSettings, Key
from krepis.errors import KrepisError
from krepis.identity import InvalidCredential

TOKEN_CHARACTERS_MAX = 8_192
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPE = "at+jwt"

V = TypeVar("V")

Seconds = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
"""A time as JSON can tell it exactly (RFC 8259, section 6)."""


class Claims(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an access token says (RFC 7519, section 4.1). `sid` is the session; times are whole seconds."""

    iss: str
    aud: str
    sub: str
    sid: UUID
    iat: Seconds
    nbf: Seconds
    exp: Seconds
    tenant: str | None = None
    roles: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


class Recent(Generic[V]):
    """The `count_max` values that were used last, by key."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._values: OrderedDict[Any, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Any) -> V | None:
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Any, value: V) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self._count_max:
            self._values.popitem(last=False)

    def forget(self, key: Any) -> None:
        self._values.pop(key, None)


class AccessTokens:
    """Makes and verifies access tokens with a ring of keys. Tokens that were verified are remembered, by their digest."""

    def __init__(self, settings: AccountSettings) -> None:
        self._settings = settings
        self._audience = settings.audience or settings.issuer
        self._ring: Mapping[str, tuple[Key, Any]] = {key.id: (key, _imported(key)) for key in settings.keys}
        self._newest = settings.keys[0]
        self._decoder = msgspec.json.Decoder(Claims)
        self.remembered: Recent[Claims] = Recent(settings.cached_max)

    def sign(self, grant: Grant, session: UUID, now: datetime) -> str:
        """A token for the session of `grant`, good from now on for `access_s`."""
        from joserfc import jws

        at = int(now.timestamp())
        claims = Claims(
            iss=self._settings.issuer,
            aud=self._audience,
            sub=grant.subject,
            sid=session,
            iat=at,
            nbf=at,
            exp=at + int(self._settings.access_s),
            tenant=grant.tenant,
            roles=tuple(sorted(grant.roles)),
            permissions=tuple(sorted(grant.permissions)),
        )
        key, imported = self._ring[self._newest.id]
        header = {"alg": key.algorithm, "kid": key.id, "typ": _TYPE}
        return jws.serialize_compact(header, msgspec.json.encode(claims), imported, algorithms=[key.algorithm])

    def verify(self, token: str, now: datetime) -> Claims:
        """What a token of ours says, now. Raises `InvalidCredential`."""
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise InvalidCredential
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        claims = self.remembered.get(digest)
        if claims is None:
            claims = self._verified(token)
            self._check_times(claims, now)
            self.remembered.put(digest, claims)
        else:
            self._check_times(claims, now)
        return claims

    def _verified(self, token: str) -> Claims:
        from joserfc import jws
        from joserfc.errors import JoseError

        if not _FORM.fullmatch(token) or not _is_canonical(token.rpartition(".")[2]):
            raise InvalidCredential
        try:
            found = jws.extract_compact(token.encode())
            header = found.headers()
            kid = header.get("kid")
            key, imported = self._ring[kid] if isinstance(kid, str) and kid in self._ring else (None, None)
            if key is None or header.get("alg") != key.algorithm or header.get("typ") != _TYPE:
                raise InvalidCredential
            if not jws.validate_compact(found, imported, algorithms=[key.algorithm]):
                raise InvalidCredential
            claims = self._decoder.decode(found.payload or b"")
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
            raise InvalidCredential from None  # the reason would hold pieces of the token
        if claims.iss != self._settings.issuer or claims.aud != self._audience:
            raise InvalidCredential
        return claims

    def _check_times(self, claims: Claims, now: datetime) -> None:
        at, leeway = now.timestamp(), self._settings.leeway_s
        if claims.exp <= at or max(claims.nbf, claims.iat) > at + leeway:
            raise InvalidCredential


def digest_of(secret: bytes) -> str:
    """What is stored of a secret of 256 random bits: SHA-256 is enough where guessing is hopeless."""
    return hashlib.sha256(secret).hexdigest()


def to_text(raw: bytes) -> str:
    """Bytes as base64url without padding (RFC 4648, section 5)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_text(text: str, count: int) -> bytes | None:
    """The `count` bytes of a text of ours, `None` for any other text."""
    if len(text) != -(-count * 4 // 3) or not _is_canonical(text):
        return None
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _is_canonical(text: str) -> bool:
    """Whether the text is the only one for its bytes; Python's decoder is more generous."""
    if not text.isascii():
        return False
    try:
        return to_text(urlsafe_b64decode(text + "=" * (-len(text) % 4))) == text
    except ValueError:
        return False


def _imported(key: Key) -> Any:
    try:
        from joserfc.errors import JoseError
        from joserfc.jwk import OctKey, OKPKey
    except ImportError as error:
        raise KrepisError("accounts need joserfc", hint="pip install krepis[accounts]") from error
    material = key.material.reveal()
    try:
        if key.algorithm == "HS256":
            return OctKey.import_key(material)
        imported = OKPKey.import_key(material)
        if imported.curve_name != "Ed25519":
            raise ValueError
    except (JoseError, ValueError, TypeError):
        # Without the cause: it may hold the key.
        raise KrepisError(
            f"the key `{key.id}` of the accounts can't be read as {key.algorithm}",
            hint="`openssl genpkey -algorithm ed25519` makes a private one; `hs256` takes any long secret",
        ) from None
    return imported
