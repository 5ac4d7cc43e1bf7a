"""Hire staff."""

from krepis import Command, Context

from library.application.ports import WritableStaff
from library.application.views import StaffView, staff_view
from library.domain.staff import Branch, StaffMember, StaffName, StaffRole


class HireStaff(Command[StaffView]):
    """Somebody begins to work here."""

    name: StaffName
    role: StaffRole = "librarian"
    branch: Branch | None = None


async def hire_staff(ctx: Context, command: HireStaff, *, staff: WritableStaff) -> StaffView:
    person = StaffMember(id=ctx.new_id(), name=command.name, role=command.role, branch=command.branch)
    await staff.add(ctx, person)
    return staff_view(person)
