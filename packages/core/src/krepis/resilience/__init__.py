"""What keeps a service standing while another one falls: interceptors for any outbound port, given in `app.py`.

```python
bind(Rates, HttpRates, scope="app", through=(
    Cache(ttl_s=60),
    Retries(attempts_max=3),
    CircuitBreaker(failures=5, open_s=10),
    Bulkhead(running_max=20),
    Timeout(2),
))
```

That order is the one to use. The first is outermost: a hit of the cache costs nothing else; each attempt of `Retries`
goes through the breaker, so an open one ends the attempts; waiting for a place in the bulkhead is not counted as the
other side's slowness; the timeout is one attempt's.

Each object holds the state of one binding. Make it where it is bound; two apps, or two tests, that share one share its
open circuit, its spent budget and its cache.
"""

from __future__ import annotations

from krepis.resilience.breaker import CircuitBreaker
from krepis.resilience.bulkhead import Bulkhead
from krepis.resilience.cache import Cache
from krepis.resilience.errors import BulkheadFull, CallTimedOut, CircuitOpen, NotCalled
from krepis.resilience.retries import Retries
from krepis.resilience.timeout import Timeout

__all__ = (
    "Bulkhead",
    "BulkheadFull",
    "Cache",
    "CallTimedOut",
    "CircuitBreaker",
    "CircuitOpen",
    "NotCalled",
    "Retries",
    "Timeout",
)
