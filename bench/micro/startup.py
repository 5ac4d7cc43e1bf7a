"""How long `import krepis` takes and how long a server takes to its first answer, beside FastAPI in the same run.

An import is timed inside a fresh interpreter, so the interpreter's own start is not in it; bytecode and files are in
the caches, as they are on the second start of any program. A start is timed from outside, from the process's creation
to its first answer with status 200.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench import report
from bench.http import peers
from bench.http.processes import Wrong, ask, free_port, serving
from bench.http.servers import APPS, UVICORN
from bench.micro import measuring

IMPORTS = ("krepis", "krepis.app", "fastapi", "litestar")
OURS = report.ROOT / ".venv" / "bin" / "python"


def main() -> int:
    shell = measuring.parser("startup", __doc__, "--repeat 5", "--app library.app:app --path /openapi.json --write")
    shell.add_argument("--repeat", type=int, default=15, help="times for each; medians are printed (%(default)s)")
    shell.add_argument("--app", default="library.app:app", help="the server to start (%(default)s)")
    shell.add_argument("--path", default="/openapi.json", help="what it is asked (%(default)s)")
    options = shell.parse_args()
    os.environ.setdefault("LIBRARY_TOKEN_KEY", "for this measurement, and long enough for a key")
    os.environ.setdefault("LIBRARY_DATABASE", "sqlite://")
    python = peers.ensure()
    cases = {f"`import {name}`": importing(python, name) for name in IMPORTS}
    cases["FastAPI on uvicorn, three routes, to the first 200"] = starting(python, "fastapi_app:app", "/")
    if (APPS / "krepis_app.py").exists():
        cases["Krepis on uvicorn, three doors, to the first 200"] = starting(python, "krepis_app:app", "/")
    cases[f"`{options.app}` on uvicorn, to the first 200"] = starting(OURS, options.app, options.path)
    seen, wrongs = measure(cases, options.repeat)
    pins = {name: version for name, version in peers.pins(peers.REQUIREMENTS).items() if name in IMPORTS}
    return measuring.show("startup", table(seen, options.repeat), options, wrongs=wrongs, versions=pins)


def measure(cases: dict[str, Callable[[], float]], repeat: int) -> tuple[dict[str, list[float]], list[str]]:
    """The milliseconds of each case, taken in turns, and what could not be measured."""
    seen: dict[str, list[float]] = {name: [] for name in cases}
    wrongs = []
    for name, case in cases.items():
        try:
            case()  # fills the caches
        except Wrong as wrong:
            wrongs.append(f"{name}: {wrong}")
            del seen[name]
    for _ in range(repeat):
        for name, times in seen.items():
            times.append(cases[name]())
    return seen, wrongs


def importing(python: Path, name: str) -> Callable[[], float]:
    code = f"from time import perf_counter as now; start = now(); import {name}; print((now() - start) * 1e3)"

    def once() -> float:
        done = subprocess.run([python, "-c", code], check=False, capture_output=True, text=True)
        if done.returncode:
            raise Wrong(done.stderr.strip().rpartition("\n")[2])
        return float(done.stdout)

    return once


def starting(python: Path, app: str, path: str) -> Callable[[], float]:
    def once() -> float:
        port = free_port()
        with report.scratch() as folder:
            start = time.perf_counter()
            command = [str(python), *UVICORN, "--port", str(port), app]
            # `serving` has asked for "/" already; what counts is the first answer to the path that was meant.
            with serving(command, port=port, env={"BENCH_DB": "", "LIBRARY_DATABASE": "sqlite://"}, log=folder / "log"):
                status, _, _ = ask(port, "GET", path)
                took_ms = (time.perf_counter() - start) * 1e3
        if status != 200:
            raise Wrong(f"`GET {path}` answered {status}")
        return took_ms

    return once


def table(seen: dict[str, list[float]], repeat: int) -> str:
    rows = [f"| {name} | {median(times):.0f} | {min(times):.0f} |" for name, times in seen.items()]
    head = f"| what ({repeat} times each, in turns) | median ms | least ms |"
    return "\n".join([head, "|:--|--:|--:|", *rows]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
