"""Reactions: what follows when something has happened, as handlers of events.

What the event names is found first; where it is gone by then, nothing follows. A reaction that changes nothing calls ports as its block
says; one that changes something is built as a command is, and what it calls is called in a reaction of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from krepis_generator import names
from krepis_generator.application.handling import Handler
from krepis_generator.application.loading import Loading
from krepis_generator.domain import called_operations
from krepis_generator.domain.decisions import Decision
from krepis_generator.domain.plan import Plan, event_class, reaction_operation
from krepis_generator.quoting import docstring
from krepis_generator.repositories import Repositories
from krepis_generator.source import Module, indented
from krepis_spec import expressions as e
from krepis_spec.blueprint import Blueprint, Port, PortOperation, Reaction
from krepis_spec.expressions import Statement
from krepis_spec.naming import snake

GONE = "Nothing follows when what it is about is gone by then."


def reactions(blueprint: Blueprint, repositories: Repositories, decisions: dict[str, Decision]) -> Iterator[Module]:
    """The modules of all reactions, also of those that call a port after the commit."""
    for reaction in blueprint.reactions:
        if reaction.name in decisions:
            decision = decisions[reaction.name]
            yield Handler(decision.plan, decision, repositories, event=reaction.event).written()
        else:
            yield _Reaction(reaction, blueprint, repositories).written()
    for port, operation in called_operations(blueprint):
        yield _calling(blueprint, port, operation)


class _Reaction:
    """A reaction that only calls ports."""

    def __init__(self, reaction: Reaction, blueprint: Blueprint, repositories: Repositories) -> None:
        self.reaction = reaction
        self.plan = Plan(reaction_operation(reaction, blueprint), blueprint)
        self.package = blueprint.service.name
        path = f"src/{self.package}/application/{reaction.name}.py"
        self.module = Module(path, f"{_sentence(reaction)}.", spans=[reaction.span])
        self.loading = Loading(self.plan, self.module, repositories, "event", missing_ends=True)
        self.event = reaction.event

    def written(self) -> Module:
        self.module.use("krepis", "Context")
        self.module.use(f"{self.package}.domain.events", self.event)
        self.loading.all()
        lines = [*self.loading.lines, *self._block(self.plan.facts.body)]
        parameters = ["ctx: Context", f"event: {self.event}", *(["*"] if self.loading.ports else [])]
        for name, (module, port) in sorted(self.loading.ports.items()):
            self.module.use(module, port)
            parameters.append(f"{name}: {port}")
        ends = any(line.strip() == "return" for line in lines)
        prose = self.reaction.doc or (GONE if ends else "")
        doc = docstring(prose, 4)
        text = "\n".join([*([doc] if doc else []), *(lines or ["pass"])])
        self.module.add(
            self.reaction.name,
            f"async def {self.reaction.name}({', '.join(parameters)}) -> None:\n{indented(text)}",
            spans=[self.reaction.span, *(statement.span for statement in self.reaction.body)],
        )
        return self.module

    def _block(self, body: Sequence[Statement]) -> list[str]:
        return [line for statement in body for line in self._statement(statement)]

    def _statement(self, statement: Statement) -> list[str]:
        printer = self.loading.printer
        match statement:
            case e.Do(action=action):
                return [self._call(action)]
            case e.Let(names=assigned, value=value):
                for name in assigned:
                    printer.names.pop(name, None)
                return [f"{', '.join(assigned)} = {printer.text(value)}"]
            case e.Require(condition=condition):
                return [f"if {printer.negated(condition).text}:", "    return"]
            case e.If(test=test, body=body, otherwise=otherwise):
                lines = [f"if {printer.text(test)}:", *_inner(self._block(body))]
                return [*lines, "else:", *_inner(self._block(otherwise))] if otherwise else lines
            case e.For(variables=variables, source=source, body=body):
                text, before = printer.text(source), dict(printer.names)
                given = printer.variables(variables, source)
                lines = _inner(self._block(body))
                printer.names = before
                return [f"for {', '.join(given)} in {text}:", *lines]
            case e.Return():
                return ["return"]
            case e.Set():
                raise AssertionError("a reaction that changes something has a decision")

    def _call(self, action: e.Action) -> str:
        assert action.action == "call", "what else a reaction does is decided"
        port, _, operation = action.subject.partition(".")
        argument = self.loading.outside(f"{self.package}.application.ports", port, snake(port))
        given = "".join(
            f", {one.name}={self.loading.printer.field(one.value, one.value.type)}" for one in action.keywords
        )
        return f"await {argument}.{operation}(ctx{given})"


def _calling(blueprint: Blueprint, port: Port, operation: PortOperation) -> Module:
    """The reaction that makes a call which a command has asked for."""
    package = blueprint.service.name
    event = event_class(port.name, operation.name)
    name = f"when_{snake(event)}"
    argument = snake(port.name)
    module = Module(
        f"src/{package}/application/{name}.py",
        f"Call {names.words(port.name)}, after the command that asked for it is done.",
        spans=[operation.span],
    )
    module.use("krepis", "Context")
    module.use(f"{package}.application.ports", port.name)
    module.use(f"{package}.domain.events", event)
    given = "".join(f", {one.name}=event.{one.name}" for one in operation.inputs)
    module.add(
        name,
        f"""\
async def {name}(ctx: Context, event: {event}, *, {argument}: {port.name}) -> None:
    await {argument}.{operation.name}(ctx{given})""",
        spans=[operation.span],
    )
    return module


def _sentence(reaction: Reaction) -> str:
    number = reaction.name.removeprefix(f"when_{snake(reaction.event)}").lstrip("_")
    return f"What follows on {names.words(reaction.event)}{f', {number}' if number else ''}"


def _inner(lines: list[str]) -> list[str]:
    return indented("\n".join(lines or ["pass"])).split("\n")
