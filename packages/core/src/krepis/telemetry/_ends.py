"""Sees the end of an answer: of a streamed one, when its last piece has gone or its caller has."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from krepis.http.facts import Answer, Facts, StreamedAnswer

GONE = 499
"""What stands for the status where the caller went away before there was one; no answer has it."""

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"))
"""The methods that are named (RFC 9110, section 9, and PATCH); whatever else callers make up is one other."""

NO_ROUTE = "(none)"
"""What stands for the route where there is no door: a part's own page, 404, 405."""

Ended = Callable[[int, int], None]
"""Told once: the status, and how many bytes of a body were handed to the engine."""


def at_the_end(facts: Facts, reply: Answer, ended: Ended) -> Answer:
    """`reply`, such that `ended` is called at its end."""
    if facts.method == "HEAD":
        ended(reply.status, 0)
    elif isinstance(reply, StreamedAnswer):
        reply.chunks = _counted(reply.chunks, reply.status, ended)
    else:
        ended(reply.status, len(reply.body))
    return reply


async def _counted(chunks: AsyncGenerator[bytes], status: int, ended: Ended) -> AsyncGenerator[bytes]:
    sent = 0
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                sent += len(chunk)
                yield chunk
    finally:
        ended(status, sent)
