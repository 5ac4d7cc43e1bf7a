"""The reader's part of `docs/architecture.md` has a row for each of its modules, and for nothing else."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "packages" / "spec" / "src" / "krepis_spec"


def test_every_module_stands_on_the_map():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    part = page.split("\n## The spec reader\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", part, re.MULTILINE)
    files = [
        path.relative_to(SOURCE).with_suffix("")
        for path in SOURCE.rglob("*.py")
        if path.parent != SOURCE or path.stem != "__init__"
    ]
    modules = {".".join(part for part in file.parts if part != "__init__") for file in files}
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == modules
