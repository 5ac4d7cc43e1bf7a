"""What is generated is fresh: the code behind `proto/`, and the pins behind the `pyproject.toml` files."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tidy import tree

CHECKED_IN = tree.ROOT / "packages/core/src/krepis/_proto"
CONSTRAINTS = (tree.ROOT / "constraints.txt").read_text(encoding="utf-8")
OURS = frozenset({"krepis", "krepis-generator", "krepis-spec", *tree.examples()})


def differences(one: Path, other: Path) -> list[str]:
    """Names of the files that are not the same in both folders."""
    names = {path.name for folder in (one, other) for path in folder.iterdir() if path.is_file()}
    return sorted(name for name in names if _content(one / name) != _content(other / name))


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def gencode_version(generated: str) -> str:
    """The protobuf release that wrote this code; an older runtime refuses to load it."""
    found = re.search(r"^# Protobuf Python Version: (\S+)$", generated, re.MULTILINE)
    assert found, "no version in the generated code"
    return found[1]


def unpinned(requirements: list[str], constraints: str) -> list[str]:
    """The requirements that no pin fulfils."""
    pins = {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([\w.-]+)==(\S+)", constraints, re.MULTILINE)
    }
    wanted = [requirement for requirement in map(Requirement, requirements) if requirement.name not in OURS]
    return [
        f"constraints.txt: nothing fulfils `{requirement}`; run `make lock`"
        for requirement in wanted
        if (pin := pins.get(canonicalize_name(requirement.name))) is None
        or not requirement.specifier.contains(pin, prereleases=True)
    ]


def unhashed(constraints: str) -> list[str]:
    """The pins without a hash."""
    blocks = re.split(r"\n(?=\S)", constraints)
    return [block.split()[0] for block in blocks if "==" in block.split("\n")[0] and "--hash=sha256:" not in block]


def _requirements() -> list[str]:
    found: list[str] = tomllib.loads((tree.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"][
        "dev"
    ]
    for pyproject in (path for path in tree.files() if re.match(r"(packages|examples)/\w+/pyproject.toml$", path)):
        found += tree.requirements(pyproject)
    return found


def test_the_code_behind_proto_is_fresh(tmp_path):
    subprocess.run([sys.executable, tree.ROOT / "tools/proto.py", tmp_path], check=True)
    stale = differences(CHECKED_IN, tmp_path)
    tree.refuse(
        f"packages/core/src/krepis/_proto/{name}:1: not what proto/ generates; run `make proto`" for name in stale
    )


def test_the_page_of_the_command_line_is_fresh(tmp_path):
    page = tmp_path / "cli.md"
    subprocess.run([sys.executable, tree.ROOT / "tools/cli_docs.py", page], check=True)
    if page.read_bytes() != (tree.ROOT / "docs/cli.md").read_bytes():
        pytest.fail("docs/cli.md:1: not what the verbs say; run `make docs`", pytrace=False)


def test_krepis_asks_for_a_protobuf_that_loads_what_it_generated():
    asked = next(Requirement(line) for line in tree.requirements("packages/core/pyproject.toml") if "protobuf" in line)
    generated = (CHECKED_IN / "context_pb2.py").read_text(encoding="utf-8")
    assert str(asked.specifier) == f">={gencode_version(generated)}"


def test_every_requirement_is_pinned():
    tree.refuse(unpinned(_requirements(), CONSTRAINTS))


def test_every_pin_has_a_hash():
    assert unhashed(CONSTRAINTS) == []


def test_a_changed_a_missing_and_an_added_file_are_differences(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, names in ((one, "abc"), (other, "bcd")):
        folder.mkdir()
        for name in names:
            (folder / name).write_text("the same" if name == "b" else folder.name)
    assert differences(one, other) == ["a", "c", "d"]


def test_generated_code_without_a_version_is_refused():
    with pytest.raises(AssertionError):
        gencode_version("# nothing here\n")


@pytest.mark.parametrize("requirement", ["missing", "there>=2", "There<1"])
def test_an_unpinned_requirement_is_found(requirement):
    assert len(unpinned([requirement], "there==1.5 \\\n    --hash=sha256:00\n")) == 1


def test_a_pin_without_a_hash_is_found():
    assert unhashed("one==1 \\\n    --hash=sha256:00\ntwo==2\nthree==3 \\\n    --hash=sha256:00\n") == ["two==2"]
