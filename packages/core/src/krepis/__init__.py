"""Krepis: layered Python services whose rules are kept by the framework. Start with `App` and the tutorial in docs/."""

from typing import TYPE_CHECKING, Any

from krepis.context import Actor, Context, Sources, Trace
from krepis.errors import (
    Forbidden,
    Invalid,
    KrepisError,
    NotFound,
    Rejection,
    Stale,
    Unauthenticated,
    Unavailable,
)
from krepis.message import Command, Event, Query, Value, field, replace
from krepis.port import OutboundPort, ReadPort, WritePort

if TYPE_CHECKING:
    from krepis.app import App, Service, bind
    from krepis.handler import offload

__version__ = "0.1.0"

__all__ = (
    "Actor",
    "App",
    "Command",
    "Context",
    "Event",
    "Forbidden",
    "Invalid",
    "KrepisError",
    "NotFound",
    "OutboundPort",
    "Query",
    "ReadPort",
    "Rejection",
    "Service",
    "Sources",
    "Stale",
    "Trace",
    "Unauthenticated",
    "Unavailable",
    "Value",
    "WritePort",
    "bind",
    "field",
    "offload",
    "replace",
)


def __getattr__(name: str) -> Any:
    """What runs an app, loaded when first asked for: a domain that only defines values needn't wait for it."""
    if name in ("App", "Service", "bind"):
        from krepis import app

        return getattr(app, name)
    if name == "offload":
        from krepis.handler import offload

        return offload
    raise AttributeError(f"module `krepis` has no `{name}`")
