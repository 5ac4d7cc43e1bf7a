"""Large files and slow or leaving callers: the memory of the server stays flat, and nothing stays open.

The figures of 500 MiB stand in `bench/micro/files.py`; here it is enough that memory does not follow size.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from faults.cabinets import Cabinet
from faults.shop import Store
from serving import wait_until

MIB = 1 << 20
FILE_MIB = 96
GROWN_MIB_MAX = 32

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
]


@pytest.fixture(scope="module", params=["folder", "database"])
def cabinet(
    request: pytest.FixtureRequest, make_store: Callable[[str], Store], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cabinet]:
    """A cabinet that the tests share: each brings documents of its own."""
    folder = tmp_path_factory.mktemp("cabinet")
    made = Cabinet(folder, make_store("sqlite"), in_folder=request.param == "folder", CABINET_SECONDS="60")
    made.open()
    yield made
    made.close()


def peak_mib(cabinet: Cabinet) -> float:
    """The most memory that the server has ever had."""
    status = Path(f"/proc/{cabinet.served.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def pieces(mib: int) -> Iterator[bytes]:
    chance = Random(1)
    return (chance.randbytes(MIB) for _ in range(mib))


def put(cabinet: Cabinet, name: str, mib: int) -> str:
    """Upload so many MiB; answers with their SHA-256."""
    digest = hashlib.sha256()
    connection = http.client.HTTPConnection("127.0.0.1", cabinet.served.port, timeout=60)
    connection.putrequest("PUT", f"/documents/{name}")
    connection.putheader("content-length", str(mib * MIB))
    connection.endheaders()
    for piece in pieces(mib):
        digest.update(piece)
        connection.send(piece)
    reply = connection.getresponse()
    assert (reply.status, reply.read()[:1]) == (200, b"{")
    connection.close()
    return digest.hexdigest()


def test_a_large_file_goes_in_and_out_in_little_memory(cabinet: Cabinet) -> None:
    put(cabinet, "small", 1)
    assert cabinet.served.get("/documents/small")[0] == 200
    idle = peak_mib(cabinet)
    digest = put(cabinet, "large", FILE_MIB)
    reader = cabinet.served.raw(b"GET /documents/large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    found = hashlib.sha256()
    size = -1
    with reader, reader.makefile("rb") as stream:
        while stream.readline().strip():
            pass
        while piece := stream.read(MIB):
            found.update(piece)
            size += len(piece)
    assert found.hexdigest() == digest
    assert peak_mib(cabinet) - idle < GROWN_MIB_MAX


def test_a_slow_reader_does_not_grow_memory(cabinet: Cabinet) -> None:
    put(cabinet, "slow", FILE_MIB)
    idle = peak_mib(cabinet)
    readers: list[socket.socket] = []
    for _ in range(8):
        reader = cabinet.served.raw(b"GET /documents/slow HTTP/1.1\r\nhost: x\r\n\r\n")
        readers.append(reader)
    for _ in range(10):
        time.sleep(0.1)
        for reader in readers:
            assert reader.recv(1000)
    assert peak_mib(cabinet) - idle < GROWN_MIB_MAX
    assert cabinet.served.get("/documents/none")[0] == 404
    for reader in readers:
        reader.close()


def test_a_reader_who_takes_nothing_is_cut_and_one_who_takes_little_is_not(
    make_store: Callable[[str], Store], tmp_path: Path
) -> None:
    cabinet = Cabinet(
        tmp_path, make_store("sqlite"), in_folder=True, CABINET_SECONDS="60", KREPIS_RUN_STALL_SECONDS="1"
    )
    cabinet.open()
    try:
        put(cabinet, "large", FILE_MIB)
        idle = peak_mib(cabinet)
        with _asked(cabinet) as dead, _asked(cabinet) as slow:
            end = time.monotonic() + 4
            while time.monotonic() < end:
                assert len(slow.recv(256 * 1024)) > 0
                time.sleep(0.1)
            assert cabinet.served.log.count('"event":"stalled"') == 1
            assert peak_mib(cabinet) - idle < GROWN_MIB_MAX
            taken = 0
            with contextlib.suppress(ConnectionResetError):
                while piece := dead.recv(MIB):
                    taken += len(piece)
            assert taken < FILE_MIB * MIB // 2
            assert slow.recv(1000)
    finally:
        cabinet.close()


def _asked(cabinet: Cabinet) -> socket.socket:
    """A caller with little room for what comes."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    connection.connect(("127.0.0.1", cabinet.served.port))
    connection.settimeout(10)
    connection.sendall(b"GET /documents/large HTTP/1.1\r\nhost: x\r\n\r\n")
    return connection


def test_a_reader_who_leaves_leaves_nothing_open(cabinet: Cabinet) -> None:
    put(cabinet, "eight", 8)
    open_files = Path(f"/proc/{cabinet.served.process.pid}/fd")
    cabinet.served.get("/documents/none")
    before = len([*open_files.iterdir()])
    for _ in range(20):
        reader = cabinet.served.raw(b"GET /documents/eight HTTP/1.1\r\nhost: x\r\n\r\n")
        reader.recv(1000)
        reader.close()
    assert wait_until(lambda: len([*open_files.iterdir()]) <= before, 10)
    assert '"event":"bug"' not in cabinet.served.log


@pytest.mark.parametrize("chunked", [True, False])
def test_what_a_caller_who_leaves_has_sent_goes_at_once(cabinet: Cabinet, chunked: bool) -> None:
    length = b"transfer-encoding: chunked" if chunked else b"content-length: 9999999"
    sender = cabinet.served.raw(b"PUT /documents/left HTTP/1.1\r\nhost: x\r\n" + length + b"\r\n\r\n")
    piece = os.urandom(700_000)
    sender.sendall((b"%x\r\n%s\r\n" % (len(piece), piece)) if chunked else piece)
    assert wait_until(lambda: cabinet.halves() == 1, 10)
    sender.close()
    # Well before the door's time and that of the sweep are over.
    assert wait_until(lambda: cabinet.halves() == 0 and cabinet.loose() == 0, 10)
    assert "left" not in cabinet.documents()


def test_a_body_that_does_not_come_in_time_is_408_and_goes(make_store: Callable[[str], Store], tmp_path: Path) -> None:
    cabinet = Cabinet(tmp_path, make_store("sqlite"), in_folder=True, CABINET_SECONDS="0.5")
    cabinet.open()
    try:
        sender = cabinet.served.raw(b"PUT /documents/slow HTTP/1.1\r\nhost: x\r\ncontent-length: 999999\r\n\r\n")
        sender.sendall(bytes(500_000))
        assert sender.recv(100).startswith(b"HTTP/1.1 408")
        assert wait_until(lambda: cabinet.halves() == 0 and cabinet.loose() == 0, 5)
        sender.close()
    finally:
        cabinet.close()


def test_a_body_that_says_to_be_too_large_is_refused_before_it_is_sent(cabinet: Cabinet) -> None:
    sender = cabinet.served.raw(b"PUT /documents/huge HTTP/1.1\r\nhost: x\r\ncontent-length: 600000001\r\n\r\n")
    assert sender.recv(100).startswith(b"HTTP/1.1 413")
    sender.close()
    assert cabinet.halves() == cabinet.loose() == 0
