"""Say what this machine has and lacks for Krepis and for this project, each with a remedy.

examples:
  krepis doctor                     every finding, what is needed first
  krepis doctor --json
  krepis doctor --only app --only database

Needed are `python` (of this command), `project-python`, `app` and its `database`, `sqlite`, `folder` (the project's: rights,
space) and `log` (of operations). Optional are `native`, `cargo`, `postgres` (its programs), `keychain`, `sandbox` and
`completion`. Each is `ok`, `missing` (not there) or `broken` (there, and of no use). With `project-python` all interpreters
are listed that were considered: what krepis.toml names (`python = "..."`) is taken; else the one that has most of what the
project needs; of equals the one that `.python-version` asks for; of equals `.venv`, VIRTUAL_ENV, the one of this command,
those of PATH, those that pyenv and uv have. For a moment a folder is made in the project, to see
whether one can write there; nothing is kept.

Exit codes: 0 nothing that is needed is missing or broken, 1 something is, 2 wrong use.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from krepis.verbs import DONE, NO, Console
from krepis_cli.doctor import NAMES, Finding, examine
from krepis_cli.workers.pool import read_jobs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb's arguments."""
    parser.add_argument(
        "--only", action="append", choices=NAMES, metavar="NAME", help=f"one of them, or several: {', '.join(NAMES)}"
    )
    parser.add_argument("--jobs", type=read_jobs, metavar="N", help="how many probes run at once (one per processor)")


def main(args: argparse.Namespace, console: Console) -> int:
    """Look at everything; answers with the exit code."""
    only = args.only or NAMES
    with console.progress("looking at this machine") as progress:
        found = list(examine(Path.cwd(), only=only, jobs=args.jobs, step=progress.step))
    bad = [finding.name for finding in found if finding.bad]
    facts = {"findings": [finding.plain() for finding in found], "bad": bad}
    console.answer(facts, _lines(found, bad, console))
    return NO if bad else DONE


def _lines(found: list[Finding], bad: list[str], console: Console) -> Iterator[str]:
    for title, some in (
        ("needed", [finding for finding in found if finding.needed]),
        ("optional", [finding for finding in found if not finding.needed]),
    ):
        if some:
            yield console.style(f"{title}:", "bold")
            for finding in some:
                yield from _block(finding, console)
            yield ""
    if bad:
        yield f"{len(bad)} needed and not there or of no use: {', '.join(bad)}"
    else:
        yield "all that is needed is there"


def _block(finding: Finding, console: Console) -> Iterator[str]:
    colour = "green" if finding.state == "ok" else "red" if finding.needed else "yellow"
    yield f"  {console.style(f'{finding.state:<7}', colour)}  {finding.name:<14}  {finding.said}"
    for line in finding.details:
        yield f"  {'':<7}  {'':<14}    {console.style(line, 'dim')}"
    if console.debug:
        yield from str(finding.facts.get("traceback", "")).splitlines()
    if finding.remedy and finding.state != "ok":
        yield f"  {'':<7}  {'':<14}  remedy: {finding.remedy}"
