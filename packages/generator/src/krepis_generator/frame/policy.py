"""`application/policy.py` of a project: a line for each row of `## Access`, and the conditions as pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from krepis_generator import names
from krepis_generator.frame.judging import Far, FarPrinter, SimplePrinter
from krepis_generator.frame.parts import message_module
from krepis_generator.frame.questions import question_of
from krepis_generator.frame.things import Things, in_path, is_actor
from krepis_generator.repositories import Repositories
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec.blueprint import Blueprint, Operation, Rule
from krepis_spec.document import Span
from krepis_spec.expressions import Expression
from krepis_spec.naming import class_name, snake
from krepis_spec.showing import nodes_in
from krepis_spec.types import OptionalType

_WHO = ("anyone", "user")


class PolicyWriter:
    """Writes the policy, and collects what its conditions look at for the finders."""

    def __init__(self, blueprint: Blueprint, repositories: Repositories) -> None:
        self._blueprint = blueprint
        self._repositories = repositories
        self._package = blueprint.service.name
        self._operations = {one.name: one for one in blueprint.operations}
        self._things = Things(blueprint)
        self._functions: dict[str, str] = {}
        self._looking = _Looking(blueprint, self._things)
        self._printers: dict[str, FarPrinter] = {}
        self.module = Module(f"src/{self._package}/application/policy.py", "Who may do what.")

    def write(self) -> list[Module]:
        """The module; none where the spec has no `## Access`, so that everybody may do everything."""
        rules = self._blueprint.access
        if rules is None:
            return []
        for role in sorted({rule.who for rule in rules} - set(_WHO)):
            self.module.use("krepis.access", "role")
            self.module.add(_constant(role), f'{_constant(role)} = role("{role}")')
        lines = [f"    {line}," for rule in rules for line in self._rule(rule)]
        self.module.use("krepis.access", "Policy", "may")
        hides = ["    hide_forbidden=True,"] if self._blueprint.service.hide_forbidden else []
        self.module.add(
            "policy",
            "\n".join(["policy = Policy(", *lines, *hides, ")"]),
            spans=[rule.span for rule in rules],
            apart=True,
        )
        return [self.module]

    def _rule(self, rule: Rule) -> list[str]:
        operations = [self._operations[name] for name in rule.operations]
        if rule.when is None:
            return [f"may({self._who(rule.who)}, {self._messages(operations)})"]
        near = [one for one in operations if not self._things.look_further(one)]
        lines: list[str] = []
        if near:
            function = self._near(rule, near, rule.when)
            lines.append(f"may({self._who(rule.who)}, {self._messages(near)}, when={function})")
        for about, far in self._looking.grouped(operations).items():
            function = self._far(rule, about, far, rule.when)
            lines.append(f"may({self._who(rule.who)}, {self._messages(far)}, when={function})")
        return lines

    def far(self) -> list[Far]:
        """What the finders of rules that look further have to find."""
        return [
            Far(f"About{about}", f"about_{snake(about)}", operations, tuple(self._printers[about].known))
            for about, operations in self._looking.groups.items()
            if about in self._printers
        ]

    def _who(self, who: str) -> str:
        if who not in _WHO:
            return _constant(who)
        self.module.use("krepis.access", who)
        return who

    def _messages(self, operations: Sequence[Operation]) -> str:
        for one in operations:
            self.module.use(message_module(self._blueprint, one), names.message(one))
        return ", ".join(names.message(one) for one in operations)

    def _near(self, rule: Rule, operations: Sequence[Operation], condition: Expression) -> str:
        """A function of the actor and the one entity that the condition speaks of."""
        thing = self._things.of(operations[0])
        assert thing is not None, "a condition speaks of something"
        field = _compared_field(condition)
        name, doc = f"may_{operations[0].name}", ""
        if field is not None:
            name = f"is_{field}"
            doc = f'    """Whether it is the {thing.name}\'s {field.replace("_", " ")} who acts."""\n'
        self.module.use(f"{self._package}.domain.{names.one(thing.entity)}", thing.entity)
        text = SimplePrinter(self.module, self._package).text(condition)
        given = f"{self._actor(rule, condition)}, {thing.name}: {thing.entity}"
        rest = f"({given}) -> bool:\n{doc}    return {text}"
        return self._added(name, f"{name}_of_{thing.name}", rest, rule.span)

    def _far(self, rule: Rule, about: str, operations: Sequence[Operation], condition: Expression) -> str:
        """A function of all that the finder of these operations has looked at."""
        if about not in self._printers:
            self._printers[about] = FarPrinter(self.module, self._package, operations[0], self._repositories)
        text = self._printers[about].condition(condition, to_anyone=rule.who == "anyone")
        self.module.use(f"{self._package}.application.finders", f"About{about}")
        given = f"{self._actor(rule, condition)}, about: About{about}"
        question = question_of(condition)
        is_plain = question is not None and text == f"about.{question.name}"
        name = question.name if question is not None and is_plain else f"may_{operations[0].name}"
        rest = f"({given}) -> bool:\n    return {text}"
        return self._added(name, f"{name}_of_{snake(about)}", rest, rule.span)

    def _actor(self, rule: Rule, condition: Expression | None) -> str:
        self.module.use("krepis", "Actor")
        known = rule.who != "anyone"
        return "actor: Actor" if known and not _may_be_none(condition) else "actor: Actor | None"

    def _added(self, short: str, long: str, rest: str, span: Span) -> str:
        """The name of the function, which is there once however many rows say the same."""
        name, number = short, 1
        while self._functions.get(name, rest) != rest:
            name = long if number == 1 else f"{long}_{number}"
            number += 1
        if name not in self._functions:
            self._functions[name] = rest
            self.module.add(name, f"def {name}{rest}", spans=[span])
        return name


class _Looking:
    """Groups the operations whose rules look further by what these look at: the same rules, over the same path."""

    def __init__(self, blueprint: Blueprint, things: Things) -> None:
        rules: dict[str, list[Span]] = {}
        for rule in blueprint.access or ():
            for name in rule.operations:
                if rule.when is not None:
                    rules.setdefault(name, []).append(rule.span)
        self.groups: dict[str, tuple[Operation, ...]] = {}
        self._names: dict[object, str] = {}
        self._of: dict[str, str] = {}
        for operation in blueprint.operations:
            if things.look_further(operation):
                places = tuple((place.name, place.type) for place in in_path(operation))
                name = self._named((tuple(rules[operation.name]), places), operation)
                self.groups[name] = (*self.groups.get(name, ()), operation)
                self._of[operation.name] = name

    def grouped(self, operations: Sequence[Operation]) -> dict[str, list[Operation]]:
        """Those of the operations that look further, by the name of their group."""
        found: dict[str, list[Operation]] = {}
        for operation in operations:
            if operation.name in self._of:
                found.setdefault(self._of[operation.name], []).append(operation)
        return found

    def _named(self, key: object, operation: Operation) -> str:
        """Called after what the path leads to; after its first operation where that is taken."""
        if key not in self._names:
            places = in_path(operation)
            name = class_name(places[-1].name) if places else class_name(operation.name)
            self._names[key] = name if name not in self.groups else class_name(operation.name)
        return self._names[key]


def _constant(role: str) -> str:
    return snake(role).upper()


def _compared_field(condition: Expression) -> str | None:
    """`customer` of `order.customer == actor`."""
    if not isinstance(condition, e.Compare) or condition.operator != "==":
        return None
    other = condition.left if is_actor(condition.right) else condition.right
    is_field = isinstance(other, e.Attribute) and isinstance(other.of, e.Name)
    actors = is_actor(condition.left) or is_actor(condition.right)
    return other.name if is_field and actors and isinstance(other, e.Attribute) else None


def _may_be_none(condition: Expression | None) -> bool:
    return any(is_actor(node) and isinstance(getattr(node, "type", None), OptionalType) for node in nodes_in(condition))
