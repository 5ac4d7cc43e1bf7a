"""The whole way on real databases: upload, keep, drop, sweep, and the race between a command and the sweep."""

from __future__ import annotations

import asyncio
import hashlib
import os
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from _shelf import SetCover, metadata, png, sql_shelf

from krepis._system import SystemSources
from krepis.errors import Rejection, WiringError
from krepis.files import Blobs, FileDesk, FileRef, FolderBlobs
from krepis.files.database import DatabaseBlobs
from krepis.sql import Database
from krepis.testing import TestService, TestSources, start

SEED = int(os.environ["KREPIS_SEED"])
PNG = {"content-type": "image/png"}


def desk_of(service: TestService) -> FileDesk:
    desk = service.service.files
    assert desk is not None
    return desk


async def landed(service: TestService, content: bytes) -> FileRef:
    async def pieces():
        yield content

    return await desk_of(service).land(service.context(), pieces(), name="a.png")


@pytest.fixture(params=["folder", "database"])
def place(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Blobs:
    return DatabaseBlobs(database) if request.param == "database" else FolderBlobs(tmp_path / "blobs")


async def test_the_way_of_a_file(database: Database, place: Blobs) -> None:
    sources = TestSources()
    content = Random(1).randbytes(700_000)
    async with start(sql_shelf(database, place, loose_s=60), sources) as service:
        put = await service.put("/books/1/scan", body=content, headers={"content-type": "application/x-scan"})
        assert put.status == 200, put.text
        assert put.json["sha256"] == hashlib.sha256(content).hexdigest()
        part = await service.get("/books/1/cover", headers={"range": "bytes=262140-600000"})
        assert (part.status, part.body) == (206, content[262140:600001])
        assert (await service.put("/books/1/cover?refuse=true", body=png(), headers=PNG)).status == 409
        assert (await service.put("/books/1/scan?forget=true", body=b"x", headers=PNG)).status == 200
        sources.advance(timedelta(hours=1))
        assert await desk_of(service).sweep() == 1
        assert (await service.delete("/books/1/cover")).status == 204
        sources.advance(timedelta(hours=1))
        assert await desk_of(service).sweep() == 1
        assert await desk_of(service).sweep() == 0


@pytest.mark.parametrize(("by_hand", "left"), [(False, 0), (True, 1)], ids=["a server", "a job"])
async def test_whoever_serves_sweeps_at_once_and_a_job_leaves_it_to_them(
    database: Database, place: Blobs, by_hand: bool, left: int
) -> None:
    sources = TestSources()
    async with start(sql_shelf(database, place, loose_s=60), sources) as service:
        await landed(service, b"nobody's")
    sources.advance(timedelta(hours=1))
    async with sql_shelf(database, place, loose_s=60).start(sources, by_hand=by_hand) as service:
        for _ in range(200 if not by_hand else 5):
            if any(line["event"] == "files_swept" for line in sources.lines):
                break
            await asyncio.sleep(0.01)
        assert service.files is not None
        assert await service.files.sweep() == left


@pytest.mark.parametrize("seed", [SEED])
async def test_a_command_and_the_sweep_never_both_have_a_file(database: Database, place: Blobs, seed: int) -> None:
    """Whoever wins: a kept file has its bytes, a swept one was refused."""
    chance = Random(seed)
    sources = TestSources()
    async with start(sql_shelf(database, place, loose_s=60), sources) as service:
        files = [await landed(service, b"%d" % at) for at in range(12)]
        sources.advance(timedelta(hours=1))

        async def keep(at: int) -> bool:
            await asyncio.sleep(chance.random() * 0.02)
            try:
                await service.dispatch(SetCover(isbn=str(at), cover=files[at]))
            except Rejection:
                return False
            return True

        async def sweep() -> None:
            await asyncio.sleep(chance.random() * 0.02)
            await desk_of(service).sweep()

        *kept, _, _ = await asyncio.gather(*(keep(at) for at in range(12)), sweep(), sweep())
        await desk_of(service).sweep()
        for at, was_kept in enumerate(kept):
            reply = await service.get(f"/books/{at}/cover")
            assert (reply.status, reply.body == b"%d" % at) == ((200, True) if was_kept else (404, False))


async def test_a_unit_that_is_run_again_keeps_its_file_once(database: Database, place: Blobs) -> None:
    sources = SystemSources()
    async with sql_shelf(database, place).start(sources) as service:
        desk = service.files
        assert desk is not None

        async def one() -> object:
            async def pieces():
                yield b"x"

            ctx = service.context(timeout=20)
            file = await desk.land(ctx, pieces())
            return await service.dispatch(ctx, SetCover(isbn="same", cover=file))

        # All write the same row: on PostgreSQL most of them are run again.
        await asyncio.gather(*(one() for _ in range(6)))


async def test_blobs_of_another_database_stop_the_start(tmp_path: Path) -> None:
    one, two = (Database(f"sqlite:///{tmp_path / name}", metadata=metadata) for name in ("one", "two"))
    with pytest.raises(WiringError, match="another database than the app"):
        sql_shelf(one, DatabaseBlobs(two)).check()
