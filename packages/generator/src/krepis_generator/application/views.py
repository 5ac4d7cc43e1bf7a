"""`application/views.py` of a project: what callers see, and how it is made of what the domain knows."""

from __future__ import annotations

import re

from krepis_generator import names, shown
from krepis_generator.annotations import Annotations
from krepis_generator.python import Printer
from krepis_generator.quoting import docstring
from krepis_generator.shown import Shown
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Operation, View
from krepis_spec.naming import plural
from krepis_spec.types import Type


class _Own:
    """A view that is made of one entity looks at no other."""

    def holds_row(self, name: e.Name) -> bool:
        return name.source == "thing"

    def row(self, entity: str, id: str) -> str:
        raise AssertionError(f"a repository reads what is shown of another `{entity}`")


def views_module(blueprint: Blueprint) -> Module:
    """All classes that views need, and a function for each view whose values the entity itself has."""
    module = Module(
        f"src/{blueprint.service.name}/application/views.py",
        "What callers see, and how it is made of what the domain knows.",
        spans=[view.span for view in blueprint.views],
    )
    module.use("krepis", "Value")
    written: dict[str, Shown] = {}
    for view in blueprint.views:
        for one in shown.classes_of(view, blueprint):
            if one.name not in written:
                written[one.name] = one
                _write_class(module, one, view, blueprint)
    for view in blueprint.views:
        if not shown.needs_rows(view, blueprint):
            _write_function(module, view, blueprint)
    return module


def _write_class(module: Module, one: Shown, view: View, blueprint: Blueprint) -> None:
    annotations = Annotations(blueprint, module)
    records = shown.record_names(view, blueprint)
    lines = [f"class {one.name}(Value):"]
    doc = docstring(one.doc, 4)
    if doc:
        lines += [f"    {doc}", ""]
    for name, type in one.fields:
        lines.append(
            f"    {shown.attribute(name)}: {shown.annotation(type, annotations, records)}{_renamed(module, name)}"
        )
    module.add(one.name, "\n".join(lines), spans=[view.span])
    for field in view.fields:
        if one.name == view.name:
            module.trace(f"{one.name}.{shown.attribute(field.name)}", [field.span])


def _renamed(module: Module, name: str) -> str:
    if shown.attribute(name) == name:
        return ""
    module.use("krepis", "field")
    return f' = field(name="{name}")'


def _write_function(module: Module, view: View, blueprint: Blueprint) -> None:
    one, name = names.one(view.of), names.view_function(view.name)
    package = blueprint.service.name
    module.use(f"{package}.domain.{one}", view.of)
    entity = blueprint.entity(view.of)
    own = {field.name: f"{one}.{field.name}" for field in entity.fields}
    printer = Printer(module, package, _Own(), {**own, "id": f"{one}.id"}, shown.record_names(view, blueprint))
    printer.doors = {operation.name: _pieces(operation, blueprint) for operation in blueprint.operations}
    printer.addresses = {other.name: other.address for other in blueprint.entities}
    values = [f"{shown.attribute(field.name)}={printer.field(field.value, field.value.type)}" for field in view.fields]
    module.add(
        name,
        f"def {name}({one}: {view.of}) -> {view.name}:\n    return {view.name}({', '.join(values)})",
        spans=[view.span],
    )


def _pieces(operation: Operation, blueprint: Blueprint) -> tuple[str, ...]:
    """The path of an operation's door without what it names."""
    if operation.door is None:
        return ()
    return tuple(re.split(r"\{[^}]*\}", f"{blueprint.service.base_path}{operation.door.path}"))


def callers_module(blueprint: Blueprint, *, may_be_nobody: bool) -> Module:
    """`application/callers.py`: who calls, as one of the users."""
    user = names.user(blueprint)
    assert user is not None, "nobody calls a service without users"
    users = plural(user.name).replace("_", " ")
    module = Module(
        f"src/{blueprint.service.name}/application/callers.py", f"Who calls, as one of the {users}.", spans=[user.span]
    )
    module.use("uuid", "UUID")
    module.use("krepis", "Context")
    module.use("krepis.access", "NotSignedIn")
    module.use("krepis.identity", "SYSTEM")
    module.add(
        "caller",
        f'''\
def caller(ctx: Context) -> UUID:
    """The id of the {names.words(user.name)} who calls. The service itself, as it runs jobs, is none."""
    if ctx.actor is None or ctx.actor == SYSTEM:
        raise NotSignedIn
    return UUID(ctx.actor.id)''',
        spans=[user.span],
    )
    if may_be_nobody:
        module.add(
            "caller_or_none",
            f'''\
def caller_or_none(ctx: Context) -> UUID | None:
    """The id of the {names.words(user.name)} who calls, or none where nobody has said who they are."""
    return None if ctx.actor is None or ctx.actor == SYSTEM else UUID(ctx.actor.id)''',
            spans=[user.span],
        )
    return module


def answer_annotation(type: Type, annotations: Annotations, records: dict[Type, str]) -> str:
    """The type of an answer that is no view."""
    if isinstance(type, t.NothingType):
        return "None"
    return shown.annotation(type, annotations, records)
