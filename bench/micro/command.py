"""How long the `krepis` command takes to start, as times of the bare start of the interpreter (`python -I -c pass`).

Whole processes, timed from outside, in turns: what is compared is what ran next to each other, so a machine that others
use too drifts for all. Bounds: 1.5 for `--version`, 2.5 for `--help`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from statistics import median

from bench import report
from bench.micro import measuring

BIN = report.ROOT / ".venv" / "bin"
BARE = "`python -I -c pass`"
CASES = {
    BARE: [BIN / "python", "-I", "-c", "pass"],
    "`krepis --version`": [BIN / "krepis", "--version"],
    "`krepis --help`": [BIN / "krepis", "--help"],
    "completion of a verb": [BIN / "krepis", "completion", "words", "--", "d"],
    "completion of an option": [BIN / "krepis", "completion", "words", "--", "db", "status", "--"],
    "`krepis completion bash`": [BIN / "krepis", "completion", "bash"],
    "`krepis audit --help`, argparse and errors, too": [BIN / "krepis", "audit", "--help"],
}
BOUNDS = {"`krepis --version`": 1.5, "`krepis --help`": 2.5}


def main() -> int:
    shell = measuring.parser("command", __doc__, "--repeat 20", "--write")
    shell.add_argument("--repeat", type=int, default=100, help="times for each, in turns (%(default)s)")
    options = shell.parse_args()
    with report.scratch() as cache:
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
        seen = measure(CASES, options.repeat, environment)
    bare = seen[BARE]
    rows = [
        (
            name,
            f"{median(times):.1f}",
            f"{min(times):.1f}",
            f"{ratio(times, bare):.2f}",
            f"{BOUNDS[name]}" if name in BOUNDS else "",
        )
        for name, times in seen.items()
    ]
    table = measuring.table(
        (f"what ({options.repeat} times, in turns)", "median ms", "least ms", "ratio", "bound"), rows
    )
    over = [f"{name} is over {bound}" for name, bound in BOUNDS.items() if ratio(seen[name], bare) > bound]
    return measuring.show("command", table, options, wrongs=over)


def measure(
    cases: Mapping[str, Sequence[object]], repeat: int, environment: Mapping[str, str]
) -> dict[str, list[float]]:
    """The milliseconds of each case, taken in turns; the first turn fills the caches and is not counted."""
    seen: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(repeat + 1):
        for name, command in cases.items():
            start = time.perf_counter()
            subprocess.run([str(word) for word in command], env=environment, stdout=subprocess.DEVNULL, check=True)
            if turn:
                seen[name].append((time.perf_counter() - start) * 1e3)
    return seen


def ratio(times: Sequence[float], bare: Sequence[float]) -> float:
    """The median of what each took against the bare start of the same turn."""
    return median(one / other for one, other in zip(times, bare, strict=True))


if __name__ == "__main__":
    sys.exit(main())
