"""Start a server, wait for it, and read from /proc what it and the machine spend."""

import http.client
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

from bench.http.servers import APPS

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
READY_S_MAX = 20
STOP_S_MAX = 5
LOG_TAIL = 1_500


class Wrong(Exception):
    """A server did not do what every server must do; its figures count for nothing."""


@contextmanager
def serving(command: list[str], *, port: int, env: dict[str, str], log: Path) -> Iterator[int]:
    """Run a server; gives its process id once it answers, whatever it answers."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=APPS,
            env={**os.environ, "PYTHONPATH": str(APPS), "PYTHONDONTWRITEBYTECODE": "1", **env},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_ready(process, port)
        yield process.pid
    except Wrong as e:
        raise Wrong(f"{e}; its log ends: {log.read_text(errors='replace')[-LOG_TAIL:]!r}") from e
    finally:
        stop(process)


def wait_ready(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + READY_S_MAX
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Wrong(f"the server ended with `{process.returncode}`")
        try:
            ask(port, "GET", "/")
        except (OSError, http.client.HTTPException):
            time.sleep(0.005)
        else:
            return
    raise Wrong(f"the server did not answer in {READY_S_MAX} s")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it started."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
    with suppress(ProcessLookupError):  # the usual case: nothing is left of its group
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def ask(
    port: int, method: str, path: str, body: str | None = None, headers: Mapping[str, str] = MappingProxyType({})
) -> tuple[int, str, bytes]:
    """(status, content type, body) of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    kind = {} if body is None else {"Content-Type": "application/json"}
    try:
        connection.request(method, path, body=body, headers={**kind, **headers})
        response = connection.getresponse()
        return response.status, response.getheader("content-type", ""), response.read()
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(command: list[str], core: int | None) -> list[str]:
    return command if core is None else ["taskset", "--cpu-list", str(core), *command]


def family(root: int) -> list[int]:
    """The process and all its descendants."""
    children: dict[int, list[int]] = {}
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        if fields := stat_fields(pid):
            children.setdefault(int(fields[1]), []).append(pid)
    found, open_ = [], [root]
    while open_:
        pid = open_.pop()
        found.append(pid)
        open_ += children.get(pid, [])
    return found


def cpu_s(root: int) -> float:
    """User and system time of the whole family, all threads; also of those who have ended, as their parents know it."""
    ticks = 0
    for pid in family(root):
        if fields := stat_fields(pid):
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS_PER_S


def memory_mb(root: int, *, peak: bool) -> float:
    """Resident memory of the whole family: now, or each process's highest so far."""
    pattern = re.compile(r"VmHWM:\s+(\d+)" if peak else r"VmRSS:\s+(\d+)")
    kb = 0
    for pid in family(root):
        try:
            found = pattern.search(Path(f"/proc/{pid}/status").read_text())
        except OSError:
            continue  # it has just ended
        kb += int(found[1]) if found else 0
    return kb / 1024


def machine_busy_s() -> float:
    """CPU time that anybody on this machine has used: all but idle and waiting for disks."""
    ticks = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(ticks[:3]) + sum(ticks[5:8])) / TICKS_PER_S


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may hold spaces; none when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
