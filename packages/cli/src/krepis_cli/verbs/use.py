"""Build the server that a spec describes, run its checks, and serve it if wanted.

examples:
  krepis use bookshop.md                  into the folder bookshop, or as the service is called
  krepis use bookshop.md --into shop --run
  krepis use bookshop.md --yes --json     without asking, for scripts
  krepis use bookshop.md --wheels dist    with the packages for its Dockerfile
  krepis use --show-run                   the tasks of the last build, in a project

The plan is shown first. Nothing is written before the spec is right as a whole and a person, or `--yes`, has said yes. All files are one
operation: `krepis undo`, in the project, takes them back. The folder may hold other files; none is written over. The checks
are the project's own rules, types and tests, in its own environment if it has one.

Exit codes: 0 built and checked, 1 the spec has mistakes or a check failed (the project is there), 2 wrong use, 3 something is
open: operations without a block, files in the way.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from krepis.errors import KrepisError
from krepis.verbs import DONE, NO, WRONG_USE, Console
from krepis_cli.history import Operation, OperationLog
from krepis_cli.project import project_root
from krepis_cli.use.building import apply, propose, wheels_in
from krepis_cli.use.gate import GATE, Check
from krepis_cli.use.into import folder_for, made, recover, refuse_built, state_of
from krepis_cli.use.origins import PROVENANCE, parse_origins
from krepis_cli.use.reading import planned, read_spec, refuse_name, refuse_open_tasks
from krepis_cli.use.run import Runs
from krepis_cli.use.run_shown import answer_of_last_run
from krepis_cli.use.serving import serve
from krepis_cli.use.tasks import tasks_of

if TYPE_CHECKING:
    from krepis_cli.interpreters import Judged
    from krepis_spec import Blueprint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", nargs="?", help="the spec, a Markdown file")
    parser.add_argument(
        "--into", metavar="DIR", help="the project's folder (default: one with the service's name, here)"
    )
    parser.add_argument("--yes", action="store_true", help="build without asking")
    parser.add_argument("--run", action="store_true", help="serve it when the checks have passed")
    parser.add_argument("--allow-open", action="store_true", help="build also where operations have no block yet")
    parser.add_argument("--no-check", action="store_true", help="leave the project's checks out")
    parser.add_argument("--wheels", metavar="DIR", help="put the wheels of this folder where the Dockerfile finds them")
    parser.add_argument("--show-run", action="store_true", help="show the tasks of the last build, and build nothing")


def main(args: argparse.Namespace, console: Console) -> int:
    if args.show_run:
        return _show_run(args, console)
    if args.spec is None:
        raise _wrong_use("`krepis use` needs SPEC", "`krepis use bookshop.md`; `krepis use --help` says more")
    wheels = {} if args.wheels is None else wheels_in(Path(args.wheels))
    blueprint, source = read_spec(Path(args.spec))
    refuse_name(Path(args.spec))
    folder = folder_for(Path(args.spec), blueprint.service.name, args.into)
    state_of(folder)
    recover(folder, console.warn)
    refuse_built(folder)
    if not args.allow_open:
        refuse_open_tasks(blueprint)
    plan, text = planned(blueprint)
    _tell(console, f"{text}\n")
    if not (args.yes or _confirmed(console, folder)):
        console.note("nothing was written")
        return NO
    build = _Build(console, folder, blueprint, {"plan": plan})
    build.write(source, _sentence(args), wheels)
    try:
        return _finish(args, console, build)
    except KrepisError as error:  # the project is there: a program has to know where
        error.facts = build.facts | error.facts
        raise


def _finish(args: argparse.Namespace, console: Console, build: _Build) -> int:
    """What follows when the files are there."""
    if not args.no_check:
        build.check()
    steps = [*([] if build.folder.resolve() == Path.cwd() else [f"cd {shlex.quote(str(build.folder))}"]), "krepis run"]
    if console.json:
        console.answer(build.facts | {"next": [] if args.run else steps}, "")
    if args.run:
        sys.stdout.flush()
        serve(build.folder, build.python.path, quiet=console.quiet)
    console.note("\n".join(["", "next:", *(f"  {step}" for step in steps)]))
    return DONE


class _Build:
    """A build under way. `facts` is what a program is told of it so far."""

    def __init__(self, console: Console, folder: Path, blueprint: Blueprint, facts: dict[str, Any]) -> None:
        self.folder = folder
        self.facts = facts
        self._console = console
        self._blueprint = blueprint
        self._run = 0
        self._python: Judged | None = None

    @property
    def python(self) -> Judged:
        """The interpreter of the project. Raises `KrepisError` when there is none."""
        if self._python is None:
            from krepis_cli.interpreters import Project, choose

            self._python = choose(Project.around(self.folder))
        return self._python

    def write(self, source: str, sentence: str, wheels: dict[str, Path]) -> None:
        """Make the project and put it into the folder, as one operation. Raises `KrepisError`: nothing was written."""
        from krepis_generator.project import build

        project = build(self._blueprint, source)
        tasks = tasks_of(sentence, self._blueprint, project.files, parse_origins(project.files[PROVENANCE]))
        spec = self._blueprint.file
        with made(self.folder), OperationLog(self.folder, told=self._console.warn) as log, Runs(self.folder) as runs:
            refuse_built(self.folder)  # again: somebody else may have been faster
            self._run = runs.add(spec, self._blueprint.digest, tasks, datetime.now(UTC))
            operation = apply(
                log, propose(log, {"spec": spec, "run": self._run}, {**project.files, **wheels}, project.modes)
            )
        self._told(operation, sorted({*project.files, *wheels}))

    def check(self) -> None:
        """Run the project's checks, and keep what they say. Raises `KrepisError` when one fails."""
        from krepis_cli.use.checks import run_checks

        with self._console.progress("checks", total=len(GATE)) as progress:
            checks = run_checks(self.folder, self.python, progress)
        with Runs(self.folder) as runs:
            runs.judged(self._run, checks)
        self.facts["checks"] = to_builtins(checks)
        _tell(self._console, "\n".join(map(_check_line, checks)))
        failed = [check for check in checks if check.outcome == "failed"]
        if failed:
            said = "\n\n".join(f"$ {check.command}\n{check.said}" for check in failed)
            raise KrepisError(
                f"the project is built, and does not pass its own checks: {', '.join(check.name for check in failed)}\n{said}",
                code="checks_failed",
                place=str(self.folder),
                hint="the files are left as they are; `krepis undo`, in the folder, takes them back",
            )

    def _told(self, operation: Operation, files: list[str]) -> None:
        name = self._blueprint.service.name
        self.facts |= {
            "project": str(self.folder.resolve()),
            "operation": operation.id,
            "run": self._run,
            "files": files,
            "checks": [],
        }
        _tell(self._console, f"built {name} in {self.folder}: {len(files)} files")


def _show_run(args: argparse.Namespace, console: Console) -> int:
    if args.spec is not None:
        raise _wrong_use(
            "`--show-run` builds nothing and takes no SPEC",
            "in the project: `krepis use --show-run`; or with `--into DIR`",
        )
    root = project_root(None if args.into is None else Path(args.into))
    with OperationLog(root, told=console.warn) as log, Runs(root) as runs:
        facts, lines = answer_of_last_run(log, runs)
    console.answer(facts, lines)
    return DONE


def _confirmed(console: Console, folder: Path) -> bool:
    """Whether a person says yes to the plan that was shown."""
    if console.json:
        raise KrepisError(
            "nothing was written: with `--json` nobody is asked",
            code="not_confirmed",
            hint="`--yes` says yes to the plan",
        )
    sys.stdout.flush()
    return console.ask(f"build this into `{folder}`?")


def _tell(console: Console, text: str) -> None:
    """A part of the answer, for a person, as soon as it is known; a program gets all of it at the end."""
    if not console.json:
        console.answer({}, text)
        sys.stdout.flush()


def _sentence(args: argparse.Namespace) -> str:
    """What the person said, as the first of the intents."""
    return shlex.join(["krepis", "use", args.spec, *([] if args.into is None else ["--into", args.into])])


def _check_line(check: Check) -> str:
    return f"  {check.name:<7} {check.outcome}" + (
        f": {check.said}" if check.outcome == "not run" else f"  {check.seconds:.1f} s"
    )


def _wrong_use(sentence: str, hint: str) -> KrepisError:
    return KrepisError(sentence, code="wrong_use", exit_code=WRONG_USE, hint=hint)
