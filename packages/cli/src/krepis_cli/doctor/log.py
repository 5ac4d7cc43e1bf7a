"""The operation log of the project, if it has one."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from krepis.errors import KrepisError
from krepis_cli.doctor.finding import Finding

CHECKED_BYTES_MAX = 64 << 20
"""A larger file is opened and not read through: that is what `krepis history verify` takes its time for."""
WAIT_S = 2.0


def probe(root: str) -> dict[str, Any]:
    """Opens it as the next command would, which completes what was interrupted."""
    from krepis_cli.history.log import OperationLog
    from krepis_cli.history.operations import HISTORY
    from krepis_cli.store import FOLDER

    file = Path(root, FOLDER, HISTORY.name)
    if not file.exists():
        return _finding("ok", "none yet; the first verb that writes makes it", "").plain()
    told: list[str] = []
    try:
        with OperationLog(Path(root), wait_s=WAIT_S, told=told.append) as log:
            count = len(log.operations.all())
            whole = log.store.db.execute("PRAGMA quick_check(1)").fetchone()[0] if _small(file) else "ok"
    except (KrepisError, sqlite3.Error) as error:
        remedy = getattr(error, "hint", "") or "`krepis history verify` says more"
        return _finding("broken", str(error.args[0]), remedy).plain()
    if whole != "ok":
        return _finding("broken", f"its file is damaged: {whole}", "`krepis history verify`").plain()
    return _finding("ok", f"{count} operation{'s' if count != 1 else ''}", "", tuple(told)).plain()


def _finding(state: Any, said: str, remedy: str, details: tuple[str, ...] = ()) -> Finding:
    return Finding("log", state, said, remedy, needed=True, details=details)


def _small(file: Path) -> bool:
    return file.stat().st_size <= CHECKED_BYTES_MAX
