"""Code of a project runs in worker processes, with the project's own interpreter.

```python
with Worker(python, root) as worker:
    answer = worker.call("package.module:function", {"name": "value"})
```

Arguments and answers are what JSON can hold. What the project prints never meets an answer: it goes to `show`, line by
line. However a call ends - an exception, a crash, a hang, no memory, `os._exit` - it becomes one `KrepisError`
(`krepis_cli.workers.troubles` lists the codes), and no process is left, also when we are killed ourselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from krepis_cli.workers.limits import DEFAULTS, Limits
from krepis_cli.workers.pool import Pool, Task
from krepis_cli.workers.process import Outcome, Process, wait
from krepis_cli.workers.troubles import WorkerError

__all__ = ("Limits", "Outcome", "Pool", "Task", "Worker", "WorkerError")


class Worker:
    """One worker, for calls one after the other. It is started by the first; after one that killed it, by the next."""

    def __init__(
        self,
        python: Path | str,
        root: Path,
        *,
        limits: Limits = DEFAULTS,
        show: Callable[[str], None] | None = None,
    ) -> None:
        self._python = str(python)
        self._root = root
        self._limits = limits
        self._show = show
        self._process: Process | None = None

    def call(self, target: str, arguments: Mapping[str, Any] | None = None, *, seconds: float | None = None) -> Any:
        """Call `package.module:function`, or `/folder/file.py:function`, with these arguments by name.

        Raises `KrepisError`; after `seconds` (or what the limits say) at the latest.
        """
        if self._process is None or not self._process.alive:
            self.kill()
            self._process = Process(self._python, self._root, self._limits, self._show)
        process = self._process
        try:
            process.begin(target, arguments or {}, seconds or self._limits.call_s)
            while (outcome := process.advance()) is None:
                wait([process])
        except BaseException:  # Ctrl-C: what runs is ended, not awaited
            self.kill()
            raise
        return outcome.got()

    def close(self) -> None:
        """Let the process end."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None or isinstance(error, Exception):
            self.close()
        else:
            self.kill()
