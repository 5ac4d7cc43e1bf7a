"""The audit log of commands: who did what, when and why, in a chain of hashes that can't be changed unnoticed.

```python
include_tables(metadata, *krepis.audit.TABLES)      # and a migration: `krepis db new "an audit log"`
app = App("bank", parts=(Audit(key=settings.audit_key),), store=Database(..., metadata=metadata), ...)
```

A command writes its entry in its own transaction, into `krepis_audit_pending`. After the commit one sequencer moves the
entries into `krepis_audit`, numbers them and chains them: each row has the hash of the one before it. So commands never
wait for one another, and still there is one order.

`krepis audit verify` finds the first row that was changed, removed, inserted or moved.
"""

from krepis.audit.chain import Anchor, Break
from krepis.audit.part import Audit
from krepis.audit.tables import TABLES, Row
from krepis.audit.verify import Verdict, verify

__all__ = ("TABLES", "Anchor", "Audit", "Break", "Row", "Verdict", "verify")
