"""Write `constraints.txt`: every dependency, direct and transitive, pinned with its hashes.

One file for Linux and macOS, x86_64 and aarch64, Python 3.11 and later. It names no index: where packages come from is
the machine's affair. Without arguments what is pinned stays where it can; `--upgrade` moves everything.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
HEADER = (
    "# Written by `make lock` from the pyproject.toml files; do not edit. `make lock-upgrade` moves the versions.\n"
)
OURS = ("krepis", "krepis-cli", "krepis-generator", "krepis-spec", "library")
HOST_OPTIONS = ("--index-url", "--extra-index-url", "--find-links", "-i ", "-f ")


def main(arguments: list[str]) -> int:
    projects = sorted(ROOT.glob("packages/*/pyproject.toml")) + sorted(ROOT.glob("examples/*/pyproject.toml"))
    command = [
        *("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
        *("--generate-hashes", "--no-annotate", "--no-header", "--all-extras"),
        *("--group", "pyproject.toml:dev"),
        *(part for name in OURS for part in ("--no-emit-package", name)),
        *(str(project.relative_to(ROOT)) for project in projects),
        *("--output-file", str(CONSTRAINTS)),
        *arguments,
    ]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(("#", *HOST_OPTIONS))]
    CONSTRAINTS.write_text(HEADER + "".join(kept), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
