"""What the OpenAPI document says is what a served app does: schemathesis with all its checks finds no difference."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIBRARY = ROOT / "examples/library"
STALL = ROOT / "packages/core/tests/http"

SEED_FIXED = 1
SEED_DRAWN = int(os.environ["KREPIS_SEED"])
EXAMPLES = 400 if os.environ.get("KREPIS_LONG") else 12
WAIT_S = 20.0
KNOWN_SHARE = 0.7
NOTHING: Mapping[str, Sequence[str]] = MappingProxyType({})


def test_every_kind_of_door_is_as_documented(tmp_path: Path) -> None:
    with served("_stall:stall", "--factory", "--app-dir", str(STALL), folder=tmp_path) as origin:
        compare(f"{origin}/api/openapi.json", SEED_FIXED, tmp_path)


def test_every_kind_of_door_is_as_documented_with_a_new_seed(tmp_path: Path) -> None:
    with served("_stall:stall", "--factory", "--app-dir", str(STALL), folder=tmp_path) as origin:
        compare(f"{origin}/api/openapi.json", SEED_DRAWN, tmp_path)


def test_the_library_is_as_documented(tmp_path: Path) -> None:
    with served_library(tmp_path) as (origin, token):
        compare(f"{origin}/openapi.json", SEED_FIXED, tmp_path, *signed_in(token), known=stocked(origin, token))


def test_the_library_is_as_documented_with_a_new_seed(tmp_path: Path) -> None:
    with served_library(tmp_path) as (origin, token):
        compare(f"{origin}/openapi.json", SEED_DRAWN, tmp_path, *signed_in(token), known=stocked(origin, token))


def signed_in(token: str) -> tuple[str, ...]:
    """Ask as the manager; not to be signed off, and not for events, which never end."""
    outside = ("LogOut", "LogOutEverywhere", "WatchDesk")
    return ("--header", f"Authorization: Bearer {token}", *(f"--exclude-operation-id={name}" for name in outside))


def compare(
    document: str, seed: int, folder: Path, *options: str, known: Mapping[str, Sequence[str]] = NOTHING
) -> None:
    """Run schemathesis as its users do. A failing seed is printed: `KREPIS_SEED=... pytest` repeats it.

    `known` has values that exist, by the place where they are sent; they are sent more often than made-up ones.
    """
    print(f"seed {seed}")
    config = folder / "schemathesis.toml"
    config.write_text("\n".join(bindings(known)) + (HERE / "schemathesis.toml").read_text())
    command = [
        *(Path(sys.executable).parent / "st", "--config-file", config, "run", document),
        *("--checks", "all", "--max-examples", str(EXAMPLES), "--seed", str(seed), "--continue-on-failure"),
        *("--generation-database", "none", "--no-color", *options),
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "_hooks.py")}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        pytest.fail(f"seed {seed}\n{run.stdout}{run.stderr}", pytrace=False)


def bindings(known: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for at, values in enumerate(known.values()):
        yield f"[dictionaries.known{at}]\nvalues = {json.dumps(list(values))}\n"
    yield "[parameters]"
    for at, place in enumerate(known):
        yield f'"{place}" = {{ dictionary = "known{at}", probability = {KNOWN_SHARE} }}'
    yield ""


def stocked(origin: str, token: str) -> dict[str, list[str]]:
    """A library with something in it: what was made, by the place where it is sent."""

    def make(path: str, **fields: str) -> str:
        return made(origin, path, token, **fields)

    isbns = ["9780441172719", "9780141439518"]
    for isbn in isbns:
        make("/books", isbn=isbn, title="Dune", author="Herbert")
    copies = [make(f"/books/{isbn}/copies") for isbn in isbns for _ in range(3)]
    members = [make("/members", name="Ann", email=f"ann{at}@example.org") for at in range(3)]
    loans = [make("/loans", member=members[0], copy=copy) for copy in copies[:2]]
    return {
        "path.isbn": isbns,
        "path.member": members,
        "path.copy": copies,
        "path.loan": loans,
        "body.member": members,
        "body.copy": copies,
    }


def made(origin: str, path: str, token: str, **fields: str) -> str:
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    request = urllib.request.Request(origin + path, json.dumps(fields).encode(), headers)
    with urllib.request.urlopen(request, timeout=WAIT_S) as reply:
        return json.load(reply).get("id", "")


@contextmanager
def served_library(folder: Path) -> Generator[tuple[str, str]]:
    """A library, and the token of its manager."""
    environment = {
        "LIBRARY_DATABASE": f"sqlite:///{folder / 'library.db'}",
        "LIBRARY_TOKEN_KEY": "for tests, and long enough for a key",
        "LIBRARY_FILES_FOLDER": str(folder / "files"),
        "LIBRARY_MAIL_FOLDER": str(folder / "mail"),
        "LIBRARY_REQUESTS_PER_MINUTE": "1000000",
        "LIBRARY_PASSWORD_MEMORY_KIB": "64",
    }

    def krepis(*words: str) -> str:
        command = [Path(sys.executable).parent / "krepis", *words]
        done = subprocess.run(
            command, cwd=LIBRARY, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    krepis("db", "upgrade")
    manager = json.loads(krepis("job", "run", "hire", "name=Max", "role=manager"))["id"]
    invitation = json.loads(krepis("job", "run", "invite", f"person={manager}"))["token"]
    with (
        catalogue() as known,
        served("library.app:app", folder=folder, **environment, LIBRARY_CATALOGUE=known) as origin,
    ):
        account = {"token": invitation, "email": "max@example.org", "password": "a word for tests"}
        request = urllib.request.Request(
            f"{origin}/invitations", json.dumps(account).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=WAIT_S) as reply:
            token = json.load(reply)["access_token"]
        yield origin, token


@contextmanager
def catalogue() -> Generator[str]:
    """The service that the library asks about books; it knows every book as `Emma`."""

    class Emma(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"title": "Emma", "author": "Jane Austen", "published": 1815, "pages": 474}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Emma) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{service.server_port}"
        service.shutdown()


@contextmanager
def served(app: str, *options: str, folder: Path, **environment: str) -> Generator[str]:
    """An app on uvicorn, in a process of its own, until the test is over."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "uvicorn", app, "--port", port, "--log-level", "warning", *options]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
    origin = f"http://127.0.0.1:{port}"
    try:
        wait(f"{origin}/", server)
        yield origin
    finally:
        server.terminate()
        server.wait(WAIT_S)


def wait(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + WAIT_S
    while server.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=WAIT_S).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the server did not answer at {url}")
