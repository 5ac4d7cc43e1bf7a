"""What `auth` brings into a project: who people are at each request, the key of their tokens, their sessions and
operations, and the job that gives them roles.
"""

from __future__ import annotations

from collections.abc import Iterator

from krepis_generator import names
from krepis_generator.annotations import Annotations
from krepis_generator.frame.account_operations import (
    change_password_module,
    current_user_module,
    login_module,
    register_module,
)
from krepis_generator.frame.parts import grants_roles
from krepis_generator.frame.sign_in import Opening, grant_of
from krepis_generator.repositories import Repositories
from krepis_generator.source import Module
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity

_KEPT_KEY = '''\
def kept_key(folder: Path) -> str:
    """The key in that folder; the first who asks makes it. Nobody but the owner of the file may read it."""
    path = folder / "token.key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / f"token.{secrets.token_hex(8)}.key"
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(KEY_BYTES))
        with suppress(FileExistsError):  # two processes may begin at once: the first one's key counts
            path.hardlink_to(made)
        made.unlink()
    return path.read_text()'''


def account_modules(blueprint: Blueprint, repositories: Repositories) -> list[Module]:
    """All of them; none without `auth`. Asks for the methods of the user's repository that they call."""
    user = names.user(blueprint)
    if blueprint.service.auth is None or user is None:
        return []
    repositories.find(user.name)
    return list(_modules(blueprint, user, repositories))


def _modules(blueprint: Blueprint, user: Entity, repositories: Repositories) -> Iterator[Module]:
    yield _grants(blueprint, user)
    yield _token_key(blueprint)
    opening = Opening(blueprint, user, repositories)
    yield from opening.modules()
    for operation in blueprint.operations:
        match operation.builtin:
            case "register":
                yield register_module(blueprint, opening, operation)
            case "login":
                yield login_module(blueprint, opening, operation)
            case "current_user":
                yield current_user_module(blueprint, user, operation, repositories)
            case "change_password":
                yield change_password_module(blueprint, user, operation, repositories)
            case None:
                pass
    if grants_roles(blueprint):
        yield _grant_role(blueprint, user, repositories)


def _grants(blueprint: Blueprint, user: Entity) -> Module:
    package = blueprint.service.name
    port, one = names.port(user.name), names.one(user.name)
    module = Module(
        f"src/{package}/adapters/grants.py",
        "What people may act as, read at each request: whoever loses a role loses what it allows at once.",
        spans=[user.span],
    )
    module.use("uuid", "UUID")
    module.use("krepis", "Context")
    module.use("krepis.accounts", "Grant", "Grants")
    module.use(f"{package}.application.ports", port)
    module.add(
        f"{user.name}Grants",
        f"""\
class {user.name}Grants(Grants):
    def __init__(self, {names.rows(user.name)}: {port}) -> None:
        self._{names.rows(user.name)} = {names.rows(user.name)}

    async def find(self, ctx: Context, subject: str) -> Grant | None:
        {one} = await self._{names.rows(user.name)}.find(ctx, UUID(subject))
        return None if {one} is None else {grant_of(blueprint, user, "subject")}""",
        spans=[user.span],
    )
    return module


def _token_key(blueprint: Blueprint) -> Module:
    module = Module(
        f"src/{blueprint.service.name}/adapters/token_key.py",
        "The key that signs tokens, for a service on one machine that was given none.",
        spans=[blueprint.service.span],
    )
    module.use_module("os")
    module.use_module("secrets")
    module.use("contextlib", "suppress")
    module.use("pathlib", "Path")
    module.add("KEY_BYTES", "KEY_BYTES = 32")
    module.add("kept_key", _KEPT_KEY)
    return module


def _grant_role(blueprint: Blueprint, user: Entity, repositories: Repositories) -> Module:
    package = blueprint.service.name
    one, rows = names.one(user.name), names.rows(user.name)
    roles = next(field.type for field in user.fields if field.name == "roles")
    assert isinstance(roles, t.SetType | t.ListType), "roles are several"
    found = repositories.find_by(user.name, "email").name
    repositories.write(user.name, "save")
    module = Module(f"src/{package}/application/grant_role.py", "Give somebody a role.", spans=[user.span])
    module.use("krepis", "Command", "Context", "replace")
    module.use("krepis.types", "Email")
    module.use(f"{package}.application.ports", names.port(user.name, writes=True))
    missing = names.missing(user.name)
    module.use(f"{package}.domain.{one}", missing)
    role = Annotations(blueprint, module).message(roles.of)
    held = f"{one}.roles | {{command.role}}"
    if isinstance(roles, t.ListType):
        held = f"tuple(sorted({{*{one}.roles, command.role}}))"
    module.add(
        "GrantRole",
        f'''\
class GrantRole(Command[None]):
    """Whoever runs the service lets somebody act in a role; a job, since no caller may."""

    email: Email
    role: {role}''',
        spans=[user.span],
    )
    module.add(
        "grant_role",
        f"""\
async def grant_role(ctx: Context, command: GrantRole, *, {rows}: {names.port(user.name, writes=True)}) -> None:
    {one} = await {rows}.{found}(ctx, command.email)
    if {one} is None:
        raise {missing}({one}=command.email)
    await {rows}.save(ctx, replace({one}, roles={held}))""",
        spans=[user.span],
    )
    return module
