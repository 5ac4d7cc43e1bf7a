"""What must not type-check doesn't: each line of `typing/` that says `# expect: rule` has that error, and no other has one."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SAMPLES = sorted((HERE / "typing").glob("*.py"))


def expected(sample: Path) -> set[tuple[int, str]]:
    lines = sample.read_text(encoding="utf-8").splitlines()
    found = ((n, re.search(r"# expect: (\w+)$", line)) for n, line in enumerate(lines, 1))
    return {(n, match[1]) for n, match in found if match}


@pytest.mark.slow
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_the_type_checker_finds_what_is_marked_and_nothing_else(sample: Path, tmp_path: Path) -> None:
    settings = tmp_path / "pyrightconfig.json"
    settings.write_text(
        json.dumps(
            {"include": [str(sample)], "extraPaths": [str(HERE.parent / "src")], "typeCheckingMode": "standard"}
        ),
        encoding="utf-8",
    )
    checker = Path(sys.executable).parent / "basedpyright"
    done = subprocess.run(
        [checker, "--outputjson", "--pythonpath", sys.executable, "-p", settings],
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    assert {(d["range"]["start"]["line"] + 1, d["rule"]) for d in found} == expected(sample)
