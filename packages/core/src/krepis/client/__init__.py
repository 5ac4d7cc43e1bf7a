"""Calls to other services over HTTP that carry `ctx` on. Needs httpx: `pip install "krepis[client]"`.

```python
class HttpRates(HttpClient, Rates):
    async def rate(self, ctx: Context, currency: str) -> Rate:
        answer = await self.get(ctx, "/rates/{currency}", path={"currency": currency})
        return answer.expect(200).read(Rate)

bind(Rates, lambda: HttpRates("https://rates.example.org"), scope="app", through=(Retries(), Timeout(2)))
```

What it sees to, so that no adapter has to:

- a call ends with its context, or after `timeout_s`; trace, baggage and the time that is left go with it;
- what keeps a call from being answered is `Unavailable` (or `DeadlinePassed`), never an exception of the library;
- a body is read up to `body_bytes_max`, as it was sent: compressed ones are refused, since they have no size;
- redirects are answers like any other; no cookies are kept, no proxies or passwords taken from the environment;
- a client with a base calls nobody else; one without calls public addresses only (`krepis.client.guard`);
- no message of an error has a header, a query or a filled-in path in it.
"""

from __future__ import annotations

from krepis.client.answer import HttpAnswer, UnexpectedAnswerError
from krepis.client.calls import HttpClient
from krepis.client.guard import NotAllowedError

__all__ = ("HttpAnswer", "HttpClient", "NotAllowedError", "UnexpectedAnswerError")
