"""A desk at which the stories take place: everything goes through the doors."""

from datetime import timedelta
from uuid import UUID

import pytest
from krepis.identity import SYSTEM

from library.application.hire_staff import HireStaff
from library.application.invite import InviteMember, InviteStaff
from library.domain.staff import StaffRole

DUNE = "9780441013593"


class Desk:
    """The library as its callers meet it."""

    def __init__(self, library, people=None, who=None) -> None:
        self.library = library
        self.who = who
        self._people = {} if people is None else people

    def seen_by(self, who):
        """The same desk, for another member; `None` is somebody without an account."""
        return Desk(self.library, self._people, who)

    async def hired(self, role: StaffRole = "librarian", branch=None):
        """The same desk, for somebody whom the library itself has hired."""
        system = self.library.acting(SYSTEM)
        person = (await system.dispatch(HireStaff(name="Max", role=role, branch=branch))).id
        await self._take((await system.dispatch(InviteStaff(person=person))).token, str(person))
        return self.seen_by(str(person))

    async def token(self):
        """An access token of whoever stands here, invited and signed in when that is needed."""
        assert self.who is not None
        if self.who not in self._people:
            invitation = await self.library.acting(SYSTEM).dispatch(InviteMember(member=UUID(self.who)))
            await self._take(invitation.token, self.who)
        token, until = self._people[self.who]
        if self.library.sources.now() < until:
            return token
        signed_in = await self.library.post("/session", json=_account(self.who))
        return self._remember(signed_in, self.who)

    async def _take(self, invitation, who):
        taken = await self.library.post("/invitations", json={"token": invitation, **_account(who)})
        self._remember(taken, who)

    def _remember(self, signed_in, who):
        assert signed_in.status == 201, signed_in.text
        tokens = signed_in.json
        until = self.library.sources.now() + timedelta(seconds=tokens["expires_in"])
        self._people[who] = (tokens["access_token"], until)
        return tokens["access_token"]

    async def ask(self, path, status=200, **options):
        return await self._expect("GET", path, status, **options)

    async def tell(self, path, json=None, status=200, **options):
        return await self._expect("POST", path, status, json=json if json is not None else {}, **options)

    async def refused(self, path, json=None, status=409):
        """The code of the refusal."""
        return (await self.tell(path, json, status))["code"]

    async def send(self, method, path, **options):
        """The whole answer, whatever its status."""
        headers = {"authorization": f"Bearer {await self.token()}"} if self.who else {}
        return await self.library.request(method, path, **options | {"headers": headers | options.get("headers", {})})

    async def _expect(self, method, path, status, **options):
        reply = await self.send(method, path, **options)
        assert reply.status == status, reply.text
        return reply.json

    async def member(self, name="alice", kind="adult"):
        body = {"name": name.title(), "email": f"{name}@example.org", "kind": kind}
        return (await self.tell("/members", body, status=201))["id"]

    async def book(self, isbn=DUNE, title="Dune"):
        body = {"isbn": isbn, "title": title, "author": "Frank Herbert"}
        return await self.tell("/books", body, status=201)

    async def copy(self, isbn=DUNE):
        return (await self.tell(f"/books/{isbn}/copies", status=201))["id"]

    async def lend(self, member, copy):
        return (await self.tell("/loans", {"member": member, "copy": copy}, status=201))["id"]

    async def give_back(self, loan):
        return await self.tell(f"/loans/{loan}/return")

    async def reserve(self, member, isbn=DUNE):
        self.wait(seconds=1)  # who comes at the same instant comes in no order
        return (await self.tell(f"/members/{member}/reservations", {"isbn": isbn}, status=201))["id"]

    async def account(self, member):
        return await self.ask(f"/members/{member}/account")

    async def late(self, member, copy, days):
        """A loan of that copy that comes back so many days late; answers with the fine."""
        loan = await self.lend(member, copy)
        self.wait(days=21 + days)
        return (await self.give_back(loan))["fine"]

    def wait(self, **time):
        self.library.sources.advance(timedelta(**time))


def _account(who):
    return {"email": f"{who}@people.example.org", "password": f"the word of {who}"}


@pytest.fixture
async def desk(library):
    """A library with a book that has no copies yet, as a librarian sees it."""
    desk = await Desk(library).hired()
    await desk.book()
    return desk
