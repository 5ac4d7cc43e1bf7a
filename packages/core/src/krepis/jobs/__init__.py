"""Jobs: commands that an operator starts by name, in a process of their own, through the same pipeline.

```python
app = App("library", parts=(Jobs(release=ReleaseUncollected, import_books=ImportBooks),), ...)
```

```sh
krepis job run release
```

A job that takes long works page after page: its command has a field `cursor` and answers with a `Step`. It is dispatched
again with the cursor of its answer until there is none. Each page is a unit of work of its own, and where the next one
begins is stored in the page's transaction; so a job that was killed goes on with `--resume` where it was, and does no page
twice.
"""

from krepis.jobs._part import JobInProgress, Jobs, JobTaken
from krepis.jobs._step import Step
from krepis.jobs._tables import TABLES

__all__ = ("TABLES", "JobInProgress", "JobTaken", "Jobs", "Step")
