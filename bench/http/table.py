"""Runs to Markdown. Ratios are taken round by round, before the median: machines drift between rounds."""

from collections.abc import Callable
from statistics import median

from bench.http.scenarios import Scenario
from bench.http.servers import ALL, Server
from bench.http.timing import Run

Runs = dict[str, list[Run]]  # server name -> one run per round


def table(scenario: Scenario, runs: Runs) -> str:
    notes = {server.name: server.note for server in ALL if scenario.is_for(server)}
    beside = baseline_of(scenario).name
    baseline = runs.get(beside)
    head = (
        *("server", "rps", f"x {beside}", "p50 ms", "p99 ms", "requests / CPU s", f"x {beside}"),
        *("database CPU ms / 1k", "peak RSS MB", "server cores", "others' cores", "how"),
    )
    ordered = sorted(runs, key=lambda name: -middle(runs[name], lambda run: run.per_cpu_s))
    rows = [[name, *cells(runs[name], baseline), notes[name]] for name in ordered]
    lines = [f"| {' | '.join(row)} |" for row in (head, [":--", *["--:"] * (len(head) - 2), ":--"], *rows)]
    return f"### {scenario.key}: {scenario.title}\n\n" + "\n".join(lines) + "\n"


def baseline_of(scenario: Scenario) -> Server:
    return next(server for server in ALL if scenario.is_for(server) and server.baseline)


def cells(runs: list[Run], baseline: list[Run] | None) -> list[str]:
    databases = [run.database_ms_per_1k for run in runs if run.database_ms_per_1k is not None]
    return [
        f"{middle(runs, lambda run: run.rps):,.0f}",
        ratio(runs, baseline, lambda run: run.rps),
        f"{middle(runs, lambda run: run.p50_ms):.1f}",
        f"{middle(runs, lambda run: run.p99_ms):.1f}",
        f"{middle(runs, lambda run: run.per_cpu_s):,.0f}",
        ratio(runs, baseline, lambda run: run.per_cpu_s),
        f"{median(databases):,.0f}" if databases else "",
        f"{middle(runs, lambda run: run.peak_mb):.0f}",
        f"{middle(runs, lambda run: run.server_cores):.2f}",
        f"{middle(runs, lambda run: run.others_cores):.2f}",
    ]


def middle(runs: list[Run], figure: Callable[[Run], float]) -> float:
    return median(figure(run) for run in runs)


def ratio(runs: list[Run], baseline: list[Run] | None, figure: Callable[[Run], float]) -> str:
    if not baseline:
        return ""
    # A round in which one of them failed has no partner; the program then ends with 1 anyway.
    return f"{median(figure(run) / figure(base) for run, base in zip(runs, baseline, strict=False)):.2f}"
