"""Callers who take nothing of what is sent to them are cut after a while, by uvicorn as `krepis run` configures it."""

from __future__ import annotations

import asyncio
import base64
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from _board import a_board, metadata, prepare

from krepis._cli.run_settings import RunSettings
from krepis._server import GuardedConfig
from krepis.sql import Database
from serving import wait_until

STALL_S = 1
KEY = base64.b64encode(bytes(16)).decode()
UPGRADE = f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"


@pytest.fixture
def app_and_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[uvicorn.Server, int]]:
    url = f"sqlite:///{tmp_path_factory.mktemp('board') / 'board.db'}"
    asyncio.run(prepare(url))
    app = a_board(Database(url, metadata=metadata))
    listener = socket.create_server(("127.0.0.1", 0))
    config = GuardedConfig(app, RunSettings(stall_seconds=STALL_S), ws="krepis._server_socket:GuardedSocket")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    assert wait_until(lambda: server.started, 10)
    yield server, listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def asked(port: int, path: str, more: str = "") -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    connection.settimeout(10)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sams\r\n{more}\r\n".encode())
    return connection


def connections(server: uvicorn.Server) -> int:
    return len(server.server_state.connections)


def test_who_takes_nothing_is_cut_and_who_takes_little_is_not(app_and_port: tuple[uvicorn.Server, int]) -> None:
    server, port = app_and_port
    with asked(port, "/rows.ndjson?count=1000000") as dead, asked(port, "/rows.ndjson?count=1000000") as slow:
        end = time.monotonic() + 3 * STALL_S
        while time.monotonic() < end:
            assert slow.recv(8_192)
            time.sleep(0.005)
        assert connections(server) == 1
        taken = b""
        while piece := dead.recv(65_536):
            taken = taken[-10:] + piece
        assert not taken.endswith(b"0\r\n\r\n"), "it has not ended as it should"


def test_a_websocket_that_takes_nothing_is_cut(app_and_port: tuple[uvicorn.Server, int]) -> None:
    server, port = app_and_port
    with asked(port, "/live", UPGRADE) as dead, asked(port, "/live", UPGRADE) as idle:
        assert b"101" in dead.recv(100)
        assert b"101" in idle.recv(100)
        payload = b'{"id":1,"type":"burst","data":{"count":60,"size":200000}}'
        dead.sendall(bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload)
        reader = threading.Thread(target=drain, args=(idle,))
        reader.start()
        assert wait_until(lambda: connections(server) == 1, 10)
        time.sleep(2 * STALL_S)
        assert connections(server) == 1, "the one that reads stays"
        idle.shutdown(socket.SHUT_RDWR)
        reader.join()


def drain(connection: socket.socket) -> None:
    connection.settimeout(60)
    while connection.recv(65_536):
        pass
