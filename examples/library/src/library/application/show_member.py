"""Show a member."""

from uuid import UUID

from krepis import Context, Query

from library.application.ports import Members
from library.application.views import MemberView, member_view
from library.domain.member import NoSuchMember


class ShowMember(Query[MemberView]):
    """One member."""

    member: UUID


async def show_member(ctx: Context, query: ShowMember, *, members: Members) -> MemberView:
    member = await members.find(ctx, query.member)
    if member is None:
        raise NoSuchMember(member=query.member)
    return member_view(member)
