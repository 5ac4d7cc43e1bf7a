"""Messages: the class of a command or query, with the records in its inputs."""

from __future__ import annotations

from krepis_generator import names
from krepis_generator.annotations import Annotations
from krepis_generator.domain.decisions import has_addresses, input_records
from krepis_generator.domain.plan import changes_in, walked
from krepis_generator.python import Printer
from krepis_generator.quoting import docstring
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Input, Operation
from krepis_spec.types import RecordType, Type


class _NoRows:
    def holds_row(self, name: e.Name) -> bool:
        return False

    def row(self, entity: str, id: str) -> str:
        raise AssertionError("a default is a constant")


def write_message(module: Module, operation: Operation, blueprint: Blueprint, answer: str, *, decides: bool) -> None:
    """The message of that operation, which is answered with `answer`."""
    records = _records(operation, blueprint, decides=decides)
    annotations = Annotations(blueprint, module, records)
    for type, name in records.items():
        if name.endswith("Input"):
            _write_record(module, type, name, annotations, operation)
        else:
            module.use(f"{blueprint.service.name}.domain.{operation.name}", name)
    kind = operation.kind.capitalize()
    module.use("krepis", kind)
    lines = [f"class {names.message(operation)}({kind}[{answer}]):"]
    doc = docstring(operation.doc, 4)
    if doc:
        lines.append(f"    {doc}")
    fields = [_field(one, module, annotations, blueprint) for one in operation.inputs]
    if seen_version(operation, blueprint):
        fields.append("version: int")
    if not fields and not doc:
        lines.append(f"    {docstring(_title(operation), 4)}")
    if fields and doc:
        lines.append("")
    lines += [f"    {field}" for field in fields]
    module.add(
        names.message(operation), "\n".join(lines), spans=[operation.span, *(one.span for one in operation.inputs)]
    )
    for one in operation.inputs:
        module.trace(f"{names.message(operation)}.{one.name}", [one.span])


def seen_version(operation: Operation, blueprint: Blueprint) -> str | None:
    """The path entity of which a caller has to say which version they have seen."""
    if operation.door is None or operation.door.method not in {"PUT", "PATCH"} or operation.kind != "command":
        return None
    for one in operation.inputs:
        if one.place == "path" and isinstance(one.type, t.EntityType) and blueprint.entity(one.type.name).versioned:
            return one.name if _changes(operation, one.type.name) else None
    return None


def _changes(operation: Operation, entity: str) -> bool:
    """Whether the block sets a field of such a thing; who adds to a relation overwrites nothing."""
    body = operation.body or ()
    return any(one == entity for statement, _ in walked(body) for one, _ in changes_in(statement))


def input_class(name: str) -> str:
    """The class of a record in a message: `LineInput` for what the domain knows as `LineGiven`."""
    return f"{name.removesuffix('Given')}Input"


def _records(operation: Operation, blueprint: Blueprint, *, decides: bool) -> dict[Type, str]:
    """Callers give entities by their addresses; a record without any is the same for them and for the domain."""
    return {
        type: input_class(name) if has_addresses(type, blueprint) or not decides else name
        for type, name in input_records(operation).items()
    }


def _write_record(module: Module, type: Type, name: str, annotations: Annotations, operation: Operation) -> None:
    assert isinstance(type, RecordType)
    module.use("krepis", "Value")
    lines = [f"class {name}(Value):"]
    for field in type.fields:
        none = " = None" if isinstance(field.type, t.OptionalType) else ""
        lines.append(f"    {field.name}: {annotations.message(field.type)}{none}")
    module.add(name, "\n".join(lines), spans=[operation.span])


def _field(one: Input, module: Module, annotations: Annotations, blueprint: Blueprint) -> str:
    written = annotations.message(one.type)
    if one.may_be_absent:
        module.use("krepis.types", "ABSENT", "Absent")
        none = " | None" if isinstance(one.type, t.OptionalType) else ""
        return f"{one.name}: {written.removesuffix(' | None')} | Absent{none} = ABSENT"
    if one.default is not None:
        printer = Printer(module, blueprint.service.name, _NoRows(), {}, {})
        text = printer.text(one.default)
        if text in {"[]", "set()"}:
            module.use("krepis", "field")
            text = f"field(default_factory={'list' if text == '[]' else 'frozenset'})"
        return f"{one.name}: {written} = {text}"
    return f"{one.name}: {written}{' = None' if isinstance(one.type, t.OptionalType) else ''}"


def _title(operation: Operation) -> str:
    return f"{operation.title[:1].upper()}{operation.title[1:]}."
