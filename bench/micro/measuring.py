"""What the micro benchmarks share: one shell of options, cases that take turns, the median, the table, the report."""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from bench import report

Step = Callable[[], Awaitable[object]]
TURN = 200
"""Calls after which what runs beside a service has its turn, as it has when served."""


def calls(
    word: str,
    about: str | None,
    measure: Callable[[int, int], Coroutine[Any, Any, Mapping[str, float]]],
    *,
    count: int,
    head: str = "call",
) -> int:
    """The whole program of a benchmark that answers with the microseconds of each case; `measure(count, repeat)`."""
    shell = parser(word, about, f"--count {count // 10} --repeat 3", "--write")
    shell.add_argument("--count", type=int, default=count, help="calls a round (%(default)s)")
    shell.add_argument("--repeat", type=int, default=7, help="rounds (%(default)s)")
    options = shell.parse_args()
    figures = asyncio.run(measure(options.count, options.repeat))
    return show(word, table((head, "us"), [(name, f"{us:.2f}") for name, us in figures.items()]), options)


def parser(word: str, about: str | None, *examples: str) -> argparse.ArgumentParser:
    """The options of `bench/run WORD`, with `--write` among them."""
    epilog = "examples:\n" + "".join(f"  bench/run {word} {example}".rstrip() + "\n" for example in examples)
    shell = argparse.ArgumentParser(
        prog=f"bench/run {word}",
        description=about,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shell.add_argument("--write", action="store_true", help="put the table into bench/RESULTS.md")
    return shell


async def timed(count: int, step: Step, *, beside: bool = False) -> float:
    """Microseconds per call; with `beside` also what runs beside the service, which has its turn in between."""
    turn = TURN if beside else count
    start = time.perf_counter()
    for done in range(0, count, turn):
        for _ in range(min(turn, count - done)):
            await step()
        if beside:
            await asyncio.sleep(0)
    return (time.perf_counter() - start) / count * 1e6


async def in_turns(repeat: int, cases: Mapping[str, Callable[[], Awaitable[float]]]) -> dict[str, float]:
    """The median of each case. Rounds are interleaved, so that a machine that drifts drifts for all."""
    figures: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(repeat):
        for name, case in cases.items():
            figures[name].append(await case())
    return {name: statistics.median(values) for name, values in figures.items()}


async def steps_in_turns(count: int, repeat: int, steps: Mapping[str, Step]) -> dict[str, float]:
    """The median of microseconds per call of each step."""
    return await in_turns(repeat, {name: lambda step=step: timed(count, step) for name, step in steps.items()})


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is words, and the others figures."""
    lines = [head, (":--", *("--:" for _ in head[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def show(
    word: str,
    text: str,
    options: argparse.Namespace,
    *,
    wrongs: Sequence[str] = (),
    versions: dict[str, str] | None = None,
) -> int:
    """Print the text, write it where that is asked for and nothing was wrong; the answer is the exit code."""
    print(text)
    for wrong in wrongs:
        print(f"WRONG {wrong}", file=sys.stderr)
    if options.write and not wrongs:
        report.write(word, text, command=["bench/run", word, *sys.argv[1:]], versions=versions)
    return 1 if wrongs else 0
