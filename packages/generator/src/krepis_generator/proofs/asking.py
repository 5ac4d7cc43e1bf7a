"""How a test asks a door: the method, the path with its addresses, and the rest of the request, as code."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from krepis_generator.quoting import fstring_part, text_literal
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Door, Input, Operation


class Asked(Struct, frozen=True):
    """One request, as the arguments of `world.ask` and `world.refused`."""

    method: str
    path: str
    """As code: a literal, or an f-string."""
    request: tuple[tuple[str, str], ...]
    """Keyword arguments and their code: `json`, `query`."""

    def arguments(self, *more: str) -> str:
        given = [f"{name}={code}" for name, code in self.request]
        return ", ".join([text_literal(self.method), self.path, *more, *given])


def asked(
    blueprint: Blueprint,
    operation: Operation,
    given: Mapping[str, str],
    *,
    once: str = "world.once()",
    revision: Callable[[str, str], str] | None = None,
    **more: str,
) -> Asked:
    """The request with these inputs: by their names, each as code. `once` is the code of headers for what is done once for each
    key, `revision` that of headers for what is done to something that the caller has seen: of its input and its entity. `more` are
    inputs of pages, `limit` and the like.
    """
    door = operation.door
    assert door is not None, "only what has a door is asked"
    body = _members(operation, given, "body")
    query = [*_members(operation, given, "query"), *(f"{text_literal(name)}: {code}" for name, code in more.items())]
    request: list[tuple[str, str]] = []
    if query:
        request.append(("query", f"{{{', '.join(query)}}}"))
    if body or (operation.envelope is not None and door.method not in {"GET", "DELETE"}):
        json = f"{{{', '.join(body)}}}"
        request.append(
            ("json", json if operation.envelope is None else f"{{{text_literal(operation.envelope)}: {json}}}")
        )
    elif door.method not in {"GET", "DELETE"} and any(one.place == "body" for one in operation.inputs):
        request.append(("json", "{}"))
    headers = [once] if operation.once_per is not None else []
    seen = seen_before(operation, blueprint)
    if seen is not None and revision is not None:
        headers.append(revision(*seen))
    if headers:
        request.append(("headers", " | ".join(headers)))
    return Asked(door.method, path(blueprint, door, operation, given), tuple(request))


def seen_before(operation: Operation, blueprint: Blueprint) -> tuple[str, str] | None:
    """The input and the entity whose last version a caller has to have seen."""
    if operation.door is None or operation.door.method not in {"PUT", "PATCH"}:
        return None
    for one in operation.inputs:
        if one.place == "path" and isinstance(one.type, t.EntityType) and blueprint.entity(one.type.name).versioned:
            return one.name, one.type.name
    return None


def envelope(operation: Operation, blueprint: Blueprint) -> str:
    """What reaches into the envelope of an answer: `["article"]`, or nothing."""
    view = None if operation.answer.view is None else blueprint.view(operation.answer.view)
    if view is None or view.envelope is None or operation.answer.form != "one":
        return ""
    return f"[{text_literal(view.envelope)}]"


def shown_address(operation: Operation, blueprint: Blueprint) -> str | None:
    """Under which name the answer shows the address of what it is about."""
    if operation.answer.view is None or operation.answer.form != "one":
        return None
    view = blueprint.view(operation.answer.view)
    address = blueprint.entity(view.of).address
    for field in view.fields:
        if isinstance(field.value, e.Name) and field.value.name == address:
            return field.name
    return None


def path(blueprint: Blueprint, door: Door, operation: Operation, given: Mapping[str, str]) -> str:
    """The path as code."""
    text = blueprint.service.base_path + door.path
    places = [one for one in operation.inputs if one.place == "path"]
    if not places:
        return text_literal(text)
    written = fstring_part(text)
    for one in places:
        code = given[one.name]
        placed = code[1:-1] if _is_text(code) else f"{{{code.replace(chr(34), chr(39))}}}"
        written = written.replace(f"{{{{{one.wire}}}}}", placed)
    return f'f"{written}"' if "{" in written else f'"{written}"'


def _is_text(code: str) -> bool:
    return len(code) > 1 and code[0] == code[-1] == '"' and not any(one in code[1:-1] for one in '"{}\\')


def _members(operation: Operation, given: Mapping[str, str], place: str) -> list[str]:
    return [f"{text_literal(one.wire)}: {given[one.name]}" for one in operation.inputs if _is_in(one, place, given)]


def _is_in(one: Input, place: str, given: Mapping[str, str]) -> bool:
    return one.place == place and one.name in given
