"""Resident memory of a server under load, second by second: does it end where it began?

"Grown" is the slope of a line through the samples of the second half, where caches and pools are filled.
"""

import sys
import threading
from statistics import linear_regression

from bench import report
from bench.http import peers
from bench.http.processes import Wrong, free_port, memory_mb, serving
from bench.http.scenarios import SCENARIOS, check, script
from bench.http.servers import SERVERS, Server
from bench.http.timing import require_wrk, wrk
from bench.micro import measuring

KEYS = tuple(key for key, scenario in SCENARIOS.items() if scenario.store == "none")
USUAL = ("krepis-uvicorn", "fastapi")
SAMPLE_S = 1.0
HEAD = ("server", "before MB", "after a quarter", "at the end", "most", "grown MB / minute")


def main() -> int:
    shell = measuring.parser("memory", __doc__, "--seconds 5", "--only krepis-uvicorn --scenario S3 --seconds 600")
    shell.add_argument("--only", default=",".join(USUAL), metavar="SERVERS", help="(%(default)s)")
    shell.add_argument("--scenario", choices=KEYS, default="S3", help="(%(default)s)")
    shell.add_argument("--seconds", type=float, default=60, help="of load (%(default)s)")
    options = shell.parse_args()
    require_wrk()
    python = peers.ensure()
    rows, wrongs = [], []
    for server in servers(options.only.split(",")):
        try:
            rows.append(row(server, sampled(server, python, options.scenario, options.seconds)))
        except Wrong as wrong:
            wrongs.append(f"{server.name}: {wrong}")
    title = f"{SCENARIOS[options.scenario].title.capitalize()}, {options.seconds:g} s, 64 connections."
    return measuring.show("memory", f"{title}\n\n{measuring.table(HEAD, rows)}", options, wrongs=wrongs)


def servers(names: list[str]) -> list[Server]:
    return [server for server in SERVERS if server.name in names and server.store == "none" and server.is_written()]


def sampled(server: Server, python, key: str, seconds: float) -> list[float]:
    """Megabytes: before the load, then once a second."""
    scenario, port = SCENARIOS[key], free_port()
    with report.scratch() as folder:
        command = server.command(python, port)
        with serving(command, port=port, env={}, log=folder / "log") as pid:
            check(scenario, port)
            samples, done = [memory_mb(pid, peak=False)], threading.Event()
            sampler = threading.Thread(target=sample, args=(pid, samples, done))
            sampler.start()
            try:
                url = f"http://127.0.0.1:{port}{scenario.path}"
                wrk(url, seconds=seconds, script=script(scenario, [], folder), core=None)
            finally:
                done.set()
                sampler.join()
            check(scenario, port)
    return samples


def sample(pid: int, samples: list[float], done: threading.Event) -> None:
    while not done.wait(SAMPLE_S):
        samples.append(memory_mb(pid, peak=False))


def row(server: Server, samples: list[float]) -> list[str]:
    before, *under_load = samples
    if len(under_load) < 4:
        raise Wrong("too short to say anything; give it `--seconds 5` or more")
    second_half = under_load[len(under_load) // 2 :]
    slope, _ = linear_regression(range(len(second_half)), second_half)
    grown = slope * 60 / SAMPLE_S
    quarter = under_load[len(under_load) // 4]
    figures = (before, quarter, samples[-1], max(samples))
    return [server.name, *(f"{figure:.1f}" for figure in figures), f"{grown:+.2f}"]


if __name__ == "__main__":
    sys.exit(main())
