"""Calls that go well, and calls whose end the worker itself can tell."""

import json
import os
import random
import sys
import time

import pytest
from _faulty import plant_project
from hypothesis import given, settings
from hypothesis import strategies as st

from krepis.errors import KrepisError
from krepis_cli.workers import Limits, Worker


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return plant_project(tmp_path_factory.mktemp("shop project"))


@pytest.fixture(scope="module")
def worker(root):
    with Worker(sys.executable, root) as worker:
        yield worker


def failing(worker, target, arguments=None):
    with pytest.raises(KrepisError) as caught:
        worker.call(target, arguments)
    return caught.value


def test_a_function_of_the_project_is_called_and_its_value_comes_back(worker):
    assert worker.call("shop.work:add", {"a": [1, "two"], "b": [None, {"x": 1.5}]}) == [1, "two", None, {"x": 1.5}]


def test_it_runs_in_the_folder_of_the_project_in_a_group_of_its_own(worker, root):
    found = worker.call("shop.work:where")
    assert found["folder"] == str(root)
    assert found["path"][:2] == [str(root / "src"), str(root)]
    assert found["group"] == found["pid"] != os.getpgrp()
    assert found["python"] == sys.prefix


def test_one_process_answers_all_calls(worker):
    pids = {worker.call("shop.work:where")["pid"] for _ in range(3)}
    assert len(pids) == 1


def test_a_method_is_found_through_its_class(worker):
    assert worker.call("shop.work:Shelf.count") == 3


def test_a_file_that_belongs_to_no_package_can_be_sent(worker, tmp_path):
    file = tmp_path / "a task.py"
    file.write_text("import shop\ndef double(number):\n    return 2 * number\n")
    assert worker.call(f"{file}:double", {"number": 21}) == 42


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
@settings(max_examples=50)
def test_whatever_json_can_hold_comes_back_as_it_was(worker, value):
    assert worker.call("shop.work:echo", {"value": value}) == value


def test_half_a_surrogate_pair_comes_back_as_it_was(worker):
    assert worker.call("shop.work:echo", {"value": "\udce9"}) == "\udce9"


def test_arguments_and_answers_may_be_larger_than_any_buffer(worker):
    chance = random.Random(int(os.environ["KREPIS_SEED"]))
    value = ["x" * chance.randrange(1 << 16) for _ in range(200)]
    assert worker.call("shop.work:echo", {"value": value}) == value


@pytest.mark.parametrize(
    ("target", "code", "said", "place"),
    [
        ("shop.work:raised", "worker_raised", "ValueError: no \\x1b[31mgood\\nat all", "src/shop/work.py:"),
        ("shop.work:unspeakable", "worker_raised", "its message can't be shown: RuntimeError", "src/shop/work.py:"),
        ("shop.work:deep", "worker_raised", "RecursionError", "src/shop/work.py:"),
        ("shop.work:leave", "worker_exited", "called `sys.exit(so long)`", "src/shop/work.py:"),
        ("shop.work:interrupted", "worker_interrupted", "was interrupted", "src/shop/work.py:"),
        ("shop.work:unholdable", "worker_answer", "not JSON serializable", ""),
        ("shop.work:not_a_number", "worker_answer", "not JSON compliant", ""),
        ("shop.work:nothing", "worker_missing", "`shop.work` has no `nothing`", ""),
        ("shop.work:SOURCE", "worker_missing", "has no `SOURCE`", ""),
        ("shop.work:os.name", "worker_missing", "can't be called", ""),
        ("shop.none:f", "worker_missing", "there is no module `shop.none`", ""),
        ("none.at.all:f", "worker_missing", "there is no module `none`", ""),
        (
            "shop.broken:f",
            "worker_import",
            "ModuleNotFoundError: No module named 'nowhere_at_all'",
            "src/shop/broken.py:4",
        ),
        ("shop.wrong:f", "worker_import", "SyntaxError", "src/shop/wrong.py:2"),
        ("shop.work:add", "worker_raised", "missing 2 required positional arguments", ""),
    ],
)
def test_what_fails_becomes_one_error_with_its_place(worker, target, code, said, place):
    error = failing(worker, target)
    assert error.code == code
    assert said in str(error.args[0])
    assert "\n" not in str(error.args[0])
    assert error.place.startswith(place) if place else not error.place.startswith("src")
    assert error.hint
    assert worker.call("shop.work:add", {"a": 1, "b": 2}) == 3


def test_an_error_of_krepis_keeps_its_words_its_hint_and_its_code(worker):
    error = failing(worker, "shop.work:refused")
    assert (str(error.args[0]), error.hint, error.code) == ("the shelf is full", "make room", "shelf_full")


def test_the_traceback_is_the_cause_and_nothing_else(worker):
    error = failing(worker, "shop.work:raised")
    assert "Traceback" not in str(error)
    assert 'in raised\n    raise ValueError("no' in str(error.__cause__)


def test_arguments_that_are_no_json_are_our_own_mistake(worker):
    with pytest.raises(TypeError, match=r"arguments of `shop\.work:echo` are no JSON"):
        worker.call("shop.work:echo", {"value": object()})


def test_what_the_project_prints_is_shown_made_harmless_and_never_meets_the_answer(root):
    shown = []
    with Worker(sys.executable, root, show=shown.append) as worker:
        assert worker.call("shop.work:noisy", {"lines": 2}) == "heard"
    assert shown == ["out 0", "err 0", "out 1", "err 1", "straight \\x1b[31mto the descriptor"]


def test_of_what_is_printed_without_end_so_much_is_shown_and_no_more(root):
    shown = []
    with Worker(sys.executable, root, show=shown.append) as worker:
        worker.call("shop.work:noisy", {"lines": 150})
    assert len(shown) == 201
    assert shown[-1] == "(101 more lines)"


def test_printing_to_closed_streams_harms_nobody_and_costs_no_time(root):
    with Worker(sys.executable, root) as worker:
        worker.call("shop.work:add", {"a": 1, "b": 2})
        before = time.process_time()
        assert worker.call("shop.work:silent") == "still here"
        assert time.process_time() - before < 0.15  # we wait for it, we do not ask all the time
        assert worker.call("shop.work:add", {"a": 1, "b": 2}) == 3


@pytest.mark.parametrize(("count", "fits"), [(4_000, True), (4_001, False)])
def test_an_answer_may_be_as_large_as_the_limit(root, count, fits):
    frame = len(json.dumps({"value": "x" * 4_000}))
    with Worker(sys.executable, root, limits=Limits(answer_bytes=frame)) as worker:
        if fits:
            assert len(worker.call("shop.work:large", {"count": count})) == count
        else:
            error = failing(worker, "shop.work:large", {"count": count})
            assert error.code == "worker_answer"
            assert f"more than {frame}" in str(error)
