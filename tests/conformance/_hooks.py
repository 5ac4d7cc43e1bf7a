"""Hooks for schemathesis: what it can't know of our doors, and no setting says.

- JSON Schema takes `1.0` for an integer, our doors don't (`krepis.schema.jsonschema` says so).
- A request carries one credential. Where a door takes a token or a key, schemathesis would add a made-up key to our token.
"""

from __future__ import annotations

from typing import Any

import schemathesis


def whole(value: Any) -> Any:
    """The same JSON value, with `1` for `1.0`."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(item) for item in value]
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    return value


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    return whole(body)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    if "authorization" in {name.lower() for name in case.headers or ()}:
        for name in [name for name in case.headers if name.lower() == "x-api-key"]:
            del case.headers[name]
