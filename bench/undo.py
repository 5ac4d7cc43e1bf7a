"""A transaction of 1,000 files (700 changed, 200 new, 100 deleted), recorded, applied and undone: Krepis beside git, and
beside nothing but writing the files.

Everybody makes durable what they do, in the same way: files by one `syncfs`, git's objects and references by its own
`core.fsync=all` in batches, Krepis's log by SQLite. Each round has a new tree for each; git's first commit of it is not timed.
Medians are printed.
"""

import ctypes
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from bench import report
from bench.micro import measuring

from krepis_cli.history import OperationLog

CHANGED, NEW, DELETED = 700, 200, 100
FILE_BYTES = 5_000
Work = list[tuple[str, str, bytes]]


def texts(count: int) -> Iterator[tuple[str, bytes]]:
    """`count` files, `FILE_BYTES` on average: text, some of it of bytes that don't compress."""
    chance = Random(7)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz_", k=chance.randint(3, 10))) for _ in range(3000)]
    lines = [" ".join(chance.choices(words, k=8)) for _ in range(20_000)]
    for number in range(count):
        size = max(50, int(chance.expovariate(1 / FILE_BYTES)))
        few = "\n".join(chance.choices(lines, k=size // 55 + 1)).encode()
        name = f"pkg{number % 50}/sub{number // 50 % 10}/mod_{number}.py"
        yield name, chance.randbytes(size) if number % 100 == 2 else few


def plant(root: Path, files: list[tuple[str, bytes]]) -> list[str]:
    for folder in sorted({(root / name).parent for name, _ in files}):
        folder.mkdir(parents=True)
    for name, data in files:
        (root / name).write_bytes(data)
    return [name for name, _ in files]


def work_of(root: Path, names: list[str], turn: int) -> Work:
    chance = Random(turn)
    chosen = chance.sample(names, CHANGED + DELETED)
    work: Work = [("change", name, (root / name).read_bytes() + b"# turn %d\n" % turn) for name in chosen[:CHANGED]]
    work += [("delete", name, b"") for name in chosen[CHANGED:]]
    return work + [("new", f"gen/mod{at % 20}/new_{at}.py", b"# turn %d\n" % turn * (1 + at)) for at in range(NEW)]


def flush(root: Path) -> None:
    folder = os.open(root, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).syncfs(folder):
        os.sync()
    os.close(folder)


def written(root: Path, work: Work) -> None:
    """What everybody but Krepis does to the files."""
    for act, name, data in work:
        path = root / name
        if act == "delete":
            path.unlink()
            continue
        if act == "new":
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


class Bare:
    name = "the files alone, flushed"

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self, work: Work) -> None:
        self.before = {name: (self.root / name).read_bytes() for act, name, _ in work if act != "new"}

    def record(self, work: Work) -> None:
        written(self.root, work)
        flush(self.root)

    def undo(self, work: Work) -> None:
        for act, name, _ in work:
            if act == "new":
                (self.root / name).unlink()
            else:
                (self.root / name).write_bytes(self.before[name])
        shutil.rmtree(self.root / "gen")
        flush(self.root)

    def stored(self) -> int:
        return 0


class Careful(Bare):
    name = "the files alone, each by a rename"

    def record(self, work: Work) -> None:
        for act, name, data in work:
            if act == "delete":
                continue
            beside = self.root / f"{name}.new"
            if act == "new":
                beside.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(data)
        flush(self.root)
        for act, name, _ in work:
            path = self.root / name
            if act == "delete":
                path.unlink()
            else:
                path.with_name(f"{path.name}.new").rename(path)
        flush(self.root)


class Krepis:
    name = "krepis"

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self, work: Work) -> None:
        return

    def record(self, work: Work) -> None:
        with OperationLog(self.root) as log:
            proposal = log.propose("bench", {})
            for act, name, data in work:
                if act == "delete":
                    proposal.remove(name)
                else:
                    proposal.write(name, data)
            log.apply(proposal)

    def undo(self, work: Work) -> None:
        with OperationLog(self.root) as log:
            log.undo()

    def stored(self) -> int:
        return on_disk(self.root / ".krepis")


class Git:
    name = "git, as durable"
    durable = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q")
        options = {"user.name": "x", "user.email": "x@localhost", "core.autocrlf": "false", "gc.auto": "0"}
        options |= {"feature.manyFiles": "true", "index.version": "4", "maintenance.auto": "false"}
        if self.durable:
            options |= {"core.fsync": "all", "core.fsyncMethod": "batch"}
        for name, value in options.items():
            self.git("config", name, value)
        self.git("add", "-A")
        self.git("commit", "-qm", "base")
        self.before = 0

    def git(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self.root, check=True, capture_output=True)

    def prepare(self, work: Work) -> None:
        self.before = on_disk(self.root / ".git")

    def record(self, work: Work) -> None:
        written(self.root, work)
        if self.durable:
            flush(self.root)
        self.git("add", "-A")
        self.git("commit", "-qm", "turn")

    def undo(self, work: Work) -> None:
        self.git("reset", "-q", "--hard", "HEAD~1")
        self.git("clean", "-fdq")
        if self.durable:
            flush(self.root)

    def stored(self) -> int:
        return on_disk(self.root / ".git") - self.before


class HastyGit(Git):
    name = "git, flushing as it does by default"
    durable = False


TOOLS = (Bare, Careful, Krepis, Git, HastyGit)


def on_disk(folder: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def fingerprint(root: Path) -> dict[str, bytes]:
    skipped = {".git", ".krepis"}
    files = (path for path in root.rglob("*") if path.is_file() and not skipped & set(path.relative_to(root).parts))
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def measure(files: int, repeat: int, folder: Path) -> Iterator[list[str]]:
    planted = list(texts(files))
    figures: dict[str, list[tuple[float, float, int]]] = {kind.name: [] for kind in TOOLS}
    for turn in range(repeat):
        for kind in TOOLS:
            # A tree of its own, and none is deleted before the end: ext4 looks long for a free inode where many went lately.
            root = folder / f"{turn}-{kind.__name__}"
            root.mkdir()
            names = plant(root, planted)
            tool = kind(root)
            work = work_of(root, names, turn)
            tool.prepare(work)
            before = fingerprint(root) if turn == 0 else {}
            os.sync()
            recorded = timed(lambda tool=tool, work=work: tool.record(work))
            stored = tool.stored()
            os.sync()
            undone = timed(lambda tool=tool, work=work: tool.undo(work))
            if turn == 0 and fingerprint(root) != before:
                sys.exit(f"{tool.name} has not restored the tree")
            figures[tool.name].append((recorded, undone, stored))
    git = figures[Git.name]
    for tool in TOOLS:
        mine = figures[tool.name]
        record, undo, stored = (statistics.median(run[at] for run in mine) for at in range(3))
        ratios = (statistics.median(run[at] / other[at] for run, other in zip(mine, git, strict=True)) for at in (0, 1))
        bare = statistics.median(run[0] / other[0] for run, other in zip(mine, figures[Bare.name], strict=True))
        yield [
            f"{files:,}",
            tool.name,
            *(f"{record:.3f}", f"{next(ratios):.2f}", f"{bare:.2f}", f"{undo:.3f}", f"{next(ratios):.2f}"),
            f"{stored / 1e6:.1f}" if stored else "",
        ]


def timed(act: Callable[[], None]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def main() -> int:
    shell = measuring.parser("undo", __doc__, "--files 10000 --repeat 3", "--write")
    shell.add_argument("--files", default="1000,10000,100000", help="sizes of the tree (%(default)s)")
    shell.add_argument("--repeat", type=int, default=5, help="rounds (%(default)s)")
    options = shell.parse_args()
    rows: list[list[str]] = []
    for size in options.files.split(","):
        with report.scratch() as folder:
            rows += measure(int(size), options.repeat, folder)
    head = ("files", "how", "record, s", "x git", "x files alone", "undo, s", "x git", "stored MB")
    return measuring.show("undo", measuring.table(head, rows), options)


if __name__ == "__main__":
    sys.exit(main())
