"""The limits of an outbox, each with its unit; `Outbox` takes them by name."""

from __future__ import annotations

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """What `Outbox` was asked to keep to. Their meaning stands there."""

    attempts_max: int = 20
    attempt_max_s: float = 30.0
    pause_min_s: float = 0.5
    pause_max_s: float = 600.0
    running_max: int = 8
    batch_max: int = 100
    body_max: int = 262_144
    keep_s: float = 7 * 86_400.0
    clean_s: float = 60.0
    sweep_s: float = 5.0
    lease_s: float = 5.0
    poll_s: float = 0.2
    orphans_kept_s: float = 3600.0
    drain_s: float = 10.0
