"""Real environments and things that only look like interpreters, for tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import krepis

OURS = [*Path(krepis.__file__).parents][1]
THEIRS = next(Path(entry) for entry in sys.path if (Path(entry) / "msgspec").is_dir())


def make_venv(
    folder: Path, *, krepis: bool = False, packages: tuple[str, ...] = (), python: str = sys.executable
) -> Path:
    """A real one; with `krepis` it has ours by a `.pth` file, as an editable installation has. Its interpreter."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    if krepis:
        (site / "krepis.pth").write_text(f"{OURS}\n{THEIRS}\n")
    for package in packages:
        name, _, version = package.partition("==")
        described = site / f"{name}-{version}.dist-info"
        described.mkdir()
        (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder / "bin/python"


def script(path: Path, text: str) -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def plant_fakes(bin_folder: Path) -> None:
    """In one folder: everything that calls itself `python3...` and is none."""
    bin_folder.mkdir(parents=True)
    script(bin_folder / "python3", "#!/bin/sh\nexit 3\n")
    script(bin_folder / "python3.11", "#!/bin/sh\necho 'python3.11: command not found'\nexit 127\n")
    script(bin_folder / "python3.12", "\x7fELF but of another machine")
    script(bin_folder / "python3.13", "#!/bin/sh\nwhile true; do echo noise; echo more >&2; done\n")
    script(bin_folder / "python3.14", "#!/bin/sh\nsleep 3600\n")
    (bin_folder / "python3.15").symlink_to("python3.16")
    (bin_folder / "python3.16").symlink_to("python3.15")
    (bin_folder / "python3.17").mkdir()
    (bin_folder / "python3.18").write_text("#!/bin/sh\n")
    (bin_folder / "python3.19").symlink_to(bin_folder / "nothing")
