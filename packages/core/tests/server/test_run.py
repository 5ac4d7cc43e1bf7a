"""`krepis run`: a real process, real sockets, and callers that do not behave."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from serving import KREPIS, Served, wait_until


def test_a_project_is_served_without_an_argument(served: Served) -> None:
    assert served.get("/greet/ada") == (200, b"hello ada")


def test_a_kept_connection_serves_many_requests(served: Served) -> None:
    with served.raw(b"GET /greet/a HTTP/1.1\r\nHost: x\r\n\r\nGET /greet/b HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
        seen = b""
        while b"hello b" not in seen:
            seen += connection.recv(65536)
    assert seen.count(b"HTTP/1.1 200 OK") == 2


def test_a_body_in_pieces_is_put_together(served: Served) -> None:
    chunks = b"POST /store HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with served.raw(chunks) as connection:
        for piece in (b'{"te', b'xt":"', b'dune"}'):
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            time.sleep(0.01)
        connection.sendall(b"0\r\n\r\n")
        seen = b""
        while not seen.endswith(b"\r\n\r\n4"):
            seen += connection.recv(65536)


def test_a_body_over_the_limit_is_refused_before_it_is_read(served: Served) -> None:
    head = b"POST /store HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n"
    with served.raw(head) as connection:
        assert b"413" in connection.recv(65536).split(b"\r\n")[0]


def test_a_chunked_body_over_the_limit_is_refused_on_the_way(served: Served) -> None:
    head = b"POST /store HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with served.raw(head) as connection:
        connection.sendall(b"1ffff\r\n" + b" " * 0x1FFFF + b"\r\n")
        assert b"413" in connection.recv(65536).split(b"\r\n")[0]


@pytest.mark.slow
def test_a_body_that_never_ends_is_408_at_the_doors_limit(served: Served) -> None:
    head = b"POST /store HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
    with served.raw(head) as connection:
        assert b"408" in connection.recv(65536).split(b"\r\n")[0]


@pytest.mark.parametrize("whole", [True, False])
def test_headers_over_the_limit_are_431(served: Served, whole: bool) -> None:
    head = b"GET /greet/a HTTP/1.1\r\nHost: x\r\nX-Much: " + b"x" * 70_000
    with served.raw(head + (b"\r\n\r\n" if whole else b"")) as connection:
        assert b"431" in connection.recv(65536).split(b"\r\n")[0]


@pytest.mark.parametrize(
    ("sent", "code"),
    [(b"GET / HTTP/1.1\r\nX: " + b"x" * 2_000_000, "headers_too_large"), (b"hello?\r\n\r\n", "malformed")],
    ids=["large", "no http"],
)
def test_what_no_door_has_seen_is_a_problem_with_a_trace_too(served: Served, sent: bytes, code: str) -> None:
    with served.raw(sent) as connection:
        answer = b""
        while part := connection.recv(65536):
            answer += part
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert problem["code"] == code
    assert served.wait_log(problem["trace"])


def test_headers_at_the_limit_are_read(served: Served) -> None:
    assert served.get("/greet/a", {"X-Much": "x" * 60_000}) == (200, b"hello a")


@pytest.mark.slow
def test_headers_that_never_end_are_408(served: Served) -> None:
    with served.raw(b"GET /greet/a HTTP/1.1\r\nHost: x\r\nX-Slow: ") as connection:
        assert b"408" in connection.recv(65536).split(b"\r\n")[0]


def test_bytes_that_are_no_http_are_400(served: Served) -> None:
    with served.raw(b"\x16\x03\x01 this is not http\r\n\r\n") as connection:
        assert b"400" in connection.recv(65536).split(b"\r\n")[0]


def test_a_path_over_the_limit_is_414(served: Served) -> None:
    assert served.get("/greet/" + "a" * 9_000)[0] == 414


def test_work_is_cancelled_when_its_caller_goes_away(served: Served) -> None:
    before = served.log.count("rolled_back")
    started = served.log.count("sleeping")
    with served.raw(b"GET /sleep/4 HTTP/1.1\r\nHost: x\r\n\r\n"):
        assert wait_until(lambda: served.log.count("sleeping") > started, 10)
    assert wait_until(lambda: served.log.count("rolled_back") > before, 3), "long before it has slept"
    assert "caller_gone" in served.log


def test_a_refusal_is_logged_with_the_trace_that_the_caller_sees(served: Served) -> None:
    status, body = served.get("/sleep/long")
    trace = body.split(b'"trace":"')[1][:32].decode()
    assert status == 422
    assert served.wait_log(trace)


def test_a_caller_who_continues_a_trace_finds_it_in_the_log(served: Served) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    served.get("/nothing", {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert served.wait_log(trace)


@pytest.mark.slow
def test_stopping_lets_running_requests_end(project: Path) -> None:
    server = Served(project)
    answers: list[tuple[int, bytes]] = []
    caller = threading.Thread(target=lambda: answers.append(server.get("/sleep/1")))
    caller.start()
    assert server.wait_log("sleeping", 10)
    server.process.send_signal(signal.SIGTERM)
    caller.join(10)
    server.process.wait(10)
    assert answers == [(200, b"slept")]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=1)
    server.kill()


@pytest.mark.slow
def test_several_workers_share_a_port(project: Path) -> None:
    server = Served(project, "--workers", "2")
    processes: set[bytes] = set()

    def both_have_answered() -> bool:
        if _answers(server):
            processes.add(server.get("/who")[1])
        return len(processes) == 2

    try:
        assert wait_until(both_have_answered, 15)
    finally:
        server.kill()


def _answers(server: Served) -> bool:
    try:
        return server.get("/who")[0] == 200
    except OSError:
        return False


@pytest.mark.slow
def test_a_source_that_changes_is_served_anew(project: Path) -> None:
    server = Served(project, "--reload")
    source = project / "src" / "greeter.py"
    text = source.read_text(encoding="utf-8")
    try:
        assert wait_until(lambda: _answers(server), 15)
        time.sleep(1)  # nothing says when the watch of files has begun
        source.write_text(text.replace('"hello "', '"good day "'), encoding="utf-8")
        assert wait_until(lambda: _answers(server) and server.get("/greet/ada")[1] == b"good day ada", 20), server.log
    finally:
        source.write_text(text, encoding="utf-8")
        server.kill()


def refused(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run([KREPIS, *words], cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr


def test_an_unknown_verb_has_a_hint(tmp_path: Path) -> None:
    code, said = refused(tmp_path, "rnu")
    assert (code, "did you mean `krepis run`?" in said) == (2, True)


def test_a_folder_without_a_project_has_a_hint(tmp_path: Path) -> None:
    code, said = refused(tmp_path, "run")
    assert code == 1
    assert "no krepis.toml" in said
    assert "hint: " in said


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("greeter", "is not of the form MODULE:APP"),
        ("nowhere:app", "there is no module `nowhere`"),
        ("greeter:doors", "is not a krepis App"),
        ("greeter:missing", "is not a krepis App"),
    ],
)
def test_a_wrong_app_is_named(project: Path, name: str, sentence: str) -> None:
    code, said = refused(project, "run", name)
    assert (code, sentence in said) == (1, True)


def test_wrong_options_are_wrong_use(project: Path) -> None:
    assert refused(project, "run", "--port", "99999")[0] == 2
    assert refused(project, "run", "--workers", "0")[0] == 2
    assert refused(project, "run", "--reload", "--workers", "2")[0] == 1


def test_a_taken_port_is_named(project: Path, served: Served) -> None:
    code, said = refused(project, "run", "--port", str(served.port))
    assert (code, "nothing can listen at" in said) == (1, True)


def test_an_app_with_problems_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "from krepis.app import App\ndef f(x): ...\napp = App('broken', handlers=(f,))\n", encoding="utf-8"
    )
    code, said = refused(tmp_path, "run", "broken:app")
    assert code == 1
    assert "does not take `ctx: Context` first" in said
    assert "Traceback" not in said


def test_help_lists_the_verbs_with_their_sentence(tmp_path: Path) -> None:
    done = subprocess.run([KREPIS, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert " run Serve an app " in " ".join(done.stdout.split())


def test_uvicorn_serves_an_app_as_any_other(project: Path) -> None:
    code = (
        "import sys, asyncio, uvicorn, threading, urllib.request, time; sys.path.insert(0, 'src');"
        "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0));"
        "server = uvicorn.Server(uvicorn.Config('greeter:app', log_level='warning'));"
        "threading.Thread(target=server.run, kwargs={'sockets': [s]}, daemon=True).start();"
        "time.sleep(1); port = s.getsockname()[1];"
        "print(urllib.request.urlopen(f'http://127.0.0.1:{port}/greet/ada').read().decode())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout == "hello ada\n"
