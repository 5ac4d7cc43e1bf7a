"""What the server refuses by itself: in the order of the requests, and in the log as everything else is."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import Served, wait_until

SLOW = b"GET /sleep/0.3 HTTP/1.1\r\nHost: x\r\n\r\n"
QUICK = b"GET /greet/a HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /store HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
LARGE = b"GET /greet/a HTTP/1.1\r\nHost: x\r\nX-Much: " + b"x" * 70_000 + b"\r\n\r\n"


def answers(connection: socket.socket) -> bytes:
    """Everything until the server ends."""
    seen = b""
    while piece := connection.recv(65536):
        seen += piece
    return seen


def statuses(seen: bytes) -> list[int]:
    return [int(part[:3]) for part in seen.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (SLOW + b"nonsense\r\n\r\n", [200, 400]),
        (SLOW + LARGE, [200, 431]),
        (SLOW + QUICK + b"nonsense\r\n\r\n", [200, 200, 400]),
        (SLOW + LARGE + QUICK, [200, 431]),
        (SLOW + b"nonsense\r\n\r\n" + QUICK, [200, 400]),
        (SLOW + POST + b"zz\r\n", [200, 400]),
        (POST + b"5\r\n12345\r\nzz\r\n", [400]),
        (QUICK + POST + b"zz\r\n", [200, 400]),
    ],
    ids=["400", "431", "third", "nothing after 431", "nothing after 400", "body behind", "body", "body after"],
)
def test_a_refusal_comes_after_the_answers_before_it_and_nothing_after_it(
    served: Served, sent: bytes, expected: list[int]
) -> None:
    with served.raw(sent) as connection:
        seen = answers(connection)
    assert statuses(seen) == expected, seen
    assert "Traceback" not in served.log


def test_a_refused_request_in_pieces_waits_as_well(served: Served) -> None:
    with served.raw(SLOW) as connection:
        time.sleep(0.05)
        connection.sendall(b"nonsense\r\n\r\n")
        assert statuses(answers(connection)) == [200, 400]


def test_many_short_requests_in_one_piece_are_not_large_headers(served: Served) -> None:
    count = 90
    padded = QUICK.replace(b"Host: x", b"Host: x\r\nX-Much: " + b"x" * 1_000)
    with served.raw(SLOW + count * padded + padded[:100]) as connection:
        time.sleep(0.2)
        connection.sendall(padded[100:] + b"nonsense\r\n\r\n")
        assert statuses(answers(connection)) == [200] * (count + 2) + [400]


def test_a_caller_who_leaves_behind_two_requests_ends_the_first(served: Served) -> None:
    before = served.log.count("rolled_back")
    with served.raw(SLOW.replace(b"0.3", b"4") + QUICK):
        time.sleep(0.1)
    assert wait_until(lambda: served.log.count("rolled_back") > before, 2)


def test_what_follows_an_upgrade_that_nobody_knows_is_answered(served: Served) -> None:
    other = QUICK.replace(b"\r\n\r\n", b"\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
    with served.raw(other + QUICK + b"nonsense\r\n\r\n") as connection:
        assert statuses(answers(connection)) == [200, 200, 400]


@pytest.fixture(scope="module")
def strict(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with small limits, whose app says how log lines look."""
    folder = tmp_path_factory.mktemp("strict")
    (folder / "src").mkdir()
    parts = 'doors=doors, parts=(Logs(level="warning"),))'
    plain = (project / "src" / "greeter.py").read_text(encoding="utf-8")
    app = "from krepis.telemetry import Logs\n" + plain.replace("doors=doors)", parts)
    assert parts in app
    (folder / "src" / "greeter.py").write_text(app + MOUNTED, encoding="utf-8")
    run = "[run]\nheader_seconds = 1\npipelined = 3\n"
    (folder / "krepis.toml").write_text(f'app = "greeter:app"\n{run}', encoding="utf-8")
    server = Served(folder)
    yield server
    server.kill()


MOUNTED = """
async def broken(scope, receive, send):
    raise ValueError("password=hunter2")

doors.mount("/broken", broken)
"""


def test_as_many_requests_wait_as_may_and_one_more_is_429(strict: Served) -> None:
    with strict.raw(SLOW + 3 * QUICK) as connection:
        seen = b""
        while seen.count(b"hello a") < 3:
            seen += connection.recv(65536)
    assert statuses(seen) == [200, 200, 200, 200]
    with strict.raw(SLOW + 4 * QUICK) as connection:
        assert statuses(answers(connection)) == [200, 200, 200, 200, 429]


def test_slow_headers_behind_a_request_are_408_after_its_answer(strict: Served) -> None:
    with strict.raw(SLOW.replace(b"0.3", b"1.5")) as connection:
        time.sleep(0.05)
        connection.sendall(QUICK[:20])
        assert statuses(answers(connection)) == [200, 408]


def test_logs_says_which_refusals_are_written(strict: Served) -> None:
    with strict.raw(b"nonsense\r\n\r\n") as connection:
        problem = json.loads(answers(connection).partition(b"\r\n\r\n")[2])
    assert problem["code"] == "malformed"
    assert strict.get("/broken")[0] == 500
    assert strict.wait_log("ValueError")
    assert problem["trace"] not in strict.log
    assert "Invalid HTTP" not in strict.log


def test_what_uvicorn_says_is_a_line_as_all_others_with_nothing_secret_in_it(strict: Served) -> None:
    assert strict.get("/broken")[0] == 500
    assert strict.wait_log("ValueError")
    line = next(json.loads(line) for line in strict.log.splitlines() if "ValueError" in line)
    assert (line["level"], line["event"]) == ("error", "server")
    assert "password=***" in line["traceback"]
    assert "hunter2" not in strict.log


@pytest.mark.slow
def test_workers_write_their_lines_in_the_same_way(project: Path, tmp_path: Path) -> None:
    plain = (project / "src" / "greeter.py").read_text(encoding="utf-8")
    (tmp_path / "greeter.py").write_text(plain + MOUNTED, encoding="utf-8")
    server = Served(tmp_path, "greeter:app", "--workers", "2")
    try:
        assert wait_until(lambda: _is_up(server), 15)
        assert server.get("/broken")[0] == 500
        assert server.wait_log('"event":"server"')
    finally:
        server.kill()


def _is_up(server: Served) -> bool:
    try:
        return server.get("/who")[0] == 200
    except OSError:
        return False
