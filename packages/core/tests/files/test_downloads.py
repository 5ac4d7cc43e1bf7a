"""Files as answers: ranges, conditions, headers, and what a browser may do with them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from _shelf import memory_shelf, png
from hypothesis import given
from hypothesis import strategies as st

from krepis.http.downloads import byte_range
from krepis.testing import Reply, TestService, Upload, start

CONTENT = png(1000)
TAG = f'"{hashlib.sha256(CONTENT).hexdigest()}"'


@pytest.fixture
async def service() -> AsyncIterator[TestService]:
    async with start(memory_shelf()) as service:
        headers = {"content-type": "image/png", "content-disposition": 'attachment; filename="cover.png"'}
        assert (await service.put("/books/1/cover", body=CONTENT, headers=headers)).status == 200
        yield service


async def get(service: TestService, **headers: str) -> Reply:
    return await service.get("/books/1/cover", headers={name.replace("_", "-"): text for name, text in headers.items()})


async def test_the_whole_file(service: TestService) -> None:
    reply = await get(service)
    assert (reply.status, reply.body) == (200, CONTENT)
    assert reply.headers == {
        "content-type": "image/png",
        "content-disposition": 'attachment; filename="cover.png"',
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        "etag": TAG,
        "content-length": "1000",
    }


async def test_head_is_a_get_without_the_file(service: TestService) -> None:
    reply = await service.request("HEAD", "/books/1/cover", headers={"range": "bytes=0-1"})
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers == (await get(service)).headers


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-499", 0, 500),
        ("bytes=500-999", 500, 1000),
        ("bytes=999-999", 999, 1000),
        ("bytes=990-", 990, 1000),
        ("bytes=990-2000", 990, 1000),
        ("bytes=-1", 999, 1000),
        ("bytes=-2000", 0, 1000),
        ("Bytes= 1-2 ", 1, 3),
        ("bytes=0-99999999999999999999999999", 0, 1000),
    ],
)
async def test_one_range(service: TestService, asked: str, start: int, end: int) -> None:
    reply = await get(service, range=asked)
    assert (reply.status, reply.body) == (206, CONTENT[start:end])
    assert reply.headers["content-range"] == f"bytes {start}-{end - 1}/1000"
    assert reply.headers["content-length"] == str(end - start)
    assert reply.headers["etag"] == TAG


@pytest.mark.parametrize("asked", ["bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=" + "9" * 5000 + "-"])
async def test_a_range_without_a_byte_is_416(service: TestService, asked: str) -> None:
    reply = await get(service, range=asked)
    assert (reply.status, reply.json["code"]) == (416, "range_not_satisfiable")
    assert reply.headers["content-range"] == "bytes */1000"


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,5-6",
        "bytes=2-1",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "lines=0-1",
        "bytes 0-1",
        "bytes=0x1-2",
        "bytes=\uff11-2",
        "",
    ],
)
async def test_what_is_no_single_range_is_ignored(service: TestService, asked: str) -> None:
    reply = await service.get("/books/1/cover", headers={"range": asked.encode().decode("latin-1")})
    assert (reply.status, len(reply.body)) == (200, 1000)


@pytest.mark.parametrize(
    ("known", "status"),
    [(TAG, 206), ('"other"', 200), (f"W/{TAG}", 200), ("Sat, 29 Oct 1994 19:43:31 GMT", 200)],
)
async def test_a_range_of_another_version_is_the_whole_file(service: TestService, known: str, status: int) -> None:
    assert (await get(service, range="bytes=0-9", if_range=known)).status == status


async def test_who_has_the_file_gets_304(service: TestService) -> None:
    reply = await get(service, if_none_match=f'"x", {TAG}', range="bytes=0-1")
    assert (reply.status, reply.body, reply.headers) == (304, b"", {"etag": TAG})


async def test_who_wants_another_version_gets_412(service: TestService) -> None:
    assert (await get(service, if_match='"other"')).status == 412


async def test_an_empty_file_has_no_range(service: TestService) -> None:
    empty = {"page": Upload("empty.txt", b"", "text/plain")}
    assert (await service.post("/catalogue", form={"isbn": "2", "title": "A"}, files=empty)).status == 201
    reply = await service.get("/books/2%2F0/cover")
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "0")
    for asked, status in (("bytes=0-", 416), ("bytes=-5", 200)):
        assert (await service.get("/books/2%2F0/cover", headers={"range": asked})).status == status


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 2000))
def test_a_range_is_inside_the_file(first: int, last: int, size: int) -> None:
    for asked in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        found = byte_range(asked.encode(), size)
        if found is not None:
            start, end = found
            assert 0 <= start <= end <= size


@given(st.binary(max_size=40))
def test_no_range_is_a_bug(raw: bytes) -> None:
    byte_range(raw, 10)
    byte_range(b"bytes=" + raw, 10)


INLINE: list[tuple[bytes, str, str, str]] = [
    (png(), "image/png", "image/png", "inline"),
    (b"hello", "text/plain", "text/plain; charset=utf-8", "inline"),
    (b"<!doctype html><script>alert(1)</script>", "image/png", "text/html; charset=utf-8", "attachment"),
    (b"<svg onload='alert(1)'>", "image/png", "image/svg+xml", "attachment"),
    (b"hello", "text/html", "text/plain; charset=utf-8", "inline"),
    (b"GIF89a=1;/*<script>*/", "text/html", "text/plain; charset=utf-8", "inline"),
    (b"%PDF-1.4\n1 0 obj", "image/png", "application/pdf", "attachment"),
    (b"\0\1\2", "text/html", "application/octet-stream", "attachment"),
]


@pytest.mark.parametrize(("content", "claimed", "sent", "shown"), INLINE)
async def test_only_what_can_do_nothing_is_shown(
    service: TestService, content: bytes, claimed: str, sent: str, shown: str
) -> None:
    put = await service.put("/books/3/note", body=content, headers={"content-type": claimed})
    assert put.status == 200, put.text
    reply = await service.get("/books/3/shown")
    assert reply.headers["content-type"] == sent
    assert reply.headers["content-disposition"].partition(";")[0] == shown
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in reply.headers["content-security-policy"]


async def test_a_door_may_let_html_be_shown(service: TestService) -> None:
    await service.put("/books/3/note", body=b"<!doctype html>", headers={"content-type": "text/html"})
    assert (await service.get("/books/3/page")).headers["content-disposition"].startswith("inline")
    assert (await service.get("/books/3/shown")).headers["content-disposition"].startswith("attachment")
    assert (await service.get("/books/1/page")).headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "name",
    [
        'a"; filename="evil.exe',
        "a\r\nset-cookie: x=1",
        "../../x",
        "\u202egnp.exe",
        "x" * 3000,
        "\\\\host\\share\\x",
        "\x00",
    ],
)
async def test_a_hostile_name_comes_back_harmless(service: TestService, name: str) -> None:
    reply = await service.post("/catalogue", form={"isbn": "9", "title": "A"}, files={"cover": Upload(name, png())})
    assert reply.status in (201, 413), reply.text
    if reply.status == 413:
        return
    answer: Any = await service.get("/books/9/cover")
    header = answer.headers["content-disposition"]
    assert not set(header) & set("\r\n\0")
    assert set(answer.headers) == set((await get(service)).headers)
    assert "/" not in header
    assert "\\" not in header
