"""Make `bench/http/.peers`: one environment with every peer and Krepis (editable), so that all race on the same ground.

    python -m bench.http.peers          # does nothing when it still fits

`bench/run http` does this itself.
"""

import hashlib
import re
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = HERE / ".peers"
PYTHON = FOLDER / "bin" / "python"
STAMP = FOLDER / "made-from"
REQUIREMENTS = HERE / "requirements-peers.txt"
CONSTRAINTS = ROOT / "constraints.txt"
CORE = ROOT / "packages" / "core"


def ensure() -> Path:
    """The environment's interpreter."""
    refuse_other_ground()
    wanted = fingerprint()
    if not STAMP.exists() or STAMP.read_text(encoding="utf-8") != wanted:
        make()
        STAMP.write_text(wanted, encoding="utf-8")
    return PYTHON


def refuse_other_ground() -> None:
    ours, theirs = pins(CONSTRAINTS), pins(REQUIREMENTS)
    differing = [f"{name} {theirs[name]} / {ours[name]}" for name in sorted(theirs.keys() & ours.keys())]
    differing = [line for line in differing if len(set(line.split(" ", 1)[1].split(" / "))) > 1]
    if differing:
        listed = ", ".join(differing)
        sys.exit(f"peers.py: requirements-peers.txt / constraints.txt pin different versions: {listed}")


def pins(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in found}


def fingerprint() -> str:
    sources = [REQUIREMENTS.read_bytes(), (CORE / "pyproject.toml").read_bytes(), sys.version.encode()]
    return hashlib.sha256(b"\0".join(sources)).hexdigest()


def make() -> None:
    print(f"making {FOLDER.relative_to(ROOT)} (half a minute)", file=sys.stderr)
    venv.create(FOLDER, with_pip=True, clear=True)
    pip = [str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "--requirement", str(REQUIREMENTS)], check=True)
    subprocess.run([*pip, "--no-deps", "--editable", str(CORE)], check=True)


if __name__ == "__main__":
    print(ensure())
