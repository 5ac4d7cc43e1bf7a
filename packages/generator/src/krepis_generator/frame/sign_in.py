"""`application/sessions.py` of a project: the step with which registration and login end."""

from __future__ import annotations

from krepis_generator import names, shown
from krepis_generator.repositories import Repositories
from krepis_generator.source import Module
from krepis_spec.blueprint import Blueprint, Entity, Operation, View
from krepis_spec.document import Span
from krepis_spec.naming import snake

SIGNED_IN = "SignedIn"
"""The answer of registration and login: the user's view, and the token."""


class Opening:
    """How the built-in operations that sign somebody in show the user: all in the same way, that of the first one's
    answer.
    """

    def __init__(self, blueprint: Blueprint, user: Entity, repositories: Repositories) -> None:
        self.operations = [one for one in blueprint.operations if one.builtin in {"register", "login"}]
        self.blueprint = blueprint
        self.user = user
        self.repositories = repositories

    @property
    def asks_rows(self) -> bool:
        """Whether the user's view shows more than the user."""
        return shown.needs_rows(self._view, self.blueprint)

    def let_in(self, *, sessions: str = "sessions") -> str:
        """The call that ends a handler whose user is at hand."""
        one, rows = names.one(self.user.name), names.rows(self.user.name)
        more = f"{rows}={rows}, " if self.asks_rows else ""
        return f"return await let_in(ctx, {one}, {more}sessions={sessions})"

    def modules(self) -> list[Module]:
        """`sessions.py`; none where the spec's own operations sign people in."""
        return [self._sessions()] if self.operations else []

    @property
    def _view(self) -> View:
        return view_of(self.blueprint, self.operations[0], self.user)

    @property
    def _spans(self) -> list[Span]:
        return [operation.span for operation in self.operations]

    def _sessions(self) -> Module:
        package, user = self.blueprint.service.name, self.user.name
        module = Module(
            f"src/{package}/application/sessions.py",
            "Let somebody in who has shown who they are: a step that several use cases share.",
            spans=self._spans,
        )
        module.use("krepis", "Context")
        module.use("krepis.accounts", "Grant", "WritableSessions")
        module.use(f"{package}.application.views", self._view.name)
        module.use(f"{package}.domain.{names.one(user)}", user)
        module.add(SIGNED_IN, self._answer(module), spans=self._spans)
        module.add("let_in", self._step(module), spans=self._spans)
        return module

    def _answer(self, module: Module) -> str:
        auth = self.blueprint.service.auth
        assert auth is not None, "nobody signs in without `auth`"
        attribute = token_attribute(self.blueprint)
        renamed = ""
        if attribute != auth.token:
            module.use("krepis", "field")
            renamed = f' = field(name="{auth.token}")'
        return f'''\
class {SIGNED_IN}({self._view.name}):
    """Somebody who has just signed in. The token is plain text on purpose; it does not show in a `repr`."""

    {attribute}: str{renamed}

    def __repr__(self) -> str:
        return "{SIGNED_IN}()"'''

    def _step(self, module: Module) -> str:
        package, user, view = self.blueprint.service.name, self.user, self._view
        one, rows = names.one(user.name), names.rows(user.name)
        given = [f"{one}: {user.name}", "*"]
        if self.asks_rows:
            module.use(f"{package}.application.ports", names.port(user.name))
            given.append(f"{rows}: {names.port(user.name)}")
            viewer = shown.needs_viewer(view, self.blueprint)
            method = self.repositories.view(view.name, viewer=viewer)
            asked = f", {one}.id" if viewer else ""
            made = f"await {rows}.{method.name}(ctx, {one}.id{asked})"
        else:
            module.use(f"{package}.application.views", names.view_function(view.name))
            made = f"{names.view_function(view.name)}({one})"
        check = '    assert view is not None, "whoever signs in is there"\n' if self.asks_rows else ""
        values = [f"{name}=view.{name}" for name in (shown.attribute(field.name) for field in view.fields)]
        return f'''\
async def let_in(ctx: Context, {", ".join(given)}, sessions: WritableSessions) -> {SIGNED_IN}:
    """A session of that {one}, and the token that opens it."""
    tokens = await sessions.open(ctx, {grant_of(self.blueprint, user, f"str({one}.id)")})
    view = {made}
{check}    return {SIGNED_IN}({", ".join(values)}, {token_attribute(self.blueprint)}=tokens.access_token)'''


def grant_of(blueprint: Blueprint, user: Entity, subject: str) -> str:
    """What a user at hand may act as. With `tenants: by user`, the tenant is the user's field of that name, else the
    user.
    """
    one = names.one(user.name)
    fields = {field.name for field in user.fields}
    given = [subject]
    if "roles" in fields:
        given.append(f"frozenset({one}.roles)")
    if blueprint.service.tenants == "user":
        given.append(f"tenant=str({one}.{'tenant' if 'tenant' in fields else 'id'})")
    return f"Grant({', '.join(given)})"


def token_attribute(blueprint: Blueprint) -> str:
    """The attribute that holds the token."""
    auth = blueprint.service.auth
    assert auth is not None, "nobody has a token without `auth`"
    return snake(auth.token)


def view_of(blueprint: Blueprint, operation: Operation, user: Entity) -> View:
    """What an operation of `auth` shows of the user."""
    name = operation.answer.view
    if name is not None:
        return blueprint.view(name)
    return next(view for view in blueprint.views if view.of == user.name and view.default)
