"""Work split over processes: the order of results, the first error, what is bounded, who takes whom along."""

import os
import random
import sys
import time
from argparse import ArgumentTypeError

import pytest
from _faulty import alive, pids_of, plant_project, until
from hypothesis import given, settings
from hypothesis import strategies as st

from krepis.errors import KrepisError
from krepis_cli.workers import Limits, Pool, Task, WorkerError
from krepis_cli.workers.pool import AHEAD_PER_JOB, JOBS_MAX, default_jobs, read_jobs


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return plant_project(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def pool(root):
    with Pool(sys.executable, root, jobs=3) as pool:
        yield pool


def slow(file, seconds):
    return Task("shop.work:touch", {"file": str(file), "seconds": seconds})


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_results_come_in_the_order_of_the_tasks_whoever_is_ready_first(root, tmp_path, jobs):
    chance = random.Random(int(os.environ["KREPIS_SEED"]))
    tasks = [
        Task("shop.work:add", {"a": number, "b": 0}) if chance.random() < 0.7 else slow(tmp_path / str(number), 0.05)
        for number in range(30)
    ]
    with Pool(sys.executable, root, jobs=jobs) as pool:
        found = list(pool.map(tasks))
    expected = [number for number in range(30) if "a" in tasks[number].arguments]
    assert [value for value, task in zip(found, tasks, strict=True) if "a" in task.arguments] == expected


FATES = {
    "right": ("add", {"a": 1, "b": 2}, None),
    "raised": ("raised", {}, "worker_raised"),
    "gone": ("gone", {"code": 3}, "worker_exited"),
    "crash": ("crash", {}, "worker_crashed"),
    "refused": ("refused", {}, "shelf_full"),
}


@given(st.lists(st.sampled_from(sorted(FATES)), max_size=8))
@settings(max_examples=15)
def test_one_that_dies_takes_only_its_task(pool, fates):
    outcomes = list(pool.outcomes([Task(f"shop.work:{FATES[fate][0]}", FATES[fate][1]) for fate in fates]))
    assert [getattr(outcome.error, "code", None) for outcome in outcomes] == [FATES[fate][2] for fate in fates]
    assert all(outcome.value == 3 for outcome in outcomes if outcome.error is None)


def test_the_first_error_by_order_is_the_one_that_is_raised_whoever_fails_first(root, tmp_path):
    tasks = [
        slow(tmp_path / "a", 0.1),
        Task("shop.work:hang", seconds=0.5),
        Task("shop.work:raised"),
        slow(tmp_path / "b", 0),
    ]
    with Pool(sys.executable, root, jobs=4) as pool, pytest.raises(KrepisError) as caught:
        list(pool.map(tasks))
    assert caught.value.code == "worker_timed_out"


def test_workers_are_used_again_and_no_more_are_started_than_jobs(root, tmp_path):
    with Pool(sys.executable, root, jobs=2) as pool:
        pids = set(pool.map(slow(tmp_path / str(number), 0.01) for number in range(12)))
        assert len(pids) <= 2
        assert set(pool.map([slow(tmp_path / "again", 0)])) <= pids


def test_no_more_processes_than_tasks_are_started(root, tmp_path):
    with Pool(sys.executable, root, jobs=16) as pool:
        assert len(set(pool.map([slow(tmp_path / "one", 0)]))) == 1
        assert len(pool._idle) == 1


def test_tasks_are_taken_as_they_are_needed_and_never_far_ahead_of_the_oldest(root, tmp_path):
    taken = []

    def tasks():
        for number in range(200):
            taken.append(number)
            yield slow(tmp_path / "first", 0.5) if number == 0 else Task("shop.work:add", {"a": number, "b": 0})

    with Pool(sys.executable, root, jobs=2) as pool:
        outcomes = pool.outcomes(tasks())
        next(outcomes)
        assert len(taken) <= 2 * AHEAD_PER_JOB
        assert [outcome.value for outcome in outcomes] == list(range(1, 200))


def test_whoever_takes_long_over_a_result_costs_the_others_nothing(root, tmp_path):
    """The time in which nobody listens is not theirs: an answer that waits in the pipe meanwhile is not late."""
    limit_s = 1.0
    large = Task("shop.work:large", {"count": 1 << 22})
    with Pool(sys.executable, root, jobs=2, limits=Limits(call_s=limit_s)) as pool:
        outcomes = pool.outcomes([slow(tmp_path / "a", 0), slow(tmp_path / "b", 0.3), large])
        next(outcomes)
        time.sleep(1.5 * limit_s)  # the time itself is what this is about
        assert [outcome.error for outcome in outcomes] == [None, None]


def test_one_that_dies_while_it_rests_is_replaced(root, tmp_path):
    with Pool(sys.executable, root, jobs=1) as pool:
        (pid,) = pool.map([slow(tmp_path / "a", 0)])
        os.kill(pid, 9)
        until(lambda: not alive(pid))
        assert list(pool.map([Task("shop.work:add", {"a": 1, "b": 2})])) == [3]


def test_whoever_stops_listening_leaves_no_process_at_work(root, tmp_path):
    file = tmp_path / "pids"
    tasks = [Task(f"shop.work:{name}", {"file": str(file)}) for name in ("wait_for", "family")]
    with Pool(sys.executable, root, jobs=2) as pool:
        outcomes = pool.outcomes(tasks)
        assert next(outcomes).error is None
        pids = pids_of(file)
        assert all(map(alive, pids))
        outcomes.close()
        until(lambda: not any(map(alive, pids)))


def test_a_pool_that_can_start_nobody_says_so_once(root):
    with Pool(root / "no-python", root, jobs=2) as pool, pytest.raises(WorkerError, match="there is no such file"):
        list(pool.outcomes([Task("shop.work:add")] * 5))


def test_a_pool_without_tasks_starts_nobody(root):
    with Pool(root / "no-python", root) as pool:
        assert list(pool.map([])) == []


@pytest.mark.parametrize("text", ["0", "-1", str(JOBS_MAX + 1), "two", "", "1.5", "\u0663", "9" * 5000])
def test_a_number_of_jobs_that_is_none_is_refused(text):
    with pytest.raises(ArgumentTypeError, match=f"is no number from 1 to {JOBS_MAX}"):
        read_jobs(text)


@pytest.mark.parametrize("text", ["1", str(JOBS_MAX)])
def test_a_number_of_jobs_is_read(text):
    assert read_jobs(text) == int(text)
    assert default_jobs() >= 1
