"""The folder of the project: space, rights, and what its file system can."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from krepis.verbs import printable
from krepis_cli.doctor.finding import Finding

FREE_BYTES_MIN = 64 << 20
"""With less, a transaction that writes a few large files may not fit."""


def probe(root: str) -> dict[str, Any]:
    """Makes one folder in it for the moment, to see what really happens."""
    kind = _kind(Path(root))
    free = shutil.disk_usage(root).free
    facts: dict[str, Any] = {"free_bytes": free, "file_system": kind}
    try:
        with tempfile.TemporaryDirectory(prefix=".krepis-doctor-", dir=root, ignore_cleanup_errors=True) as trial:
            facts |= _tried(Path(trial))
    except OSError as error:
        remedy = "give yourself the right to write there, or work on a copy"
        return _finding("broken", f"nothing can be written: {error.strerror}", remedy, facts).plain()
    return _judged(facts, free, kind).plain()


def _judged(facts: dict[str, Any], free: int, kind: str) -> Finding:
    on = f" on {kind}" if kind else ""
    said = f"writable{on}, {free / (1 << 30):.1f} GiB free"
    if free < FREE_BYTES_MIN:
        return _finding("broken", f"{free >> 20} MiB are free{on}", "make room on the disk", facts)
    if not facts["symbolic_links"]:
        said += ", no symbolic links"
    if not facts["case_sensitive"]:
        said += ", `a` and `A` are the same name"
    return _finding("ok", said, "", facts)


def _finding(state: Any, said: str, remedy: str, facts: dict[str, Any]) -> Finding:
    return Finding("folder", state, said, remedy, needed=True, facts=facts)


def _tried(trial: Path) -> dict[str, bool]:
    (trial / "name").write_bytes(b"x")
    facts = {"case_sensitive": not (trial / "NAME").exists()}
    try:
        (trial / "link").symlink_to("name")
        facts["symbolic_links"] = True
    except OSError:
        facts["symbolic_links"] = False
    return facts


def _kind(root: Path) -> str:
    """The kind of file system, such as `ext4`; empty where the system does not say."""
    if sys.platform != "linux":
        return ""
    where = os.path.realpath(root)
    best = ("", "")
    with Path("/proc/self/mountinfo").open(encoding="utf-8", errors="surrogateescape") as mounts:
        for line in mounts:
            before, _, after = line.partition(" - ")
            point = before.split(" ")[4].encode("utf-8", "surrogateescape").decode("unicode_escape")
            inside = where == point or where.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best[0]):
                best = (point, after.split(" ")[0])
    return printable(best[1])
