"""Calls whose process does not survive: one error each, no process left, and the next call works."""

import os
import signal
import subprocess
import sys
import threading
from itertools import product
from pathlib import Path

import pytest
from _faulty import alive, drawn, end_all, pids_of, plant_project, until

from krepis_cli.workers import Limits, Worker, WorkerError

FAULTS = [
    ("crash", {}, "worker_crashed", "`shop.work:crash` crashed (SIGSEGV)"),
    ("gone", {"code": 7}, "worker_exited", "`shop.work:gone` ended its process with exit code 7"),
    ("gone", {"code": 0}, "worker_exited", "`shop.work:gone` ended its process with exit code 0"),
    ("killed", {}, "worker_killed", "`shop.work:killed` was killed (SIGKILL)"),
    ("hang", {}, "worker_timed_out", "`shop.work:hang` did not answer within 0.5 s"),
    ("stuck_in_c", {}, "worker_timed_out", "`shop.work:stuck_in_c` did not answer within 0.5 s"),
    ("stubborn", {}, "worker_timed_out", "`shop.work:stubborn` did not answer within 0.5 s"),
    ("endless", {}, "worker_timed_out", "`shop.work:endless` did not answer within 0.5 s"),
    ("closing", {}, "worker_answer", "`shop.work:closing` wrote into the pipe of its worker, or closed it"),
    ("scribbling", {}, "worker_answer", "`shop.work:scribbling` wrote into the pipe of its worker, or closed it"),
]


@pytest.fixture
def root(tmp_path):
    return plant_project(tmp_path / "shop")


def failing(worker, function, seconds=None, **arguments):
    with pytest.raises(WorkerError) as caught:
        worker.call(f"shop.work:{function}", arguments, seconds=seconds)
    return caught.value


@pytest.mark.parametrize(("function", "arguments", "code", "said"), drawn(FAULTS))
def test_however_a_process_ends_it_is_one_error_and_the_next_call_works(root, function, arguments, code, said):
    with Worker(sys.executable, root) as worker:
        pid = worker.call("shop.work:where")["pid"]
        error = failing(worker, function, 0.5 if "timed_out" in code else 60, **arguments)
        assert (error.code, str(error.args[0])) == (code, said)
        assert error.hint
        assert not alive(pid)
        assert worker.call("shop.work:add", {"a": 1, "b": 2}) == 3


@pytest.mark.parametrize(("function", "line"), [("crash", "ctypes.string_at(0)"), ("hang", "time.sleep(3600)")])
def test_a_crash_and_a_hang_name_their_line_and_show_no_traceback(root, function, line):
    shown = []
    with Worker(sys.executable, root, show=shown.append) as worker:
        worker.call("shop.work:add", {"a": 1, "b": 2})
        error = failing(worker, function, 2 if function == "hang" else 60)
    file, _, number = error.place.rpartition(":")
    assert (root / file).read_text().splitlines()[int(number) - 1].strip() == line
    assert shown == []
    assert "Fatal Python error" in str(error.__cause__)


def test_a_module_that_ends_the_process_when_it_is_imported_is_said(root):
    with Worker(sys.executable, root) as worker, pytest.raises(WorkerError, match="exit code 4"):
        worker.call("shop.gone:f")


@pytest.mark.skipif(sys.platform != "linux", reason="macOS knows the limit and does not keep it")
def test_memory_beyond_the_limit_is_an_error_of_the_call(root):
    with Worker(sys.executable, root, limits=Limits(memory_bytes=2 << 30)) as worker:
        pid = worker.call("shop.work:where")["pid"]
        error = failing(worker, "greedy")
        assert (error.code, str(error.args[0])) == ("worker_memory", "`shop.work:greedy` ran out of memory")
        assert not alive(pid)
        assert worker.call("shop.work:add", {"a": 1, "b": 2}) == 3


def test_a_crash_leaves_no_core_in_the_project(root):
    before = sorted(path for path in root.rglob("*") if "__pycache__" not in path.parts)
    with Worker(sys.executable, root) as worker:
        failing(worker, "crash")
    assert sorted(path for path in root.rglob("*") if "__pycache__" not in path.parts) == before


def test_a_hang_is_ended_with_all_that_it_has_started(root, tmp_path):
    with Worker(sys.executable, root) as worker:
        worker.call("shop.work:add", {"a": 1, "b": 2})
        error = failing(worker, "family", 5, file=str(tmp_path / "pids"))
    assert error.code == "worker_timed_out"
    pids = pids_of(tmp_path / "pids")
    until(lambda: not any(map(alive, pids)))


def test_what_a_call_leaves_behind_ends_with_the_worker(root, tmp_path):
    with Worker(sys.executable, root) as worker:
        worker.call("shop.work:left_behind", {"file": str(tmp_path / "pids")})
        (pid,) = pids_of(tmp_path / "pids")
        group = os.getpgid(pid)
    with pytest.raises(ProcessLookupError):
        until(lambda: os.killpg(group, 0))


def test_no_descriptor_is_left_open(root):
    with Worker(sys.executable, root) as worker:
        worker.call("shop.work:add", {"a": 1, "b": 2})
        before = _open_descriptors()
        failing(worker, "crash")
        failing(worker, "hang", 0.2)
        failing(worker, "gone", code=1)
        with pytest.raises(WorkerError):
            Worker(root / "nothing", root).call("shop.work:add")
        worker.call("shop.work:add", {"a": 1, "b": 2})
    assert _open_descriptors() <= before


def test_ctrl_c_ends_the_call_and_its_process(root, tmp_path):
    file = tmp_path / "pids"

    def interrupt():
        until(file.exists)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt), Worker(sys.executable, root) as worker:
        worker.call("shop.work:family", {"file": str(file)})
    pids = pids_of(file)
    until(lambda: not any(map(alive, pids)))


PARENT = """
import sys
from pathlib import Path
from krepis_cli.workers import Pool, Task, Worker
kind, root, file = sys.argv[1:]
if kind == "worker":
    with Worker(sys.executable, Path(root)) as worker:
        worker.call("shop.work:family", {"file": file})
else:
    with Pool(sys.executable, Path(root), jobs=2) as pool:
        list(pool.map([Task("shop.work:hang"), Task("shop.work:family", {"file": file})]))
"""


@pytest.mark.parametrize(("kind", "how"), drawn(product(["worker", "pool"], [signal.SIGKILL, signal.SIGTERM])))
def test_no_process_outlives_a_parent_that_is_killed(root, tmp_path, kind, how):
    file = tmp_path / "pids"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, kind, root, file], start_new_session=True)
    pids = []
    try:
        pids = pids_of(file)
        assert all(map(alive, pids))
        parent.send_signal(how)
        assert parent.wait(60) == -how
        until(lambda: not any(map(alive, pids)))
    finally:
        end_all([parent.pid, *pids])
        parent.wait()


STUCK = """
import sys
from pathlib import Path
from krepis_cli.workers import Worker
with Worker(sys.executable, Path(sys.argv[1])) as worker:
    print(worker.call("shop.work:where")["pid"], flush=True)
    worker.call("shop.work:stuck_in_c")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread watches, which needs the interpreter's lock")
def test_an_extension_that_holds_the_lock_does_not_outlive_its_parent(root):
    parent = subprocess.Popen([sys.executable, "-c", STUCK, root], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    try:
        until(lambda: _wchan_is_pause(pid))
        parent.kill()
        until(lambda: not alive(pid))
    finally:
        end_all([pid])
        parent.wait()
        parent.stdout.close()


def _wchan_is_pause(pid: int) -> bool:
    return Path(f"/proc/{pid}/syscall").read_text().split()[0] == "34" if _knows_syscalls(pid) else True


def _knows_syscalls(pid: int) -> bool:
    return os.uname().machine == "x86_64" and os.access(f"/proc/{pid}/syscall", os.R_OK)


def _open_descriptors() -> set[str]:
    return set(os.listdir("/dev/fd"))
