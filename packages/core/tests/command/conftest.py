"""An environment in which a package with the verb `probe` is installed, and nothing is cached yet."""

import shutil
from pathlib import Path

import pytest

PROBE = Path(__file__).parent.parent / "_probe_verb.py"


@pytest.fixture
def probe(tmp_path: Path) -> dict[str, str]:
    """What to put into the environment."""
    site = tmp_path / "site"
    facts = site / "probe-1.0.dist-info"
    facts.mkdir(parents=True)
    shutil.copy(PROBE, site / "probe_verb.py")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: probe\nVersion: 1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text("[krepis.verbs]\nprobe = probe_verb\n", encoding="utf-8")
    return {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache"), "NO_COLOR": "", "TERM": "xterm"}
