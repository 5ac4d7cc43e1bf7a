"""The caller's address, as it comes to a handler through a real server and the headers of a proxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from serving import Served

APP = """
from krepis import Context, Query
from krepis.app import App
from krepis.http import Doors, client_address
from krepis.limits import TrustedProxies

class WhoAsks(Query[str]):
    client: str

def who_asks(ctx: Context, query: WhoAsks) -> str:
    return query.client

doors = Doors()
doors.get("/who", WhoAsks, sources={"client": client_address()}, media_type="text/plain")

behind = App("behind", handlers=(who_asks,), doors=doors, parts=(TrustedProxies("127.0.0.1", "10.0.0.0/8"),))
bare = App("bare", handlers=(who_asks,), doors=doors)
"""


@pytest.fixture(scope="module", params=["behind", "bare"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Served]]:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "src").mkdir()
    (folder / "src" / "asked.py").write_text(APP, encoding="utf-8")
    (folder / "krepis.toml").write_text(f'app = "asked:{request.param}"\n', encoding="utf-8")
    server = Served(folder)
    yield request.param, server
    server.kill()


@pytest.mark.parametrize(
    ("lines", "behind"),
    [
        ("", "127.0.0.1"),
        ("X-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9"),
        ("X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.7\r\n", "203.0.113.9"),
        # A proxy may add a line of its own below the one that the caller has written.
        ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9"),
        ("X-Forwarded-For: [2001:db8::1]:4711\r\n", "2001:db8::1"),
        ("X-Forwarded-For: nonsense\r\n", "127.0.0.1"),
        ("Forwarded: for=203.0.113.9\r\n", "127.0.0.1"),
        ("X-Real-IP: 203.0.113.9\r\n", "127.0.0.1"),
    ],
)
def test_the_address_of_the_caller_comes_from_trusted_proxies_alone(
    served: tuple[str, Served], lines: str, behind: str
) -> None:
    app, server = served
    request = f"GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n"
    with server.raw(request.encode()) as connection:
        reply = b"".join(iter(lambda: connection.recv(4096), b""))
    assert reply.startswith(b"HTTP/1.1 200"), reply
    assert reply.rpartition(b"\r\n")[2].decode() == (behind if app == "behind" else "127.0.0.1")
