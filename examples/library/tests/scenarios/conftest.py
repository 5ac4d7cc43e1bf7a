"""A desk at which the stories take place: everything goes through the doors."""

from datetime import timedelta

import pytest

DUNE = "9780441013593"


class Desk:
    """The library as its callers meet it."""

    def __init__(self, library) -> None:
        self.library = library
        self.manager = ""

    async def ask(self, path, status=200, **options):
        return await self._expect("GET", path, status, **options)

    async def tell(self, path, json=None, status=200, **options):
        return await self._expect("POST", path, status, json=json if json is not None else {}, **options)

    async def refused(self, path, json=None, status=409):
        """The code of the refusal."""
        return (await self.tell(path, json, status))["code"]

    async def _expect(self, method, path, status, **options):
        reply = await self.library.request(method, path, **options)
        assert reply.status == status, reply.text
        return reply.json

    async def hire(self, role="librarian"):
        return (await self.tell("/staff", {"name": "Max", "role": role}, status=201))["id"]

    async def member(self, name="alice", kind="adult"):
        body = {"name": name.title(), "email": f"{name}@example.org", "kind": kind}
        return (await self.tell("/members", body, status=201))["id"]

    async def book(self, isbn=DUNE, title="Dune"):
        body = {"isbn": isbn, "title": title, "author": "Frank Herbert", "by": self.manager}
        return await self.tell("/books", body, status=201)

    async def copy(self, isbn=DUNE):
        return (await self.tell(f"/books/{isbn}/copies", {"by": self.manager}, status=201))["id"]

    async def lend(self, member, copy):
        return (await self.tell("/loans", {"member": member, "copy": copy}, status=201))["id"]

    async def give_back(self, loan):
        return await self.tell(f"/loans/{loan}/return")

    async def reserve(self, member, isbn=DUNE):
        self.wait(seconds=1)  # who comes at the same instant comes in no order
        return (await self.tell(f"/books/{isbn}/reservations", {"member": member}, status=201))["id"]

    async def account(self, member):
        return await self.ask(f"/members/{member}/account")

    async def late(self, member, copy, days):
        """A loan of that copy that comes back so many days late; answers with the fine."""
        loan = await self.lend(member, copy)
        self.wait(days=21 + days)
        return (await self.give_back(loan))["fine"]

    def wait(self, **time):
        self.library.sources.advance(timedelta(**time))


@pytest.fixture
async def desk(library):
    """A library with a manager and a book that has no copies yet."""
    desk = Desk(library)
    desk.manager = await desk.hire("manager")
    await desk.book()
    return desk
