"""What can't be done is refused whole: nothing is written, and every reason is named."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from _trees import fingerprint

from krepis.errors import KrepisError
from krepis_cli.history import BadName, OperationLog, Refused
from krepis_cli.store import StoreError

NOBODY = 65534


@pytest.mark.parametrize(
    "name",
    [
        *("", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/.", "a/", "a\0b", ".krepis/history", ".git/config"),
        *("sub/.git/hooks/x", ".GIT/config", "x" * 256, "a/" * 2100 + "b"),
    ],
)
def test_no_name_leads_out_or_into_what_is_not_ours(log: OperationLog, root: Path, name: str):
    proposal = log.propose("test", {})
    with pytest.raises(BadName):
        proposal.write(name, "x")
    assert log.apply(proposal) is None
    assert fingerprint(root) == {}


def refused(log: OperationLog, root: Path, change: Callable[..., object]) -> str:
    before = fingerprint(root)
    proposal = log.propose("test", {})
    proposal.write("beside", "x")
    with pytest.raises(Refused) as why:
        change(proposal)
        log.apply(proposal)
    assert fingerprint(root) == before
    assert log.operations.all() == []
    return str(why.value)


def test_a_link_on_the_way_is_not_followed(log: OperationLog, root: Path, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "way").symlink_to(outside)
    (root / "inner").mkdir()
    (root / "short").symlink_to("inner")
    said = refused(log, root, lambda proposal: (proposal.write("way/x", "1"), proposal.write("short/y", "1")))
    assert "`way/x`: lies behind the symbolic link `way`" in said
    assert "`short/y`" in said
    assert list(outside.iterdir()) == []


def test_a_link_itself_is_changed_and_not_what_it_points_to(log: OperationLog, root: Path, tmp_path: Path):
    (tmp_path / "target").write_text("theirs")
    (root / "link").symlink_to(tmp_path / "target")
    before = fingerprint(root)
    proposal = log.propose("test", {})
    proposal.write("link", "ours")
    log.apply(proposal)
    assert (root / "link").read_text() == "ours"
    log.undo()
    assert fingerprint(root) == before
    assert (tmp_path / "target").read_text() == "theirs"


def test_a_file_where_a_folder_is_needed_is_named(log: OperationLog, root: Path):
    (root / "a").write_text("x")
    assert "`a/b`: `a` is no folder" in refused(log, root, lambda proposal: proposal.write("a/b", "1"))


def test_a_folder_that_is_not_empty_is_not_replaced(log: OperationLog, root: Path):
    (root / "a").mkdir()
    (root / "a" / "theirs").write_text("x")
    assert "is not empty: `theirs`" in refused(log, root, lambda proposal: proposal.write("a", "1"))


def test_pipes_and_devices_are_left_alone(log: OperationLog, root: Path):
    os.mkfifo(root / "pipe")
    proposal = log.propose("test", {})
    with pytest.raises(Refused, match="a pipe, a device or a socket"):
        proposal.write("pipe", "x")


@pytest.mark.parametrize(
    ("there", "new"), [("Readme", "README"), ("caf\u00e9", "cafe\u0301"), ("stra\u00dfe", "STRASSE")]
)
def test_names_that_some_file_systems_take_for_one_are_refused(log: OperationLog, root: Path, there: str, new: str):
    (root / there).write_text("x")
    assert "only in case or Unicode form" in refused(log, root, lambda proposal: proposal.write(new, "1"))
    proposal = log.propose("test", {})
    proposal.remove(there)
    proposal.write(new, "1")
    log.apply(proposal)
    assert [path.name for path in root.iterdir() if path.name != ".krepis"] == [new]


def test_two_new_names_that_are_alike_are_refused(log: OperationLog, root: Path):
    assert "only in case" in refused(
        log, root, lambda proposal: (proposal.write("n/A", "1"), proposal.write("n/a", "2"))
    )


def test_what_vanished_or_became_something_else_is_seen(log: OperationLog, root: Path):
    for name in ("gone", "folder", "kept"):
        (root / name).write_text(name)

    def meanwhile(proposal) -> None:
        for name in ("gone", "folder", "kept"):
            proposal.write(name, "new")
        (root / "gone").unlink()
        (root / "folder").unlink()
        (root / "folder").mkdir()

    proposal = log.propose("test", {})
    meanwhile(proposal)
    before = fingerprint(root)
    with pytest.raises(Refused) as why:
        log.apply(proposal)
    assert [problem.path for problem in why.value.problems] == [b"folder", b"gone"]
    assert fingerprint(root) == before


def as_nobody(act: Callable[[], None]) -> int:
    """The exit code of a process without our rights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            act()
        except BaseException:  # noqa: BLE001 - a process that ends here must not go on with the tests of its parent
            os._exit(70)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up its rights")
def test_a_folder_that_may_not_be_written_to_is_named_before_anything_is_written(tmp_path: Path):
    folder = Path("/tmp") / f"krepis-test-{os.getpid()}"  # where nobody may go, unlike pytest's own folder
    folder.mkdir(mode=0o777)
    try:
        root = folder / "project"
        root.mkdir()
        (root / "locked").mkdir(mode=0o555)
        (root / "locked" / "a").write_text("x")
        os.chown(root, NOBODY, NOBODY)
        os.chown(root / "locked", NOBODY, NOBODY)
        before = fingerprint(root)

        def act() -> None:
            with OperationLog(root) as log:
                proposal = log.propose("test", {})
                proposal.write("free", "1")
                proposal.write("locked/a", "2")
                with pytest.raises(Refused, match="`locked`: is a folder that can't be written to"):
                    log.apply(proposal)

        assert as_nobody(act) == 0
        assert fingerprint(root) == before
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up its rights")
def test_a_project_that_may_not_be_written_to_is_said_so(tmp_path: Path):
    folder = Path("/tmp") / f"krepis-test-{os.getpid()}-ro"
    folder.mkdir(mode=0o555)
    try:

        def act() -> None:
            with pytest.raises(KrepisError, match="can't be made: Permission denied"):
                OperationLog(folder)

        assert as_nobody(act) == 0
        assert list(folder.iterdir()) == []
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("kib", [4, 60, 150, 400])
def test_a_full_disk_changes_nothing(root: Path, kib: int):
    """A limit on the size of files stands for the disk: it meets the staged file, the log, or neither."""
    (root / "a").write_text("was")
    with OperationLog(root) as log:
        proposal = log.propose("first", {})
        proposal.write("b", "b")
        log.apply(proposal)
    before = fingerprint(root)
    child = os.fork()
    if child == 0:
        code = 70
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (kib * 1024, kib * 1024))
            with OperationLog(root) as log:
                proposal = log.propose("test", {})
                proposal.write("a", "is")
                proposal.write("large", os.urandom(200_000))
                log.apply(proposal)
            code = 0
        except KrepisError:
            code = 1
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == (0 if kib == 400 else 1)
    with OperationLog(root) as log:
        assert len(log.operations.all()) == (2 if code == 0 else 1)
    if code:
        assert fingerprint(root) == before
    with OperationLog(root) as log, log.held("test"):
        assert not (root / ".krepis" / "stage").exists()


def test_a_file_that_is_no_log_is_not_touched(root: Path):
    (root / ".krepis").mkdir()
    (root / ".krepis" / "history").write_bytes(b"something else" * 1000)
    with pytest.raises(StoreError, match="can't be opened: file is not a database"):
        OperationLog(root)
    assert (root / ".krepis" / "history").read_bytes() == b"something else" * 1000


def test_another_program_s_database_is_not_touched(root: Path):
    (root / ".krepis").mkdir()
    with sqlite3.connect(root / ".krepis" / "history") as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(StoreError, match="that Krepis has not made"):
        OperationLog(root)


def test_a_log_of_a_newer_krepis_is_refused(root: Path):
    OperationLog(root).close()
    with sqlite3.connect(root / ".krepis" / "history") as newer:
        newer.execute("PRAGMA user_version=99")
    newer.close()
    with pytest.raises(StoreError, match="has version 99"):
        OperationLog(root)


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_krepis_that_is_no_folder_is_refused(root: Path, tmp_path: Path, kind: str):
    (tmp_path / "elsewhere").mkdir()
    if kind == "file":
        (root / ".krepis").write_text("x")
    else:
        (root / ".krepis").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        OperationLog(root)
    assert list((tmp_path / "elsewhere").iterdir()) == []
