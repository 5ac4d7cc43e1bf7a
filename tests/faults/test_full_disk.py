"""A disk without room: 503 with `Retry-After`, nothing half, reading goes on, and so does writing when there is room.

For files there are two such disks. One is a small file system, where that can be mounted. The other needs no right of any
kind: RLIMIT_FSIZE of the running server, which may be raised again while it runs. What is written beyond it is cut in
the middle of a piece, and the next byte is refused with EFBIG, so that a half file is really there to be removed.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from faults.cabinets import Cabinet
from faults.shop import Reply, Shop, SqliteFile, Store, an_order, encoded, refused
from serving import wait_until

DISK = "1m"
ORDERS_MAX = 400
FULL = {"store_full", "store_failed"}

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=True, capture_output=True
        )
    except (subprocess.CalledProcessError, FileNotFoundError):
        pytest.skip("only root can mount a small disk; the test with a limit of pages covers the rest")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_503_until_there_is_room_again(make_shop: Callable[..., Shop], small_disk: Path):
    shop = make_shop("sqlite", SqliteFile(small_disk / "shop.db"))
    shop.stocked(10_000, "tea")
    shop.open()
    acknowledged = fill(shop, "before")
    fill_up(small_disk / "other")
    acknowledged |= refused_for_want_of_room(shop)
    assert shop.ask("GET", "/products/tea").json["stock"] == 10_000 - len(acknowledged)
    (small_disk / "other").unlink()
    more = fill(shop, "after")
    assert len(more) == 10
    assert shop.references() == acknowledged | more


def test_a_database_at_its_limit_of_pages_is_503_until_that_is_raised(make_shop: Callable[..., Shop], tmp_path: Path):
    limit = tmp_path / "pages"
    limit.write_text("")
    shop = make_shop("sqlite", ORDERS_PAGES_MAX=str(limit))
    shop.stocked(10_000, "tea")
    shop.open()
    acknowledged = fill(shop, "before")
    limit.write_text("1")  # it can't get smaller than it is, so this is: not one page more
    acknowledged |= refused_for_want_of_room(shop)
    assert shop.ask("GET", "/products/tea").json["stock"] == 10_000 - len(acknowledged)
    limit.write_text("")
    more = fill(shop, "after")
    assert len(more) == 10
    assert shop.references() == acknowledged | more


@pytest.fixture
def make_cabinet(tmp_path: Path, make_store: Callable[[str], Store]) -> Iterator[Callable[..., Cabinet]]:
    """Makes a cabinet with its files in `blobs`, and opens it."""
    made: list[Cabinet] = []

    def make(**environment: str) -> Cabinet:
        folder = tmp_path / "cabinet"
        folder.mkdir()
        made.append(Cabinet(folder, make_store("sqlite"), in_folder=True, **environment))
        made[0].open()
        return made[0]

    yield make
    for cabinet in made:
        cabinet.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of another process is set with prlimit")
def test_a_file_that_the_disk_has_no_room_for_is_refused_whole_and_the_service_goes_on(
    make_cabinet: Callable[..., Cabinet],
):
    import resource

    cabinet = make_cabinet()
    before = {"before": put(cabinet, "before", 300_000)}
    process = cabinet.served.process.pid
    _, most = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (400_000, most))  # in the middle of the second piece
    assert put(cabinet, "at the limit", 400_000) is not None
    refused_for_want_of_room_for_files(cabinet, 400_001)
    refused_for_want_of_room_for_files(cabinet, 900_000)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (most, most))
    is_well_with_room(cabinet, before)


def test_a_file_that_a_small_disk_has_no_room_for_is_refused_whole_and_the_service_goes_on(
    make_cabinet: Callable[..., Cabinet], small_disk: Path
):
    cabinet = make_cabinet(CABINET_FOLDER=str(small_disk / "blobs"))
    cabinet.blobs = small_disk / "blobs"
    before = {"before": put(cabinet, "before", 300_000)}
    refused_for_want_of_room_for_files(cabinet, 900_000)
    fill_up(small_disk / "other")
    refused_for_want_of_room_for_files(cabinet, 1)
    (small_disk / "other").unlink()
    is_well_with_room(cabinet, before)


def put(cabinet: Cabinet, name: str, size: int) -> str:
    """Upload what must be taken; answers with its SHA-256."""
    status, _, document = upload(cabinet, name, size)
    assert status == 200, document
    return document["sha256"]


def upload(cabinet: Cabinet, name: str, size: int) -> tuple[int, http.client.HTTPMessage, Any]:
    content = Random(name).randbytes(size)
    connection = http.client.HTTPConnection("127.0.0.1", cabinet.served.port, timeout=20)
    try:
        connection.request("PUT", f"/documents/{name.replace(' ', '-')}", content)
        reply = connection.getresponse()
        return reply.status, reply.headers, json.loads(reply.read())
    finally:
        connection.close()


def refused_for_want_of_room_for_files(cabinet: Cabinet, size: int) -> None:
    kept = cabinet.wholes()
    status, headers, problem = upload(cabinet, f"large {size}", size)
    assert (status, problem["code"], headers["retry-after"]) == (503, "blobs_full", "30")
    assert "nothing has changed" in problem["detail"]
    assert f"large-{size}" not in cabinet.documents()
    assert wait_until(lambda: cabinet.halves() == 0, 5), "no half file is left"
    assert wait_until(lambda: cabinet.loose() == 0, 5), "nor its place in the list of loose files"
    assert cabinet.wholes() == kept
    assert cabinet.served.get("/documents/before")[0] == 200, "reading goes on"


def is_well_with_room(cabinet: Cabinet, before: dict[str, str]) -> None:
    digests = before | {"after": put(cabinet, "after", 600_000)}
    for name, digest in digests.items():
        status, content = cabinet.served.get(f"/documents/{name}")
        assert (status, hashlib.sha256(content).hexdigest()) == (200, digest)
    assert cabinet.halves() == 0
    assert "Traceback" not in cabinet.served.log, cabinet.served.log


def fill(shop: Shop, name: str) -> set[str]:
    """Ten orders that must be taken."""
    references = [f"{name} {number}" for number in range(10)]
    assert [large_order(shop, reference).status for reference in references] == [201] * 10
    return set(references)


def refused_for_want_of_room(shop: Shop) -> set[str]:
    """Order until there is no room, and five times more; answers with what was still taken."""
    taken: set[str] = set()
    refusals: list[Reply] = []
    for number in range(ORDERS_MAX):
        reply = large_order(shop, f"full {number}")
        if reply.status == 201:
            taken.add(f"full {number}")
        else:
            refusals.append(reply)
        if len(refusals) == 5:
            break
    assert len(refusals) == 5
    for reply in refusals:
        document = reply.json
        assert document["code"] in FULL, document
        refused(shop, reply, 503, document["code"])
        assert reply.headers["retry-after"] in {"30", "5"}
        assert "nothing has changed" in document["detail"]
    return taken


def large_order(shop: Shop, reference: str) -> Reply:
    return shop.ask("POST", "/orders", encoded(an_order(reference, "tea") | {"customer": "x" * 2000}))


def fill_up(path: Path) -> None:
    """Take all the room that is left on the disk."""
    with path.open("wb", buffering=0) as file, pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        while True:
            file.write(bytes(4096))
