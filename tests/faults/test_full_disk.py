"""A disk without room: 503 with `Retry-After`, nothing half, reading goes on, and so does writing when there is room."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.shop import Reply, Shop, SqliteFile, an_order, encoded, refused

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
