"""From a spec to a project: reading and planning, building the bookshop from a cold start, and how the cost grows.

Whole processes are timed from outside, in turns with the bare start of the interpreter. Growth is timed in one process, over
made specs of entities that refer to each other, each with four commands and a query; linear means that the last
column stays the same.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from bench import report
from bench.micro import measuring

from krepis_generator import build
from krepis_spec import plan_of, read_text

KREPIS = report.ROOT / ".venv" / "bin" / "krepis"
BOOKSHOP = report.ROOT / "examples" / "bookshop.md"
SIZES = (25, 50, 100, 200)
LINES = 500
READ_BOUND_S, BUILD_BOUND_S = 0.3, 2.0

ENTITY = """\
## Entity Thing{n}

| field | type | rules |
|---|---|---|
| code | text(1..20) | unique |
| title | text(1..200) | searchable |
| price | money(EUR) | >= 0 |
| stock | int | default 0 |
| part_of | Thing{previous}? | kept without it |

- addressed by: code
- invariant: `stock >= 0`, "nothing left"

## Command add thing{n}

- door: `POST /things{n} -> 201`

| input | type |
|---|---|
| code, title, price | of Thing{n} |

```krepis
return create(Thing{n}, code=code, title=title, price=price)
```

## Command fill thing{n}

- door: `POST /things{n}/{{thing{n}}}/stock`

| input | type |
|---|---|
| quantity | int 1..1000 |

```krepis
thing{n}.stock += quantity
return thing{n}
```

## Command take thing{n}

- door: `POST /things{n}/{{thing{n}}}/take`

| input | type |
|---|---|
| quantity | int 1..1000 |

```krepis
require(thing{n}.stock >= quantity, "nothing left")
thing{n}.stock -= quantity
return thing{n}
```

## Command remove thing{n}

- door: `DELETE /things{n}/{{thing{n}}}`
- answers: nothing

```krepis
delete(thing{n})
```

## Query list things{n}

- door: `GET /things{n}`
- answers: page of Thing{n}

| input | type |
|---|---|
| text | text? |
| page | page(20, 100) |

```krepis
return sorted((t for t in Thing{n} if text is None or search(t, text)), key=lambda t: t.title)
```

"""


def made(entities: int) -> str:
    """A spec of so many entities and five times as many operations."""
    parts = (ENTITY.format(n=n, previous=max(0, n - 1)) for n in range(entities))
    return "# Things\n\nMany things of many kinds.\n\n" + "".join(parts)


def of_lines(lines: int) -> str:
    """A spec of about so many lines."""
    entities = 1
    while made(entities).count("\n") < lines:
        entities += 1
    return made(entities)


def timed(command: Sequence[object]) -> float:
    start = time.perf_counter()
    done = subprocess.run([str(word) for word in command], capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{command} failed: {done.stderr.decode()}{done.stdout.decode()}")
    return time.perf_counter() - start


def processes(repeat: int, folder: Path) -> Iterator[tuple[str, ...]]:
    spec = folder / "things.md"
    spec.write_text(of_lines(LINES), encoding="utf-8")
    lines = spec.read_text(encoding="utf-8").count("\n")
    bare: list[float] = []
    plan: list[float] = []
    use: list[float] = []
    for turn in range(repeat):
        bare.append(timed([sys.executable, "-I", "-c", "pass"]))
        plan.append(timed([KREPIS, "plan", spec]))
        use.append(timed([KREPIS, "use", BOOKSHOP, "--into", folder / f"shop{turn}", "--yes", "--no-check"]))
    yield "`python -I -c pass`", f"{median(bare):.3f}", ""
    yield f"`krepis plan` of {lines} lines", f"{median(plan):.3f}", f"{READ_BOUND_S}"
    yield "`krepis use examples/bookshop.md --no-check`", f"{median(use):.3f}", f"{BUILD_BOUND_S}"


def growth(repeat: int) -> Iterator[tuple[str, ...]]:
    for entities in SIZES:
        text = made(entities)
        reads: list[float] = []
        builds: list[float] = []
        for _ in range(repeat):
            start = time.perf_counter()
            blueprint = read_text("things.md", text)
            plan_of(blueprint).text()
            read = time.perf_counter()
            build(blueprint, text)
            reads.append(read - start)
            builds.append(time.perf_counter() - read)
        read_s, build_s = median(reads), median(builds)
        each = (read_s + build_s) / entities * 1000
        yield (
            f"{entities}",
            f"{entities * 5}",
            f"{text.count(chr(10)):,}",
            f"{read_s:.2f}",
            f"{build_s:.2f}",
            f"{each:.1f}",
        )


def main() -> int:
    shell = measuring.parser("build", __doc__, "--repeat 1", "--write")
    shell.add_argument("--repeat", type=int, default=5, help="rounds (%(default)s)")
    options = shell.parse_args()
    with report.scratch() as folder:
        first = measuring.table(("process", "median s", "bound"), list(processes(options.repeat, folder)))
    head = ("entities", "operations", "lines", "read and plan, s", "build, s", "ms per entity")
    second = measuring.table(head, list(growth(max(1, options.repeat // 2))))
    return measuring.show("build", f"{first}\n\n{second}", options)


if __name__ == "__main__":
    sys.exit(main())
