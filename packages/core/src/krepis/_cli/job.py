"""Run a command of the app by its job's name, in this process, and print its answer.

examples:
  krepis job list
  krepis job run release
  krepis job run import_books since=2026-01-01 limit=500
  krepis job run import_books --message '{"since": "2026-01-01"}'     (`-` reads it from standard input)
  krepis job run import_books --resume       go on where a run was stopped or killed
  krepis job run import_books --restart      forget that run, and begin anew

The answer is JSON with and without `--json`. Exit code 3: an earlier run of the job is not done.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from krepis._cli.parser import nearest
from krepis._cli.project import app_name, load_app
from krepis._cli.refused import refused
from krepis.errors import Invalid, KrepisError, Malformed
from krepis.verbs import DONE, OPEN, WRONG_USE, Console, Parser

if TYPE_CHECKING:
    from krepis.app import App, Service
    from krepis.jobs import Jobs
    from krepis.jobs._tables import Progress

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
PROGRESS_EVERY_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb's arguments."""
    parser.add_argument("--app", metavar="MODULE:APP", help="the app; krepis.toml of the project names it otherwise")
    verbs = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=_Anywhere)
    verbs.add_parser("list", help="list the jobs", epilog="example: krepis job list --json")
    run = verbs.add_parser("run", help="run a job", epilog="example: krepis job run import_books since=2026-01-01")
    run.add_argument("name", metavar="NAME", help="the job, as `krepis job list` shows it")
    run.add_argument("fields", nargs="*", metavar="FIELD=VALUE", help="the fields of its command; again for a list")
    run.add_argument("--message", metavar="JSON", help="the whole command as JSON; `-` reads it from standard input")
    run.add_argument("--tenant", help="for which tenant")
    run.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="its deadline; for a long job that of a page")
    run.add_argument("--key", help="its idempotency key: with the same key it runs once, and answers the same")
    run.add_argument("--resume", action="store_true", help="go on with a long job where it stopped")
    run.add_argument("--restart", action="store_true", help="forget where a long job stopped, and begin anew")


def main(args: argparse.Namespace, console: Console) -> int:
    """Do it; answers with the exit code."""
    return perform(args, console, load_app(app_name(args.app)))


def perform(args: argparse.Namespace, console: Console, app: App) -> int:
    """Do it with the jobs of `app`; answers with the exit code."""
    from krepis.jobs._part import jobs_of

    jobs = next(jobs_of(app.parts), None)
    if jobs is None:
        raise _misused(f"the app `{app.name}` has no jobs", "add `Jobs(name=Command)` to its parts", "no_jobs")
    if args.action == "list":
        named = {name: _promise(kind) for name, kind in sorted(jobs.jobs.items())}
        console.answer(named, [f"{name:<20} {promise}" for name, promise in named.items()])
        return DONE
    try:
        return asyncio.run(_run(args, console, app, jobs))
    except asyncio.CancelledError:
        raise KrepisError("stopped; what was not committed has not happened", code="stopped") from None


def _misused(sentence: str, hint: str = "", code: str = "wrong_use") -> KrepisError:
    return KrepisError(sentence, hint=hint, code=code, exit_code=WRONG_USE)


def _promise(kind: type[Any]) -> str:
    return (kind.__doc__ or kind.__name__).strip().partition("\n")[0]


async def _run(args: argparse.Namespace, console: Console, app: App, jobs: Jobs) -> int:
    if args.name not in jobs.jobs:
        near = nearest(args.name, jobs.jobs)
        hint = f"did you mean `{near}`?" if near else "`krepis job list` shows them"
        raise _misused(f"there is no job `{args.name}`", hint, "no_such_job")
    app.check()
    if problem := _misuse(args, app, jobs):
        raise _misused(problem)
    message: Any = None
    if not args.resume:
        try:
            message = _message(args, jobs.jobs[args.name])
        except (Invalid, Malformed) as refusal:
            raise refused(refusal, WRONG_USE) from None
    task = asyncio.current_task()
    with suppress(NotImplementedError):  # where there are no signals, the process just ends
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel if task else _nothing)
    # By hand: what else runs beside a service (schedules, delivery) is the affair of those that serve.
    async with app.start(by_hand=True) as service:
        return await _started(args, console, service, jobs, message)


def _misuse(args: argparse.Namespace, app: App, jobs: Jobs) -> str:
    paged = jobs.is_paged(args.name)
    if (args.resume or args.restart) and not paged:
        return f"`{args.name}` is one command: there is nothing to resume or restart"
    if args.resume and (args.restart or args.fields or args.message is not None or args.tenant):
        return "`--resume` goes on with the command that was begun: it takes no fields, no tenant and no `--restart`"
    if args.fields and args.message is not None:
        return "give the command as FIELD=VALUE or with `--message`, not both"
    if args.key is not None and paged:
        return f"`{args.name}` works page after page and keeps its own keys: use `--resume`"
    if args.key is not None and not _has_idempotency(app):
        return "the app has no `Idempotency()` among its parts, so a key would mean nothing"
    return ""


def _has_idempotency(app: App) -> bool:
    name = "krepis.idempotency"
    if name not in sys.modules:
        return False
    return any(isinstance(part, sys.modules[name].Idempotency) for part in app.parts)


def _message(args: argparse.Namespace, kind: type[Any]) -> Any:
    """The command. Raises `Invalid` with every failing field, or `Malformed`."""
    from krepis.schema.decode import Decoder

    decoder = Decoder[Any](kind)
    if args.message is not None:
        text = sys.stdin.buffer.read(MESSAGE_BYTES_MAX + 1) if args.message == "-" else args.message.encode()
        if len(text) > MESSAGE_BYTES_MAX:
            raise Malformed(f"the message is larger than {MESSAGE_BYTES_MAX} bytes")
        return decoder.decode(text)
    source: dict[str, str | list[str]] = {}
    for word in args.fields:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise Malformed(f"`{word}` is not of the form FIELD=VALUE")
        before = source.get(name)
        source[name] = value if before is None else [*([before] if isinstance(before, str) else before), value]
    return decoder.convert(source)


async def _started(args: argparse.Namespace, console: Console, service: Service, jobs: Jobs, message: Any) -> int:
    from krepis.jobs import JobInProgress
    from krepis.schema.encode import encode

    tell = _Telling(service, console, args.name)
    try:
        if not jobs.is_paged(args.name):
            answer = await jobs.run(
                service, args.name, message, tenant=args.tenant, timeout_s=args.timeout, key=args.key
            )
        elif args.resume:
            answer = await jobs.resume(service, args.name, timeout_s=args.timeout, tell=tell)
            if answer is None:
                raise KrepisError(f"no run of `{args.name}` is open: there is nothing to resume", code="nothing_open")
        else:
            if args.restart:
                await jobs.forget(service, args.name)
            answer = await jobs.run_pages(
                service, args.name, message, tenant=args.tenant, timeout_s=args.timeout, tell=tell
            )
    except JobInProgress as going:
        raise refused(going, OPEN, hint="go on with `--resume`, or begin anew with `--restart`") from None
    console.raw(encode(answer).decode())
    return DONE


class _Telling:
    """Progress on standard error, at most once a second: a line each, since a long job is often started by a machine."""

    def __init__(self, service: Service, console: Console, name: str) -> None:
        self._sources = service.sources
        self._console = console
        self._name = name
        self._next = service.sources.monotonic() + PROGRESS_EVERY_S

    def __call__(self, progress: Progress) -> None:
        if self._sources.monotonic() >= self._next:
            self._next = self._sources.monotonic() + PROGRESS_EVERY_S
            self._console.warn(f"{self._name}: {progress.pages} pages, {progress.done} done")


class _Anywhere(Parser):
    """Takes FIELD=VALUE after options, too; argparse itself reads positional words in one place only."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:  # pyright: ignore[reportIncompatibleMethodOverride] - it has overloads
        known, rest = super().parse_known_args(args, namespace)
        if hasattr(known, "fields"):
            known.fields = [*known.fields, *(word for word in rest if not word.startswith("-"))]
            rest = [word for word in rest if word.startswith("-")]
        return known, rest


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"`{text}` is not a number of seconds above 0")
    return seconds


def _nothing() -> None:
    """There is no task to cancel."""
