"""Whatever a stranger sends, the answer is a refusal and never a bug."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from krepis.identity import SYSTEM
from krepis.testing import start

from library.adapters.http import doors
from library.application.hire_staff import HireStaff
from library.application.invite import InviteStaff

NOBODY = "00000000-0000-7000-8000-000000000000"
PLACES = [
    (
        door.method,
        door.pattern.format(
            isbn="0" * 13,
            **dict.fromkeys(("member", "copy", "loan", "reservation", "fine", "person", "scanner"), NOBODY),
        ),
    )
    for door in doors.declared
    if "session" not in door.pattern
    and door.pattern != "/desk/events"  # the first would sign off, the other never ends
]
WRITING = [(method, path) for method, path in PLACES if method != "GET"]
FIELDS = ["name", "email", "kind", "isbn", "title", "author", "published", "member", "copy", "amount", "reason", "text"]

texts = st.text(max_size=20) | st.sampled_from([NOBODY, "9780441013593", "a@example.org", "\0", "adult", "EUR"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(st.sampled_from(FIELDS), values, max_size=6) | values


@pytest.fixture(scope="module")
def reply_to(new_shelf):
    """Sends one request, of a manager, to a library that all these tests share."""
    stack = AsyncExitStack()
    shelf = new_shelf("sqlite://")
    with asyncio.Runner() as runner:
        service = runner.run(stack.enter_async_context(start(shelf.app())))
        badge = runner.run(hired(service))

        def request(method, path, headers=None, **options):
            return runner.run(service.request(method, path, headers=badge | (headers or {}), **options))

        yield request
        runner.run(stack.aclose())


async def hired(service):
    system = service.acting(SYSTEM)
    person = await system.dispatch(HireStaff(name="Max", role="manager"))
    invitation = await system.dispatch(InviteStaff(person=person.id))
    account = {"token": invitation.token, "email": "max@example.org", "password": "a word for tests"}
    return {"authorization": f"Bearer {(await service.post('/invitations', json=account)).json['access_token']}"}


@pytest.fixture(scope="module")
def alice(reply_to):
    return reply_to("POST", "/members", json={"name": "Alice", "email": "alice@example.org"}).json["id"]


@pytest.mark.slow
@given(st.sampled_from(WRITING), bodies)
def test_no_body_is_answered_with_a_bug(reply_to, place, body):
    assert reply_to(*place, json=body, headers={"if-match": '"1"'}).status < 500


@pytest.mark.slow
@given(st.sampled_from(PLACES), st.binary(max_size=40))
def test_no_bytes_are_answered_with_a_bug(reply_to, place, body):
    headers = {"content-type": "application/json", "if-match": '"1"'}
    assert reply_to(*place, body=body, headers=headers).status < 500


@pytest.mark.slow
@given(
    st.sampled_from(["/books", "/loans/overdue"]),
    st.dictionaries(st.sampled_from(["text", "limit", "offset", "cursor"]), texts),
)
def test_no_query_string_is_answered_with_a_bug(reply_to, path, query):
    assert reply_to("GET", path, query=query).status < 500


@pytest.mark.slow
@given(st.text(min_size=1, max_size=100))
def test_a_name_is_kept_as_it_was_given_or_refused(reply_to, alice, name):
    revised = reply_to("PATCH", f"/members/{alice}", json={"name": name})
    assert revised.status == 422 or (revised.status, revised.json["name"]) == (200, name)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/books?limit=0", 422),
        ("/books?limit=101", 422),
        ("/books?limit=100", 200),
        ("/books?offset=-1", 422),
        ("/books?limit=1&limit=2", 422),
        ("/books/978", 422),
        ("/members/me", 422),
        ("/loans/overdue?cursor=never-given", 422),
        ("/books/9780441013593", 404),
        ("/shelves", 404),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(reply_to, path, status):
    assert reply_to("GET", path).status == status
