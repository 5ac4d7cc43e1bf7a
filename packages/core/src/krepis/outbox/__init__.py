"""The outbox: events are stored with the change, and delivered after it, at least once, in order per aggregate.

```python
app = App("library", handlers=HANDLERS, reactions=(on_returned,), parts=(Outbox(),), store=database)
include_tables(metadata, *krepis.outbox.TABLES)
```
"""

from krepis.outbox.part import Outbox
from krepis.outbox.tables import TABLES

__all__ = ("TABLES", "Outbox")
