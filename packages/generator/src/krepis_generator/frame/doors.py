"""`adapters/http.py` of a project: which message stands at which method and path, and how it may be refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import msgspec

from krepis_generator import names
from krepis_generator.application.messages import seen_version
from krepis_generator.domain.rejections import Reasons
from krepis_generator.frame.account_operations import unique_inputs
from krepis_generator.frame.parts import holds_file, message_module
from krepis_generator.frame.things import in_path
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Auth, Blueprint, Input, Operation
from krepis_spec.showing import nodes_in

Rejections = Callable[[Operation], Sequence[tuple[str, str]]]
"""The rejections that a command's or query's own code can raise, each as its module and its class."""

_QUERY = ("GET", "DELETE")
_TEMPLATE_TYPE = "application/json"


def doors_module(blueprint: Blueprint, rejections: Rejections) -> Module:
    package = blueprint.service.name
    module = Module(
        f"src/{package}/adapters/http.py",
        "The doors: which message stands at which method and path, and how it may be refused.",
        spans=[blueprint.service.span],
    )
    module.use("krepis", "http")
    module.add("doors", _doors(module, blueprint), spans=[blueprint.service.span])
    first = True
    for operation in _ordered(blueprint):
        door = operation.door
        if door is not None:
            line = _Door(module, blueprint, operation, rejections).line()
            module.add(f"{door.method} {door.path}", line, spans=[door.span], apart=first)
            first = False
    return module


def _ordered(blueprint: Blueprint) -> Iterator[Operation]:
    """Those of the accounts first, then the order of the spec."""
    yield from (one for one in blueprint.operations if one.builtin is not None)
    yield from (one for one in blueprint.operations if one.builtin is None)


def _doors(module: Module, blueprint: Blueprint) -> str:
    service = blueprint.service
    given = [f"title={text_literal(service.title)}"]
    if service.purpose:
        given.append(f"description={text_literal(' '.join(service.purpose.split()))}")
    if service.base_path:
        given.append(f"base_path={text_literal(service.base_path)}")
    if service.auth is not None:
        module.use("krepis.identity", "bearer")
        given.append(f"credentials=({_credential(service.auth)},)")
    errors = _errors(blueprint)
    if errors:
        given.append(f"errors=http.Errors({', '.join(errors)},)")
    return f"doors = http.Doors(\n    {', '.join(given)},\n)"


def _credential(auth: Auth) -> str:
    if auth.header == "authorization":
        return "bearer()" if auth.scheme == "Bearer" else f"bearer({text_literal(auth.scheme)})"
    return f"bearer({text_literal(auth.scheme)}, header={text_literal(auth.header)})"


def _errors(blueprint: Blueprint) -> list[str]:
    service = blueprint.service
    given: list[str] = []
    if service.error_template is not None:
        given.append(f"template={_data(msgspec.json.decode(service.error_template))}")
        given.append(f"media_type={text_literal(_TEMPLATE_TYPE)}")
    statuses = {reason.code: reason.status for reason in Reasons(blueprint).all() if reason.has_own_status}
    statuses |= {row.error: row.status for row in service.errors if row.status is not None}
    if statuses:
        given.append(f"statuses={_data(statuses)}")
    return given


def _data(value: Any) -> str:
    """JSON data as Python."""
    match value:
        case dict():
            members = cast("dict[str, Any]", value)
            return f"{{{', '.join(f'{text_literal(name)}: {_data(one)}' for name, one in members.items())}}}"
        case list():
            items = cast("list[Any]", value)
            return f"[{', '.join(_data(one) for one in items)}]"
        case str():
            return text_literal(value)
        case _:
            return repr(value)


class _Door:
    """One door: its options, in the order in which people look for them."""

    def __init__(self, module: Module, blueprint: Blueprint, operation: Operation, rejections: Rejections) -> None:
        assert operation.door is not None, "an operation without a door has no line"
        self._module = module
        self._blueprint = blueprint
        self._operation = operation
        self._rejections = rejections
        self._door = operation.door

    def line(self) -> str:
        operation = self._operation
        self._module.use(message_module(self._blueprint, operation), names.message(operation))
        given = [text_literal(self._door.path), names.message(operation), *self._options()]
        return f"doors.{self._door.method.lower()}({', '.join(given)})"

    def _options(self) -> Iterator[str]:
        operation = self._operation
        if self._door.status != (204 if operation.answer.form == "nothing" else 200):
            yield f"status={self._door.status}"
        sources = dict(self._sources())
        if sources:
            yield f"sources={{{', '.join(f'{text_literal(name)}: {source}' for name, source in sources.items())}}}"
        if operation.envelope is not None:
            yield f"envelope={text_literal(operation.envelope)}"
        envelope = self._answer_envelope()
        if envelope is not None:
            yield f"answer_envelope={envelope}"
        yield from self._form()
        if seen_version(operation, self._blueprint) is not None:
            yield 'if_match="version"'
        if self._shows_version():
            yield 'etag="version"'
        rejected = self._rejected()
        if rejected:
            yield f"rejects=[{', '.join(rejected)}]"

    def _sources(self) -> Iterator[tuple[str, str]]:
        """Where inputs come from that krepis would look for elsewhere, or by another name."""
        files = [one for one in self._operation.inputs if holds_file(one.type)]
        body = [one for one in self._operation.inputs if one.place == "body"]
        for one in self._operation.inputs:
            if one in files:
                yield one.name, "http.upload()" if len(body) == 1 else f"http.form_file({text_literal(one.wire)})"
            elif one.place != self._usual(one) or one.wire != one.name:
                yield one.name, f"http.{one.place}({text_literal(one.wire)})"
        if self._checks_password():
            yield "client", "http.client_address()"

    def _usual(self, given: Input) -> str:
        if f"{{{given.wire}}}" in self._door.path:
            return "path"
        return "query" if self._door.method in _QUERY else "body"

    def _checks_password(self) -> bool:
        operation = self._operation
        if operation.builtin == "change_password":
            return sum(isinstance(one.type, t.SecretType) for one in operation.inputs) > 1
        asked = any(isinstance(node, e.Action) and node.action == "authenticate" for node in nodes_in(operation.body))
        return operation.builtin == "login" or asked

    def _answer_envelope(self) -> str | None:
        answer = self._operation.answer
        view = None if answer.view is None else self._blueprint.view(answer.view)
        match answer.form:
            case "one" if view is not None and view.envelope is not None:
                return text_literal(view.envelope)
            case "list" if view is not None and view.list_envelope is not None:
                return text_literal(view.list_envelope)
            case "page" if view is not None and (view.list_envelope is not None or view.total is not None):
                items = f"{text_literal(view.list_envelope)}, " if view.list_envelope is not None else ""
                total = text_literal(view.total) if view.total is not None else "None"
                return f"http.Listing({items}total={total}{self._next()})"
            case _:
                return None

    def _next(self) -> str:
        """Pages by offset have no next one to tell."""
        cursor = any(isinstance(one.type, t.PageType) and one.type.cursor for one in self._operation.inputs)
        return "" if cursor else ", next=None"

    def _form(self) -> Iterator[str]:
        match self._operation.answer.form:
            case "text":
                yield 'media_type="text/plain"'
            case "html":
                yield 'media_type="text/html"'
            case "csv":
                yield 'stream="csv"'
            case "file":
                yield 'file="attachment"'
            case _:
                pass

    def _shows_version(self) -> bool:
        """Whether the answer is a thing with its version, which is then the tag of the answer."""
        answer = self._operation.answer
        if answer.form != "one" or answer.view is None:
            return False
        view = self._blueprint.view(answer.view)
        return self._blueprint.entity(view.of).versioned and any(field.name == "version" for field in view.fields)

    def _rejected(self) -> list[str]:
        package = self._blueprint.service.name
        found: dict[str, str] = {}
        operation = self._operation
        user = names.user(self._blueprint)
        match operation.builtin:
            case "register" if user is not None:
                for field in unique_inputs(user, operation):
                    found[names.taken(user.name, (field,))] = f"{package}.domain.{names.one(user.name)}"
            case "login":
                found |= {"WrongCredentials": "krepis.accounts", "TooManyLogins": "krepis.accounts"}
            case "current_user" | "change_password" if user is not None:
                found[names.missing(user.name)] = f"{package}.domain.{names.one(user.name)}"
                if self._checks_password():
                    found |= {"WrongCredentials": "krepis.accounts", "TooManyLogins": "krepis.accounts"}
            case _:
                pass
        for place in in_path(operation):
            if isinstance(place.type, t.EntityType):
                found[names.missing(place.type.name)] = f"{package}.domain.{names.one(place.type.name)}"
        found |= {name: module for module, name in self._rejections(operation)}
        for name, module in found.items():
            self._module.use(module, name)
        return list(found)
