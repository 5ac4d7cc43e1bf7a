"""Krepis: layered Python services whose rules are kept by the framework. Start with `App` and the tutorial in docs/.

Nothing is loaded until it is asked for: a domain that only defines values needn't wait for what runs an app, and the
`krepis` command not for either.
"""

TYPE_CHECKING = False  # that of `typing`, which takes longer than all of this module
if TYPE_CHECKING:
    from krepis.app import App, Service, bind
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
    from krepis.handler import offload
    from krepis.message import Command, Event, Query, Value, field, replace
    from krepis.port import OutboundPort, ReadPort, WritePort

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

_PLACES = (
    ("krepis.app", ("App", "Service", "bind")),
    ("krepis.context", ("Actor", "Context", "Sources", "Trace")),
    (
        "krepis.errors",
        ("Forbidden", "Invalid", "KrepisError", "NotFound", "Rejection", "Stale", "Unauthenticated", "Unavailable"),
    ),
    ("krepis.handler", ("offload",)),
    ("krepis.message", ("Command", "Event", "Query", "Value", "field", "replace")),
    ("krepis.port", ("OutboundPort", "ReadPort", "WritePort")),
)

if not TYPE_CHECKING:  # a type checker would take it to mean that there is every name

    def __getattr__(name: str) -> object:
        for place, names in _PLACES:
            if name in names:
                value = getattr(__import__(place, fromlist=(name,)), name)
                globals()[name] = value  # the next one finds it without asking
                return value
            if place == f"krepis.{name}":  # `import krepis; krepis.errors`, without importing the module by its name
                return __import__(place, fromlist=(name,))
        raise AttributeError(f"module `krepis` has no `{name}`", name=name, obj=None)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
