"""The limits of a database, each with its unit; `Database` takes them by name."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Synchronous = Literal["off", "normal", "full", "extra"]
Isolation = Literal["serializable", "repeatable read", "read committed"]


class Limits(Struct, frozen=True, kw_only=True):
    """What `Database` was asked to keep to. Their meaning stands there."""

    pool_max: int = 8
    waiting_max: int = 1024
    wait_max_s: float = 5.0
    attempts_max: int = 50
    statements_max: int = 512
    connect_wait_max_s: float = 2.0
    rollback_wait_max_s: float = 2.0
