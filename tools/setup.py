"""Make `.venv`: every pinned dependency, and the workspace packages editable.

Run by `make setup` with the Python that the environment shall have; needs nothing but the standard library.

- Nothing is done when the stamp in `.venv` still fits: it is the digest of all that the environment is made from.
- The stamp goes first and comes back last, so a run that was interrupted is repaired by the next one.
- Two runs at a time wait for each other.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "krepis-setup.stamp"
CONSTRAINTS = ROOT / "constraints.txt"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")


def main() -> int:
    packages = workspace_packages(ROOT)
    with one_at_a_time(ROOT):
        wanted = digest([CONSTRAINTS, Path(__file__), *(package / "pyproject.toml" for package in packages)])
        if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == wanted and works(PYTHON):
            return 0
        STAMP.unlink(missing_ok=True)
        try:
            if not works(PYTHON, "-m", "pip", "--version"):
                make_venv()
            install(packages)
        except subprocess.CalledProcessError as failure:
            print(f"\nmake setup: `{' '.join(map(str, failure.cmd))}` failed", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nmake setup: interrupted; the next run goes on", file=sys.stderr)
            return 130
        STAMP.write_text(wanted, encoding="utf-8")
        print("make setup: .venv is ready", file=sys.stderr)
        return 0


def workspace_packages(root: Path) -> list[Path]:
    """The folders that `pip` installs editable, dependencies first."""
    return [
        path.parent
        for pattern in ("packages/*", "examples/*")
        for path in sorted(root.glob(f"{pattern}/pyproject.toml"))
    ]


def digest(inputs: list[Path]) -> str:
    """What the environment is made from: this Python, this place (scripts hold its path), and the inputs."""
    sha = hashlib.sha256(f"{sys.version_info[:2]} {ROOT}\n".encode())
    for path in inputs:
        sha.update(f"{path.relative_to(ROOT)}\n".encode())
        sha.update(path.read_bytes())
    return sha.hexdigest()


def works(python: Path, *arguments: str) -> bool:
    """Whether this interpreter starts, has our version, and can do what the arguments ask."""
    probe = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    calls = [[python, "-c", probe], *([[python, *arguments]] if arguments else [])]
    try:
        return all(subprocess.run(call, capture_output=True, check=False).returncode == 0 for call in calls)
    except OSError:
        return False


def make_venv() -> None:
    if VENV.exists():
        shutil.rmtree(VENV)
    try:
        run(sys.executable, "-m", "venv", VENV)
    except subprocess.CalledProcessError:
        # Debian and Ubuntu ship Python without the module that puts pip into a new environment.
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        print(f"\nmake setup: is `ensurepip` missing? On Debian: apt-get install python{version}-venv", file=sys.stderr)
        raise


def install(packages: list[Path]) -> None:
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    pip = [PYTHON, "-m", "pip", "install", *quiet]
    print("make setup: installing the pinned dependencies ...", file=sys.stderr)
    run(*pip, "--require-hashes", "--requirement", CONSTRAINTS)
    # What they need is pinned above; to build them is hatchling's job, which is pinned too. uv installs them, because the
    # scripts of a pip before 25.0 import `re`, half as long as the interpreter itself: docs/decisions/command.md
    editable = [argument for package in packages for argument in ("--editable", package)]
    uv = [BIN / "uv", "--quiet", "--offline", "--no-cache", "pip", "install", "--python", PYTHON, "--reinstall"]
    run(*uv, "--no-deps", "--no-build-isolation", *editable)
    run(PYTHON, "-m", "pip", "check", stdout=subprocess.DEVNULL)


def run(*command: str | Path, stdout: int | None = None) -> None:
    subprocess.run(command, cwd=ROOT, check=True, stdout=stdout)


@contextmanager
def one_at_a_time(folder: Path) -> Generator[None]:
    try:
        import fcntl  # absent on Windows
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


if __name__ == "__main__":
    sys.exit(main())
