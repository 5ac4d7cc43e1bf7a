"""The tables of accounts. Put them into the service's metadata: `include_tables(metadata, *accounts.TABLES)`."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Uuid

from krepis.sql import Instant, Json

SUBJECT_CHARACTERS_MAX = 255
DIGEST_CHARACTERS = 64
NAME_CHARACTERS_MAX = 200
"""Of the name of an API key."""

_metadata = MetaData()

sessions = Table(
    "krepis_sessions",
    _metadata,
    Column("id", Uuid(), primary_key=True),
    Column("subject", String(SUBJECT_CHARACTERS_MAX), nullable=False),
    Column("tenant", String(SUBJECT_CHARACTERS_MAX)),
    Column("roles", Json(frozenset[str]), nullable=False),
    Column("permissions", Json(frozenset[str]), nullable=False),
    # What both refresh tokens of a session begin with, and what only the last one ends with: see `sessions`.
    Column("family", String(DIGEST_CHARACTERS), nullable=False),
    Column("refresh", String(DIGEST_CHARACTERS), nullable=False),
    Column("created_at", Instant(), nullable=False),
    Column("refreshed_at", Instant(), nullable=False),
    Column("expires_at", Instant(), nullable=False),
    Column("revoked_at", Instant()),
    Index("krepis_sessions_subject", "subject"),
    Index("krepis_sessions_expires_at", "expires_at"),
    Index("krepis_sessions_revoked_at", "revoked_at"),
)

api_keys = Table(
    "krepis_api_keys",
    _metadata,
    Column("id", Uuid(), primary_key=True),
    Column("prefix", String(32), nullable=False, unique=True),
    Column("digest", String(DIGEST_CHARACTERS), nullable=False),
    Column("name", String(NAME_CHARACTERS_MAX), nullable=False),
    Column("owner", String(SUBJECT_CHARACTERS_MAX), nullable=False),
    Column("tenant", String(SUBJECT_CHARACTERS_MAX)),
    Column("roles", Json(frozenset[str]), nullable=False),
    Column("permissions", Json(frozenset[str]), nullable=False),
    Column("created_at", Instant(), nullable=False),
    Column("expires_at", Instant()),
    Column("used_at", Instant()),
    Column("revoked_at", Instant()),
    Index("krepis_api_keys_owner", "owner"),
    Index("krepis_api_keys_expires_at", "expires_at"),
    Index("krepis_api_keys_revoked_at", "revoked_at"),
)

single_use_tokens = Table(
    "krepis_single_use_tokens",
    _metadata,
    Column("id", Uuid(), primary_key=True),
    Column("digest", String(DIGEST_CHARACTERS), nullable=False, unique=True),
    Column("purpose", String(64), nullable=False),
    Column("subject", String(SUBJECT_CHARACTERS_MAX), nullable=False),
    Column("tenant", String(SUBJECT_CHARACTERS_MAX)),
    Column("payload", Json(object), nullable=False),
    Column("created_at", Instant(), nullable=False),
    Column("expires_at", Instant(), nullable=False),
    Index("krepis_single_use_tokens_subject", "subject", "purpose"),
    Index("krepis_single_use_tokens_expires_at", "expires_at"),
)

login_throttle = Table(
    "krepis_login_throttle",
    _metadata,
    # A digest: people type passwords where a name belongs.
    Column("key", String(DIGEST_CHARACTERS), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("closed_until", Instant(), nullable=False),
    Column("forget_at", Instant(), nullable=False),
    Index("krepis_login_throttle_forget_at", "forget_at"),
)

TABLES = (sessions, api_keys, single_use_tokens, login_throttle)
