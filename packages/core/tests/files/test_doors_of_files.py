"""Files through doors: what lands, what is kept, what goes again, and what a caller is told."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from _shelf import COVER_BYTES_MAX, SMALL, SetCover, memory_shelf, png

from krepis.files import FileRef, UploadGone
from krepis.testing import MemoryBlobs, Reply, TestService, TestSources, Upload, start

PNG = {"content-type": "image/png"}


async def put_cover(service: TestService, content: bytes | None = None, **headers: str) -> Reply:
    reply = await service.put("/books/1/cover", body=content or png(), headers=PNG | headers)
    assert reply.status == 200, reply.text
    return reply


async def test_a_body_lands_before_the_command_and_the_command_gets_a_reference() -> None:
    blobs = MemoryBlobs()
    async with start(memory_shelf(blobs=blobs)) as service:
        reply = await put_cover(service, png(300_000), **{"content-disposition": 'attachment; filename="../Dune.png"'})
        file = reply.json
        assert file | {"id": ""} == {
            "id": "",
            "name": "Dune.png",
            "media_type": "image/png",
            "size": 300_000,
            "sha256": hashlib.sha256(png(300_000)).hexdigest(),
        }
        assert (await service.get("/books/1/cover")).body == png(300_000)
    assert len(blobs) == 1


async def test_a_form_gives_files_and_fields() -> None:
    async with start(memory_shelf()) as service:
        reply = await service.post(
            "/catalogue",
            form={"isbn": "1", "title": "Dune: Messiah €", "year": 1969, "tags": ["sf", "sand"]},
            files={
                "cover": Upload("Ünïcode.png", png(), "image/png"),
                "page": [Upload("1.txt", b"one"), Upload("2.txt", b"two")],
            },
        )
        assert reply.status == 201, reply.text
        assert reply.json["title"] == "Dune: Messiah €"
        assert reply.json["year"] == 1969
        assert reply.json["cover"]["name"] == "Ünïcode.png"
        assert (await service.get("/books/1%2F1/cover")).body == b"two"


async def test_files_of_a_form_may_be_left_out() -> None:
    blobs = MemoryBlobs()
    async with start(memory_shelf(blobs=blobs)) as service:
        nothing = Upload("", b"")  # what a browser sends for a file that nobody has chosen
        reply = await service.post("/catalogue", form={"isbn": "1", "title": "Dune"}, files={"cover": nothing})
        assert reply.status == 201, reply.text
        assert reply.json["cover"] is None
    assert len(blobs) == 0


@pytest.mark.parametrize(
    ("path", "status"), [("/books/1/cover?refuse=true", 409), ("/books/1/cover?refuse=perhaps", 422)]
)
async def test_what_has_landed_for_a_refused_message_goes_again(path: str, status: int) -> None:
    blobs = MemoryBlobs()
    async with start(memory_shelf(blobs=blobs)) as service:
        assert (await service.put(path, body=png(), headers=PNG)).status == status
        assert len(blobs) == 0


async def test_what_has_landed_for_a_bug_goes_again() -> None:
    blobs = MemoryBlobs()
    async with start(memory_shelf(blobs=blobs)) as service:
        files = {"page": [Upload("a", b"one"), Upload("b", b"two")]}
        assert (await service.post("/catalogue", form={"isbn": "1", "title": "bug"}, files=files)).status == 500
        assert len(blobs) == 0


async def test_what_no_command_keeps_is_swept_after_its_time() -> None:
    blobs = MemoryBlobs()
    sources = TestSources()
    async with start(memory_shelf(blobs=blobs, loose_s=60), sources) as service:
        assert (await service.put("/books/1/cover?forget=true", body=png(), headers=PNG)).status == 200
        await put_cover(service)
        sources.advance(timedelta(seconds=80))
        assert await swept(service) == 0, "the door's own time counts, too"
        sources.advance(timedelta(seconds=11))
        assert await swept(service) == 1
        assert (await service.get("/books/1/cover")).body == png()


async def test_a_dropped_file_stays_for_a_while() -> None:
    blobs = MemoryBlobs()
    sources = TestSources()
    async with start(memory_shelf(blobs=blobs, loose_s=60), sources) as service:
        await put_cover(service)
        assert (await service.delete("/books/1/cover")).status == 204
        assert await swept(service) == 0
        assert len(blobs) == 1
        sources.advance(timedelta(seconds=61))
        assert await swept(service) == 1
        assert len(blobs) == 0


async def test_a_replaced_file_goes_and_the_new_one_stays() -> None:
    sources = TestSources()
    blobs = MemoryBlobs()
    async with start(memory_shelf(blobs=blobs, loose_s=60), sources) as service:
        await put_cover(service, png(100))
        await put_cover(service, png(200))
        sources.advance(timedelta(hours=1))
        assert await swept(service) == 1
        assert (await service.get("/books/1/cover")).body == png(200)


async def test_a_file_is_kept_once() -> None:
    sources = TestSources()
    async with start(memory_shelf(loose_s=60), sources) as service:
        file = (await put_cover(service)).json
        again = SetCover(isbn="2", cover=FileRef(**file | {"id": UUID(file["id"])}))
        assert isinstance(await service.refused(again), UploadGone)


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
async def test_a_body_at_its_limit_and_one_byte_beyond(more: int, status: int) -> None:
    blobs = MemoryBlobs()
    async with start(memory_shelf(blobs=blobs)) as service:
        content = png(COVER_BYTES_MAX + more)
        assert (await service.put("/books/1/cover", body=content, headers=PNG)).status == status
        assert len(blobs) == (status == 200)


@pytest.mark.parametrize(("more", "status"), [(0, 201), (1, 413)])
async def test_a_file_of_a_form_at_its_limit_and_one_byte_beyond(more: int, status: int) -> None:
    blobs = MemoryBlobs()
    async with start(memory_shelf(blobs=blobs)) as service:
        files = {"page": Upload("a.txt", b"x" * (SMALL + more))}
        assert (await service.post("/catalogue", form={"isbn": "1", "title": "A"}, files=files)).status == status
        assert len(blobs) == (status == 201)


@pytest.mark.parametrize(("count", "status"), [(3, 201), (4, 422)])
async def test_as_many_files_as_a_field_may_have_and_one_more(count: int, status: int) -> None:
    blobs = MemoryBlobs()
    async with start(memory_shelf(blobs=blobs)) as service:
        files = {"page": [Upload(f"{at}", b"x") for at in range(count)]}
        reply = await service.post("/catalogue", form={"isbn": "1", "title": "A"}, files=files)
        assert reply.status == status
        assert len(blobs) == (3 if status == 201 else 0)


async def test_a_file_that_is_given_twice_is_refused() -> None:
    async with start(memory_shelf()) as service:
        two = [Upload("a.png", png()), Upload("b.png", png())]
        reply = await service.post("/catalogue", form={"isbn": "1", "title": "A"}, files={"cover": two})
        assert fields_of(reply) == [("/cover", "repeated")]


async def test_all_that_is_wrong_with_a_form_is_said_at_once() -> None:
    async with start(memory_shelf()) as service:
        reply = await service.post("/catalogue", form={"title": "", "year": "soon", "colour": "red"})
        assert fields_of(reply) == [
            ("/title", "length"),
            ("/year", "format"),
            ("/colour", "unknown"),
            ("/isbn", "missing"),
        ]


async def test_unknown_files_and_texts_in_place_of_files_are_refused() -> None:
    async with start(memory_shelf()) as service:
        reply = await service.post(
            "/catalogue", form={"isbn": "1", "title": "A", "cover": "text"}, files={"other": Upload("a", b"")}
        )
        assert fields_of(reply) == [("/cover", "type"), ("/other", "unknown")]


@pytest.mark.parametrize(
    ("content", "claimed", "found"),
    [
        (b"\xff\xd8\xff\xe0JFIF", "image/png", 200),
        (png(), "text/html", 200),
        (b"<!doctype html><script>", "image/png", 415),
        (b"GIF89a;<script>", "image/png", 415),
        (b"hello", "image/png", 415),
        (b"\0\1\2\3", "image/png", 415),
        (b"", "image/png", 422),
    ],
)
async def test_the_content_decides_what_a_file_is(content: bytes, claimed: str, found: int) -> None:
    blobs = MemoryBlobs()
    async with start(memory_shelf(blobs=blobs)) as service:
        reply = await service.put("/books/1/cover", body=content, headers={"content-type": claimed})
        assert reply.status == found, reply.text
        assert len(blobs) == (found == 200)


async def test_a_form_is_no_body_and_a_body_no_form() -> None:
    async with start(memory_shelf()) as service:
        form = await service.put("/books/1/cover", form={}, files={"cover": Upload("a.png", png())})
        assert form.status == 415
        body = await service.post("/catalogue", body=png(), headers=PNG)
        assert body.status == 415


async def test_a_referred_file_whose_bytes_are_gone_is_not_found() -> None:
    blobs = MemoryBlobs()
    async with start(memory_shelf(blobs=blobs)) as service:
        file = (await put_cover(service)).json
        await blobs.remove(service.context(), UUID(file["id"]))
        reply = await service.get("/books/1/cover")
        assert (reply.status, reply.json["code"]) == (404, "file_gone")


def fields_of(reply: Reply) -> list[tuple[str, str]]:
    assert reply.status == 422, reply.text
    return [(error["path"], error["code"]) for error in reply.json["errors"]]


async def swept(service: TestService) -> int:
    desk: Any = service.service.files
    return await desk.sweep()
