"""WebSocket doors in process: commands, events, who may come in, and every way in which a frame can be wrong."""

from __future__ import annotations

import asyncio
import json
import os
from random import Random
from typing import Any

import pytest
from _board import Pin, StartBoard, WatchBoard

from krepis import KrepisError
from krepis.http import Doors
from krepis.testing import StreamRefused, TestService

ANN, BEN, SAM, TOM = ({"authorization": f"Bearer {name}s"} for name in ("ann", "ben", "sam", "tom"))
SEED = int(os.environ["KREPIS_SEED"])
HELLO = {"type": "hello", "credential": "anns"}


async def refused(service: TestService, path: str, headers: dict[str, str]) -> Any:
    with pytest.raises(StreamRefused) as refusal:
        async with service.websocket(path, headers=headers):
            pass
    assert service.service.streams.connections == 0
    return refusal.value.reply


async def test_a_command_is_answered_under_its_id_and_its_event_is_shown(start_board: StartBoard, kind: str) -> None:
    async with start_board(kind) as service, service.websocket("/live", headers=ANN) as socket:
        assert await socket.next() == {"start": 0, "position": 0}
        note = {"number": 1, "reader": "ann", "text": "hello"}
        answer = await socket.ask("pin", {"reader": "ann", "text": "hello"})
        assert answer == {"id": 1, "answer": note}
        assert await socket.next() == {"event": "Pinned", "position": 1, "data": note}


async def test_queries_and_commands_without_an_answer_work_too(start_board: StartBoard) -> None:
    async with start_board() as service, service.websocket("/ask", headers=SAM) as socket:
        assert await socket.next() == {"start": None}
        assert (await socket.ask("list", {}))["answer"] == {"items": [], "total": None, "next": None}
        assert (await socket.ask("burst", {"count": 0}))["answer"] == 0


@pytest.mark.parametrize(
    ("headers", "name", "data", "status", "code"),
    [
        (ANN, "pin", {"reader": "ann"}, 422, "invalid"),
        (ANN, "pin", {"reader": "ann", "text": 7, "more": 1}, 422, "invalid"),
        (ANN, "pin", [], 422, "invalid"),
        (ANN, "burst", {"count": 1}, 403, "not_allowed"),
        (ANN, "burst", {"count": "many"}, 403, "not_allowed"),
        (ANN, "steal", {}, 404, "no_such_command"),
        (ANN, "fail", {}, 500, "internal_error"),
        (ANN, "list", {"page": {"limit": 0}}, 422, "invalid"),
    ],
)
async def test_a_refused_command_is_answered_with_a_problem(
    start_board: StartBoard, headers: dict[str, str], name: str, data: Any, status: int, code: str
) -> None:
    async with start_board() as service, service.websocket("/live", headers=headers) as socket:
        problem = (await socket.ask(name, data))["problem"]
        assert (problem["status"], problem["code"]) == (status, code)
        assert any(line.get("trace") == problem["trace"] for line in service.sources.lines)
        assert (await socket.ask("pin", {"reader": "ann", "text": "still open"}))["answer"]["number"] == 1


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/live", {"authorization": "Bearer nobodys"}, 401),
        ("/live?board=none", ANN, 404),
        ("/live?after=x", ANN, 400),
        ("/nowhere", ANN, 404),
        ("/notes", ANN, 404),
        ("/live", ANN | {"origin": "https://evil.example", "host": "board.example"}, 403),
        ("/live", ANN | {"origin": "null", "host": "board.example"}, 403),
        ("/live", ANN | {"origin": "https://board.example.evil.example", "host": "board.example"}, 403),
        ("/live", ANN | {"origin": "https://friend.example:81", "host": "board.example"}, 403),
    ],
)
async def test_a_refused_handshake_is_answered_with_a_problem(
    start_board: StartBoard, path: str, headers: dict[str, str], status: int
) -> None:
    async with start_board(origins=("https://friend.example",)) as service:
        reply = await refused(service, path, headers)
        assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("origin", ["https://board.example", "https://friend.example", "HTTPS://Friend.Example"])
async def test_pages_of_the_own_host_and_of_named_sites_may_come(start_board: StartBoard, origin: str) -> None:
    headers = ANN | {"origin": origin, "host": "board.example"}
    async with (
        start_board(origins=("https://friend.example",)) as service,
        service.websocket("/live", headers=headers) as socket,
    ):
        assert (await socket.next())["start"] == 0


async def test_a_browser_says_who_calls_in_its_first_frame(start_board: StartBoard, kind: str) -> None:
    async with start_board(kind) as service:
        await service.post("/notes", json={"reader": "ann", "text": "one"}, headers=ANN)
        async with service.websocket("/live") as socket:
            await socket.send(HELLO | {"after": 0})
            assert await socket.next() == {"position": 0}
            assert (await socket.next())["data"]["text"] == "one"
            assert (await socket.ask("pin", {"reader": "ben", "text": "two"}))["answer"]["number"] == 2


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "hello"}, 1008),
        ({"type": "hello", "credential": "nobodys"}, 1008),
        ({"type": "hello", "credential": "ünns"}, 1008),
        ({"type": "hello", "credential": "anns", "scheme": "magic"}, 1008),
        ({"type": "hello", "credential": "a" * 9000}, 1008),
        ({"type": "hello", "credential": "anns\r\nx: y"}, 1008),
        ({"type": "hello", "credential": "anns", "more": 1}, 1008),
        ({"type": "hello", "credential": "anns", "after": -1}, 1008),
        ({"id": 1, "type": "pin", "data": {}}, 1008),
        ([], 1008),
        ("{", 1007),
        ("[" * 50_000, 1008),
        (b"\x00", 1003),
        ("x" * 70_000, 1009),
    ],
)
async def test_a_first_frame_that_is_no_hello_ends_it(start_board: StartBoard, frame: Any, code: int) -> None:
    async with start_board() as service, service.websocket("/live") as socket:
        await socket.send(frame)
        assert await socket.ended() == code
        assert service.service.streams.connections == 0


async def test_nobody_waits_for_a_hello_for_ever(start_board: StartBoard) -> None:
    async with start_board(hello_s=0.05) as service, service.websocket("/live") as socket:
        assert await socket.ended() == 1008


async def test_a_client_that_comes_again_misses_nothing(start_board: StartBoard, kind: str) -> None:
    async with start_board(kind, batch_max=2) as service:
        async with service.websocket("/live", headers=ANN) as socket:
            await socket.next()
            await socket.ask("pin", {"reader": "ann", "text": "one"})
            position = (await socket.next())["position"]
        for number in range(5):
            await service.post("/notes", json={"reader": "ann", "text": f"away {number}"}, headers=ANN)
        async with service.websocket(f"/live?after={position}", headers=ANN) as socket:
            assert await socket.next() == {"position": position}
            assert [(await socket.next())["data"]["text"] for _ in range(5)] == [f"away {n}" for n in range(5)]


async def test_a_place_that_does_not_exist_is_said(start_board: StartBoard) -> None:
    async with start_board() as service, service.websocket("/live?after=7", headers=ANN) as socket:
        assert await socket.next() == {"lost": {"after": 7, "first": 1}}
        assert await socket.next() == {"start": 0, "position": 0}


async def test_a_token_that_is_revoked_ends_the_next_command_and_then_the_connection(start_board: StartBoard) -> None:
    async with start_board(recheck_s=0.3) as service, service.websocket("/live", headers=ANN) as socket:
        await socket.next()
        await service.post("/revoke", json={"token": "anns"}, headers=SAM)
        assert (await socket.ask("pin", {"reader": "ann", "text": "x"}))["problem"]["status"] == 401
        assert (await socket.next())["problem"]["code"] == "invalid_credential"
        assert await socket.ended() == 1008


@pytest.mark.parametrize(
    "frame",
    [
        {},
        {"id": 1},
        {"id": 1, "type": 7},
        {"id": True, "type": "pin"},
        {"id": 1.5, "type": "pin"},
        {"id": None, "type": "pin"},
        {"id": {}, "type": "pin"},
        {"id": 2**63, "type": "pin"},
        {"id": "x" * 65, "type": "pin"},
        {"id": 1, "type": "p" * 65},
        {"id": 1, "type": "pin", "dota": {}},
        {"id": 1, "type": "pin", "key": "ä"},
        {"id": 1, "type": "pin", "key": "x" * 256},
        [],
        None,
        "7",
    ],
)
async def test_json_of_another_form_is_answered(start_board: StartBoard, frame: Any) -> None:
    async with start_board() as service, service.websocket("/live", headers=ANN) as socket:
        await socket.next()
        await socket.send(json.dumps(frame))
        answer = await socket.next()
        assert answer["problem"]["code"] == "malformed"
        sent = frame.get("id") if isinstance(frame, dict) else None
        assert answer["id"] in (sent, None)
        assert (await socket.ask("pin", {"reader": "ann", "text": "x"}))["answer"]["number"] == 1


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"{}", 1003),
        ("", 1007),
        ("{", 1007),
        ("nonsense", 1007),
        ('{"id": 1, "type": "pin", "data": }', 1007),
        ("[" * 60_000, 1007),
        ("\ud800", 1007),
        ('"' + "x" * 65_535 + '"', 1009),
        ('"' + "ä" * 32_768 + '"', 1009),
    ],
)
async def test_what_is_no_text_no_json_or_too_large_closes(start_board: StartBoard, frame: Any, code: int) -> None:
    async with start_board() as service, service.websocket("/live", headers=ANN) as socket:
        await socket.send(frame)
        assert await socket.ended() == code
        assert service.service.streams.connections == 0


async def test_a_frame_at_the_limit_is_read(start_board: StartBoard) -> None:
    async with start_board(frame_bytes_max=1000) as service, service.websocket("/live", headers=ANN) as socket:
        await socket.next()
        frame = json.dumps({"id": 1, "type": "pin", "data": {"reader": "ann", "text": ""}})
        await socket.send(frame.replace('"text": ""', f'"text": "{"x" * (1000 - len(frame))}"'))
        assert "answer" in await socket.next()


async def test_frames_drawn_at_random_are_answered_or_close_and_are_no_bugs(start_board: StartBoard) -> None:
    """Half a command, changed in one place or more; the seed is said when it fails."""
    chance = Random(SEED)
    whole = json.dumps({"id": 1, "type": "pin", "data": {"reader": "ann", "text": "hello"}, "key": "k"})
    async with start_board() as service:
        for _ in range(300):
            text = "".join(mutated(chance, whole))
            async with service.websocket("/live", headers=ANN) as socket:
                await socket.next()
                await socket.send(text)
                try:
                    frame = await socket.next()
                except EOFError:
                    assert socket.closed is not None
                    assert socket.closed[0] == 1007, (SEED, text)
                else:
                    assert "answer" in frame or "event" in frame or frame["problem"]["status"] < 500, (SEED, text)
        assert service.service.streams.connections == 0
        assert [line for line in service.sources.lines if line["event"] == "bug"] == []


def mutated(chance: Random, text: str) -> list[str]:
    letters = list(text)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(letters))
        drawn = chance.choice('{}[]":,0-9e\\u\x00ä\U0001f600 truenull')
        match chance.randrange(3):
            case 0:
                letters[at] = drawn
            case 1:
                letters.insert(at, drawn)
            case _:
                del letters[at : at + chance.randint(1, 5)]
                letters = letters or ["{"]
    return letters


async def test_as_many_commands_run_as_may_and_the_next_frame_waits(start_board: StartBoard) -> None:
    async with start_board(in_flight_max=2) as service, service.websocket("/ask", headers=ANN) as socket:
        await socket.next()
        for number, seconds in enumerate((0.3, 0.1, 0.0)):
            await socket.send({"id": number, "type": "nap", "data": {"seconds": seconds}})
        await asyncio.sleep(0.05)
        assert service.service.running == 2
        assert [(await socket.next())["id"] for _ in range(3)] == [1, 2, 0]


async def test_one_at_a_time_is_in_order(start_board: StartBoard) -> None:
    async with start_board(in_flight_max=1) as service, service.websocket("/ask", headers=ANN) as socket:
        await socket.next()
        for number, seconds in enumerate((0.05, 0.02, 0.0)):
            await socket.send({"id": number, "type": "nap", "data": {"seconds": seconds}})
        assert [(await socket.next())["id"] for _ in range(3)] == [0, 1, 2]


async def test_what_runs_is_cancelled_when_the_client_goes(start_board: StartBoard) -> None:
    async with start_board() as service:
        async with service.websocket("/ask", headers=ANN) as socket:
            await socket.next()
            await socket.send({"id": 1, "type": "nap", "data": {"seconds": 30}})
            await asyncio.sleep(0.02)
            assert service.service.running == 1
            socket.leave()
            await asyncio.sleep(0.02)
        assert service.service.running == 0
        assert service.service.streams.connections == 0


async def test_what_runs_is_answered_before_a_stop_closes(start_board: StartBoard) -> None:
    async with (
        start_board() as service,
        service.websocket("/live", headers=ANN) as busy,
        service.websocket("/live", headers=ANN) as quiet,
    ):
        await busy.next()
        await quiet.next()
        await busy.send({"id": 1, "type": "nap", "data": {"seconds": 0.1}})
        await asyncio.sleep(0.02)
        service.service.streams.close()
        assert await quiet.ended() == 1001
        assert await busy.next() == {"id": 1, "answer": "slept"}
        assert await busy.ended() == 1001
        assert (await refused(service, "/live", ANN)).status == 503


async def test_a_client_that_reads_nothing_holds_up_nothing_but_itself(start_board: StartBoard, kind: str) -> None:
    async with (
        start_board(kind) as service,
        service.websocket("/live", headers=SAM) as slow,
        service.websocket("/live", headers=SAM) as quick,
    ):
        await quick.next()
        await quick.ask("burst", {"count": 300})
        assert [(await quick.next())["data"]["number"] for _ in range(300)] == list(range(300))
        assert "start" in await slow.next()
        assert [(await slow.next())["data"]["number"] for _ in range(300)] == list(range(300))


async def test_connections_that_do_nothing_end(start_board: StartBoard) -> None:
    async with start_board(idle_s=0.05) as service:
        async with service.websocket("/ask", headers=ANN) as socket:
            assert await socket.ended() == 1000
            assert socket.closed == (1000, "idle")
        async with service.websocket("/live", headers=ANN) as watching:
            await watching.next()
            with pytest.raises(TimeoutError):
                await watching.next(0.2)


async def test_connections_end_with_their_lifetime(start_board: StartBoard) -> None:
    async with start_board(lifetime_s=0.05) as service, service.websocket("/live", headers=ANN) as socket:
        assert await socket.ended() == 1000
        assert socket.closed == (1000, "come again")


async def test_there_are_as_many_as_may_be_and_one_more_is_refused(start_board: StartBoard) -> None:
    async with (
        start_board(connections_max=2) as service,
        service.events("/events", headers=ANN),
        service.websocket("/live", headers=ANN) as socket,
    ):
        await socket.next()
        reply = await refused_when_full(service)
        assert (reply.status, reply.headers["retry-after"]) == (503, "5")


async def refused_when_full(service: TestService) -> Any:
    with pytest.raises(StreamRefused) as refusal:
        async with service.websocket("/live", headers=ANN):
            pass
    return refusal.value.reply


async def test_fifty_clients_talk_and_listen_at_once(start_board: StartBoard, kind: str) -> None:
    async with start_board(kind) as service:

        async def client(number: int) -> tuple[int, set[str]]:
            async with service.websocket("/live", headers=SAM) as socket:
                await socket.next()
                here.release()
                await all_here.wait()
                answer = await socket.ask("pin", {"reader": "ann", "text": f"note {number}"}, wait_s=20)
                return answer["answer"]["number"], {(await socket.next(20))["data"]["text"] for _ in range(50)}

        here, all_here = asyncio.Semaphore(0), asyncio.Event()
        clients = [asyncio.ensure_future(client(number)) for number in range(50)]
        for _ in clients:
            await here.acquire()
        all_here.set()
        results = await asyncio.gather(*clients)
        assert sorted(number for number, _ in results) == list(range(1, 51))
        assert all(texts == {f"note {number}" for number in range(50)} for _, texts in results)


@pytest.mark.parametrize(
    ("commands", "said"),
    [({"Pin": Pin}, "has a command `Pin`"), ({"hello": Pin}, "has a command `hello`"), ({"pin": int}, "is no message")],
)
def test_commands_that_can_not_be_are_refused_where_they_are_written(commands: Any, said: str) -> None:
    with pytest.raises(KrepisError, match=said):
        Doors().websocket("/live", WatchBoard, commands=commands)
