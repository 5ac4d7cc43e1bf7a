"""Who calls: the question that a door asks before anything else of a request is read.

An app that handles `Identify` knows its callers. Each door takes the credential out of the request's headers
(`Doors(credentials=...)`), asks, and puts the answer into the context:

```python
async def identify(ctx: Context, query: Identify, *, sessions: Sessions) -> Caller:
    session = await sessions.find(ctx, digest(query.credential))
    if session is None:
        raise InvalidCredential
    return Caller(Actor(str(session.user), session.roles))
```

`krepis.accounts` has one for signed tokens and API keys.
"""

from __future__ import annotations

from msgspec import Struct, field

from krepis.context import Actor
from krepis.errors import Unauthenticated
from krepis.message import Query
from krepis.types import Secret

SYSTEM = Actor("system")
"""The service itself, as it runs schedules, jobs and reactions. No credential makes a caller this actor."""


class Caller(Struct, frozen=True):
    """Who calls, and for which tenant."""

    actor: Actor
    tenant: str | None = None


class Identify(Query[Caller]):
    """Whose credential this is. `scheme` is the name of the `Credential` that the door has found it by."""

    scheme: str
    credential: Secret = field()


class InvalidCredential(Unauthenticated):
    """The credential is none of ours, or no longer valid (HTTP 401)."""

    message = "the credential is not valid, or not any more"


class Credential(Struct, frozen=True):
    """Where a request carries a credential: the header, and the word before it (none for a bare key)."""

    scheme: str
    header: str = "authorization"
    prefix: str = "Bearer"


def bearer(prefix: str = "Bearer", header: str = "authorization") -> Credential:
    """A token in a header, after a word: `Authorization: Bearer TOKEN` (RFC 6750) unless said otherwise."""
    return Credential("bearer", header.lower(), prefix)


def api_key(header: str = "x-api-key") -> Credential:
    """A key alone in a header of its own."""
    return Credential("api_key", header.lower(), "")
