"""Limits of `krepis run` in seconds: a connection that is kept, and what runs when the server is stopped."""

from __future__ import annotations

import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from serving import Served

GREET = b"GET /greet/a HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_kept_connection_waits_so_long_for_its_next_request_and_no_longer(project: Path) -> None:
    server = Served(project, "--keep-alive", "1")
    try:
        with server.raw(GREET) as connection:
            for _ in range(2):
                assert b"hello a" in _answer(connection)
                time.sleep(0.5)
                connection.sendall(GREET)
            assert b"hello a" in _answer(connection)
            began = time.monotonic()
            assert connection.recv(65_536) == b"", "the server closes it"
            assert 0.8 < time.monotonic() - began < 5
    finally:
        server.kill()


@pytest.mark.slow
@pytest.mark.parametrize(("graceful_s", "sleep_s", "is_answered"), [(5, 1, True), (1, 4, False)])
def test_what_runs_at_a_stop_has_so_long_and_no_longer(
    project: Path, graceful_s: int, sleep_s: int, is_answered: bool
) -> None:
    server = Served(project, "--graceful", str(graceful_s))
    seen: list[bytes] = []

    def call() -> None:
        with server.raw(b"GET /sleep/%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % sleep_s) as connection:
            try:
                seen.append(b"".join(iter(lambda: connection.recv(65_536), b"")))
            except ConnectionError:
                seen.append(b"")

    try:
        caller = threading.Thread(target=call)
        caller.start()
        time.sleep(0.4)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(20)
        took_s = time.monotonic() - began
        caller.join(10)
        assert (b"slept" in seen[0]) is is_answered
        assert took_s < 3.4, "it does not wait for what may not end"
    finally:
        server.kill()


def _answer(connection: socket.socket) -> bytes:
    seen = b""
    while b"hello a" not in seen:
        piece = connection.recv(65_536)
        assert piece, seen
        seen += piece
    return seen
