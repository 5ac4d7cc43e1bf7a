"""A walk through the library: `python examples/library/demo.py [--port N]`.

It migrates a fresh database in a temporary folder, starts the server as a process of its own, and tells a story over
HTTP, each step with what was asked and what came back. Then it serves until Ctrl-C; with `CI=true` it ends by itself.
The exit code is 1 when a step did not go as expected.
"""

import argparse
import base64
import http.client
import json
import mailbox
import os
import re
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

HERE = Path(__file__).parent
KREPIS = Path(sys.executable).with_name("krepis")
HOST = "127.0.0.1"
START_WAIT_S = 20.0
STOP_WAIT_S = 20.0
SHOWN_CHARS = 120

DUNE, EMMA = "9780441013593", "9780141439587"
MAX, ALICE, BOB = "max@example.org", "alice@example.org", "bob@example.org"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Surprise(Exception):
    """A step did not go as expected."""


class Reply:
    """What the server answered."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def line(self) -> str:
        """The answer on one line; of a problem, what a person wants to know of it."""
        if self.headers.get("content-type", "").startswith("image/"):
            return f"({len(self.body)} bytes of {self.headers['content-type']})"
        text = " ".join(self.body.decode().split()) or "(no body)"
        if self.headers.get("content-type") == "application/problem+json":
            fields = "".join(f"; {each['path']} {each['message']}" for each in self.json.get("errors", []))
            text = f"{self.json['code']}: {self.json['detail']}{fields}"
        return shortened(text)


class Visitor:
    """Somebody who walks through the library and says what they see."""

    def __init__(self, port: int, credential: dict[str, str] | None = None) -> None:
        self._port = port
        self._connection = http.client.HTTPConnection(HOST, port, timeout=10)
        self._credential = credential or {}

    def sign_in(self, email: str) -> None:
        """From here on everything is asked by whoever has that address."""
        self._come_with(self.post("/session", {"email": email, "password": password_of(email)}, 201))

    def sign_off(self) -> None:
        self.delete("/session")
        self._credential = {}

    def take(self, invitation: str, email: str) -> None:
        """Choose an address and a password, and be signed in."""
        account = {"token": invitation, "email": email, "password": password_of(email)}
        self._come_with(self.post("/invitations", account, 201))

    def say(self, sentence: str) -> None:
        print(f"\n{sentence}")

    def by_key(self, key: str) -> "Visitor":
        """Somebody else, who has a key instead of a password."""
        return Visitor(self._port, {"x-api-key": key})

    def get(self, path: str, expected: int = 200, **headers: str) -> Reply:
        return self._ask("GET", path, None, expected, headers)

    def post(self, path: str, body: object, expected: int = 200, **headers: str) -> Reply:
        return self._ask("POST", path, body, expected, headers)

    def delete(self, path: str, expected: int = 204) -> Reply:
        return self._ask("DELETE", path, None, expected, {})

    def put(self, path: str, body: object, expected: int = 200, **headers: str) -> Reply:
        return self._ask("PUT", path, body, expected, headers)

    def upload(self, path: str, content: bytes, expected: int = 200) -> Reply:
        return self._ask("PUT", path, content, expected, {})

    def expect(self, found: object, wanted: object) -> None:
        """Stop the walk unless `found` is what was wanted."""
        if found != wanted:
            raise Surprise(f"expected {wanted!r}, found {found!r}")

    def _come_with(self, tokens: Reply) -> None:
        self._credential = {"authorization": f"Bearer {tokens.json['access_token']}"}

    def _ask(self, method: str, path: str, body: object, expected: int, headers: dict[str, str]) -> Reply:
        sent = self._credential | {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if content is not None:
            sent["content-type"] = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        self._connection.request(method, path, content, sent)
        reply = Reply(self._connection.getresponse())
        print(f"  {method:<7}{shortened(path):<38} {reply.status}  {reply.line}")
        if reply.status != expected:
            raise Surprise(f"expected the status {expected}, found {reply.status}")
        return reply


class Catalogue(BaseHTTPRequestHandler):
    """The catalogue of all libraries, which knows `Emma`, and stumbles over its first question."""

    asked = 0

    def do_GET(self) -> None:
        Catalogue.asked += 1
        body = json.dumps({"title": "Emma", "author": "Jane Austen", "published": 1815}).encode()
        status = 503 if Catalogue.asked == 1 else 200 if self.path == f"/books/{EMMA}" else 404
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def catalogue() -> Generator[str]:
    """Its address, as long as it is there."""
    with ThreadingHTTPServer((HOST, 0), Catalogue) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{service.server_port}"
        service.shutdown()


class Server:
    """The library in a process of its own, in a folder of its own."""

    def __init__(self, folder: Path, catalogue: str) -> None:
        self.database = folder / "library.db"
        self._mail = folder / "mail"
        self._environment = {
            **os.environ,
            "LIBRARY_DATABASE": f"sqlite:///{self.database}",
            "LIBRARY_TOKEN_KEY": secrets.token_urlsafe(32),
            "LIBRARY_FILES_FOLDER": str(folder / "files"),
            "LIBRARY_MAIL_FOLDER": str(self._mail),
            "LIBRARY_CATALOGUE": catalogue,
        }

    def krepis(self, *arguments: str) -> str:
        """Run the command, and answer with what it prints."""
        print(f"  krepis {shortened(' '.join(arguments))}", flush=True)
        done = subprocess.run(
            [KREPIS, *arguments], check=True, cwd=HERE, env=self._environment, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def job(self, name: str, *fields: str) -> Any:
        """The answer of a job."""
        return json.loads(self.krepis("job", "run", name, *fields))

    def letter(self) -> mailbox.MaildirMessage:
        """The first letter, as soon as it is there: it is sent after the answer."""
        end = time.monotonic() + START_WAIT_S
        while time.monotonic() < end:
            for letter in mailbox.Maildir(self._mail):
                return letter
            time.sleep(0.02)
        raise Surprise("no letter was sent")

    @contextmanager
    def running(self, port: int) -> Generator[subprocess.Popen[bytes]]:
        """Serves, for the time of the block."""
        self.krepis("db", "upgrade")
        command = [KREPIS, "run", "library.app:app", "--host", HOST, "--port", str(port)]
        log = self.database.with_name("server.log")
        with log.open("wb") as lines:
            server = subprocess.Popen(command, cwd=HERE, env=self._environment, stderr=lines, start_new_session=True)
        try:
            wait_for(server, port)
            yield server
        except Surprise:
            print(log.read_text(encoding="utf-8"), file=sys.stderr)
            raise
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(STOP_WAIT_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def password_of(email: str) -> str:
    return f"the long word of {email}"


def shortened(text: str) -> str:
    """The text with the last digits of ids only, and not too long for a line."""
    text = re.sub(r'("(?:\w*token|key)": ?")[^"]+', r"\1…", text)
    text = re.sub(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{8}([0-9a-f]{4})\b", r"…\1", text)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def walk(visitor: Visitor, server: Server) -> None:
    """The story."""
    copy = stock(visitor, server)
    alice, bob, loan = lend(visitor, copy)
    come_late(visitor, server, loan, bob, copy)
    scan(visitor, alice)
    work_at_branches(visitor)
    settle(visitor, alice)
    revise(visitor)
    read(visitor)


def stock(visitor: Visitor, server: Server) -> str:
    visitor.say("The library hires its first manager, at the machine itself, and invites them to have an account.")
    manager = server.job("hire", "name=Max", "role=manager")["id"]
    invitation = server.job("invite", f"person={manager}")["token"]
    visitor.take(invitation, MAX)
    visitor.post("/invitations", {"token": invitation, "email": "eve@example.org", "password": "a stolen word"}, 404)
    visitor.say("Max puts a book on the shelf, with a picture; a text that is called a picture is none.")
    visitor.post("/books", {"isbn": DUNE, "title": "Dune", "author": "Frank Herbert", "published": 1965}, 201)
    visitor.upload(f"/books/{DUNE}/cover", PIXEL)
    visitor.upload(f"/books/{DUNE}/cover", b"<script>alert(1)</script>", 415)
    visitor.expect(visitor.get(f"/books/{DUNE}/cover").headers["content-type"], "image/png")
    visitor.say(
        "Of another book Max knows the ISBN alone; the catalogue of all libraries stumbles once, and is asked again."
    )
    visitor.expect(visitor.post("/imports", {"isbn": EMMA}, 201).json["author"], "Jane Austen")
    visitor.post("/imports", {"isbn": "9780000000000"}, 404)
    return visitor.post(f"/books/{DUNE}/copies", {}, 201).json["id"]


def lend(visitor: Visitor, copy: str) -> tuple[str, str, str]:
    visitor.say("Alice takes the only copy home; Bob is refused, and queues for it.")
    alice = visitor.post("/members", {"name": "Alice", "email": ALICE}, 201).json["id"]
    bob = visitor.post("/members", {"name": "Bob", "email": BOB, "kind": "student"}, 201).json["id"]
    loan = visitor.post("/loans", {"member": alice, "copy": copy}, 201).json["id"]
    refused = visitor.post("/loans", {"member": bob, "copy": copy}, 409)
    visitor.expect(refused.json["code"], "copy_lent")
    invitation = visitor.post(f"/members/{bob}/invitation", {}, 201).json["token"]
    visitor.say("Bob has an account of his own, and sees nobody else's.")
    visitor.take(invitation, BOB)
    visitor.post(f"/members/{bob}/reservations", {"isbn": DUNE}, 201)
    visitor.get(f"/members/{alice}/account", 403)
    visitor.post("/session", {"email": ALICE, "password": "a guess"}, 401)
    visitor.say("Max is back at the desk.")
    visitor.sign_in(MAX)
    visitor.expect(visitor.post(f"/loans/{loan}/renew", {}, 409).json["code"], "others_wait")
    return alice, bob, loan


def come_late(visitor: Visitor, server: Server, loan: str, bob: str, copy: str) -> None:
    visitor.say("Weeks pass (in the database), and Alice brings the copy back on the third day after it was due.")
    let_pass(server.database, loan, timedelta(days=23, hours=12))
    visitor.expect(len(visitor.get("/loans/overdue").json["items"]), 1)
    visitor.get("/loans/overdue.csv")
    visitor.say("The answer gets lost on the way; the desk asks again with the same key, and is answered the same.")
    returned = visitor.post(f"/loans/{loan}/return", {}, idempotency_key="return-1")
    again = visitor.post(f"/loans/{loan}/return", {}, idempotency_key="return-1")
    visitor.expect(returned.json["fine"]["amount"], {"amount": "0.75", "currency": "EUR"})
    visitor.expect(again.json, returned.json)
    visitor.say("Now the copy waits for Bob, and for nobody else; a letter says so.")
    account = visitor.get(f"/members/{bob}/account")
    visitor.expect(account.json["reservations"][0]["status"], "ready")
    visitor.expect(server.letter()["Subject"], "Ready for you: Dune")
    visitor.post("/loans", {"member": bob, "copy": copy}, 201)


def let_pass(database: Path, loan: str, time: timedelta) -> None:
    """As if the loan had begun that much earlier."""
    connection = sqlite3.connect(database, timeout=5)
    key = (UUID(loan).hex,)
    (due,) = connection.execute("SELECT due_at FROM loans WHERE id = ?", key).fetchone()
    earlier = (datetime.fromisoformat(due) - time).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    connection.execute("UPDATE loans SET due_at = ? WHERE id = ?", (earlier, *key))
    connection.commit()
    connection.close()


def scan(visitor: Visitor, alice: str) -> None:
    visitor.say("A box at the door takes copies back. It has a key, and may do nothing else.")
    copy = visitor.post(f"/books/{EMMA}/copies", {}, 201).json["id"]
    loan = visitor.post("/loans", {"member": alice, "copy": copy}, 201).json["id"]
    scanner = visitor.post("/desk/scanners", {"name": "the box at the door"}, 201).json
    box = visitor.by_key(scanner["key"])
    box.post(f"/loans/{loan}/return", {})
    box.get(f"/members/{alice}", 403)
    visitor.delete(f"/desk/scanners/{scanner['id']}")
    box.post(f"/loans/{loan}/return", {}, 401)


def work_at_branches(visitor: Visitor) -> None:
    visitor.say("Two branches open. What one notes at its desk, the other never sees.")
    for name, branch, notes in (("Lise", "north", 1), ("Otto", "south", 0)):
        person = visitor.post("/staff", {"name": name, "branch": branch}, 201).json["id"]
        visitor.take(visitor.post(f"/staff/{person}/invitation", {}, 201).json["token"], f"{name.lower()}@example.org")
        if notes:
            visitor.post("/desk/notes", {"text": "the lamp is broken"}, 201)
        visitor.expect(len(visitor.get("/desk/notes").json), notes)
        visitor.sign_off()
        visitor.sign_in(MAX)


def settle(visitor: Visitor, alice: str) -> None:
    visitor.say("Alice pays a part of her fine, exactly; the manager forgives the rest.")
    fine = visitor.get(f"/members/{alice}/account").json["fines"][0]["id"]
    paid = visitor.post(f"/fines/{fine}/payments", {"amount": {"amount": "0.10", "currency": "EUR"}})
    visitor.expect(paid.json["owed"], {"amount": "0.65", "currency": "EUR"})
    visitor.post(f"/fines/{fine}/waive", {"reason": "a kind face"})


def revise(visitor: Visitor) -> None:
    visitor.say("Two people correct the same entry; the second has not seen what the first wrote.")
    seen = visitor.get(f"/books/{DUNE}").headers["etag"]
    entry = {"title": "Dune", "author": "Herbert, Frank", "published": 1965}
    visitor.put(f"/books/{DUNE}", entry, if_match=seen)
    visitor.put(f"/books/{DUNE}", {**entry, "title": "Doon"}, 412, if_match=seen)
    visitor.put(f"/books/{DUNE}", entry, 428)


def read(visitor: Visitor) -> None:
    visitor.say("Searching; asking again for what has not changed; asking for nonsense.")
    visitor.expect(visitor.get("/books?text=herbert&limit=5").json["total"], 1)
    tag = visitor.get(f"/books/{DUNE}/availability").headers["etag"]
    visitor.get(f"/books/{DUNE}/availability", 304, if_none_match=tag)
    nonsense = visitor.post("/members", {"name": "", "email": "nowhere", "kind": "owl", "age": 7}, 422)
    visitor.expect(nonsense.headers["content-type"], "application/problem+json")
    visitor.expect(sorted(each["path"] for each in nonsense.json["errors"]), ["/age", "/email", "/kind", "/name"])
    visitor.get("/books?limit=1000", 422)
    visitor.get("/nowhere", 404)
    visitor.say("The service says how it is, and describes itself.")
    visitor.expect(visitor.get("/ready").status, 200)
    visitor.expect(visitor.get("/openapi.json").json["openapi"][:3], "3.1")
    visitor.get("/docs")


def wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    """Return when the server accepts connections."""
    end = time.monotonic() + START_WAIT_S
    while time.monotonic() < end and server.poll() is None:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.05)
    raise Surprise("the server did not start")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="where the server listens (default: a free port)")
    port = parser.parse_args().port or free_port()
    with tempfile.TemporaryDirectory(prefix="krepis-library-") as folder, catalogue() as books:
        library = Server(Path(folder), books)
        try:
            with library.running(port) as server:
                walk(Visitor(port), library)
                print(f"\nAll went as expected. The library is open at http://{HOST}:{port}/docs")
                if os.environ.get("CI") != "true":
                    print(f"Its log is {folder}/server.log; Ctrl-C closes it.", flush=True)
                    server.wait()
        except KeyboardInterrupt:
            print("\nclosed")
        except (Surprise, OSError, subprocess.CalledProcessError) as surprise:
            print(f"\nnot as expected: {surprise}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
