"""Who may not upload is told so before a byte is read, and what can't be wired stops the start."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from _shelf import (
    HANDLERS,
    AddBook,
    DescribeCover,
    MemoryShelf,
    NoCover,
    RemoveCover,
    SetCover,
    Shelf,
    ShowCover,
    declared,
    png,
)

from krepis import Actor, Command, Context
from krepis.access import Policy, anyone, may, role
from krepis.app import App, bind
from krepis.errors import WiringError
from krepis.files import FileRef, FileStore, FolderBlobs
from krepis.http import Doors, form_file, upload
from krepis.http.facts import Facts
from krepis.identity import Caller, Identify
from krepis.testing import MemoryStore, memory_files, start


class Replace(Command[None]):
    cover: FileRef
    other: FileRef | None = None
    number: int = 0


def replace_it(ctx: Context, command: Replace) -> None:
    return None


def app_of(doors: Doors, *, files: bool = True) -> App:
    parts = (memory_files(),) if files else ()
    return App("test", handlers=(replace_it,), doors=doors, store=MemoryStore(), parts=parts)


def refusal_of(doors: Doors, *, files: bool = True) -> str:
    with pytest.raises(WiringError) as raised:
        app_of(doors, files=files).check()
    return str(raised.value)


def test_a_reference_that_callers_could_write_stops_the_start() -> None:
    doors = Doors()
    doors.put("/cover", Replace)
    assert "callers could name any file" in refusal_of(doors)


def test_a_reference_in_a_field_beside_an_upload_stops_the_start() -> None:
    doors = Doors()
    doors.put("/cover", Replace, sources={"cover": upload()})
    assert "callers could name any file" in refusal_of(doors)


def test_a_door_of_files_without_a_place_for_files_stops_the_start() -> None:
    doors = Doors()
    doors.put("/cover", Replace, sources={"cover": form_file(), "other": form_file()})
    assert "the app has no place for files" in refusal_of(doors, files=False)


def test_a_body_that_is_two_files_stops_the_start() -> None:
    doors = Doors()
    doors.put("/cover", Replace, sources={"cover": upload(), "other": upload()})
    assert "there is one body" in refusal_of(doors)


def test_a_file_in_a_field_that_is_none_stops_the_start() -> None:
    doors = Doors()
    doors.put("/cover", Replace, sources={"cover": form_file(), "other": form_file(), "number": form_file()})
    assert "is no `FileRef`" in refusal_of(doors)


def test_a_file_at_a_door_without_a_body_stops_the_start() -> None:
    doors = Doors()
    doors.delete("/cover", Replace, sources={"cover": upload(), "other": upload()})
    assert "has no body for them" in refusal_of(doors)


def test_sending_what_is_no_file_stops_the_start() -> None:
    doors = Doors()
    doors.post("/cover", Replace, sources={"cover": form_file(), "other": form_file()}, file="inline")
    assert "sends a file, but its message answers with" in refusal_of(doors)


def test_a_store_without_tables_stops_the_start(tmp_path: Any) -> None:
    app = App("test", handlers=(replace_it,), store=MemoryStore(), parts=(FileStore(FolderBlobs(tmp_path)),))
    with pytest.raises(WiringError, match="the file store keeps its tables in a database"):
        app.check()


class Untouched:
    """A body that must not be read."""

    async def whole(self, bytes_max: int) -> bytes:
        raise AssertionError("the body was read")

    async def chunks(self, bytes_max: int) -> AsyncGenerator[bytes]:
        raise AssertionError("the body was read")
        yield b""


async def identify(ctx: Context, query: Identify) -> Caller:
    name = query.credential.reveal()
    return Caller(Actor(name, frozenset(("keeper",)) if name.startswith("keeper") else frozenset()))


async def owner_of(ctx: Context, message: SetCover) -> str:
    if message.isbn == "none":
        raise NoCover(isbn=message.isbn)
    return f"keeper-{message.isbn}"


def guarded() -> App:
    policy = Policy(
        may(role("keeper"), SetCover, when=lambda actor, owner: actor.id == owner),
        may(role("keeper"), AddBook),
        may(anyone, ShowCover, DescribeCover, RemoveCover),
    )
    return App(
        "shelf",
        handlers=(*HANDLERS, identify),
        adapters=(bind(Shelf, MemoryShelf),),
        doors=declared(),
        store=MemoryStore(),
        finders=(owner_of,),
        policy=policy,
        parts=(memory_files(),),
    )


@pytest.mark.parametrize(
    ("method", "path", "caller", "status"),
    [
        ("POST", "/catalogue", None, 401),
        ("POST", "/catalogue", "somebody", 403),
        ("PUT", "/books/1/cover", None, 401),
        ("PUT", "/books/1/cover", "somebody", 403),
        ("PUT", "/books/1/cover", "keeper-2", 403),
        ("PUT", "/books/none/cover", "keeper-2", 404),
        ("PUT", f"/books/{'x' * 21}/cover", "keeper-2", 422),
    ],
)
async def test_who_may_not_upload_is_told_so_before_a_byte_is_read(
    method: str, path: str, caller: str | None, status: int
) -> None:
    headers = {b"content-type": b"image/png"}
    if caller is not None:
        headers[b"authorization"] = b"Bearer " + caller.encode()
    async with start(guarded()) as service:
        door, params = service.service.doors.match(method, path)
        reply = await door.start(Facts(method, path, params, b"", headers, b"", 0.0, stream=Untouched()))
        assert reply.status == status, reply.body


async def test_who_may_uploads() -> None:
    headers = {"content-type": "image/png", "authorization": "Bearer keeper-1"}
    async with start(guarded()) as service:
        assert (await service.put("/books/1/cover", body=png(), headers=headers)).status == 200
        assert (await service.get("/books/1/cover")).body == png()
