"""One use case: its message and its handler, which reads, lets the domain decide, writes, and answers."""

from __future__ import annotations

import re

from krepis_generator import names
from krepis_generator.application.answers import Answers
from krepis_generator.application.loading import Loading
from krepis_generator.application.messages import seen_version, write_message
from krepis_generator.domain.decisions import Decision, Parameter
from krepis_generator.domain.plan import Member, Plan, entity_of, event_class
from krepis_generator.domain.writing import EVENTS
from krepis_generator.python.printer import plain
from krepis_generator.repositories import Repositories
from krepis_generator.source import Module, indented
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.facts import Reach
from krepis_spec.showing import nodes_in


class Handler:
    """Writes a module of the application. `event` is the name of the event's class, where it is a reaction that decides."""

    def __init__(
        self, plan: Plan, decision: Decision | None, repositories: Repositories, *, event: str | None = None
    ) -> None:
        self.plan = plan
        self.decision = decision
        self.operation = plan.operation
        self.blueprint = plan.blueprint
        self.package = plan.blueprint.service.name
        self.repositories = repositories
        self.event = event
        sentence = f"{plan.operation.title[:1].upper()}{plan.operation.title[1:]}."
        path = f"src/{self.package}/application/{plan.operation.name}.py"
        self.module = Module(path, sentence, spans=[plan.operation.span])
        word = "event" if event is not None else plan.operation.kind
        self.loading = Loading(plan, self.module, repositories, word, missing_ends=event is not None)
        self.answers = Answers(plan, self.module, self.loading)
        self.made: dict[str, tuple[str, str]] = {}
        """What the decision has made, by the names of the block: its row and its id."""

    def written(self) -> Module:
        """The module."""
        self.module.use("krepis", "Context")
        lines = self._lines()
        answer = "None" if self.event is not None else self.answers.annotation()
        if self.event is None:
            self.answers.write_records()
            write_message(self.module, self.operation, self.blueprint, answer, decides=self.decision is not None)
            message = f"{self.operation.kind}: {names.message(self.operation)}"
        else:
            self.module.use(f"{self.package}.domain.events", self.event)
            message = f"event: {self.event}"
        parameters = ["ctx: Context", message]
        if self.loading.thing is not None:
            thing = self.loading.thing
            self.module.use(f"{self.package}.domain.{names.one(thing.entity)}", thing.entity)
            parameters.append(f"{thing.name}: {thing.entity}")
        if self.loading.ports:
            parameters.append("*")
        for name, (module, port) in sorted(self.loading.ports.items()):
            self.module.use(module, port)
            parameters.append(f"{name}: {port}")
        body = indented("\n".join(lines or ["pass"]))
        self.module.add(
            self.operation.name,
            f"async def {self.operation.name}({', '.join(parameters)}) -> {answer}:\n{body}",
            spans=[self.operation.span, *(statement.span for statement in self.operation.body or ())],
        )
        return self.module

    def _lines(self) -> list[str]:
        self.loading.all()
        seen = seen_version(self.operation, self.blueprint) if self.event is None else None
        if seen is not None:
            self._check_version(seen)
        after: list[str] = []
        result = ""
        if self.decision is not None:
            before, result, after = self._decided(self.decision)
            self.loading.lines += before
        lines = [*after, *self._effects(), *self._answer(result)]
        return _without_unused([*self.loading.lines, *lines])

    def _check_version(self, name: str) -> None:
        entity = entity_of(next(one.type for one in self.operation.inputs if one.name == name))
        refusal = names.outdated(entity)
        self.module.use(f"{self.package}.domain.{names.one(entity)}", refusal)
        local = self.loading.printer.names.get(name, name)
        self.loading.lines += [f"if {local}.version != command.version:", f"    raise {refusal}"]

    # ------------------------------------------------------------------ the decision, and what it changes

    def _decided(self, decision: Decision) -> tuple[list[str], str, list[str]]:
        """The lines before the writes, the name of the result, the writes."""
        self.module.use(self.plan.module, "decide")
        tables = [one for one in decision.rest if one.kind == "table"]
        given = [self._argument(one, last=len(tables) == 1) for one in (*decision.first, *decision.rest)]
        arguments = [
            text if one in decision.first else f"{one.name}={text}"
            for one, text in zip((*decision.first, *decision.rest), given, strict=True)
        ]
        before = [*self._ids(decision)]
        call = f"decide({', '.join(arguments)})"
        if decision.count == 0:
            return [*before, call], "", []
        result = self._result(decision)
        self._name_made(decision, result)
        writes = self._writes(decision, result)
        if not writes and decision.count == 1 and decision.answer is not None and not self.plan.effects:
            return before, call, []
        return [*before, f"{result} = {call}"], result, writes

    def _result(self, decision: Decision) -> str:
        if decision.count > 1:
            return "changes"
        if decision.members and decision.members[0].effect == "add" and not decision.members[0].several:
            return self.loading.local(decision.members[0].name)
        if decision.answer is not None:
            return self.loading.local("answer")
        return "changed" if decision.members else "changes"

    def _argument(self, one: Parameter, *, last: bool) -> str:
        match one.kind:
            case "row":
                return self.loading.struct(one.of)
            case "table":
                return self.loading.inline_last_table(one.of) if last else self.loading.table(one.of)
            case "id":
                return one.name if self._needs_id(one.name) else "ctx.new_id()"
            case "ids":
                return "iter(ctx.new_id, None)"
            case "now":
                return "ctx.now()"
            case "name":
                return self._named(one)

    def _named(self, one: Parameter) -> str:
        """An input or a fact; the row itself where the decision knows it as one."""
        type = plain(self.plan.facts.roots[one.of])
        if isinstance(type, t.EntityType) and one.annotation.startswith(type.name):
            return self.loading.loaded[Reach(one.of)].text
        return self.loading.values[one.of]

    def _ids(self, decision: Decision) -> list[str]:
        return [f"{one.name} = ctx.new_id()" for one in decision.rest if one.kind == "id" and self._needs_id(one.name)]

    def _needs_id(self, id: str) -> bool:
        """Whether the handler speaks of what gets that id: it is one of several of its kind."""
        name = id.removesuffix("_id")
        made = {
            statement.names[0]: statement.value.subject
            for statement in self.plan.facts.body
            if isinstance(statement, e.Let)
            and isinstance(statement.value, e.Action)
            and statement.value.action == "create"
        }
        if name not in made or self.plan.single(made[name]) is not None:
            return False
        spoken = [self.plan.returned(), *self.plan.effects]
        return any(isinstance(one, e.Name) and one.name == name for one in nodes_in(tuple(spoken)))

    def _name_made(self, decision: Decision, result: str) -> None:
        for member in decision.members:
            if not member.several and member.effect != "remove":
                text = result if decision.count == 1 else f"{result}.{member.name}"
                self.made[member.name] = (text, f"{text}.id")
                if self.plan.creations(member.entity):
                    self.loading.printer.names[member.name] = text
                    self.loading.rows.structs[member.name] = None
        for one in decision.rest:
            if one.kind == "id" and self._needs_id(one.name):
                name = one.name.removesuffix("_id")
                self.made[name] = ("", one.name)
                self.loading.printer.names[name] = one.name

    def _writes(self, decision: Decision, result: str) -> list[str]:
        """Changed rows, then new ones, then those that go; relations, then events."""
        order = {"save": 0, "add": 1, "remove": 2}
        lines: list[str] = []
        for member in sorted(decision.members, key=lambda one: order[one.effect]):
            text = result if decision.count == 1 else f"{result}.{member.name}"
            lines += self._write(member, text)
        for name, action in decision.relations.items():
            lines += self._relate_all(action, result if decision.count == 1 else f"{result}.{name}")
        if decision.says_events:
            events = self.loading.outside("krepis.events", "Events", "events")
            said = result if decision.count == 1 else f"{result}.{EVENTS}"
            lines += [f"for event in {said}:", f"    await {events}.emit(ctx, event)"]
        return [*lines, *self._first_relations(decision)]

    def _write(self, member: Member, text: str) -> list[str]:
        repository = self.loading.repository(member.entity, writes=True)
        many = "_many" if member.several else ""
        put = any(node.action == "put" for node, _ in self.plan.creations(member.entity))
        if member.effect == "remove":
            method = self.repositories.write(member.entity, "remove_many" if member.several else "remove")
            call = f"await {repository}.{method.name}(ctx, {text})"
            return [call] if member.several else [f"if {text} is not None:", f"    {call}"]
        if put and not member.several and member.effect == "save":
            return self._write_put(member, text, repository)
        form = f"{member.effect}{many}"
        assert form in {"add", "add_many", "save", "save_many"}
        method = self.repositories.write(member.entity, form)  # pyright: ignore[reportArgumentType]
        call = f"await {repository}.{method.name}(ctx, {text})"
        if member.effect == "save" and not member.several and not self.plan.changes_all(member.entity):
            return [f"if {text} is not {self.loading.struct(member.entity)}:", f"    {call}"]
        return [call]

    def _write_put(self, member: Member, text: str, repository: str) -> list[str]:
        action = self.plan.creations(member.entity)[0][0]
        assert isinstance(action.of, e.Name)
        known = self.loading.printer.names[action.of.name]
        add, save = self.repositories.write(member.entity, "add"), self.repositories.write(member.entity, "save")
        return [
            f"if {known} is None:",
            f"    await {repository}.{add.name}(ctx, {text})",
            "else:",
            f"    await {repository}.{save.name}(ctx, {text})",
        ]

    def _relate_all(self, action: e.Action, text: str) -> list[str]:
        assert isinstance(action.of, e.Attribute)
        entity = entity_of(action.of.of.type)
        method = self.repositories.relate(entity, action.of.name, away=action.action == "discard")
        repository = self.loading.repository(entity, writes=True)
        return [f"for one, other in {text}:", f"    await {repository}.{method.name}(ctx, one, other)"]

    def _first_relations(self, decision: Decision) -> list[str]:
        """The relations that something new begins with."""
        lines: list[str] = []
        for entity in {one.entity: None for one in decision.members}:
            for action, _ in self.plan.creations(entity):
                for one in action.keywords:
                    field = next(field for field in self.blueprint.entity(entity).fields if field.name == one.name)
                    if names.is_relation(field.type):
                        lines += self._begin(entity, action, one)
        return lines

    def _begin(self, entity: str, action: e.Action, one: e.Keyword) -> list[str]:
        local = self.plan.single(entity)
        assert local is not None, f"`{one.name}` of {entity} is set where several are made"
        method = self.repositories.relate(entity, one.name)
        repository = self.loading.repository(entity, writes=True)
        others = self.loading.printer.text(one.value)
        id = self.made[local][1]
        return [f"for other in {others}:", f"    await {repository}.{method.name}(ctx, {id}, other)"]

    # ------------------------------------------------------------------ after the decision

    def _effects(self) -> list[str]:
        lines: list[str] = []
        for action in self.plan.effects:
            lines += self._effect(action)
        return lines

    def _effect(self, action: e.Action) -> list[str]:
        printer = self.loading.printer
        match action.action:
            case "emit":
                events = self.loading.outside("krepis.events", "Events", "events")
                self.module.use(f"{self.package}.domain.events", action.subject)
                event = next(one for one in self.blueprint.events if one.name == action.subject)
                types = {field.name: field.type for field in event.fields}
                given = ", ".join(f"{one.name}={printer.field(one.value, types[one.name])}" for one in action.keywords)
                return [f"await {events}.emit(ctx, {action.subject}({given}))"]
            case "call":
                events = self.loading.outside("krepis.events", "Events", "events")
                port, _, operation = action.subject.partition(".")
                name = event_class(port, operation)
                self.module.use(f"{self.package}.domain.events", name)
                given = "".join(f", {one.name}={printer.field(one.value, one.value.type)}" for one in action.keywords)
                return [f"await {events}.emit(ctx, {name}(id=ctx.new_id(){given}))"]
            case "delete":
                assert action.of is not None
                entity = entity_of(action.of.type)
                method = self.repositories.write(entity, "remove")
                repository = self.loading.repository(entity, writes=True)
                return [f"await {repository}.{method.name}(ctx, {printer.text(action.of)})"]
            case _:
                assert isinstance(action.of, e.Attribute)
                entity = entity_of(action.of.of.type)
                method = self.repositories.relate(entity, action.of.name, away=action.action == "discard")
                repository = self.loading.repository(entity, writes=True)
                given = f"{printer.text(action.of.of)}, {printer.text(action.arguments[0])}"
                return [f"await {repository}.{method.name}(ctx, {given})"]

    def _answer(self, result: str) -> list[str]:
        if self.event is not None:
            return []
        match self.plan.answers():
            case "nothing":
                return []
            case "entity":
                value = self.plan.returned()
                assert isinstance(value, e.Name)
                return self.answers.of_entity(value, *self._row_and_id(value))
            case "settled" if self.plan.facts.last is not None:
                return self.answers.of_question()
            case "settled":
                value = self.plan.returned()
                assert value is not None
                return self.answers.of_record(value)
            case "decided" | "row":
                assert self.decision is not None
                alone = self.decision.count == 1
                return self.answers.of_decided(result if alone else f"{result}.answer")

    def _row_and_id(self, value: e.Name) -> tuple[str, str]:
        """The row that is returned as it is now, and its id."""
        entity = entity_of(value.type)
        local = self.plan.single(entity)
        if local is not None and local in self.made and (value.name == local or self._is_same(value, entity)):
            row, id = self.made[local]
            kept = self.loading.printer.text(value) if not self.plan.creations(entity) else id
            return row, kept
        if value.name in self.made:
            return self.made[value.name]
        known = self.loading.loaded.get(Reach(value.name))
        if known is not None:
            return known.text, f"{known.text}.id"
        if value.name == "actor":
            return self.loading.rows.single.get(entity, "actor"), "actor"
        raise AssertionError(f"`{value.name}` is not at hand in `{self.operation.name}`")

    def _is_same(self, value: e.Name, entity: str) -> bool:
        ways = self.plan.reaches(entity)
        return bool(ways) and ways[0] == Reach(value.name)


def _without_unused(lines: list[str]) -> list[str]:
    """What is read for its refusal or its effect alone, and named in no other line, gets no name."""
    found: list[str] = []
    for number, line in enumerate(lines):
        match = re.fullmatch(r"(\w+) = (await .*)", line, re.DOTALL)
        rest = lines[:number] + lines[number + 1 :]
        used = match is None or any(re.search(rf"(?<![.\w]){match[1]}\b(?!=)", other) for other in rest)
        found.append(line if used or match is None else match[2])
    return found
