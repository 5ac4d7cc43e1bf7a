"""`tests/test_always.py`: what holds after every command, whatever came before; commands are drawn by Hypothesis."""

from __future__ import annotations

from collections.abc import Iterator

from krepis_generator import names
from krepis_generator.proofs.asking import asked, envelope, shown_address
from krepis_generator.proofs.kit import fastest
from krepis_generator.proofs.requests import entities_of, is_needed
from krepis_generator.proofs.scene import Scene
from krepis_generator.proofs.speaking import FactsPrinter
from krepis_generator.proofs.strategies import NoStrategy, strategy
from krepis_generator.source import Module, indented
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Input, Operation
from krepis_spec.document import Span
from krepis_spec.naming import class_name
from krepis_spec.showing import nodes_in

_HEAD = '''
    def __init__(self, app: App) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.world = World(self.runner.run(self.stack.enter_async_context(start(app))))

    def teardown(self):
        self.runner.run(self.stack.aclose())
        self.runner.close()

    def ask(self, method, path, by, **request) -> Any:
        """The answer, or none for a refusal; nothing that anybody asks may break the service."""
        headers = @headers@request.pop("headers", {})
        reply = self.runner.run(self.world.service.request(method, path, headers=headers, **request))
        assert reply.status < 500, reply.text
        return reply.json if reply.status < 400 and reply.body else None
'''

_TEST = """
@pytest.mark.slow
def test_what_always_holds_holds_after_any_commands(@store@, settings_at):
    class Built(@name@):
        def __init__(self) -> None:
            super().__init__(build(settings_at(@url@)))

    run_state_machine_as_test(
        Built, settings=settings(max_examples=EXAMPLES, stateful_step_count=@steps@, deadline=None)
    )
"""

STEPS = 30


def always_modules(blueprint: Blueprint) -> list[Module]:
    """The module; none where no caller changes anything."""
    writer = _Machine(blueprint)
    return [writer.module()] if writer.commands else []


class _Machine:
    def __init__(self, blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self.package = blueprint.service.name
        self.written = Module(
            "tests/test_always.py", "What holds after every command, whatever came before.", spans=_spans(blueprint)
        )
        self.commands = [one for one in blueprint.operations if _is_drawn(one)]
        self.user = names.user(blueprint)
        needed = dict.fromkeys(entity for one in self.commands for entity in entities_of(one))
        self.bundles = {entity: names.rows(entity) for entity in needed}
        self.targets = {one.name: entity for one in self.commands if (entity := self._made(one)) is not None}
        self.scene = Scene(blueprint, [one for one in needed if one not in self.targets.values()])

    def module(self) -> Module:
        self._imports()
        name = class_name(self.package)
        self.written.add("EXAMPLES", 'EXAMPLES = int(os.environ.get("TESTS_EXAMPLES", "25"))')
        rules = [rule for one in self.commands for rule in self._rule(one)]
        headers = "by.headers | " if self.user is not None else ""
        head = indented(self._bundles()) + "\n" + _HEAD.replace("@headers@", headers)
        body = "\n\n".join(
            [head.rstrip(), *(indented(one) for one in (self._beginning(), *rules, *self._afterwards(), self._holds()))]
        )
        doc = '    """Two callers, two of everything that they can name, and all that they can do with it."""\n\n'
        if any("hours_later(" in rule for rule in rules):
            self.written.use("krepis.testing.sources", "START")
            self.written.use("datetime", "timedelta")
            self.written.add(
                "hours_later", "def hours_later(hours):\n    return (START + timedelta(hours=hours)).isoformat()"
            )
        self.written.add(name, f"class {name}(RuleBasedStateMachine):\n{doc}{body}")
        in_memory = self.blueprint.service.database != "postgresql"
        store = "in_memory" if in_memory else fastest(self.blueprint)
        test = _TEST.replace("@name@", name).replace("@steps@", str(STEPS)).replace("@store@", store)
        self.written.add("test", test.replace("@url@", store))
        return self.written

    def _imports(self) -> None:
        module = self.written
        for name in ("asyncio", "os", "pytest"):
            module.use_module(name)
        module.use("contextlib", "AsyncExitStack")
        module.use("typing", "Any")
        module.use("hypothesis", "settings", "strategies as st")
        module.use(
            "hypothesis.stateful",
            *("Bundle", "RuleBasedStateMachine", "initialize", "invariant", "multiple", "rule"),
            "run_state_machine_as_test",
        )
        module.use("krepis", "App")
        module.use("krepis.testing", "start")
        module.use("world", "World", "PASSWORD")
        module.use(f"{self.package}.app", "build")

    def _bundles(self) -> str:
        people = ["people"] if self.user is not None else []
        return "\n".join(f'{name} = Bundle("{name}")' for name in [*people, *self.bundles.values()])

    def _beginning(self) -> str:
        """Who and what is there before the first command."""
        parts: list[str] = []
        if self.user is not None:
            roles = "".join(f'"{role}", ' for role in self.blueprint.service.roles)
            second = f", roles=({roles})" if roles else ""
            parts.append(
                f"""\
@initialize(target=people)
def people_come_in(self):
    alice = self.runner.run(self.world.person("alice"))
    return multiple(alice, self.runner.run(self.world.person("bob"{second})))"""
            )
        for entity in self.bundles:
            if entity in self.targets.values():
                continue
            address = self.blueprint.entity(entity).address
            given = f"self.runner.run(self.world.given_{names.one(entity)}()).{address}"
            address = f"str({given})" if address == "id" else given
            parts.append(
                f"""\
@initialize(target={self.bundles[entity]})
def {self.bundles[entity]}_are_there(self):
    return multiple({address}, {address})"""
            )
        return "\n\n".join(parts)

    def _rule(self, operation: Operation) -> Iterator[str]:
        inputs = [one for one in operation.inputs if self._is_given(one)]
        try:
            drawn = [f"{one.name}={strategy(one.type, self.bundles, self.written)}" for one in inputs]
        except NoStrategy:
            return
        by = ["by=people"] if self.user is not None else []
        target = self.targets.get(operation.name)
        head = [*([f"target={self.bundles[target]}"] if target in self.bundles else []), *by, *drawn]
        parameters = ", ".join(["self", *(["by"] if by else []), *(one.name for one in inputs)])
        made = asked(
            self.blueprint,
            operation,
            {one.name: one.name for one in inputs},
            once="self.world.once()",
            revision=self._revision,
        )
        call = f"self.ask({made.arguments('by' if by else 'None')})"
        body = [call]
        if target in self.bundles:
            body = [f"answer = {call}", f"return multiple() if answer is None else {self._address(operation)}"]
        yield f"@rule({', '.join(head)})\ndef {operation.name}({parameters}):\n{indented(chr(10).join(body))}"

    def _revision(self, name: str, entity: str) -> str:
        address = self.blueprint.entity(entity).address
        return f'self.runner.run(self.world.revision("{names.one(entity)}", {{"{address}": {name}}}))'

    def _is_given(self, one: Input) -> bool:
        return is_needed(one) or isinstance(one.type, t.BoolType | t.IntType | t.TextType | t.ChoiceType)

    def _made(self, operation: Operation) -> str | None:
        """The entity that the command makes and answers with, so that the next ones can name it."""
        type = operation.answer.type
        creates = {
            node.subject
            for node in nodes_in(operation.body or ())
            if isinstance(node, e.Action) and node.action in {"create", "put"}
        }
        if operation.answer.form != "one" or not isinstance(type, t.EntityType) or type.name not in creates:
            return None
        return type.name if shown_address(operation, self.blueprint) is not None else None

    def _address(self, operation: Operation) -> str:
        return f'answer{envelope(operation, self.blueprint)}["{shown_address(operation, self.blueprint)}"]'

    def _afterwards(self) -> Iterator[str]:
        """What happens without a caller."""
        if self.blueprint.reactions:
            yield "@rule()\ndef what_follows_happens(self):\n    self.runner.run(self.world.service.settle())"
        for operation in self.blueprint.operations:
            if operation.every is not None and operation.body is not None:
                message = names.message(operation)
                self.written.use(f"{self.package}.application.{operation.name}", message)
                yield f"@rule()\ndef {operation.name}(self):\n    self.runner.run(self.world.run({message}()))"

    def _holds(self) -> str:
        printer = FactsPrinter(self.written, self.blueprint)
        lines = [f"assert {printer.condition(one.condition)}" for one in self.blueprint.always]
        if not lines:
            return ""
        body = "\n".join(["facts = self.runner.run(self.world.facts())", *lines])
        return f"@invariant()\ndef what_always_holds(self):\n{indented(body)}"


def _is_drawn(operation: Operation) -> bool:
    return operation.kind == "command" and operation.door is not None and operation.body is not None


def _spans(blueprint: Blueprint) -> list[Span]:
    return [one.span for one in blueprint.always]
