"""The testing kit: run an app or one handler in process, with a clock that stands still and chance that repeats.

```python
async with krepis.testing.start(app) as service:
    answer = await service.post("/loans", json={"member": member, "copy": copy})
    assert answer.status == 201
```
"""

from krepis.testing.client import Reply, StreamRefused, TestService, start
from krepis.testing.files import MemoryBlobs, MemoryFiles, Upload, memory_files
from krepis.testing.memory import MemoryStore, MemoryUnit, Table
from krepis.testing.outbox import MemoryOutbox
from krepis.testing.sources import TestSources

__all__ = (
    "MemoryBlobs",
    "MemoryFiles",
    "MemoryOutbox",
    "MemoryStore",
    "MemoryUnit",
    "Reply",
    "StreamRefused",
    "Table",
    "TestService",
    "TestSources",
    "Upload",
    "memory_files",
    "start",
)
