"""Seen from outside: log lines, an access log, spans, metrics, health. Each is a part of an app, and costs nothing without.

```python
app = App(
    "shop",
    parts=(Logs(level="info"), AccessLog(), Spans(), Metrics(token=settings.metrics_token), Health(version="1.4.2")),
    ...
)
```

`Spans` and `Metrics` need libraries of their own: `pip install krepis[telemetry]`.
"""

from krepis.telemetry.access_log import AccessLog
from krepis.telemetry.health import Health
from krepis.telemetry.logs import Logs
from krepis.telemetry.metrics import Metrics
from krepis.telemetry.spans import Spans

__all__ = ("AccessLog", "Health", "Logs", "Metrics", "Spans")
