"""Which rejections a project has, where each stands, and what it says.

A reason has one class, called after its code. It stands with the entity or value whose invariant says it, else with the only
command that says it, else, where several do, in `domain/reasons.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct

from krepis_generator.quoting import text_literal
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec.blueprint import Blueprint, Entity, Operation, Value
from krepis_spec.document import Span
from krepis_spec.naming import class_name, snake
from krepis_spec.showing import nodes_in

CONFLICT = 409

_BASES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: ("Rejection", "malformed"),
        401: ("Unauthenticated", ""),
        403: ("Forbidden", ""),
        404: ("NotFound", ""),
        405: ("Rejection", "method_not_allowed"),
        409: ("Rejection", ""),
        412: ("Stale", ""),
        413: ("Rejection", "too_large"),
        422: ("Rejection", "invalid"),
        428: ("Rejection", "precondition_required"),
        429: ("Rejection", "too_many"),
    }
)
"""The base of a rejection with that status, and its kind where the base does not say it."""


class Reason(Struct, frozen=True):
    """One rejection. `module` is that of its class; several texts under one code are given where they are raised."""

    name: str
    code: str
    message: str
    status: int
    module: str
    spans: tuple[Span, ...]

    @property
    def has_own_status(self) -> bool:
        """Whether no kind of rejection has that status, so that doors must say it (`http.Errors.statuses`)."""
        return self.status not in _BASES


class Reasons:
    """The rejections that invariants and `require` ask for, by their codes."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._package = blueprint.service.name
        said: dict[str, list[tuple[str, str, int, Span]]] = {}
        for code, module, message, status, span in _said(blueprint):
            said.setdefault(code, []).append((module, message, status, span))
        taken = {one.name for one in (*blueprint.entities, *blueprint.values, *blueprint.events, *blueprint.views)}
        self._reasons = {code: self._reason(code, uses, taken) for code, uses in said.items()}

    def of(self, code: str) -> Reason:
        return self._reasons[code]

    def all(self) -> list[Reason]:
        return list(self._reasons.values())

    def use(self, code: str, message: str, module: Module) -> str:
        """What to raise there for that reason."""
        reason = self._reasons[code]
        module.use(reason.module, reason.name)
        return reason.name if message == reason.message else f"{reason.name}({text_literal(message)})"

    def write(self, module: Module) -> None:
        """The classes that stand in that module."""
        for reason in self._reasons.values():
            if reason.module == module.name:
                write_rejection(
                    module, reason.name, reason.message, status=reason.status, code=reason.code, spans=reason.spans
                )

    def shared(self) -> Module | None:
        """The module of those that belong to no one alone."""
        name = f"{self._package}.domain.reasons"
        if all(reason.module != name for reason in self._reasons.values()):
            return None
        module = Module(f"src/{self._package}/domain/reasons.py", "Why several commands are refused.")
        self.write(module)
        return module

    def _reason(self, code: str, uses: list[tuple[str, str, int, Span]], taken: set[str]) -> Reason:
        module, message, status, _ = uses[0]
        owners = {one[0] for one in uses}
        entities = [one for one in dict.fromkeys(one[0] for one in uses) if one.startswith("of ")]
        if len(entities) == 1:
            place = entities[0].removeprefix("of ")
        else:
            place = module.removeprefix("of ") if len(owners) == 1 else "reasons"
        name = class_name(code)
        while name in taken or name in _TAKEN:
            name = f"Is{name}"
        spans = tuple(one[3] for one in uses)
        return Reason(name, code, message, status, f"{self._package}.domain.{place}", spans)


_TAKEN = frozenset(("Changes", "Command", "Query", "Value", "Rejection", "NotFound", "Invalid", "Forbidden", "Stale"))


def write_rejection(
    module: Module, name: str, message: str, *, status: int = CONFLICT, code: str = "", spans: tuple[Span, ...] = ()
) -> None:
    """The class of a rejection whose message is that very text."""
    shown = message.replace("{", "{{").replace("}", "}}")
    write_filled(module, name, shown, status=status, code=code, spans=spans)


def write_filled(
    module: Module, name: str, message: str, *, status: int = CONFLICT, code: str = "", spans: tuple[Span, ...] = ()
) -> None:
    """The class of a rejection whose message has facts in braces."""
    base, kind = _BASES.get(status, ("Rejection", ""))
    module.use("krepis", base)
    lines = [f"class {name}({base}):"]
    if kind:
        lines.append(f'    kind = "{kind}"')
    if code and code != snake(name):
        lines.append(f"    code = {text_literal(code)}")
    lines.append(f"    message = {text_literal(message)}")
    module.add(name, "\n".join(lines), spans=spans)


def _said(blueprint: Blueprint) -> Iterator[tuple[str, str, str, int, Span]]:
    """Each reason that is given, with where: code, place, message, status, span."""
    owners: tuple[Entity | Value, ...] = (*blueprint.entities, *blueprint.values)
    for owner in owners:
        for invariant in owner.invariants:
            yield invariant.code, f"of {snake(owner.name)}", invariant.message, CONFLICT, invariant.span
    for operation in blueprint.operations:
        for node in requirements(operation):
            yield node.code, operation.name, node.reason, node.status, node.span


def requirements(operation: Operation) -> list[e.Require]:
    """The `require`s of an operation's block."""
    return [node for node in nodes_in(operation.body or ()) if isinstance(node, e.Require)]
