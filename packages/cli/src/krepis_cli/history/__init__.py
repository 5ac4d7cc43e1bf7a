"""The operation log: propose changes to a project, look at them, apply them as one operation, and take them back.

```python
from krepis_cli.history import OperationLog

with OperationLog(root) as log:
    proposal = log.propose("generate", {"what": "a command"})
    proposal.write("src/shop/application/place_order.py", text)
    print(proposal.diff())
    operation = log.apply(proposal)   # or drop it: nothing has happened
    log.undo()
```
"""

from krepis_cli.history.entry import Entry
from krepis_cli.history.inverse import Conflict, Conflicts
from krepis_cli.history.lock import LogBusy
from krepis_cli.history.log import NothingToDo, Open, OperationLog
from krepis_cli.history.names import BadName
from krepis_cli.history.operations import Change, Operation, UnknownOperation
from krepis_cli.history.proposal import Problem, Proposal, Refused
from krepis_cli.history.steps import Step, StepFailed

__all__ = (
    "BadName",
    "Change",
    "Conflict",
    "Conflicts",
    "Entry",
    "LogBusy",
    "NothingToDo",
    "Open",
    "Operation",
    "OperationLog",
    "Problem",
    "Proposal",
    "Refused",
    "Step",
    "StepFailed",
    "UnknownOperation",
)
