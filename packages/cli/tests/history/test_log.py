"""What an operation does is taken back, and done again, to the last bit."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from random import Random

import pytest
from _trees import change_at_random, fingerprint, plant

from krepis_cli.history import Conflicts, NothingToDo, OperationLog, Refused
from krepis_cli.history.entry import HELD_BYTES_MAX, PIECE_BYTES
from krepis_cli.history.upkeep import Policy, prune, verify


def applied(log: OperationLog, **files: str | bytes):
    proposal = log.propose("test", {"files": sorted(files)})
    for name, data in files.items():
        proposal.write(name.replace("__", "/"), data)
    return log.apply(proposal)


def test_an_operation_is_recorded_applied_undone_and_redone(log: OperationLog, root: Path):
    (root / "a").write_text("was")
    applied(log, a="is", b__c="new")
    after = fingerprint(root)
    assert (root / "a").read_text() == "is"
    log.undo()
    assert (root / "a").read_text() == "was"
    assert not (root / "b").exists(), "a folder that was made for a file goes with it"
    log.redo()
    assert fingerprint(root) == after
    assert [one.kind for one in log.operations.all()] == ["test", "undo", "redo"]
    assert [one.parent for one in log.operations.all()] == [None, 1, 2]


@pytest.mark.slow
def test_any_history_is_walked_back_and_forth_exactly(root: Path, chance: Random):
    plant(root, chance, 14)
    (root / ".git").mkdir()
    (root / ".git" / "index").write_bytes(b"not ours")
    states = [fingerprint(root)]
    with OperationLog(root) as log:
        for _ in range(12):
            proposal = log.propose("random", {})
            change_at_random(proposal, root, chance)
            if log.apply(proposal) is not None:
                states.append(fingerprint(root))
        count = len(states) - 1
        for number in range(count - 1, -1, -1):
            log.undo()
            assert fingerprint(root) == states[number]
        with pytest.raises(NothingToDo):
            log.undo()
        for number in range(1, count + 1):
            log.redo()
            assert fingerprint(root) == states[number]
        with pytest.raises(NothingToDo):
            log.redo()
        for number in chance.sample(range(count + 1), 4):
            touched = {path for one in log.operations.all() for path, _, _ in log.operations.changes(one.id)}
            for path in sorted(touched):
                if not any(path.startswith(other + b"/") for other in touched):
                    log.restore(path, number)
            assert fingerprint(root) == states[number]
        assert list(verify(log)) == []


def test_a_file_keeps_its_mode_and_a_new_one_follows_the_umask(log: OperationLog, root: Path):
    (root / "run.sh").write_text("echo")
    (root / "run.sh").chmod(0o750)
    applied(log, **{"run.sh": "echo 2", "new.txt": "x"})
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o750
    assert stat.S_IMODE((root / "new.txt").stat().st_mode) == 0o666 & ~mask


def test_files_of_any_size_go_in_and_come_back(log: OperationLog, root: Path, tmp_path: Path, chance: Random):
    large = chance.randbytes(2 * PIECE_BYTES + 17)
    other = chance.randbytes(HELD_BYTES_MAX + 1)
    (root / "large").write_bytes(large)
    (tmp_path / "other").write_bytes(other)
    proposal = log.propose("test", {})
    proposal.write("large", tmp_path / "other")
    proposal.write("copy", large)
    log.apply(proposal)
    assert (root / "large").read_bytes() == other
    log.undo()
    assert (root / "large").read_bytes() == large
    log.redo()
    assert (root / "copy").read_bytes() == large
    assert list(verify(log)) == []


def test_what_changes_nothing_is_no_operation(log: OperationLog, root: Path):
    (root / "a").write_text("x")
    assert applied(log, a="x") is None
    assert log.operations.all() == []


def test_a_dropped_proposal_has_done_nothing(log: OperationLog, root: Path):
    proposal = log.propose("test", {})
    proposal.write("a", "x")
    assert proposal.read("a") == b"x"
    assert "+x" in proposal.diff()
    assert fingerprint(root) == {}
    assert log.operations.all() == []


def test_an_undo_in_the_middle_keeps_later_changes_to_other_lines(log: OperationLog, root: Path):
    applied(log, a="1\n2\n3\n4\n5\n")
    applied(log, a="1\nTWO\n3\n4\n5\n")
    applied(log, a="1\nTWO\n3\n4\nFIVE\n")
    log.undo(2)
    assert (root / "a").read_text() == "1\n2\n3\n4\nFIVE\n"
    log.redo(2)
    assert (root / "a").read_text() == "1\nTWO\n3\n4\nFIVE\n"


def test_an_undo_that_would_lose_later_lines_is_refused_whole(log: OperationLog, root: Path):
    applied(log, a="1\n2\n3\n", b="x\n")
    applied(log, a="1\nTWO\n3\n", b="y\n")
    applied(log, a="1\nZWEI\n3\n")
    before = fingerprint(root)
    with pytest.raises(Conflicts) as refused:
        log.undo(2)
    assert [str(one) for one in refused.value.conflicts] == ["`a`: has other lines now: 2"]
    assert fingerprint(root) == before
    log.undo(2, force=True)
    assert (root / "a").read_text() == "1\n2\n3\n"
    log.undo(3, force=True)
    log.undo(1, force=True)
    assert fingerprint(root) == {}


def test_a_hand_edit_is_merged_or_kept_never_lost(log: OperationLog, root: Path):
    applied(log, a="1\n2\n3\n", b="x")
    applied(log, a="1\n2\nTHREE\n", b="y")
    (root / "a").write_text("by hand\n1\n2\nTHREE\n")
    log.undo()
    assert (root / "a").read_text() == "by hand\n1\n2\n3\n"
    (root / "b").write_text("by hand")
    with pytest.raises(Conflicts):
        log.undo()
    assert (root / "b").read_text() == "by hand"
    forced = log.undo(force=True)
    assert forced is not None
    assert not (root / "b").exists()
    log.redo()
    log.restore("b", forced.id - 1)


def test_what_somebody_put_into_a_new_folder_keeps_the_folder(log: OperationLog, root: Path):
    applied(log, gen__a="x")
    (root / "gen" / "mine").write_text("mine")
    log.undo()
    assert sorted(path.name for path in (root / "gen").iterdir()) == ["mine"]


def test_a_file_that_is_gone_is_a_conflict_unless_it_should_go(log: OperationLog, root: Path):
    applied(log, a="x")
    applied(log, a="y")
    (root / "a").unlink()
    with pytest.raises(Conflicts, match="is gone"):
        log.undo()
    log.undo(1)
    assert fingerprint(root) == {}


def test_an_undone_operation_is_not_undone_twice(log: OperationLog):
    applied(log, a="x")
    log.undo(1)
    with pytest.raises(NothingToDo, match="undone already"):
        log.undo(1)
    with pytest.raises(NothingToDo, match="is an undo itself"):
        log.undo(2)


def test_redo_goes_forward_only_from_the_last_undo(log: OperationLog):
    applied(log, a="x")
    log.undo()
    applied(log, b="y")
    with pytest.raises(NothingToDo, match="nothing to redo"):
        log.redo()
    log.redo(1)


def test_restore_brings_one_path_back_and_leaves_the_rest(log: OperationLog, root: Path):
    applied(log, src__a="1", src__b="1", c="1")
    applied(log, src__a="2", src__b="2", c="2")
    proposal = log.propose("test", {})
    proposal.remove("src")
    log.apply(proposal)
    log.restore("src", 1)
    assert (root / "src" / "a").read_text() == "1"
    assert (root / "c").read_text() == "2"
    log.restore("src/b", 2)
    assert (root / "src" / "b").read_text() == "2"
    log.restore("src", 0)
    assert not (root / "src").exists()


def test_contents_are_stored_once_and_new_versions_as_differences(log: OperationLog, root: Path, chance: Random):
    text = "".join(f"{chance.random()}\n" for _ in range(3000))
    applied(log, a=text)
    size = log.store.db.execute("SELECT sum(length(data)) FROM content").fetchone()[0]
    for number in range(20):
        applied(log, a=f"{text}{number}\n")
    applied(log, b=text)
    more = log.store.db.execute("SELECT sum(length(data)) FROM content").fetchone()[0] - size
    assert more < 4 * size, "at most each ninth version is stored whole"
    assert log.store.db.execute("SELECT count(*) FROM content").fetchone() == (21,)
    assert list(verify(log)) == []


def test_pruning_forgets_the_oldest_and_nothing_that_is_needed(log: OperationLog, root: Path, chance: Random):
    for number in range(12):
        applied(log, a=f"{chance.randbytes(4000).hex()}\n{number}\n", **{f"f{number}": chance.randbytes(60_000)})
    now = log.operations.one(12).at
    assert prune(log, Policy(operations=3, days=1), now).operations == []
    assert prune(log, Policy(operations=3, days=0), now, really=False).operations == list(range(1, 10))
    done = prune(log, Policy(operations=3, days=0), now)
    assert done.operations == list(range(1, 10))
    assert done.bytes > 9 * 50_000
    assert list(verify(log)) == []
    states = [fingerprint(root)]
    for _ in range(3):
        log.undo()
        states.append(fingerprint(root))
    with pytest.raises(NothingToDo, match="pruned"):
        log.undo(4)
    for state in reversed(states[:-1]):
        log.redo()
        assert fingerprint(root) == state


def test_damage_is_found_named_and_never_written_out(log: OperationLog, root: Path):
    applied(log, a="x" * 100)
    applied(log, a="y" * 100)
    log.store.db.execute("UPDATE content SET data = zeroblob(length(data)) WHERE id = 1")
    assert "operation 1, 2" in "\n".join(verify(log))
    with pytest.raises(Exception, match="damaged"):
        log.undo()
    assert (root / "a").read_text() == "y" * 100


def test_git_is_not_disturbed(root: Path):
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    with OperationLog(root) as log:
        applied(log, a="x")
        assert git("status", "--porcelain") == "?? a\n", "the log ignores itself"


def test_a_proposal_on_files_that_changed_since_is_refused(log: OperationLog, root: Path):
    (root / "a").write_text("was")
    proposal = log.propose("test", {})
    proposal.write("a", "is")
    proposal.write("b", "new")
    (root / "a").write_text("by hand")
    with pytest.raises(Refused, match="has changed since"):
        log.apply(proposal)
    assert (root / "a").read_text() == "by hand"
    assert not (root / "b").exists()
