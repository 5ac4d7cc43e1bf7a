"""What every adapter of `Blobs` does, and every list of loose files."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from _shelf import some_file

from krepis.context import Context
from krepis.errors import KrepisError
from krepis.files import Blobs, BlobsFailed, BlobsFull, FolderBlobs, LooseFiles, NoSuchBlobError, UploadGone
from krepis.files.database import DatabaseBlobs, SqlFiles
from krepis.sql import Database
from krepis.testing import MemoryBlobs, MemoryFiles, MemoryStore

SEED = int(os.environ["KREPIS_SEED"])


async def stored(blobs: Blobs, ctx: Context, *pieces: bytes) -> UUID:
    blob = uuid4()
    start = 0
    for piece in pieces:
        await blobs.write(ctx, blob, start, piece)
        start += len(piece)
    await blobs.finish(ctx, blob, start)
    return blob


async def whole(blobs: Blobs, ctx: Context, blob: UUID, size: int = 1000) -> bytes:
    content = b""
    while piece := await blobs.read(ctx, blob, len(content), size):
        assert len(piece) <= size
        content += piece
    return content


async def test_what_was_written_is_read(blobs: Blobs, ctx: Context) -> None:
    assert await whole(blobs, ctx, await stored(blobs, ctx, b"one", b"two", b"three")) == b"onetwothree"


@pytest.mark.parametrize("seed", [SEED])
async def test_any_part_is_read(blobs: Blobs, ctx: Context, seed: int) -> None:
    chance = Random(seed)
    pieces = [chance.randbytes(chance.randrange(1, 5000)) for _ in range(20)]
    content = b"".join(pieces)
    blob = await stored(blobs, ctx, *pieces)
    for _ in range(50):
        start, size = chance.randrange(len(content)), chance.randrange(1, 9000)
        found = await blobs.read(ctx, blob, start, size)
        assert found
        assert content[start : start + size].startswith(found)
    assert await whole(blobs, ctx, blob, 777) == content


async def test_an_empty_blob_is_one(blobs: Blobs, ctx: Context) -> None:
    assert await whole(blobs, ctx, await stored(blobs, ctx)) == b""


async def test_beyond_the_end_there_is_nothing(blobs: Blobs, ctx: Context) -> None:
    blob = await stored(blobs, ctx, b"one")
    assert await blobs.read(ctx, blob, 3, 10) == b""
    assert await blobs.read(ctx, blob, 99, 10) == b""


async def test_a_half_blob_can_not_be_read(blobs: Blobs, ctx: Context) -> None:
    blob = uuid4()
    await blobs.write(ctx, blob, 0, b"half")
    with pytest.raises(NoSuchBlobError):
        await blobs.read(ctx, blob, 0, 10)


@pytest.mark.parametrize("finish", [True, False])
async def test_a_removed_blob_is_gone(blobs: Blobs, ctx: Context, finish: bool) -> None:
    blob = uuid4()
    for at in range(70):
        await blobs.write(ctx, blob, at, b"x")
    if finish:
        await blobs.finish(ctx, blob, 70)
    await blobs.remove(ctx, blob)
    await blobs.remove(ctx, blob)
    with pytest.raises(NoSuchBlobError):
        await blobs.read(ctx, blob, 0, 10)


async def test_what_was_removed_half_does_not_come_back(blobs: Blobs, ctx: Context) -> None:
    blob = uuid4()
    await blobs.write(ctx, blob, 0, b"one")
    await blobs.remove(ctx, blob)
    with pytest.raises(BlobsFailed):
        await blobs.write(ctx, blob, 3, b"two")
    with pytest.raises(BlobsFailed):
        await blobs.finish(ctx, blob, 6)
    with pytest.raises(NoSuchBlobError):
        await blobs.read(ctx, blob, 0, 10)


async def test_what_is_not_there_is_no_blob(blobs: Blobs, ctx: Context) -> None:
    await blobs.remove(ctx, uuid4())
    with pytest.raises(NoSuchBlobError):
        await blobs.read(ctx, uuid4(), 0, 10)


async def test_blobs_do_not_touch_each_other(blobs: Blobs, ctx: Context) -> None:
    one, two = await stored(blobs, ctx, b"one"), await stored(blobs, ctx, b"two")
    await blobs.remove(ctx, one)
    assert await whole(blobs, ctx, two) == b"two"


async def test_a_folder_holds_whole_files_under_their_ids_and_nothing_else(tmp_path: Path, ctx: Context) -> None:
    async with FolderBlobs(tmp_path / "deep" / "blobs") as blobs:
        blob = await stored(blobs, ctx, b"one", b"two")
        half = uuid4()
        await blobs.write(ctx, half, 0, b"half")
        names = {path.name for path in blobs.path.glob("*/*")}
        assert names == {str(blob), f"{half}.part"}
        assert (blobs.path / blob.hex[-2:] / str(blob)).stat().st_mode & 0o777 == 0o600
        await blobs.remove(ctx, blob)
        await blobs.remove(ctx, half)
        assert [*blobs.path.glob("*/*")] == []


async def test_a_folder_that_can_not_be_written_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KrepisError, match="files can't be kept in"):
        async with FolderBlobs(tmp_path / "file" / "blobs"):
            pass


async def test_a_full_disk_is_unavailable(tmp_path: Path, ctx: Context) -> None:
    if not os.path.exists("/dev/full"):  # noqa: ASYNC240, PTH110 - it takes no time
        pytest.skip("this system has no /dev/full")
    blob = uuid4()
    part = tmp_path / blob.hex[-2:] / f"{blob}.part"
    part.parent.mkdir()
    part.symlink_to("/dev/full")
    async with FolderBlobs(tmp_path) as blobs:
        with pytest.raises(BlobsFull):
            await blobs.write(ctx, blob, 0, b"x")


async def test_pieces_of_the_database_are_written_each_in_its_own_transaction(database: Database, ctx: Context) -> None:
    await database.open()
    blobs = DatabaseBlobs(database)
    blob = uuid4()
    await blobs.write(ctx, blob, 0, b"one")
    # With a transaction open, a second one on SQLite would have to wait for it.
    await blobs.write(ctx, uuid4(), 0, b"other")
    await blobs.write(ctx, blob, 3, b"two")
    await blobs.finish(ctx, blob, 6)
    assert await whole(blobs, ctx, blob) == b"onetwo"
    await database.close()


Within = Callable[[Callable[[LooseFiles], Awaitable[Any]]], Awaitable[Any]]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def within(request: pytest.FixtureRequest, tmp_path: Path, ctx: Context) -> Any:
    """Runs something in a unit of work of its own, on every list of loose files."""
    from _shelf import metadata

    if request.param == "memory":
        store: Any = MemoryStore()
        make: Any = MemoryFiles
    else:
        url = f"sqlite:///{tmp_path / 'loose.db'}"
        if request.param == "postgres":
            url = request.getfixturevalue("postgres").empty_database("postgres")
        store = Database(url, metadata=metadata)
        make = SqlFiles
        await store.open()
        await store.create_tables()

    async def run(work: Callable[[LooseFiles], Awaitable[Any]]) -> Any:
        return await store.transact(ctx.begin(), "write", lambda unit: work(make(unit)))

    yield run
    await store.close()


async def test_a_loose_file_is_kept_once(within: Within, ctx: Context) -> None:
    file = some_file(id=uuid4())
    await within(lambda loose: loose.add(ctx, file.id, ctx.now()))
    await within(lambda loose: loose.keep(ctx, file))
    with pytest.raises(UploadGone):
        await within(lambda loose: loose.keep(ctx, file))


async def test_a_file_that_never_landed_can_not_be_kept(within: Within, ctx: Context) -> None:
    with pytest.raises(UploadGone):
        await within(lambda loose: loose.keep(ctx, some_file(id=uuid4())))


async def test_a_condemned_file_can_not_be_kept(within: Within, ctx: Context) -> None:
    file, other = some_file(id=uuid4()), some_file(id=uuid4())
    await within(lambda loose: loose.add(ctx, file.id, ctx.now()))
    await within(lambda loose: loose.add(ctx, other.id, ctx.now()))
    await within(lambda loose: loose.condemn(ctx, [file.id]))
    with pytest.raises(UploadGone):
        await within(lambda loose: loose.keep(ctx, file))
    await within(lambda loose: loose.keep(ctx, other))
    assert await within(lambda loose: loose.condemned(ctx, 10)) == [file.id]


async def test_a_kept_file_can_not_be_condemned(within: Within, ctx: Context) -> None:
    file = some_file(id=uuid4())
    await within(lambda loose: loose.add(ctx, file.id, ctx.now()))
    await within(lambda loose: loose.keep(ctx, file))
    await within(lambda loose: loose.condemn(ctx, [file.id]))
    await within(lambda loose: loose.condemn_due(ctx, ctx.now() + timedelta(days=9)))
    assert await within(lambda loose: loose.those_condemned(ctx, [file.id])) == []


async def test_what_is_loose_for_long_enough_is_due(within: Within, ctx: Context) -> None:
    old, young = uuid4(), uuid4()
    await within(lambda loose: loose.add(ctx, old, ctx.now() - timedelta(seconds=2)))
    await within(lambda loose: loose.add(ctx, young, ctx.now()))
    await within(lambda loose: loose.condemn_due(ctx, ctx.now() - timedelta(seconds=1)))
    assert await within(lambda loose: loose.condemned(ctx, 10)) == [old]
    await within(lambda loose: loose.forget(ctx, [old, young]))
    assert await within(lambda loose: loose.condemned(ctx, 10)) == []
    await within(lambda loose: loose.keep(ctx, some_file(id=young)))


async def test_a_file_may_be_dropped_twice(within: Within, ctx: Context) -> None:
    file = some_file(id=uuid4())
    await within(lambda loose: loose.drop(ctx, file))
    await within(lambda loose: loose.drop(ctx, file))
    await within(lambda loose: loose.condemn_due(ctx, ctx.now() + timedelta(seconds=1)))
    assert await within(lambda loose: loose.condemned(ctx, 10)) == [file.id]


async def test_memory_blobs_say_how_many_there_are(ctx: Context) -> None:
    blobs = MemoryBlobs()
    await stored(blobs, ctx, b"one")
    await blobs.write(ctx, uuid4(), 0, b"half")
    assert len(blobs) == 2
