"""What the OpenAPI document says is what a served app does: schemathesis with all its checks finds no difference."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import library.app
import pytest

from krepis.sql import migrate

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STALL = ROOT / "packages/core/tests/http"

SEED_FIXED = 1
SEED_DRAWN = int(os.environ.get("KREPIS_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
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
    with served_library(tmp_path) as origin:
        compare(f"{origin}/openapi.json", SEED_FIXED, tmp_path, stocked(origin))


def test_the_library_is_as_documented_with_a_new_seed(tmp_path: Path) -> None:
    with served_library(tmp_path) as origin:
        compare(f"{origin}/openapi.json", SEED_DRAWN, tmp_path, stocked(origin))


def compare(document: str, seed: int, folder: Path, known: Mapping[str, Sequence[str]] = NOTHING) -> None:
    """Run schemathesis as its users do. A failing seed is printed: `KREPIS_SEED=... pytest` repeats it.

    `known` has values that exist, by the place where they are sent; they are sent more often than made-up ones.
    """
    print(f"seed {seed}")
    config = folder / "schemathesis.toml"
    config.write_text("\n".join(bindings(known)) + (HERE / "schemathesis.toml").read_text())
    command = [
        *(Path(sys.executable).parent / "st", "--config-file", config, "run", document),
        *("--checks", "all", "--max-examples", str(EXAMPLES), "--seed", str(seed), "--continue-on-failure"),
        *("--generation-database", "none", "--no-color"),
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "_whole_numbers.py")}
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


def stocked(origin: str) -> dict[str, list[str]]:
    """A library with something in it: what was made, by the place where it is sent."""
    manager = made(origin, "/staff", name="Max", role="manager")
    isbns = ["9780441172719", "9780141439518"]
    for isbn in isbns:
        made(origin, "/books", isbn=isbn, title="Dune", author="Herbert", by=manager)
    copies = [made(origin, f"/books/{isbn}/copies", by=manager) for isbn in isbns for _ in range(3)]
    members = [made(origin, "/members", name="Ann", email=f"ann{at}@example.org") for at in range(3)]
    loans = [made(origin, "/loans", member=members[0], copy=copy) for copy in copies[:2]]
    return {
        "path.isbn": isbns,
        "path.member": members,
        "path.copy": copies,
        "path.loan": loans,
        "body.by": [manager],
        "body.member": members,
        "body.copy": copies,
    }


def made(origin: str, path: str, **fields: str) -> str:
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(origin + path, json.dumps(fields).encode(), headers)
    with urllib.request.urlopen(request, timeout=WAIT_S) as reply:
        return json.load(reply).get("id", "")


@contextmanager
def served_library(folder: Path) -> Generator[str]:
    database = f"sqlite:///{folder / 'library.db'}"
    asyncio.run(migrate.upgrade(library.app.database(database)))
    with served("library.app:app", folder=folder, LIBRARY_DATABASE=database) as origin:
        yield origin


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
