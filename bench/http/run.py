"""Race Krepis against its peers over HTTP and print a Markdown table per scenario.

One server at a time, on core 0, wrk (64 connections) on core 1, PostgreSQL wherever the kernel puts it. Every answer is
checked before and after timing; a wrong one ends the program with status 1, after the rest has run.
"""

import argparse
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import report
from bench.http import bookshop, databases, peers
from bench.http.databases import Database, NoDatabase, Postgres, SqliteFile
from bench.http.processes import Wrong, free_port, pinned, serving
from bench.http.scenarios import BOOKSHOP, SCENARIOS, USUAL, Scenario
from bench.http.servers import ALL, NAMES, Server
from bench.http.table import Runs, table
from bench.http.timing import Run, require_wrk, timed, wrk
from bench.http.visits import Visit, visit_of

EXAMPLES = """examples:
  bench/run http --check-only                                   are all answers right?
  bench/run http --only fastapi,krepis-uvicorn --scenarios S2   one comparison, a minute
  bench/run http --seconds 8 --repeat 3 --write                 everything, into bench/RESULTS.md
  bench/run http --scenarios P,PW --repeat 3 --write            what each part costs
  bench/run http --scenarios bookshop --repeat 3 --write        the server of a spec, beside one by hand
  bench/run http --unpinned --write                             the same with no core given to anybody
"""
SERVER_CORE, WRK_CORE = 0, 1
WARM_UP_S = 1


@dataclass(frozen=True)
class Terms:
    """How this race is run; the same for every server."""

    python: Path
    postgres: Postgres
    seconds: float
    unpinned: bool
    check_only: bool

    @property
    def server_core(self) -> int | None:
        return None if self.unpinned else SERVER_CORE

    @property
    def wrk_core(self) -> int | None:
        return None if self.unpinned else WRK_CORE


def main(arguments: list[str]) -> int:
    options = parsed(arguments)
    require_wrk()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what we started is stopped, too
    python = peers.ensure()
    postgres = Postgres(python)
    terms = Terms(python, postgres, options.seconds, options.unpinned, options.check_only)
    try:
        results, wrongs = race(chosen(options.only), options.scenarios, terms, rounds=options.repeat)
    finally:
        postgres.stop()
    sections: dict[str, list[str]] = {}
    for key, runs in results.items():
        if runs:
            sections.setdefault(section(SCENARIOS[key], options), []).append(table(SCENARIOS[key], runs))
    for tables in sections.values():
        print("\n".join(tables))
    if options.json:
        plain = {
            key: {name: [asdict(run) for run in seen] for name, seen in runs.items()} for key, runs in results.items()
        }
        Path(options.json).write_text(json.dumps(plain, indent=1), encoding="utf-8")
    for wrong in wrongs:
        print(f"WRONG {wrong}", file=sys.stderr)
    if options.write and not wrongs:
        for name, tables in sections.items():
            report.write(name, "\n".join(tables), command=["bench/run", "http", *arguments], versions=versions())
    return 1 if wrongs else 0


def section(scenario: Scenario, options: argparse.Namespace) -> str:
    if scenario.race != "servers":
        return {"parts": "http-parts", "bookshop": "bookshop"}[scenario.race]
    return "http-unpinned" if options.unpinned else "http-pinned"


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run http",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", type=names, default=NAMES, metavar="SERVERS", help=f"of {','.join(NAMES)}")
    parser.add_argument(
        "--scenarios",
        type=keys,
        default=USUAL,
        metavar="KEYS",
        help=f"of {','.join(SCENARIOS)}; usual: {','.join(USUAL)}; `bookshop`: those with B",
    )
    parser.add_argument("--seconds", type=float, default=5, help="of each timed run (%(default)s)")
    parser.add_argument("--repeat", type=int, default=1, help="rounds, A B C A B C; medians are printed (%(default)s)")
    parser.add_argument("--unpinned", action="store_true", help="give nobody a core of its own")
    parser.add_argument("--check-only", action="store_true", help="check the answers, time nothing")
    parser.add_argument("--json", metavar="FILE", help="write every single run there, too")
    parser.add_argument("--write", action="store_true", help="put the tables into bench/RESULTS.md")
    options = parser.parse_args(arguments)
    if not options.unpinned and not options.check_only and (os.cpu_count() or 1) < 2:
        parser.error("there is one core only; use --unpinned")
    return options


def names(text: str) -> tuple[str, ...]:
    return known(text, NAMES)


def keys(text: str) -> tuple[str, ...]:
    return BOOKSHOP if text == "bookshop" else known(text, SCENARIOS)


def known(text: str, all: tuple[str, ...] | dict[str, Scenario]) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    if unknown := [word for word in wanted if word not in all]:
        raise argparse.ArgumentTypeError(
            f"there is no {', '.join(f'`{word}`' for word in unknown)}; there are {', '.join(all)}"
        )
    return wanted


def chosen(only: tuple[str, ...]) -> list[Server]:
    servers = [server for server in ALL if server.name in only]
    for missing in (server for server in servers if not server.is_written()):
        say(f"skipped: {missing.name} ({missing.store}); apps/{missing.module}.py is not there")
    return [server for server in servers if server.is_written()]


def race(
    servers: list[Server], scenarios: tuple[str, ...], terms: Terms, *, rounds: int
) -> tuple[dict[str, Runs], list[str]]:
    """The runs of each scenario, and what was wrong. Rounds go through all servers, so drift meets all alike."""
    results: dict[str, Runs] = {key: {} for key in scenarios}
    wrongs: list[str] = []
    wanted = [SCENARIOS[key] for key in scenarios]
    for _ in range(1 if terms.check_only else rounds):
        for server in servers:
            if todo := [scenario for scenario in wanted if scenario.is_for(server)]:
                wrongs += session(server, todo, terms, results)
    return results, wrongs


def session(server: Server, scenarios: list[Scenario], terms: Terms, results: dict[str, Runs]) -> list[str]:
    """One life of one server. What it got right goes into `results`; what it got wrong is returned."""
    port = free_port()
    with report.scratch() as folder:
        try:
            database = database_for(server, folder, terms)
            environment = {"BENCH_DB": database.url, **server.environment}
            if server.shop:
                environment |= bookshop.prepare(server, database, folder, terms.python)
            command = pinned(server.command(terms.python, port), terms.server_core)
            with serving(command, port=port, env=environment, log=folder / "log") as pid:
                visit = visit_of(server, port, database, folder)
                for scenario in scenarios:
                    if run := take_turn(visit, server, scenario, terms, port=port, pid=pid, database=database):
                        results[scenario.key].setdefault(server.name, []).append(run)
        except Wrong as wrong:
            return [f"{server.name} ({server.store}): {wrong}"]
    return []


def database_for(server: Server, folder: Path, terms: Terms) -> Database:
    if server.store == "postgresql":
        return terms.postgres.fresh()
    return SqliteFile(folder) if server.store == "sqlite" or server.part else NoDatabase()


def take_turn(
    visit: Visit, server: Server, scenario: Scenario, terms: Terms, *, port: int, pid: int, database: Database
) -> Run | None:
    """The figures of one scenario, or nothing where answers are only checked. Raises `Wrong`."""
    visit.check(scenario)
    if terms.check_only:
        say(f"{scenario.key:<4} {server.name:<16} right")
        return None
    url = f"http://127.0.0.1:{port}{scenario.path}"
    options, core = visit.options(scenario), terms.wrk_core
    warm = wrk(url, seconds=WARM_UP_S, script=options, core=core)
    visit.settle()
    run, load = timed(
        url,
        server=pid,
        database=database.pid,
        seconds=terms.seconds,
        script=options,
        core=core,
        settle=visit.settle,
    )
    visit.check(scenario)
    visit.check_kept(scenario, warm.requests + load.requests)
    say(
        f"{scenario.key:<4} {server.name:<16} {run.rps:>8,.0f} rps, p99 {run.p99_ms:.1f} ms, "
        f"{run.per_cpu_s:,.0f} per CPU s, others {run.others_cores:.2f} cores"
    )
    return run


def versions() -> dict[str, str]:
    shown = ("fastapi", "litestar", "starlette", "blacksheep", "uvicorn", "uvloop", "httptools", "pydantic", "msgspec")
    shown += ("sqlalchemy", "aiosqlite", "asyncpg")
    pins = peers.pins(peers.REQUIREMENTS)
    return {name: pins[name] for name in shown} | {"PostgreSQL": databases.version(peers.PYTHON)}


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
