"""Server-sent events over the real outbox, on SQLite and PostgreSQL: order, resume, who sees what, limits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from _board import HANDLERS, POLICY, Pinned, StartBoard, WatchBoard
from sqlalchemy import delete

from krepis import App, KrepisError
from krepis.errors import WiringError
from krepis.http import Doors, StreamLimits
from krepis.outbox.tables import events
from krepis.sql import statement
from krepis.testing import MemoryStore, StreamRefused, TestService

ANN, BEN, SAM, TOM = ({"authorization": f"Bearer {name}s"} for name in ("ann", "ben", "sam", "tom"))


async def pin(service: TestService, reader: str, text: str, headers: dict[str, str] = SAM) -> int:
    reply = await service.post("/notes", json={"reader": reader, "text": text}, headers=headers)
    assert reply.status == 201, reply.text
    return reply.json["number"]


async def test_a_stream_begins_with_what_is_and_goes_on_with_what_happens(start_board: StartBoard, kind: str) -> None:
    async with start_board(kind) as service:
        await pin(service, "ann", "before")
        async with service.events("/events", headers=ANN) as stream:
            start = await stream.next()
            assert (start.event, start.data) == ("start", 1)
            for number in range(3):
                await pin(service, "ann", f"note {number}")
            shown = [await stream.next() for _ in range(3)]
            assert [one.data["text"] for one in shown] == ["note 0", "note 1", "note 2"]
            assert [one.event for one in shown] == ["Pinned"] * 3
            assert start.position < shown[0].position < shown[1].position < shown[2].position


async def test_a_client_that_comes_again_misses_nothing_and_sees_nothing_twice(
    start_board: StartBoard, kind: str
) -> None:
    async with start_board(kind, batch_max=2) as service:
        async with service.events("/events", headers=ANN) as stream:
            await stream.next()
            await pin(service, "ann", "one")
            position = (await stream.next()).position
        for number in range(7):
            await pin(service, "ann" if number % 2 else "ben", f"away {number}")
        async with service.events("/events", headers=ANN, after=position) as stream:
            assert [(await stream.next()).data["text"] for _ in range(3)] == ["away 1", "away 3", "away 5"]
            with pytest.raises(TimeoutError):
                await stream.next(0.05)


async def test_everybody_sees_what_is_theirs(start_board: StartBoard, kind: str) -> None:
    async with (
        start_board(kind) as service,
        service.events("/events", headers=ANN) as ann,
        service.events("/events", headers=BEN) as ben,
        service.events("/events", headers=SAM) as sam,
    ):
        for stream in (ann, ben, sam):
            await stream.next()
        await pin(service, "ann", "for Ann")
        await pin(service, "ben", "for Ben")
        assert (await ann.next()).data["text"] == "for Ann"
        assert (await ben.next()).data["text"] == "for Ben"
        assert [(await sam.next()).data["text"] for _ in range(2)] == ["for Ann", "for Ben"]
        with pytest.raises(TimeoutError):
            await ann.next(0.05)


async def test_another_tenant_sees_nothing(start_board: StartBoard, kind: str) -> None:
    async with start_board(kind) as service:
        async with service.events("/all", headers=TOM) as tom, service.events("/all", headers=ANN) as ann:
            opening = asyncio.ensure_future(tom.next(0.6)), asyncio.ensure_future(ann.next(0.6))
            await asyncio.sleep(0.1)
            await pin(service, "tom", "of ours", ANN)
            await pin(service, "ann", "of theirs", TOM)
            of_tom, of_ann = [(await one).data["text"] for one in opening]
        assert (of_tom, of_ann) == ("of theirs", "of ours")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/events", {}, 401),
        ("/events", {"authorization": "Bearer nobodys"}, 401),
        ("/events?board=none", ANN, 404),
        ("/events", ANN | {"accept": "application/json"}, 406),
        ("/events", ANN | {"last-event-id": "seven"}, 400),
        ("/events", ANN | {"last-event-id": "-1"}, 400),
        ("/events", ANN | {"last-event-id": "9" * 19}, 400),
    ],
)
async def test_what_is_refused_is_refused_as_at_any_door(
    start_board: StartBoard, path: str, headers: dict[str, str], status: int
) -> None:
    async with start_board() as service:
        with pytest.raises(StreamRefused) as refused:
            async with service.events(path, headers=headers):
                pass
        assert refused.value.reply.status == status
        assert service.service.streams.connections == 0


async def test_a_place_that_is_not_kept_any_more_is_said(start_board: StartBoard, kind: str) -> None:
    async with start_board(kind) as service:
        for number in range(4):
            await pin(service, "ann", f"note {number}")
        await forget(service, 3)
        async with service.events("/events", headers=ANN, after=1) as stream:
            lost, start = await stream.next(), await stream.next()
            assert (lost.event, lost.data) == ("lost", {"after": 1, "first": 4})
            assert (start.event, start.data, start.position) == ("start", 4, 4)
        async with service.events("/events", headers=ANN, after=3) as stream:
            assert (await stream.next()).data["text"] == "note 3"


async def test_a_place_that_does_not_exist_yet_is_said(start_board: StartBoard) -> None:
    async with start_board() as service, service.events("/events", headers=ANN, after=1000) as stream:
        assert (await stream.next()).event == "lost"
        assert (await stream.next()).event == "start"


async def test_a_reader_too_slow_for_what_is_kept_is_told_and_let_go(start_board: StartBoard, kind: str) -> None:
    async with start_board(kind, batch_max=2) as service, service.events("/events", headers=ANN) as stream:
        await stream.next()
        for number in range(6):
            await pin(service, "ann", f"note {number}")
        assert [(await stream.next()).data["number"] for _ in range(2)] == [1, 2]
        await forget(service, 5)
        lost = await stream.next()
        assert (lost.event, lost.data) == ("lost", {"after": 2, "first": 6})
        with pytest.raises(EOFError):
            await stream.next()


async def test_a_quiet_stream_shows_that_it_lives_and_moves_on(start_board: StartBoard) -> None:
    async with start_board(heartbeat_s=0.05) as service, service.events("/events", headers=ANN) as stream:
        start = await stream.next()
        await pin(service, "ben", "not for Ann")
        with pytest.raises(TimeoutError):
            await stream.next(0.3)
        assert stream.position == start.position + 1


async def test_a_stream_whose_token_is_revoked_ends(start_board: StartBoard, kind: str) -> None:
    async with start_board(kind, recheck_s=0.05) as service:
        async with service.events("/events", headers=ANN) as stream:
            await stream.next()
            await asyncio.sleep(0.1)
            await pin(service, "ann", "still hers")
            assert (await stream.next()).data["text"] == "still hers"
            await service.post("/revoke", json={"token": "anns"}, headers=SAM)
            with pytest.raises(EOFError):
                await stream.next()
        with pytest.raises(StreamRefused):
            async with service.events("/events", headers=ANN):
                pass


async def test_a_stream_ends_with_its_lifetime(start_board: StartBoard) -> None:
    async with start_board(lifetime_s=0.05) as service, service.events("/events", headers=ANN) as stream:
        await stream.next()
        with pytest.raises(EOFError):
            await stream.next()
        assert service.service.streams.connections == 0


async def test_all_streams_end_when_the_service_stops(start_board: StartBoard) -> None:
    async with (
        start_board() as service,
        service.events("/events", headers=ANN) as ann,
        service.events("/events", headers=BEN) as ben,
    ):
        await ann.next()
        await ben.next()
        waiting = [asyncio.ensure_future(stream.next()) for stream in (ann, ben)]
        await asyncio.sleep(0.02)
        service.service.streams.close()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in ended] == [EOFError, EOFError]
        with pytest.raises(StreamRefused) as refused:
            async with service.events("/events", headers=ANN):
                pass
        assert (refused.value.reply.status, refused.value.reply.json["code"]) == (503, "closing")


async def test_there_are_as_many_as_may_be_and_one_more_is_refused(start_board: StartBoard) -> None:
    async with start_board(connections_max=2) as service, service.events("/events", headers=ANN):
        async with service.events("/events", headers=ANN):
            with pytest.raises(StreamRefused) as refused:
                async with service.events("/events", headers=ANN):
                    pass
            assert refused.value.reply.status == 503
            assert refused.value.reply.headers["retry-after"] == "5"
        async with service.events("/events", headers=ANN) as stream:
            assert (await stream.next()).event == "start"


async def test_fifty_clients_see_everything_and_share_the_reading(start_board: StartBoard, kind: str) -> None:
    async with start_board(kind) as service:
        feed = service.service.feed
        reads = Counting(feed)
        service.service.doors._shared.feed = reads

        async def client() -> list[int]:
            async with service.events("/events", headers=SAM) as stream:
                begun.release()
                await stream.next()
                return [(await stream.next()).data["number"] for _ in range(5)]

        begun = asyncio.Semaphore(0)
        clients = [asyncio.ensure_future(client()) for _ in range(50)]
        for _ in clients:
            await begun.acquire()
        await asyncio.sleep(0.2)
        numbers = [await pin(service, "ann", "for all") for _ in range(5)]
        assert await asyncio.gather(*clients) == [numbers] * 50
        assert reads.count < 50 + 5 * 10, "each event is not read fifty times"


async def test_head_opens_nothing(start_board: StartBoard) -> None:
    async with start_board() as service:
        reply = await service.request("HEAD", "/events", headers=ANN)
        assert (reply.status, reply.headers["content-type"], reply.body) == (200, "text/event-stream", b"")
        assert service.service.streams.connections == 0


def test_events_without_a_part_that_stores_them_stop_the_start() -> None:
    doors = Doors()
    doors.events("/events", WatchBoard, of=(Pinned,))
    doors.websocket("/live", WatchBoard, events=(Pinned,))
    with pytest.raises(WiringError, match="shows events, and no part of the app stores them"):
        App("board", handlers=HANDLERS, doors=doors, policy=POLICY, store=MemoryStore()).check()


@pytest.mark.parametrize(("of", "said"), [((), "does not say which"), ((WatchBoard,), "is no event")])
def test_what_is_no_event_is_refused_where_it_is_written(of: Any, said: str) -> None:
    with pytest.raises(KrepisError, match=said):
        Doors().events("/events", WatchBoard, of=of)


@pytest.mark.parametrize("name", [name for name in StreamLimits.__struct_fields__ if name != "origins"])
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    limit: Any = {name: 0}
    with pytest.raises(KrepisError, match=name):
        StreamLimits(**limit)


class Counting:
    """The feed, and how often it is read."""

    def __init__(self, feed: Any) -> None:
        self._feed = feed
        self.count = 0

    async def read(self, *asked: Any) -> Any:
        self.count += 1
        return await self._feed.read(*asked)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._feed, name)


async def forget(service: TestService, upto: int) -> None:
    """What the outbox does with old events."""
    from krepis._system import SystemSources
    from krepis.context import root

    old = statement(delete(events).where(events.c.position <= upto))
    store: Any = service.service.app.store
    await store.transact(root(SystemSources(), timeout=10), "write", lambda sql: sql.run(old))
