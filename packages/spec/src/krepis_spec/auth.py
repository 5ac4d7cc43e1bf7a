"""Reads how callers sign in: `email and password, bearer token, 7 days`.

`email and password` comes first; then, in any order:

- `bearer token`: the header is `Authorization: Bearer TOKEN`, as it is where nothing is said;
- `token in header X-Token`: the bare token in that header;
- `scheme Token`, or the word alone in quotes, `"Token"`: `Authorization: Token TOKEN`; with a header of its own, the word
  before the token there;
- `token field accessToken`: the name of the token in answers, which is `token` where nothing is said;
- `7 days`: how long a token lives, which is 7 days where nothing is said.

The rows `header`, `scheme`, `token field` and `lifetime` of the table say the same; nothing may be said twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from krepis_spec.blueprint import Auth
from krepis_spec.document import Text
from krepis_spec.parameters import seconds_of
from krepis_spec.pieces import piece, split, unquoted
from krepis_spec.problems import Problems, did_you_mean

ROWS = ("header", "scheme", "token field", "lifetime")
"""Settings that belong to `auth` and may have rows of their own."""

_WAY_IN = "email and password"
_BEARER = "bearer token"
_LIFETIME_S = 7 * 86_400
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_EXAMPLE = f"for example: {_WAY_IN}, {_BEARER}, 7 days"
_TAKEN = frozenset({"accept", "connection", "content-length", "content-type", "cookie", "host", "if-match"})


def auth_of(cell: Text, rows: Mapping[str, Text], problems: Problems) -> Auth:
    """The setting `auth`, with those of `ROWS` that stand beside it."""
    parts = split(cell)
    if not parts or parts[0].text.casefold() != _WAY_IN:
        problems.add(parts[0].span if parts else cell.span, f"`auth` begins with `{_WAY_IN}`", _EXAMPLE)
    said: dict[str, Text] = dict(rows)
    bearer: Text | None = None
    for part in parts[1:]:
        if part.text.casefold() == _BEARER:
            bearer = part
            continue
        key, value = _part(part)
        if key == "":
            hint = did_you_mean(part.text, (_BEARER, "token in header X-Token", "scheme Token", "token field token"))
            problems.add(part.span, f"`{part.text}` is no part of `auth`", hint if "mean" in (hint or "") else _EXAMPLE)
        elif key in said:
            problems.add(part.span, f"the {key} is told twice")
        else:
            said[key] = value
    if bearer is not None and ("header" in said or "scheme" in said):
        problems.add(bearer.span, f"`{_BEARER}` and another header or scheme contradict each other")
    return _auth(said, problems)


def _part(part: Text) -> tuple[str, Text]:
    if unquoted(part.text) is not None:
        return "scheme", part
    for key, before in (("header", "token in header "), ("scheme", "scheme "), ("token field", "token field ")):
        if part.text.casefold().startswith(before):
            return key, piece(part, len(before), len(part.text))
    return ("lifetime", part) if re.match("[0-9]", part.text) else ("", part)


def _auth(said: Mapping[str, Text], problems: Problems) -> Auth:
    header = said.get("header")
    if header is not None and (not _HEADER.fullmatch(header.text) or header.text.casefold() in _TAKEN):
        problems.add(header.span, f"`{header.text}` is no header for a token", "for example `X-Token`")
    scheme = _word(
        said, "scheme", "Bearer" if header is None or header.text.casefold() == "authorization" else "", problems
    )
    lifetime = said.get("lifetime")
    seconds = _LIFETIME_S if lifetime is None else seconds_of(lifetime.text)
    if lifetime is not None and seconds is None:
        problems.add(lifetime.span, f"`{lifetime.text}` is no length of time", "for example `7 days`, `12 hours`")
    return Auth(
        token_seconds=seconds or _LIFETIME_S,
        header="authorization" if header is None else header.text.casefold(),
        scheme=scheme,
        token=_word(said, "token field", "token", problems),
    )


def _word(said: Mapping[str, Text], key: str, otherwise: str, problems: Problems) -> str:
    if key not in said:
        return otherwise
    word = unquoted(said[key].text) or said[key].text
    if not _WORD.fullmatch(word):
        problems.add(said[key].span, f"the {key} is one word", "for example `Token`")
    return word
