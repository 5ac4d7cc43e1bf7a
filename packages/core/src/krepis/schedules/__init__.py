"""Scheduled commands: run by the service itself, once across all of its processes.

```python
app = App("library", parts=(Schedules(every("day at 03:00 Europe/Berlin", ReleaseUncollected())),), ...)
include_tables(metadata, *schedules.TABLES)
```

Rules that hold:

- Each moment at which a command is due is a slot. A slot is taken in the command's own transaction: after a kill -9 in
  the middle it is run again, and what was committed is never run twice. A command that calls out (phased) is held by a
  lease while it does, and stored only by whoever still holds it.
- A slot that was done is behind the schedule for good: a clock that steps back runs nothing twice.
- Where clocks change, schedules at fixed times do as Debian's cron: a time that is left out comes right after the gap, one
  that comes twice is its first.
- A run that fails is logged with its trace and tried again; it never stops the service.

Needs cronsim: `pip install krepis[schedules]`.
"""

from krepis.schedules._every import Every, every
from krepis.schedules._part import Schedules
from krepis.schedules._tables import TABLES

__all__ = ("TABLES", "Every", "Schedules", "every")
