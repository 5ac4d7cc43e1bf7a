"""One timed run: wrk against a server that is there, and what everybody spent meanwhile."""

import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.http.processes import Wrong, cpu_s, machine_busy_s, memory_mb, pinned

CONNECTIONS = 64
MS_PER = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True)
class Load:
    """What one call of wrk saw."""

    requests: int
    rps: float
    p50_ms: float
    p99_ms: float


PATIENCE_S = 20
"""A late answer is a long one in p99, not a wrong one."""


@dataclass(frozen=True)
class Run:
    """The figures of one cell of a table."""

    rps: float
    p50_ms: float
    p99_ms: float
    per_cpu_s: float  # requests per CPU second of the server
    database_ms_per_1k: float | None  # CPU of the database's own processes
    peak_mb: float
    server_cores: float
    others_cores: float  # used by neither the server, its database nor wrk


def require_wrk() -> None:
    if shutil.which("wrk") is None:
        sys.exit("bench: `wrk` is missing; `apt-get install wrk` (or `brew install wrk`) brings it")


def wrk(url: str, *, seconds: float, script: list[str], core: int | None) -> Load:
    command = [
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds:g}s",
        f"--timeout={PATIENCE_S}s",
        "--latency",
        *script,
        url,
    ]
    out = subprocess.run(pinned(command, core), capture_output=True, text=True, check=True).stdout
    for pattern in (r"Non-2xx or 3xx responses: \d+", r"Socket errors: .*"):
        if found := re.search(pattern, out):
            raise Wrong(f"under load: {found[0]}")
    return Load(
        requests=int(re.search(r"(\d+) requests in", out)[1]),
        rps=float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]),
        p50_ms=percentile_ms(out, 50),
        p99_ms=percentile_ms(out, 99),
    )


def percentile_ms(out: str, percent: int) -> float:
    value, unit = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)\b", out, re.MULTILINE).groups()
    return float(value) * MS_PER[unit]


def timed(
    url: str,
    *,
    server: int,
    database: int | None,
    seconds: float,
    script: list[str],
    core: int | None,
    settle: Callable[[], None],
) -> tuple[Run, Load]:
    """`settle` waits for the work that the answers have left behind; what it costs the server counts."""
    spent = [lambda: cpu_s(server), lambda: cpu_s(database) if database else 0.0, children_s, machine_busy_s]
    before, start = [read() for read in spent], time.monotonic()
    load = wrk(url, seconds=seconds, script=script, core=core)
    settle()
    wall_s = time.monotonic() - start
    server_s, database_s, wrk_s, machine_s = (read() - then for read, then in zip(spent, before, strict=True))
    run = Run(
        rps=load.rps,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        per_cpu_s=load.requests / max(server_s, 1e-9),
        database_ms_per_1k=database_s * 1e6 / load.requests if database else None,
        peak_mb=memory_mb(server, peak=True),
        server_cores=server_s / wall_s,
        others_cores=max(0.0, machine_s - server_s - database_s - wrk_s) / wall_s,
    )
    return run, load


def children_s() -> float:
    """CPU of the children that have ended: between two readings, that of wrk."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
