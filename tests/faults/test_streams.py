"""Streams of a real server: broken in the middle, read by nobody, cut off, stopped, and sent whatever a stranger may send."""

from __future__ import annotations

import asyncio
import base64
import http.client
import importlib.util
import json
import shutil
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from faults.shop import LONG, drawn
from serving import Served, wait_until

BOARD = Path(__file__).parents[2] / "packages/core/tests/streams/_board.py"
ANN, SAM = ({"Authorization": f"Bearer {name}s"} for name in ("ann", "sam"))
MIB = 1_048_576
CLIENTS = 200 if LONG else 50
HOSTILE = 2000 if LONG else 150


class Board:
    """A notice board, served by a process of its own."""

    def __init__(self, folder: Path, url: str, *words: str, **limits: Any) -> None:
        (folder / "src").mkdir()
        shutil.copy(BOARD, folder / "src" / "board.py")
        (folder / "krepis.toml").write_text('app = "board:app"\n', encoding="utf-8")
        self._looked = 0
        self._stack = ExitStack()
        self.served = Served(folder, *words, BOARD_DB=url, BOARD_LIMITS=json.dumps(limits))
        assert wait_until(self._answers, 20), self.served.log

    def _answers(self) -> bool:
        try:
            return self.served.get("/nothing")[0] == 404
        except OSError:
            return False

    def post(self, path: str, body: Any) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=30)
        try:
            headers = SAM | {"Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(body), headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def pin(self, text: str) -> None:
        assert self.post("/notes", {"reader": "ann", "text": text})[0] == 201

    def get(self, path: str) -> http.client.HTTPResponse:
        """The answer to GET, its body not read yet."""
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=20)
        self._stack.callback(connection.close)
        connection.request("GET", path, headers=ANN)
        reply = connection.getresponse()
        self._stack.callback(reply.close)
        assert reply.status == 200
        return reply

    def socket(self, path: str = "/live", headers: dict[str, str] | None = None, **options: Any) -> ClientConnection:
        sent = ANN if headers is None else headers
        return self._stack.enter_context(
            connect(f"ws://127.0.0.1:{self.served.port}{path}", additional_headers=sent, **options)
        )

    def raw(self, head: str = "/live", *, upgrade: bool = True) -> socket.socket:
        """A connection that has sent its request, and for a WebSocket has read the answer."""
        lines = [f"GET {head} HTTP/1.1", "Host: x", "Authorization: Bearer anns"]
        if upgrade:
            key = base64.b64encode(bytes(16)).decode()
            lines += [
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                f"Sec-WebSocket-Key: {key}",
            ]
        connection = self.served.raw("\r\n".join([*lines, "", ""]).encode())
        if upgrade:
            assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        return connection

    def memory(self) -> int:
        """Bytes that are resident."""
        status = Path(f"/proc/{self.served.process.pid}/status").read_text(encoding="utf-8")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    def close(self) -> None:
        self.served.kill()
        self._stack.close()

    def forget(self) -> None:
        """The log until now was expected."""
        self._looked = len(self.served.log)

    def is_well(self) -> None:
        """It serves, and what happened since the last look filled no log with what is no line of ours."""
        assert self.post("/notes", {"reader": "ann", "text": "well"})[0] == 201
        said = self.served.log[self._looked :]
        self._looked += len(said)
        assert "Traceback" not in said, said[-3000:]


MakeBoard = Callable[..., Board]


@pytest.fixture
def make_board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeBoard]:
    boards: list[Board] = []

    def make(kind: str = "sqlite", *words: str, **limits: Any) -> Board:
        folder = tmp_path_factory.mktemp("board")
        if kind == "postgres":
            url = request.getfixturevalue("postgres").make_database(f"board{folder.name.replace('-', '')}")
        else:
            url = f"sqlite:///{folder / 'board.db'}"
        asyncio.run(board_module().prepare(url))
        boards.append(Board(folder, url, *words, **limits))
        return boards[-1]

    yield make
    for board in boards:
        board.close()


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A board that tests share: none of them may end its process."""
    folder = tmp_path_factory.mktemp("shared")
    url = f"sqlite:///{folder / 'board.db'}"
    asyncio.run(board_module().prepare(url))
    shared = Board(folder, url)
    yield shared
    shared.close()


def board_module() -> Any:
    name = "_faults_board"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, BOARD)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def read_until(connection: socket.socket, mark: bytes) -> bytes:
    found = b""
    while mark not in found:
        piece = connection.recv(65_536)
        if not piece:
            break
        found += piece
    return found


def next_event(reply: http.client.HTTPResponse) -> dict[str, str]:
    """The next event of a stream that has data."""
    while True:
        fields: dict[str, str] = {}
        while line := reply.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        if "data" in fields:
            return fields
        assert not reply.isclosed(), "the stream has ended"


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_an_answer_that_breaks_in_the_middle_is_not_taken_for_a_whole_one(board: Board, form: str):
    whole = board.get(f"/rows.{form}?count=200").read()
    assert whole.count(b"\n") >= 200
    broken = board.get(f"/rows.{form}?count=200&" + ("fail_at=150" if form == "ndjson" else "stuck=true"))
    with pytest.raises(http.client.IncompleteRead) as cut:
        broken.read()
    assert whole.startswith(cut.value.partial[:1000])
    assert board.served.wait_log("a bug in the middle" if form == "ndjson" else "is the cursor that asked for it")
    board.forget()
    board.is_well()


def test_a_million_rows_that_nobody_reads_take_no_memory(make_board: MakeBoard):
    board = make_board()
    board.get("/rows.ndjson?count=2000").read()
    before = board.memory()
    with ExitStack() as stack:
        for _ in range(20):
            slow = stack.enter_context(board.raw("/rows.ndjson?count=1000000", upgrade=False))
            assert slow.recv(100).startswith(b"HTTP/1.1 200")
        time.sleep(1)
        assert board.memory() - before < 24 * MIB
        board.is_well()
    assert wait_until(lambda: len(board.get("/rows.csv?count=1").read()) > 0, 5)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_events_that_nobody_reads_take_no_memory(make_board: MakeBoard, kind: str):
    board = make_board(kind)
    board.post("/burst", {"count": 100, "size": 100_000})
    with ExitStack() as stack:
        for _ in range(15):
            stack.enter_context(board.raw("/events", upgrade=False)).settimeout(5)
            stack.enter_context(board.raw("/live"))
        board.post("/burst", {"count": 100, "size": 100_000})
        time.sleep(0.5)
        before = board.memory()
        quick = board.get("/events")
        next_event(quick)
        for _ in range(5):
            assert board.post("/burst", {"count": 60, "size": 200_000})[0] == 200
            assert [json.loads(next_event(quick)["data"])["number"] for _ in range(60)] == list(range(60))
        # 30 clients times 60 MB have happened; a queue of them would be 1800 MB.
        assert board.memory() - before < 96 * MIB
        quick.close()
        board.is_well()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_many_clients_at_once_see_everything_in_order(make_board: MakeBoard, kind: str):
    board = make_board(kind)
    seen: dict[int, list[str]] = {}

    def listen(number: int) -> None:
        if number % 2:
            with board.socket() as there:
                json.loads(there.recv(20))
                ready.release()
                seen[number] = [json.loads(there.recv(20))["data"]["text"] for _ in range(20)]
        else:
            reply = board.get("/events")
            next_event(reply)
            ready.release()
            seen[number] = [json.loads(next_event(reply)["data"])["text"] for _ in range(20)]
            reply.close()

    ready = threading.Semaphore(0)
    threads = [threading.Thread(target=listen, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert ready.acquire(timeout=20)
    for number in range(20):
        board.pin(f"note {number}")
    for thread in threads:
        thread.join(30)
    assert seen == {number: [f"note {text}" for text in range(20)] for number in range(CLIENTS)}


@pytest.mark.parametrize("words", [(), ("--workers", "2")], ids=["one", "two"])
def test_a_stop_ends_streams_at_once_and_answers_what_runs(make_board: MakeBoard, words: tuple[str, ...]):
    board = make_board("sqlite", *words)
    stream = board.get("/events")
    next_event(stream)
    quiet, busy = board.socket(), board.socket()
    quiet.recv(5)
    busy.recv(5)
    busy.send(json.dumps({"id": 1, "type": "nap", "data": {"seconds": 3}}))
    assert board.served.wait_log("napping"), board.served.log
    started = time.monotonic()
    board.served.process.send_signal(signal.SIGTERM)
    assert stream.read() == b"", "the last chunk is there: this stream has ended, and did not break"
    with pytest.raises(ConnectionClosed) as closed:
        quiet.recv(5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    assert time.monotonic() - started < 2.5, "nobody waited for the command of another"
    assert json.loads(busy.recv(10)) == {"id": 1, "answer": "slept"}
    with pytest.raises(ConnectionClosed) as ended:
        busy.recv(10)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1001
    assert board.served.process.wait(10) == 0
    assert "Traceback" not in board.served.log, board.served.log


def test_a_client_that_comes_back_after_a_kill_has_missed_nothing(make_board: MakeBoard, tmp_path: Path):
    board = make_board()
    stream = board.get("/events")
    next_event(stream)
    board.pin("before")
    place = next_event(stream)["id"]
    board.pin("unseen")
    board.served.kill()
    (tmp_path / "again").mkdir()
    again = Board(tmp_path / "again", f"sqlite:///{Path(board.served._log.name).parent / 'board.db'}")
    try:
        again.pin("after")
        with again.socket(f"/live?after={place}") as there:
            assert json.loads(there.recv(5)) == {"position": int(place)}
            assert [json.loads(there.recv(5))["data"]["text"] for _ in range(2)] == ["unseen", "after"]
    finally:
        again.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Authorization": "Bearer x"}, 401), (ANN | {"Origin": "https://evil.example"}, 403), (ANN, 404)],
)
def test_a_refused_handshake_is_a_problem(board: Board, headers: dict[str, str], status: int):
    with pytest.raises(InvalidStatus) as refused:
        board.socket("/nowhere" if status == 404 else "/live", headers)
    reply = refused.value.response
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")
    assert reply.body is not None
    assert json.loads(reply.body)["status"] == status


def frame(opcode: int, payload: bytes, *, last: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """A frame as RFC 6455 has it, section 5.2, or not quite."""
    head = bytes([(0x80 if last else 0) | reserved << 4 | opcode])
    mask = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head += bytes([mask | size])
    elif size < 65_536:
        head += bytes([mask | 126]) + struct.pack("!H", size)
    else:
        head += bytes([mask | 127]) + struct.pack("!Q", size)
    return head + (bytes(4) if masked else b"") + payload


def closing_code(connection: socket.socket) -> int | None:
    """The code of the closing frame, after everything before it; `None` if the connection ends without one."""
    connection.settimeout(10)
    data = bytearray()
    try:
        while piece := connection.recv(65_536):
            data += piece
    except OSError:
        pass
    while len(data) >= 2:
        opcode, size, at = data[0] & 15, data[1] & 127, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
        if opcode == 8:
            return int.from_bytes(data[at : at + 2], "big")
        del data[: at + size]
    return None


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(1, b"\xff\xfe"), 1007),
        (frame(1, b'{"id":1,"type":"\xed\xa0\x80"}'), 1007),
        (frame(1, b"{"), 1007),
        (frame(2, b"{}"), 1003),
        (frame(1, b"x" * 65_537), 1009),
        (frame(1, b"x" * 40_000, last=False) + frame(0, b"x" * 40_000), 1009),
        (b"\x81\xff" + struct.pack("!Q", 2**62), 1009),
        (frame(1, b"{}", masked=False), 1002),
        (frame(3, b"{}"), 1002),
        (frame(1, b"{}", reserved=4), 1002),
        (frame(0, b"{}"), 1002),
        (frame(9, b"x" * 126), 1002),
        (frame(9, b"x", last=False), 1002),
        (frame(8, struct.pack("!H", 1000) + b"bye"), 1000),
        (frame(8, b""), 1005),
        (frame(8, b"\x03"), 1002),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1002),
    ],
)
def test_what_is_no_frame_of_ours_closes_with_its_code(board: Board, sent: bytes, code: int):
    with board.raw() as connection:
        connection.sendall(sent)
        found = closing_code(connection)
        # A closing frame without a code is answered in kind.
        assert found in ((code, 0) if code == 1005 else (code,))
    board.is_well()


@drawn
def test_bytes_drawn_at_random_harm_nobody_else(board: Board, seed: int):
    chance = Random(seed)
    with board.socket() as bystander:
        bystander.recv(5)
        for _ in range(HOSTILE):
            opcode = chance.randrange(16) if chance.random() < 0.5 else 1
            payload = chance.choice((b'{"id":1,"type":"pin","data":', b"[", b"\xc3", b"")) + chance.randbytes(
                chance.randrange(200)
            )
            sent = frame(
                opcode,
                payload,
                last=chance.random() < 0.8,
                masked=chance.random() < 0.8,
                reserved=chance.choice((0, 0, 0, 7)),
            )
            with board.raw() as connection:
                connection.sendall(sent[: chance.randint(1, len(sent))] if chance.random() < 0.3 else sent)
        board.pin("still here")
        shown = json.loads(bystander.recv(5))
        while "position" not in shown or "data" not in shown:
            shown = json.loads(bystander.recv(5))
        assert shown["data"]["text"] == "still here"
    board.is_well()


def test_a_client_that_answers_no_ping_is_cut(make_board: MakeBoard):
    board = make_board(ping_s=0.3)
    with board.raw() as dead, board.socket() as alive:
        started = time.monotonic()
        assert closing_code(dead) in (1011, None)
        assert 0.3 < time.monotonic() - started < 3
        alive.send(json.dumps({"id": 1, "type": "list", "data": {}}))
        assert any("answer" in json.loads(alive.recv(5)) for _ in range(3))


def test_a_server_without_the_library_says_what_to_install(tmp_path: Path):
    (tmp_path / "src").mkdir()
    shutil.copy(BOARD, tmp_path / "src" / "board.py")
    (tmp_path / "krepis.toml").write_text('app = "board:app"\n', encoding="utf-8")
    (tmp_path / "sitecustomize.py").write_text('import sys\nsys.modules["websockets"] = None\n', encoding="utf-8")
    with pytest.raises(AssertionError, match=r"pip install \"krepis\[websocket\]\""):
        Served(tmp_path, BOARD_DB="sqlite://", PYTHONPATH=str(tmp_path))
