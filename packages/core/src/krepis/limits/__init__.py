"""Limits as parts of an app: how often, how many at once, from where, and what a browser may.

```python
app = App(
    "library",
    parts=(
        TrustedProxies("10.0.0.0/8"),
        SecurityHeaders(),
        Cors(origins=("https://shop.example.org",)),
        Rates(per_actor=rate(100, per_s=60), per_address=rate(300, per_s=60)),
        Concurrency(running_max=200),
    ),
    ...,
)
```

The order above is the one that works: each part trusts what the parts before it have found out. An app with another
order does not start. Limits of a single door (body, time, path, query) stand in `krepis.http.Limits`.
"""

from krepis.errors import Quota, TooManyRequests
from krepis.limits.concurrency import Concurrency, Overloaded
from krepis.limits.cors import Cors
from krepis.limits.proxies import TrustedProxies
from krepis.limits.rates import Rate, Rates, rate
from krepis.limits.security_headers import SecurityHeaders

__all__ = (
    "Concurrency",
    "Cors",
    "Overloaded",
    "Quota",
    "Rate",
    "Rates",
    "SecurityHeaders",
    "TooManyRequests",
    "TrustedProxies",
    "rate",
)
