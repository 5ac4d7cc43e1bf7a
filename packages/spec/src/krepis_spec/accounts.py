"""What `auth` brings into a service: the entity `User`, and the operations by which people come in.

- A spec that declares `User` gives it `email: email`, unique, and `password: secret`; where the service has roles and `User`
  no field `roles`, it gets one.
- `register`, `login`, `current user` and `change password` are built in. One that the spec declares by that name is left to
  the spec. If a block anywhere calls `authenticate` or `token_for`, the spec signs people in by itself, and none is built in.
- What the spec's `Access` says about them holds. Of what it does not name, anyone may register and log in, and a user may
  do the rest.
- The answers of `register` and `login` are the user's view with the token beside its fields, as `Auth.token` calls it.
"""

from __future__ import annotations

import re

import msgspec

from krepis_spec.blueprint import Answer, Blueprint, Door, Entity, Field, Input, Operation, Rule, Service
from krepis_spec.document import Document, Span
from krepis_spec.doors import shape_of
from krepis_spec.expressions import Collection
from krepis_spec.operations import Signature
from krepis_spec.problems import Problems
from krepis_spec.surroundings import USER
from krepis_spec.types import (
    ChoiceType,
    EntityType,
    NothingType,
    OptionalType,
    SecretType,
    SetType,
    TextType,
    Type,
)
from krepis_spec.views import view_for

_SIGNS_IN = re.compile(r"^[^#\n]*\b(?:authenticate|token_for)\s*\(", re.MULTILINE)
_OPEN = ("register", "login")
_EMAIL = TextType(form="email")


def with_user(
    entities: tuple[Entity, ...], service: Service, document: Document, problems: Problems
) -> tuple[Entity, ...]:
    """The entities with that of those who sign in, where `auth` is set."""
    if service.auth is None:
        return entities
    for section in document.sections:
        if section.kind in {"value", "event", "port"} and section.name is not None and section.name.text == USER:
            problems.add(section.name.span, f"`{USER}` is the entity of those who sign in, and no {section.kind}")
    if all(one.name != USER for one in entities):
        return (*entities, _standard_user(service))
    return tuple(_checked_user(one, service, problems) if one.name == USER else one for one in entities)


def built_in(document: Document, signatures: tuple[Signature, ...], blueprint: Blueprint) -> tuple[Operation, ...]:
    """The operations of accounts that the spec leaves to Krepis."""
    if blueprint.service.auth is None or _signs_in(document):
        return ()
    declared = {one.operation.name for one in signatures}
    return tuple(one for one in _operations(blueprint) if one.name not in declared)


def refuse_taken_doors(added: tuple[Operation, ...], signatures: tuple[Signature, ...], problems: Problems) -> None:
    """No operation of the spec has the door of one that is built in."""
    doors = {shape_of(one.door): one for one in added if one.door is not None}
    for signature in signatures:
        door = signature.operation.door
        if door is not None and shape_of(door) in doors:
            other = doors[shape_of(door)].title
            message = f"`{door.method} {door.path}` is the door of `{other}`, which comes with `auth`"
            problems.add(door.span, message, f"take another door, or call the operation `{other}`")


def rules_for(added: tuple[Operation, ...], rules: tuple[Rule, ...], span: Span) -> tuple[Rule, ...]:
    """Who may do what is built in and not spoken of in `Access`."""
    spoken_of = {name for rule in rules for name in rule.operations}
    names = [one.name for one in added if one.name not in spoken_of]
    groups = (("anyone", [one for one in names if one in _OPEN]), ("user", [one for one in names if one not in _OPEN]))
    return tuple(Rule(who=who, operations=tuple(group), span=span) for who, group in groups if group)


def _signs_in(document: Document) -> bool:
    return any(_SIGNS_IN.search(block.text) for section in document.sections for block in section.blocks)


def _standard_user(service: Service) -> Entity:
    span = service.span
    email = Field(name="email", span=span, type=_EMAIL, unique=True)
    password = Field(name="password", span=span, type=SecretType())
    return Entity(name=USER, span=span, fields=(email, password, *_roles_field(service, span)), user=True)


def _roles_field(service: Service, span: Span) -> tuple[Field, ...]:
    if not service.roles:
        return ()
    type = SetType(ChoiceType(service.roles))
    none = Collection(type=type, span=span, form="set", items=())
    return (Field(name="roles", span=span, type=type, server=True, default=none),)


def _checked_user(user: Entity, service: Service, problems: Problems) -> Entity:
    fields = {one.name: one for one in user.fields}
    email, password, roles = fields.get("email"), fields.get("password"), fields.get("roles")
    if email is None or not isinstance(email.type, TextType) or email.type.form != "email" or not email.unique:
        span = user.span if email is None else email.span
        problems.add(span, "`User` needs a unique email to sign in with", "write `| email | email | unique |`")
    if password is None or not isinstance(password.type, SecretType):
        span = user.span if password is None else password.span
        problems.add(span, "`User` needs a password to sign in with", "write `| password | secret | |`")
    if roles is None:
        return msgspec.structs.replace(user, fields=(*user.fields, *_roles_field(service, user.span)), user=True)
    if roles.type != SetType(ChoiceType(service.roles)) or not roles.server:
        kind = f"`| roles | set of one of {', '.join(service.roles)} | server |`"
        hint = f"write {kind}, or leave the field out" if service.roles else "set `roles` in `## Service`"
        problems.add(roles.span, "`roles` of `User` are the roles of the service, which no caller sets", hint)
    return msgspec.structs.replace(user, user=True)


def _operations(blueprint: Blueprint) -> tuple[Operation, ...]:
    span = blueprint.service.span
    user = blueprint.entity(USER)
    view = view_for(USER, blueprint)
    shown = Answer("one", EntityType(USER), None if view is None else view.name)
    nothing = Answer("nothing", NothingType())
    types = {one.name: one.type for one in user.fields}
    email = _input("email", types.get("email", _EMAIL), span)
    password = _input("password", types.get("password", SecretType()), span)
    new_password = msgspec.structs.replace(password, name="new_password", wire="new_password")
    return (
        Operation(
            name="register",
            title="register",
            span=span,
            kind="command",
            answer=shown,
            door=Door("POST", "/register", 201, span),
            inputs=(email, password, *_others(user, span)),
            builtin="register",
        ),
        Operation(
            name="login",
            title="login",
            span=span,
            kind="command",
            answer=shown,
            door=Door("POST", "/login", 201, span),
            inputs=(email, password),
            builtin="login",
        ),
        Operation(
            name="current_user",
            title="current user",
            span=span,
            kind="query",
            answer=shown,
            door=Door("GET", "/me", 200, span),
            builtin="current_user",
        ),
        Operation(
            name="change_password",
            title="change password",
            span=span,
            kind="command",
            answer=nothing,
            door=Door("PUT", "/me/password", 204, span),
            inputs=(password, new_password),
            builtin="change_password",
        ),
    )


def _others(user: Entity, span: Span) -> tuple[Input, ...]:
    """What else somebody may say about themselves: what no rule keeps from callers."""
    return tuple(
        _input(one.name, one.type, span, one)
        for one in user.fields
        if one.name not in {"email", "password", "roles"}
        and not (one.server or one.now or one.now_on_change or one.sequence or one.derived_from is not None)
    )


def _input(name: str, type: Type, span: Span, field: Field | None = None) -> Input:
    default = None if field is None or isinstance(type, OptionalType) else field.default
    return Input(name=name, span=span, type=type, place="body", wire=name, default=default)
