"""The main job, from a spec to a server that answers: `python examples/demo.py [--port N]`.

`krepis use` reads `bookshop.md`, shows the plan, builds the project in `build/bookshop` (afresh, each time) and runs its checks. Then the
server starts, on a SQLite file that its first start makes, and a few requests show that it does what the spec says. It
serves until Ctrl-C; with `CI=true` it ends by itself. The exit code is 1 when a step did not go as expected.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).parent.parent
PROJECT = ROOT / "build" / "bookshop"
KREPIS = Path(sys.executable).with_name("krepis")
HOST = "127.0.0.1"
START_WAIT_S = 20.0
STOP_WAIT_S = 20.0
SHOWN_CHARS = 110
DUNE = "9780441013593"


class Surprise(Exception):
    """A step did not go as expected."""


class Visitor:
    """Somebody who calls the server, and says what it answers."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=10)
        self._headers = {"content-type": "application/json"}

    def register(self, email: str) -> None:
        answer = self.ask("POST", "/register", 201, email=email, password="a long word of theirs")
        self._headers["authorization"] = f"Bearer {answer['token']}"

    def ask(self, method: str, path: str, expected: int, **body: object) -> Any:
        """What the server answers to that. Raises `Surprise` for another status."""
        content = json.dumps(body).encode() if body else None
        self._connection.request(method, path, content, self._headers)
        response = self._connection.getresponse()
        text = response.read().decode()
        print(f"  {method:<5} {shortened(path):<24} {response.status}  {shortened(text)}")
        if response.status != expected:
            raise Surprise(f"expected the status {expected}, found {response.status}: {text}")
        return json.loads(text)


def shortened(text: str) -> str:
    """The text with the last digits of ids only, and not too long for a line."""
    text = re.sub(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{8}([0-9a-f]{4})\b", r"…\1", text)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def build() -> None:
    """`krepis use`, as a user would call it."""
    shutil.rmtree(PROJECT, ignore_errors=True)
    PROJECT.parent.mkdir(exist_ok=True)
    command = [KREPIS, "use", ROOT / "examples" / "bookshop.md", "--into", PROJECT, "--yes"]
    print(
        f"$ {' '.join(['krepis', *(os.path.relpath(word, ROOT) if isinstance(word, Path) else word for word in command[1:])])}",
        flush=True,
    )
    if subprocess.run(command, check=False).returncode:
        raise Surprise("the bookshop was not built")


@contextmanager
def running(port: int) -> Generator[subprocess.Popen[bytes]]:
    """`krepis run` in the project, for the time of the block."""
    print(f"$ cd build/bookshop; krepis run --port {port}", flush=True)
    command = [KREPIS, "run", "--host", HOST, "--port", str(port)]
    with (PROJECT / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=PROJECT, stderr=log, start_new_session=True)
    try:
        wait_for(server, port)
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_WAIT_S
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise Surprise("the server did not start")


def stock(copies: int) -> None:
    """Books come from elsewhere: no command of the spec adds one. So here they come from the database's own door."""
    database = next(PROJECT.rglob("*.db"))
    with sqlite3.connect(database, timeout=5) as connection:
        row = {"id": uuid4().hex, "isbn": DUNE, "title": "Dune", "price": 999, "stock": copies, "search_text": "dune"}
        names = ", ".join(row)
        connection.execute(f"INSERT INTO books ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
    connection.close()


def walk(port: int) -> None:
    alice, bob = Visitor(port), Visitor(port)
    stock(copies=2)
    print("\nAlice and Bob want the last two copies of Dune; Alice is first.")
    alice.register("alice@example.org")
    bob.register("bob@example.org")
    alice.ask("GET", "/books?text=dune", 200)
    order = alice.ask("POST", "/orders", 201, lines=[{"book": DUNE, "quantity": 2}])
    if order["total"] != "19.98":
        raise Surprise(f"two copies cost {order['total']}")
    bob.ask("POST", "/orders", 409, lines=[{"book": DUNE, "quantity": 1}])
    print("\nNobody sees or cancels what is not theirs; what Alice cancels is on the shelf again.")
    bob.ask("GET", f"/orders/{order['id']}", 403)
    bob.ask("POST", f"/orders/{order['id']}/cancel", 403)
    alice.ask("POST", f"/orders/{order['id']}/cancel", 200)
    bob.ask("POST", "/orders", 201, lines=[{"book": DUNE, "quantity": 1}])


def main() -> int:
    shell = argparse.ArgumentParser(description="Build the bookshop from its spec, and serve it.")
    shell.add_argument("--port", type=int, default=8000, help="where it serves (%(default)s)")
    port = shell.parse_args().port
    try:
        build()
        with running(port) as server:
            walk(port)
            print(f"\nThe bookshop answers at http://{HOST}:{port}; its page is http://{HOST}:{port}/docs")
            if os.environ.get("CI") != "true":
                print("Ctrl-C ends it.", flush=True)
                server.wait()
    except Surprise as surprise:
        print(f"demo: {surprise}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
