"""The testing kit: run an app or one handler in process, with a clock that stands still and chance that repeats.

```python
async with krepis.testing.start(app) as service:
    answer = await service.post("/loans", json={"member": member, "copy": copy})
    assert answer.status == 201
```
"""

from krepis.testing.client import Reply, TestService, start
from krepis.testing.memory import MemoryStore, MemoryUnit, Table
from krepis.testing.sources import TestSources

__all__ = ("MemoryStore", "MemoryUnit", "Reply", "Table", "TestService", "TestSources", "start")
