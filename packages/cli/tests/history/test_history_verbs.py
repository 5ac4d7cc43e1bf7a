"""`krepis undo`, `redo`, `history` and `restore` as people and scripts meet them, on a tree with hostile names."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest
from _trees import NAMES, fingerprint

from krepis_cli.history import OperationLog
from serving import KREPIS
from terminal import Terminal, compare, in_pipes

SNAPSHOTS = Path(__file__).parent / "snapshots"
HOSTILE = "caf\udce9\n\x1b[31m"

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(root: Path) -> Path:
    """A project with three operations."""
    (root / "krepis.toml").write_text("# A project.\n")
    with OperationLog(root) as log:
        for number, (first, last) in enumerate((("one", "nine"), ("ONE", "nine"), ("ONE", "NINE")), 1):
            proposal = log.propose("change", {"number": number, "said": f"a {HOSTILE!r}"})
            proposal.write("text", f"{first}\n2\n3\n4\n5\n6\n7\n8\n{last}\n")
            proposal.write(f"src/{number}.bin", bytes(range(256)) * number)
            if number == 1:
                proposal.write(HOSTILE, "x\n")
                proposal.link("link", "../outside")
                proposal.folder("empty", mode=0o750)
            if number == 2:
                proposal.write("run.sh", "echo\r\n", mode=0o755)
                proposal.remove("empty")
            log.apply(proposal)
    return root


def masked(text: str, root: Path) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "DATE TIME", text).replace(str(root), "PROJECT")


def test_what_people_read(shop: Path):
    pages: list[str] = []
    for words in (
        *(
            "history",
            "history --graph",
            "history show 1",
            "history show 2",
            "history show 2 --stat",
            "undo 2 --dry-run",
        ),
        *("undo 2", "undo 2", "history --graph --max 2", "redo 2", "redo", "undo", "redo", "restore text --at 1"),
        *("restore nothing --at 1", "restore text --at 99", "restore ../x --at 1", "undo 99", "undo one"),
        *("history verify", "history prune --dry-run", "history prune --keep 2 --days 0", "undo 1", "history --all"),
        *("history prune --keep -1", "history shw", "undo --froce"),
    ):
        code, out, said = in_pipes(*words.split(), cwd=shop)
        pages.append(f"$ krepis {words}\n{out}{said}exit code {code}\n")
    compare(SNAPSHOTS / "verbs.txt", masked("\n".join(pages), shop))


def test_a_conflict_lists_all_of_it_and_changes_nothing(shop: Path):
    (shop / "text").write_text("eins\n2\n")
    (shop / "run.sh").unlink()
    before = fingerprint(shop)
    code, out, said = in_pipes("undo", "2", cwd=shop)
    assert (code, out) == (3, "")
    assert "`run.sh`: is gone" not in said, "it should go anyway"
    assert "`text`: has other lines now: 1" in said
    assert fingerprint(shop) == before
    code, out, said = in_pipes("undo", "2", "--json", cwd=shop)
    assert [one["path"] for one in json.loads(out)["conflicts"]] == ["text"]
    assert in_pipes("undo", "2", "--force", cwd=shop)[0] == 0
    assert in_pipes("undo", cwd=shop)[0] == 0


def test_json_says_the_same_and_names_any_bytes(shop: Path):
    facts = json.loads(in_pipes("history", "show", "1", "--json", cwd=shop)[1])
    hostile = next(change for change in facts["changes"] if "path_base64" in change)
    import base64

    assert base64.b64decode(hostile["path_base64"]) == os.fsencode(HOSTILE)
    listed = json.loads(in_pipes("history", "--json", cwd=shop)[1])["operations"]
    assert [(one["id"], one["parents"], one["undone"]) for one in listed] == [
        (1, [], False),
        (2, [1], False),
        (3, [2], False),
    ]
    done = json.loads(in_pipes("undo", "--json", cwd=shop)[1])
    assert done["operation"]["target"] == 3


def test_a_terminal_shows_colours_and_what_comes_next_and_nothing_steers_it(shop: Path):
    terminal = Terminal([KREPIS, "undo"], cwd=shop)
    code, text = terminal.end()
    assert code == 0
    assert "`krepis redo` takes that back" in text
    terminal = Terminal([KREPIS, "history", "show", "1"], cwd=shop)
    code, text = terminal.end()
    assert code == 0
    assert "\x1b[31m" not in text
    assert "caf\\xe9\\n\\x1b[31m" in text


def test_from_a_folder_of_the_project_paths_are_relative_to_it(shop: Path):
    code, out, said = in_pipes("restore", "1.bin", "--at", "0", cwd=shop / "src")
    assert (code, said) == (0, "")
    assert out == "D src/1.bin\n"


def test_outside_of_a_project_it_says_what_to_do(tmp_path: Path):
    code, _, said = in_pipes("undo", cwd=tmp_path)
    assert code == 1
    assert "there is no Krepis project" in said
    assert "krepis new NAME" in said


def test_a_command_that_was_killed_is_completed_by_the_next_and_told(shop: Path):
    child = os.fork()
    if child == 0:
        try:
            log = OperationLog(shop)
            rename = log._disk.rename

            def deadly(*args) -> None:
                rename(*args)
                os.kill(os.getpid(), signal.SIGKILL)

            setattr(log._disk, "rename", deadly)  # noqa: B010 - a method, for this one disk
            proposal = log.propose("killed", {})
            for name in NAMES:
                proposal.write(name, b"x")
            log.apply(proposal)
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    code, out, said = in_pipes("history", "--max", "1", cwd=shop)
    assert code == 0
    assert "krepis: operation 4 (`krepis killed`) was interrupted; it is complete now" in said
    assert "4  killed" in out
    assert all(os.path.exists(os.fsencode(shop) + b"/" + name) for name in NAMES)
