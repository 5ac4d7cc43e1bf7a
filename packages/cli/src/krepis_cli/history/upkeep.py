"""What keeps a log sound and small: looking through all of it, and forgetting what is too old."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from krepis.errors import KrepisError
from krepis_cli.history.contents import Damaged
from krepis_cli.history.log import OperationLog
from krepis_cli.history.names import printable

KEPT_OPERATIONS = 1000
KEPT_DAYS = 90


class Policy(NamedTuple):
    """What is kept: the last `operations`, and whatever is younger than `days`; the rest may go."""

    operations: int = KEPT_OPERATIONS
    days: float = KEPT_DAYS


class Pruned(NamedTuple):
    """What a pruning forgot, or would."""

    operations: list[int]
    bytes: int


def prune(log: OperationLog, policy: Policy, now: datetime, *, really: bool = True) -> Pruned:
    """Forget the changes of old operations, always the oldest. That they were, and when, stays in the list; what they
    did can't be taken back any more.
    """
    if policy.operations < 0 or policy.days < 0:
        raise KrepisError("a policy keeps a number of operations and of days, not less than none", exit_code=2)
    with log.held("history prune"):
        known = [one for one in log.operations.all() if one.state != "pruned"]
        young = now - timedelta(days=policy.days)
        old: list[int] = []
        for one in known[: max(0, len(known) - policy.operations)]:
            if one.at >= young:
                break
            old.append(one.id)
        size = _size(log)
        if not old or not really:
            return Pruned(old, 0)
        with log.store.transaction() as db:
            for number in old:
                log.operations.set_state(number, "pruned")
                db.execute("DELETE FROM change WHERE operation = ?", (number,))
                db.execute("DELETE FROM step WHERE operation = ?", (number,))
            db.execute(_NEEDED)
            db.execute("DELETE FROM piece WHERE content NOT IN (SELECT id FROM needed)")
            db.execute("DELETE FROM content WHERE id NOT IN (SELECT id FROM needed)")
            db.execute("DROP TABLE needed")
        log.store.db.execute("PRAGMA incremental_vacuum").fetchall()
        log.store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return Pruned(old, size - _size(log))


_NEEDED = """
    CREATE TEMPORARY TABLE needed AS
    WITH RECURSIVE kept (id) AS (
        SELECT before_content FROM change WHERE before_content IS NOT NULL
        UNION SELECT after_content FROM change WHERE after_content IS NOT NULL
        UNION SELECT base FROM content JOIN kept ON content.id = kept.id WHERE base IS NOT NULL
    ) SELECT id FROM kept
"""


def verify(log: OperationLog) -> Iterator[str]:
    """What is wrong with the log, sentence by sentence; nothing when it is sound. Every content is read and proven."""
    db = log.store.db
    for (line,) in db.execute("PRAGMA integrity_check(20)").fetchall():
        if line != "ok":
            yield f"SQLite: {line}"
    for (number,) in db.execute("SELECT id FROM content ORDER BY id").fetchall():
        try:
            for _ in log.operations.contents.get(number).chunks():
                pass
        except Damaged as damaged:
            users = db.execute(
                "SELECT DISTINCT operation FROM change WHERE before_content = ? OR after_content = ?", (number, number)
            )
            listed = ", ".join(str(operation) for (operation,) in users.fetchall())
            yield f"{damaged.args[0]}; they belong to operation {listed or '(none)'}"
    before = None
    for number, parent, arguments in db.execute("SELECT id, parent, arguments FROM operation ORDER BY id").fetchall():
        yield from _operation(number, parent, arguments, before)
        before = number
    for operation, path, content in db.execute(_UNKNOWN).fetchall():
        yield f"operation {operation} misses the contents {content} of `{printable(path)}`"


_UNKNOWN = """
    SELECT operation, path, content FROM (
        SELECT operation, path, before_content AS content FROM change
        UNION ALL SELECT operation, path, after_content FROM change
    ) WHERE content IS NOT NULL AND content NOT IN (SELECT id FROM content) ORDER BY operation, path
"""


def _operation(number: int, parent: int | None, arguments: str, before: int | None) -> Iterator[str]:
    if parent != before:
        yield f"operation {number} names {parent} as its parent, not {before}"
    try:
        json.loads(arguments)
    except ValueError:
        yield f"the arguments of operation {number} are no JSON"


def _size(log: OperationLog) -> int:
    pages, free, size = (
        log.store.db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size
