"""The commands and queries that a spec gets with `auth`, where it does not declare them: register, login, current user,
and another password.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from krepis_generator import names, shown
from krepis_generator.annotations import Annotations
from krepis_generator.frame.sign_in import SIGNED_IN, Opening, view_of
from krepis_generator.python.constants import literal
from krepis_generator.quoting import docstring
from krepis_generator.repositories import Repositories
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity, Field, Input, Operation

_DOCS: Mapping[str, str] = MappingProxyType(
    {
        "register": "Somebody makes an account, and is signed in.",
        "login": "Somebody who has an account signs in.",
        "current_user": "The caller's own account.",
        "change_password": "The caller takes another password; every other session of theirs ends.",
    }
)


def register_module(blueprint: Blueprint, opening: Opening, operation: Operation) -> Module:
    package, user = blueprint.service.name, opening.user
    one, rows = names.one(user.name), names.rows(user.name)
    module = _module(blueprint, operation, "Register.")
    module.use("krepis.accounts", "Passwords", "WritableSessions")
    module.use(f"{package}.application.ports", names.port(user.name, writes=True))
    module.use(f"{package}.application.sessions", SIGNED_IN, "let_in")
    module.use(f"{package}.domain.{one}", user.name)
    repositories = opening.repositories
    repositories.write(user.name, "add")
    looks: list[str] = []
    for field in unique_inputs(user, operation):
        found = repositories.find_by(user.name, field).name
        taken = names.taken(user.name, (field,))
        module.use(f"{package}.domain.{one}", taken)
        looks += [f"    if await {rows}.{found}(ctx, command.{field}) is not None:", f"        raise {taken}"]
    looked = "\n".join(looks)
    secret = _secrets(operation)[0]
    values = ", ".join(f"{name}={value}" for name, value in _values(user, operation))
    module.add(
        names.message(operation),
        _message(module, blueprint, operation, SIGNED_IN, client=False),
        spans=[operation.span],
    )
    module.add(
        operation.name,
        f"""\
async def {operation.name}(
    ctx: Context,
    command: {names.message(operation)},
    *,
    {rows}: {names.port(user.name, writes=True)},
    passwords: Passwords,
    sessions: WritableSessions,
) -> {SIGNED_IN}:
{looked}
    hashed = await passwords.hash(ctx, command.{secret})
    {one} = {user.name}(id=ctx.new_id(), {values})
    await {rows}.add(ctx, {one})
    {opening.let_in()}""",
        spans=[operation.span],
    )
    return module


def login_module(blueprint: Blueprint, opening: Opening, operation: Operation) -> Module:
    package, user = blueprint.service.name, opening.user
    one, rows = names.one(user.name), names.rows(user.name)
    secret, password = _secrets(operation)[0], _password(user).name
    found = opening.repositories.find_by(user.name, "email").name
    opening.repositories.write(user.name, "save")
    module = _module(blueprint, operation, "Log in.")
    module.use("krepis", "replace")
    module.use("krepis.accounts", "Logins", "WritableSessions")
    module.use(f"{package}.application.ports", names.port(user.name, writes=True))
    module.use(f"{package}.application.sessions", SIGNED_IN, "let_in")
    module.add(
        names.message(operation), _message(module, blueprint, operation, SIGNED_IN, client=True), spans=[operation.span]
    )
    module.add(
        operation.name,
        f"""\
async def {operation.name}(
    ctx: Context,
    command: {names.message(operation)},
    *,
    {rows}: {names.port(user.name, writes=True)},
    logins: Logins,
    sessions: WritableSessions,
) -> {SIGNED_IN}:
    {one} = await {rows}.{found}(ctx, command.email)
    rehashed = await logins.check(
        ctx,
        account=command.email,
        password=command.{secret},
        stored=None if {one} is None else {one}.{password},
        client=command.client,
    )
    assert {one} is not None, "without an account no password is right"
    if rehashed is not None:
        await {rows}.save(ctx, replace({one}, {password}=rehashed))
    {opening.let_in()}""",
        spans=[operation.span],
    )
    return module


def current_user_module(blueprint: Blueprint, user: Entity, operation: Operation, repositories: Repositories) -> Module:
    package = blueprint.service.name
    one, rows = names.one(user.name), names.rows(user.name)
    view = view_of(blueprint, operation, user)
    module = _module(blueprint, operation, "Show who is signed in.")
    module.use(f"{package}.application.callers", "caller")
    module.use(f"{package}.application.ports", names.port(user.name))
    module.use(f"{package}.application.views", view.name)
    missing = names.missing(user.name)
    module.use(f"{package}.domain.{one}", missing)
    module.add(
        names.message(operation),
        _message(module, blueprint, operation, view.name, client=False),
        spans=[operation.span],
    )
    if shown.needs_rows(view, blueprint):
        viewer = shown.needs_viewer(view, blueprint)
        method = repositories.view(view.name, viewer=viewer)
        found, answer = f"{rows}.{method.name}(ctx, id{', id' if viewer else ''})", one
    else:
        module.use(f"{package}.application.views", names.view_function(view.name))
        found, answer = f"{rows}.find(ctx, id)", f"{names.view_function(view.name)}({one})"
    module.add(
        operation.name,
        f"""\
async def {operation.name}(
    ctx: Context, query: {names.message(operation)}, *, {rows}: {names.port(user.name)}
) -> {view.name}:
    id = caller(ctx)
    {one} = await {found}
    if {one} is None:
        raise {missing}({one}=id)
    return {answer}""",
        spans=[operation.span],
    )
    return module


def change_password_module(
    blueprint: Blueprint, user: Entity, operation: Operation, repositories: Repositories
) -> Module:
    package = blueprint.service.name
    one, rows = names.one(user.name), names.rows(user.name)
    given, password = _secrets(operation), _password(user).name
    repositories.write(user.name, "save")
    module = _module(blueprint, operation, "Change a password.")
    module.use("krepis", "replace")
    module.use("krepis.accounts", "Logins", "Passwords", "WritableSessions", "session_of")
    module.use(f"{package}.application.callers", "caller")
    module.use(f"{package}.application.ports", names.port(user.name, writes=True))
    missing = names.missing(user.name)
    module.use(f"{package}.domain.{one}", missing)
    checks = len(given) > 1
    check = f"""\
    await logins.check(
        ctx, account={one}.email, password=command.{given[0]}, stored={one}.{password}, client=command.client
    )
"""
    module.add(
        names.message(operation), _message(module, blueprint, operation, "None", client=checks), spans=[operation.span]
    )
    module.add(
        operation.name,
        f"""\
async def {operation.name}(
    ctx: Context,
    command: {names.message(operation)},
    *,
    {rows}: {names.port(user.name, writes=True)},
    {"logins: Logins," if checks else ""}
    passwords: Passwords,
    sessions: WritableSessions,
) -> None:
    id = caller(ctx)
    {one} = await {rows}.find(ctx, id)
    if {one} is None:
        raise {missing}({one}=id)
{check if checks else ""}\
    hashed = await passwords.hash(ctx, command.{given[-1]})
    await {rows}.save(ctx, replace({one}, {password}=hashed))
    await sessions.close_all(ctx, str(id), but=session_of(ctx))""",
        spans=[operation.span],
    )
    return module


def unique_inputs(user: Entity, operation: Operation) -> list[str]:
    """The inputs of which there may be one in the world: their second user is refused before a hash is computed."""
    given = {one.name for one in operation.inputs}
    return [field.name for field in user.fields if field.unique and field.name in given]


def _message(module: Module, blueprint: Blueprint, operation: Operation, answer: str, *, client: bool) -> str:
    """The message of a built-in operation, with the inputs that the blueprint gives it."""
    kind = operation.kind.capitalize()
    module.use("krepis", kind, "Context")
    written = Annotations(blueprint, module)
    lines = [f"class {names.message(operation)}({kind}[{answer}]):"]
    doc = operation.doc or _DOCS.get(operation.builtin or "", "")
    if client:
        doc = f"{doc} `client` is the caller's address.".strip()
    lines.append(f"    {docstring(doc, 4)}")
    held = _secrets(operation)[0] if client else ""
    fields = [f"    {_field(one, written, held=one.name == held)}" for one in operation.inputs]
    if client:
        fields.append('    client: str = ""')
    return "\n".join([*lines, *([""] if fields else []), *fields])


def _field(given: Input, written: Annotations, *, held: bool) -> str:
    """One field of a message; what may be left out has a default."""
    line = f"{given.name}: {written.message(_held(given.type) if held else given.type)}"
    if isinstance(given.default, e.Constant):
        return f"{line} = {literal(given.default, written.module).text}"
    return f"{line} = None" if isinstance(given.type, t.OptionalType) else line


def _held(type: t.Type) -> t.Type:
    """A password that somebody has already: what is asked of new ones was not asked then."""
    return t.SecretType(1, type.max) if isinstance(type, t.SecretType) else type


def _module(blueprint: Blueprint, operation: Operation, sentence: str) -> Module:
    path = f"src/{blueprint.service.name}/application/{operation.name}.py"
    return Module(path, sentence, spans=[operation.span])


def _password(user: Entity) -> Field:
    return next(field for field in user.fields if isinstance(field.type, t.SecretType))


def _secrets(operation: Operation) -> list[str]:
    """The inputs that are passwords, in their order: the last one is what is kept."""
    return [one.name for one in operation.inputs if isinstance(one.type, t.SecretType)]


def _values(user: Entity, operation: Operation) -> Iterator[tuple[str, str]]:
    """The fields of a new user: what was given, what the server knows; what has a default needs no word."""
    given = {one.name for one in operation.inputs}
    for field in user.fields:
        if isinstance(field.type, t.SecretType):
            yield field.name, "hashed"
        elif field.name in given:
            yield field.name, f"command.{field.name}"
        elif field.now or field.now_on_change:
            yield field.name, "ctx.now()"
        elif field.default is None and isinstance(field.type, t.SetType):
            yield field.name, "frozenset()"
        elif field.default is None and isinstance(field.type, t.ListType):
            yield field.name, "()"
