"""What people may act as, read at each request: who stops being staff stops being let in at once."""

from uuid import UUID

from krepis import Context
from krepis.accounts import Grant, Grants

from library.application.ports import Members, Staff
from library.domain.scanner import SCAN
from library.domain.staff import roles_of

MEMBER = frozenset(("member",))
STAFF = frozenset((SCAN,))


class LibraryGrants(Grants):
    def __init__(self, members: Members, staff: Staff) -> None:
        self._members = members
        self._staff = staff

    async def find(self, ctx: Context, subject: str) -> Grant | None:
        person = UUID(subject)
        worker = await self._staff.find(ctx, person)
        if worker is not None:
            return Grant(subject, roles_of(worker), STAFF, worker.branch)
        member = await self._members.find(ctx, person)
        return None if member is None else Grant(subject, MEMBER)
