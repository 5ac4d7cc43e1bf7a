"""Access tokens: made with the newest key, read with all; whatever else comes is refused, in the same words."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from _accounts_club import SECRET, by, logged_in, registered, settings
from cryptography.hazmat.primitives.asymmetric import ed25519 as curve
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey

from krepis.accounts import AccountSettings, Grant, ed25519, hs256
from krepis.accounts.tokens import TOKEN_CHARACTERS_MAX, AccessTokens
from krepis.errors import KrepisError
from krepis.identity import InvalidCredential
from krepis.testing import TestService
from krepis.testing.sources import START
from krepis.types import Secret

SEED = int(os.environ["KREPIS_SEED"])
LONG = bool(os.environ.get("KREPIS_LONG"))
ANN = Grant("ann", frozenset({"b", "a"}), frozenset({"read"}), "acme")
SESSION = UUID(int=7)
OTHER_SECRET = "another secret, of more than 32 bytes, too"
HEADER: Mapping[str, str] = MappingProxyType({"alg": "HS256", "kid": "one", "typ": "at+jwt"})


def tokens(**changes: Any) -> AccessTokens:
    return AccessTokens(settings(**changes))


def refused(token: str, at: datetime = START, ring: AccessTokens | None = None) -> bool:
    try:
        (ring or tokens()).verify(token, at)
    except InvalidCredential as refusal:
        return refusal.facts == {} and refusal.__cause__ is None
    return False


def claims(**changes: Any) -> dict[str, Any]:
    at = int(START.timestamp())
    own: dict[str, Any] = {
        "iss": "https://club.example",
        "aud": "https://club.example",
        "sub": "ann",
        "sid": str(SESSION),
        "iat": at,
        "nbf": at,
        "exp": at + 900,
    }
    return {name: value for name, value in (own | changes).items() if value is not None}


def signed(payload: Any, secret: str = SECRET, **header: Any) -> str:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    names = {name: value for name, value in (dict(HEADER) | header).items() if value is not None}
    return jws.serialize_compact(names, raw, OctKey.import_key(secret), algorithms=["HS256", "HS512"])


def unsigned(header: Any, payload: Any, signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def pems() -> tuple[str, str]:
    key = curve.Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_what_was_signed_is_read_again() -> None:
    found = tokens().verify(tokens().sign(ANN, SESSION, START), START)
    assert (found.sub, found.sid, found.tenant) == ("ann", SESSION, "acme")
    assert (found.roles, found.permissions) == (("a", "b"), ("read",))


def test_the_samples_below_are_good_but_for_what_they_name() -> None:
    assert tokens().verify(signed(claims()), START).sub == "ann"


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "HS512", "RS256", "Ed25519", "EdDSA", "", None, 5, ["HS256"]]
)
def test_an_algorithm_that_is_not_the_keys_own_is_refused(alg: Any) -> None:
    right = signed(claims())
    signature = base64.urlsafe_b64decode(right.rpartition(".")[2] + "=")
    for proof in (b"", signature):
        assert refused(unsigned(dict(HEADER) | {"alg": alg}, claims(), proof))


def test_a_longer_hash_with_the_right_secret_is_refused() -> None:
    assert refused(signed(claims(), alg="HS512"))


def test_a_public_key_is_no_shared_secret() -> None:
    # The old trick: sign with HS256, and the text of the public key as the secret.
    private, public = pems()
    ring = tokens(keys=(ed25519("one", private),))
    raw = json.dumps(claims()).encode()
    head = base64.urlsafe_b64encode(json.dumps(dict(HEADER)).encode()).rstrip(b"=")
    body = base64.urlsafe_b64encode(raw).rstrip(b"=")
    import hashlib
    import hmac

    proof = hmac.new(public.encode(), head + b"." + body, hashlib.sha256).digest()
    assert refused(
        f"{(head + b'.' + body).decode()}.{base64.urlsafe_b64encode(proof).rstrip(b'=').decode()}", ring=ring
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"aud": "https://other.example"},
        {"aud": ["https://club.example"]},
        {"iss": None},
        {"aud": None},
        {"sub": None},
        {"sub": 5},
        {"sid": None},
        {"sid": "seven"},
        {"exp": None},
        {"exp": "never"},
        {"exp": 10**400},
        {"exp": -1},
        {"exp": 1e400},
        {"iat": None},
        {"nbf": None},
        {"roles": "admin"},
        {"tenant": ["acme"]},
    ],
)
def test_claims_that_do_not_fit_are_refused(changes: dict[str, Any]) -> None:
    assert refused(signed(claims(**changes)))


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 3_000, b'{"iss": NaN}', b'"text"'])
def test_a_payload_that_is_none_is_refused(payload: bytes) -> None:
    assert refused(signed(payload))


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "two"},
        {"kid": None},
        {"kid": 1},
        {"kid": ["one"]},
        {"kid": "../../dev/null"},
        {"kid": "one' OR '1'='1"},
        {"typ": None},
        {"typ": "JWT"},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"zip": "DEF"},
    ],
)
def test_a_header_that_asks_for_something_else_is_refused(header: dict[str, Any]) -> None:
    assert refused(unsigned(dict(HEADER) | header, claims(), b"x" * 32))
    try:
        whole = signed(claims(), **header)
    except Exception:  # noqa: BLE001 - joserfc refuses to make it
        return
    if set(header) <= {"kid", "typ"}:
        assert refused(whole)


def test_a_token_of_a_wrong_key_is_refused() -> None:
    assert refused(signed(claims(), OTHER_SECRET))


def test_a_token_expires_on_the_second() -> None:
    token = tokens().sign(ANN, SESSION, START)
    ring = tokens()
    assert ring.verify(token, START + timedelta(seconds=899)).sub == "ann"
    assert refused(token, START + timedelta(seconds=900), ring)  # also when it is remembered
    assert refused(token, START + timedelta(seconds=900))


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_token_from_the_future_is_refused_beyond_the_leeway(name: str) -> None:
    at = int(START.timestamp())
    assert tokens().verify(signed(claims(**{name: at + 30})), START).sub == "ann"
    assert refused(signed(claims(**{name: at + 31})))


def test_a_clock_that_steps_back_makes_own_tokens_wait() -> None:
    token = tokens().sign(ANN, SESSION, START)
    assert tokens().verify(token, START - timedelta(seconds=30)).sub == "ann"
    assert refused(token, START - timedelta(seconds=31))


def test_keys_rotate_without_a_gap() -> None:
    old, new = hs256("one", SECRET), hs256("two", OTHER_SECRET)
    before, between, after = tokens(keys=(old,)), tokens(keys=(new, old)), tokens(keys=(new,))
    token = before.sign(ANN, SESSION, START)
    assert between.verify(token, START).sub == "ann"
    fresh = between.sign(ANN, SESSION, START)
    assert after.verify(fresh, START).sub == "ann"
    assert refused(token, ring=after)
    assert refused(fresh, ring=before)


def test_an_instance_with_the_public_key_alone_verifies() -> None:
    private, public = pems()
    signing = tokens(keys=(ed25519("sign", private), hs256("old", SECRET)))
    reading = tokens(keys=(hs256("old", SECRET), ed25519("sign", public)))
    assert reading.verify(signing.sign(ANN, SESSION, START), START).sub == "ann"
    other, _ = pems()
    assert refused(tokens(keys=(ed25519("sign", other),)).sign(ANN, SESSION, START), ring=reading)


def test_any_changed_character_is_refused() -> None:
    chance = Random(SEED)
    print(f"seed {SEED}")
    token = tokens().sign(ANN, SESSION, START)
    alphabet = "ABCXYZabcxyz0189-_.=+/ \n\0é~"
    for _ in range(20_000 if LONG else 1_500):
        at = chance.randrange(len(token))
        how = chance.choice(("replace", "insert", "delete", "cut", "swap"))
        letter = chance.choice(alphabet)
        changed = {
            "replace": token[:at] + letter + token[at + 1 :],
            "insert": token[:at] + letter + token[at:],
            "delete": token[:at] + token[at + 1 :],
            "cut": token[:at],
            "swap": token[at:] + token[:at],
        }[how]
        if changed != token:
            assert refused(changed), (how, at, letter)


def test_each_spelling_of_the_last_character_but_one_is_refused() -> None:
    # Two bits of the last character mean nothing: a generous decoder takes four tokens for one.
    token = tokens().sign(ANN, SESSION, START)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert [letter for letter in letters if not refused(token[:-1] + letter)] == [token[-1]]


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_text_of_any_kind_is_refused(text: str) -> None:
    assert refused(text)


@pytest.mark.parametrize("size", [TOKEN_CHARACTERS_MAX, TOKEN_CHARACTERS_MAX + 1, 10_000_000])
def test_a_token_of_any_size_is_refused_at_once(size: int) -> None:
    assert refused("A" * size)
    assert refused("A" * (size // 2) + "." + "A" * (size // 2 - 10) + ".AAAA")


def test_a_token_at_the_limit_is_read_and_one_beyond_is_not() -> None:
    room = TOKEN_CHARACTERS_MAX - len(signed(claims(sub="")))
    sizes = [len(signed(claims(sub="x" * n))) for n in range(room * 3 // 4 - 8, room * 3 // 4 + 9)]
    fits = max(size for size in sizes if size <= TOKEN_CHARACTERS_MAX)
    beyond = min(size for size in sizes if size > TOKEN_CHARACTERS_MAX)
    by_size = {
        len(one): one for one in (signed(claims(sub="x" * n)) for n in range(room * 3 // 4 - 8, room * 3 // 4 + 9))
    }
    assert tokens().verify(by_size[fits], START).sub.startswith("x")
    assert refused(by_size[beyond])


def test_no_more_tokens_are_remembered_than_the_setting_says() -> None:
    ring = tokens(cached_max=10)
    for number in range(11):
        ring.verify(ring.sign(ANN, UUID(int=number), START), START)
    assert len(ring.remembered) == 10
    refused("rubbish", ring=ring)
    assert len(ring.remembered) == 10
    none = tokens(cached_max=0)
    none.verify(none.sign(ANN, SESSION, START), START)
    assert len(none.remembered) == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"keys": ()}, "can't sign"),
        ({"keys": (ed25519("one", pems()[1]),)}, "can't sign"),
        ({"keys": (hs256("one", SECRET), hs256("one", OTHER_SECRET))}, "same id"),
        ({"keys": (hs256("one", "x" * 31),)}, "less than 32 bytes"),
        ({"keys": (ed25519("one", "PRIVATE KEY but not really"),)}, "can't be read as Ed25519"),
        ({"keys": (hs256("one", pems()[1]),)}, "can't be read as HS256"),
        ({"issuer": ""}, "no issuer"),
        ({"access_s": 0}, "`access_s` of the accounts is less than 1"),
        ({"revocation_lag_s": -1}, "`revocation_lag_s`"),
        ({"api_key_word": "a_b"}, "first word of API keys"),
    ],
)
def test_settings_that_can_not_be_stop_the_start_with_a_hint(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(KrepisError, match=sentence) as raised:
        tokens(**changes)
    assert raised.value.hint
    assert "not really" not in str(raised.value)


def test_a_secret_of_just_32_bytes_is_long_enough() -> None:
    assert tokens(keys=(hs256("one", "x" * 32),)).sign(ANN, SESSION, START)


def test_settings_do_not_show_their_keys() -> None:
    assert SECRET not in repr(AccountSettings(keys=(hs256("one", Secret(SECRET)),), issuer="x"))


@pytest.mark.parametrize(
    "forged", [unsigned({"alg": "none", "typ": "at+jwt", "kid": "one"}, claims()), signed(claims(), OTHER_SECRET)]
)
async def test_over_http_a_forged_token_is_refused_with_a_challenge(small: TestService, forged: str) -> None:
    reply = await small.get("/me", headers=by(forged))
    assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Token error="invalid_token"')
    assert reply.json["code"] == "invalid_credential"


async def test_a_well_signed_token_without_a_session_is_refused(small: TestService) -> None:
    # The key alone opens nothing: whoever has stolen it still needs a session that goes on.
    assert (await small.get("/me", headers=by(signed(claims())))).status == 401


async def test_a_well_signed_token_for_the_session_of_another_is_refused(small: TestService) -> None:
    await registered(small)
    token, _ = await logged_in(small)
    session = (await small.get("/me", headers=by(token))).json["session"]
    assert (await small.get("/me", headers=by(signed(claims(sid=session, sub="bea"))))).status == 401
    assert (await small.get("/me", headers=by(signed(claims(sid=session, tenant="acme"))))).status == 401
