"""Adapters of the outbound ports: recording fakes, until somebody writes or takes a real one."""

from __future__ import annotations

from krepis_generator.annotations import Annotations
from krepis_generator.frame.app import recorded, recorded_module
from krepis_generator.quoting import docstring, text_literal
from krepis_generator.source import Module
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Port, PortOperation
from krepis_spec.naming import class_name, snake
from krepis_spec.types import Type

_RECORD = """\
    def _record(self, ctx: Context, call: dict[str, object]) -> None:
        written = json.encode(call)
        key = ctx.idempotency_key or str(ctx.new_id())
        name = sha256(key.encode() + b"\\0" + written).hexdigest()
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{name}.json").write_bytes(written)"""


def outbound_modules(blueprint: Blueprint) -> list[Module]:
    """One module for each outbound port."""
    return [_adapter(blueprint, port) for port in blueprint.ports]


def _adapter(blueprint: Blueprint, port: Port) -> Module:
    package = blueprint.service.name
    module = Module(
        f"src/{package}/adapters/{recorded_module(port.name)}.py",
        f"{port.name} that is recorded and goes nowhere: a fake, until there is an adapter for a real one.",
        spans=[port.span],
    )
    module.use("hashlib", "sha256")
    module.use("pathlib", "Path")
    module.use("krepis", "Context")
    module.use("msgspec", "json")
    module.use(f"{package}.application.ports", port.name)
    lines = [
        f"class {recorded(port.name)}({port.name}):",
        '    """One file a call. A call that is made again under the same idempotency key is recorded once."""',
        "",
        "    def __init__(self, folder: Path) -> None:",
        "        self._folder = folder",
    ]
    for operation in port.operations:
        lines += ["", _method(blueprint, module, port, operation)]
        module.trace(f"{recorded(port.name)}.{operation.name}", [operation.span])
    lines += ["", _RECORD]
    module.add(recorded(port.name), "\n".join(lines), spans=[port.span])
    return module


def _method(blueprint: Blueprint, module: Module, port: Port, operation: PortOperation) -> str:
    written = Annotations(blueprint, module)
    given = ["self", "ctx: Context"]
    if operation.inputs:
        given.append("*")
    given += [f"{one.name}: {written.domain(one.type)}" for one in operation.inputs]
    answer = f"{class_name(port.name)}{class_name(operation.name)}Answer"
    answers = written.domain(operation.answers, name=answer)
    if isinstance(operation.answers, t.RecordType):
        module.use(f"{blueprint.service.name}.application.ports", answer)
    recorded_call = [f'"operation": {text_literal(operation.name)}']
    recorded_call += [f"{text_literal(one.name)}: {one.name}" for one in operation.inputs]
    lines = [f"    async def {operation.name}({', '.join(given)}) -> {answers}:"]
    if operation.doc:
        lines.append("        " + docstring(operation.doc, 8))
    lines.append(f"        self._record(ctx, {{{', '.join(recorded_call)}}})")
    if not isinstance(operation.answers, t.NothingType):
        lines.append(f"        return {_plainest(module, operation.answers, answer)}")
    return "\n".join(lines)


def _plainest(module: Module, type: Type, record: str) -> str:  # noqa: C901 - one branch a type
    """A value of that type which says as little as possible; a yes where yes or no is asked."""
    match type:
        case t.OptionalType() | t.NothingType() | t.JsonType():
            return "None"
        case t.TextType():
            return text_literal("x" * type.min)
        case t.IntType():
            return str(type.min if type.min is not None else min(0, type.max or 0))
        case t.DecimalType():
            module.use("decimal", "Decimal")
            return f"Decimal({text_literal(type.min or '0')})"
        case t.BoolType():
            return "True"
        case t.DateType():
            return "ctx.now().date()"
        case t.DatetimeType():
            return "ctx.now()"
        case t.DurationType():
            module.use("datetime", "timedelta")
            return "timedelta()"
        case t.UuidType() | t.EntityType():
            return "ctx.new_id()"
        case t.ChoiceType():
            return text_literal(type.choices[0])
        case t.ListType():
            return "()"
        case t.SetType():
            return "frozenset()"
        case t.PropertiesType():
            return "{}"
        case t.RecordType():
            fields = (f"{snake(one.name)}={_plainest(module, one.type, '')}" for one in type.fields)
            return f"{record}({', '.join(fields)})"
        case _:
            raise AssertionError(f"no recording fake answers with {type}")
