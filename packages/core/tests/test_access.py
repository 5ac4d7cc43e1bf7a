"""A policy says who may do what; refusals come in one order, and a caller is known before anything of them is read."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

import pytest

from krepis import Actor, Command, Context, NotFound, Query, ReadPort, Value, WritePort
from krepis.access import NotAllowed, NotSignedIn, Policy, anyone, may, permission, role, user
from krepis.app import App, bind
from krepis.errors import WiringError
from krepis.http import Doors
from krepis.identity import SYSTEM, Caller, Identify, InvalidCredential, api_key, bearer
from krepis.testing import MemoryStore, MemoryUnit, TestService, start

ANN = Actor("ann", frozenset({"member"}))
BEA = Actor("bea", frozenset({"staff"}), frozenset({"notes:read"}))
TOKENS: Mapping[str, Actor] = {"ann-token": ANN, "bea-token": BEA, "forged": SYSTEM}


class Note(Value):
    id: int
    owner: str
    text: str


class NoSuchNote(NotFound):
    message = "there is no note `{note}`"


class Notes(ReadPort, Protocol):
    async def find(self, ctx: Context, note: int) -> Note | None: ...


class WritableNotes(Notes, WritePort, Protocol):
    async def put(self, ctx: Context, note: Note) -> None: ...


class MemoryNotes(WritableNotes):
    def __init__(self, unit: MemoryUnit) -> None:
        self._notes = unit.table("notes", Note)

    async def find(self, ctx: Context, note: int) -> Note | None:
        return self._notes.get(note)

    async def put(self, ctx: Context, note: Note) -> None:
        self._notes.put(note.id, note)


class ListNotes(Query[str]):
    pass


class CountNotes(Query[int]):
    pass


class ShowNote(Query[Note]):
    note: int


class ReviseNote(Command[Note]):
    note: int
    text: str


class Purge(Command[None]):
    pass


async def list_notes(ctx: Context, query: ListNotes) -> str:
    return ctx.actor.id if ctx.actor else "nobody"


async def count_notes(ctx: Context, query: CountNotes) -> int:
    return 1


async def show_note(ctx: Context, query: ShowNote, note: Note) -> Note:
    return note


async def revise_note(ctx: Context, command: ReviseNote, note: Note, *, notes: WritableNotes) -> Note:
    revised = Note(id=note.id, owner=note.owner, text=command.text)
    await notes.put(ctx, revised)
    return revised


async def purge(ctx: Context, command: Purge) -> None:
    return None


async def note_of(ctx: Context, message: ShowNote | ReviseNote, *, notes: Notes) -> Note:
    note = await notes.find(ctx, message.note)
    if note is None:
        raise NoSuchNote(note=message.note)
    return note


async def identify(ctx: Context, query: Identify) -> Caller:
    actor = TOKENS.get(query.credential.reveal())
    if actor is None:
        raise InvalidCredential
    return Caller(actor)


def is_own(actor: Actor, note: Note) -> bool:
    return note.owner == actor.id


RULES = (
    may(anyone, ListNotes),
    may(permission("notes:count"), CountNotes),
    may(user, ShowNote, ReviseNote, when=is_own),
    may(role("staff"), ShowNote),
)


def an_app(policy: Policy | None, finders: Sequence[Callable[..., Any]] = (note_of,)) -> App:
    doors = Doors(credentials=(bearer(), api_key()))
    doors.get("/notes", ListNotes)
    doors.get("/count", CountNotes)
    doors.get("/notes/{note}", ShowNote)
    doors.put("/notes/{note}", ReviseNote)
    doors.post("/purge", Purge)
    handlers = (list_notes, count_notes, show_note, revise_note, purge, identify)
    return App(
        "notes",
        handlers=handlers,
        adapters=(bind(WritableNotes, MemoryNotes),),
        store=MemoryStore(),
        doors=doors,
        policy=policy,
        finders=finders,
    )


async def filled(service: TestService) -> TestService:
    async with service.service.app.store.unit() as unit:  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess] - a MemoryStore
        await MemoryNotes(unit).put(service.context(), Note(id=1, owner="ann", text="buy milk"))
    return service


@pytest.fixture
async def service() -> AsyncGenerator[TestService]:
    async with start(an_app(Policy(*RULES))) as started:
        yield await filled(started)


def by(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def status(service: TestService, method: str, path: str, token: str | None = None, **options: Any) -> int:
    headers = by(token) if token else {}
    return (await service.request(method, path, headers=headers, **options)).status


async def test_what_is_open_to_anyone_needs_no_name(service: TestService) -> None:
    assert (await service.get("/notes")).json == "nobody"
    assert (await service.get("/notes", headers=by("ann-token"))).json == "ann"


async def test_a_key_in_a_header_of_its_own_names_the_caller(service: TestService) -> None:
    assert (await service.get("/notes", headers={"x-api-key": "bea-token"})).json == "bea"


@pytest.mark.parametrize("given", ["Bearer nobody", "Basic YTpi", "Bearer", "Bearer  ", "ann-token", ""])
async def test_a_credential_that_is_none_is_refused_even_where_none_is_needed(service: TestService, given: str) -> None:
    reply = await service.get("/notes", headers={"authorization": given})
    assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')


async def test_two_credentials_are_one_too_many(service: TestService) -> None:
    assert (await service.get("/notes", headers=by("ann-token") | {"x-api-key": "bea-token"})).status == 400


async def test_no_credential_makes_a_caller_the_system(service: TestService) -> None:
    assert await status(service, "GET", "/notes", "forged") == 401


async def test_whoever_has_no_name_is_asked_for_it_before_the_input_is_looked_at(service: TestService) -> None:
    reply = await service.put("/notes/1", body=b"{broken")
    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")


async def test_what_no_rule_allows_is_forbidden(service: TestService) -> None:
    assert await status(service, "POST", "/purge", "bea-token", json={}) == 403
    assert await status(service, "POST", "/purge", None, json={}) == 401


async def test_a_permission_opens_only_to_those_who_have_it(service: TestService) -> None:
    assert await status(service, "GET", "/count", "bea-token") == 403


async def test_the_refusals_come_in_order(service: TestService) -> None:
    wrong: dict[str, Any] = {"json": {"text": 5}}
    assert await status(service, "PUT", "/notes/9", None, **wrong) == 401
    assert await status(service, "PUT", "/notes/9", "ann-token", **wrong) == 404
    assert await status(service, "PUT", "/notes/1", "bea-token", **wrong) == 403
    assert await status(service, "PUT", "/notes/1", "ann-token", **wrong) == 422
    assert await status(service, "PUT", "/notes/1", "ann-token", json={"text": "buy bread"}) == 200


async def test_an_address_that_is_none_is_invalid_whoever_asks(service: TestService) -> None:
    assert await status(service, "PUT", "/notes/one", "bea-token", json={"text": 5}) == 422


async def test_an_owner_and_a_role_may_see_the_thing(service: TestService) -> None:
    assert await status(service, "GET", "/notes/1", "ann-token") == 200
    assert await status(service, "GET", "/notes/1", "bea-token") == 200


async def test_a_policy_holds_without_a_door_too(service: TestService) -> None:
    assert isinstance(await service.refused(ShowNote(note=1)), NotSignedIn)
    assert isinstance(await service.refused(ReviseNote(note=1, text=""), service.context(actor=BEA)), NotAllowed)


async def test_the_system_may_do_what_no_rule_allows(service: TestService) -> None:
    await service.dispatch(Purge(), service.context(actor=SYSTEM))


async def test_a_hidden_thing_and_none_look_the_same() -> None:
    async with start(an_app(Policy(*RULES, hide_forbidden=True))) as service:
        await filled(service)
        hidden, none = [await service.put(f"/notes/{n}", headers=by("bea-token"), json={"text": ""}) for n in (1, 2)]
    assert (hidden.status, none.status) == (404, 404)
    assert hidden.json | {"trace": ""} == none.json | {"trace": ""}


async def test_without_a_policy_a_thing_is_still_found() -> None:
    async with start(an_app(None)) as service:
        await filled(service)
        assert (await service.get("/notes/1")).json["text"] == "buy milk"


@pytest.mark.parametrize(
    ("rules", "finders", "sentence"),
    [
        ((may(user, Identify, UUID),), (note_of,), "names `UUID`, which the app does not handle"),
        ((may(user, CountNotes, when=is_own),), (note_of,), "looks at the thing that `CountNotes` is about"),
        ((), (), "takes a thing as its third parameter"),
    ],
)
def test_a_policy_that_can_not_hold_stops_the_start(rules: Any, finders: Any, sentence: str) -> None:
    with pytest.raises(WiringError, match=sentence):
        an_app(Policy(*rules), finders=finders).check()


async def another_note_of(ctx: Context, message: ShowNote) -> Note:
    raise NoSuchNote(note=message.note)


def test_a_message_with_two_finders_stops_the_start() -> None:
    with pytest.raises(WiringError, match="`ShowNote` has two finders"):
        an_app(None, finders=(note_of, another_note_of)).check()


async def test_the_document_says_who_may_call(service: TestService) -> None:
    document = (await service.get("/openapi.json")).json
    assert document["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer"},
        "api_key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The key alone."},
    }
    assert document["paths"]["/notes"]["get"]["security"] == [{}, {"bearer": []}, {"api_key": []}]
    assert document["paths"]["/notes/{note}"]["get"]["security"] == [{"bearer": []}, {"api_key": []}]
    assert {"401", "403"} <= set(document["paths"]["/purge"]["post"]["responses"])
