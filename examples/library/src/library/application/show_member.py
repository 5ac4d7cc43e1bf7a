"""Show a member."""

from uuid import UUID

from krepis import Context, Query

from library.application.views import MemberView, member_view
from library.domain.member import Member


class ShowMember(Query[MemberView]):
    """One member."""

    member: UUID


async def show_member(ctx: Context, query: ShowMember, member: Member) -> MemberView:
    return member_view(member)
