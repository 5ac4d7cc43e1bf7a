"""Write a measured section into `bench/RESULTS.md`, between its markers, with what one must know to repeat it."""

import platform
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "RESULTS.md"


def write(section: str, text: str, *, command: list[str], versions: dict[str, str] | None = None) -> None:
    before, after = f"<!-- {section} -->\n", f"<!-- /{section} -->"
    whole = RESULTS.read_text(encoding="utf-8")
    start, end = whole.find(before), whole.find(after)
    if not 0 <= start < end:
        raise ValueError(f"bench/RESULTS.md has no markers for `{section}`")
    content = f"{facts(command, versions or {})}\n\n{text.strip()}\n"
    RESULTS.write_text(whole[: start + len(before)] + content + whole[end:], encoding="utf-8")


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="krepis-bench-") as name:
        yield Path(name)


def facts(command: list[str], versions: dict[str, str]) -> str:
    """When, where and with what: one sentence each."""
    peers = ", ".join(f"{name} {version}" for name, version in versions.items())
    sentences = [
        f"{datetime.now(UTC):%Y-%m-%d}, revision {revision()}, `{shlex.join(command)}`.",
        f"Python {platform.python_version()}, {cpu_model()}, {cpu_count()} cores.",
    ]
    return " ".join(sentences + ([f"{peers}."] if peers else []))


def revision() -> str:
    """The commit; `-dirty` when something else than these results differs from it."""
    head = git("rev-parse", "--short", "HEAD")
    changed = git("status", "--porcelain", "--", ".", ":!bench/RESULTS.md")
    return f"{head}-dirty" if head and changed else head or "unknown"


def git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip()


def cpu_model() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return found[1] if found else platform.machine()


def cpu_count() -> int:
    return Path("/proc/cpuinfo").read_text(encoding="utf-8").count("processor\t")
