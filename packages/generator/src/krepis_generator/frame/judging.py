"""Conditions of access as Python: over the thing that a finder has found, or over all that a rule looks at."""

from __future__ import annotations

from types import MappingProxyType

import msgspec
from msgspec import Struct

from krepis_generator.frame.questions import Question, question_of
from krepis_generator.frame.things import in_path, is_actor
from krepis_generator.python import Printer
from krepis_generator.python.code import COMPARISON, NOT, Code
from krepis_generator.repositories import Method, Repositories
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Operation
from krepis_spec.expressions import Expression
from krepis_spec.types import Type

_OPPOSITE = MappingProxyType({"==": "!=", "!=": "==", "is": "is not", "is not": "is"})
"""How one asks whether somebody is somebody."""

_OF_CONTEXT = MappingProxyType({"actor": "caller(ctx)", "now": "ctx.now()", "tenant": "ctx.tenant"})


class Known(Struct, frozen=True):
    """One thing that a rule looks at, and how the finder comes by it."""

    name: str
    type: Type
    form: str
    """`path`, `actor`, `now`, `tenant`, `row` (of the id `code`), `select` (what `method` says)."""
    code: str = ""
    method: Method | None = None
    given: tuple[tuple[str, str], ...] = ()
    """The parameters of `method`, each with the code of what is given."""
    may_be_nobody: bool = False
    """Whether it is asked about a caller who may have no name."""


class _WhoPrinter(Printer):
    """Knows the `Actor` who calls, whose id is text: `str(order.customer) == actor.id`, whichever side the actor stands
    on.
    """

    def code(self, node: Expression) -> Code:
        if isinstance(node, e.Compare):
            return self._who(node, node.operator) or super().code(node)
        if isinstance(node, e.Attribute) and is_actor(node.of) and node.name == "roles":
            return Code("actor.roles")
        return super().code(node)

    def negated(self, node: Expression) -> Code:
        if isinstance(node, e.Compare) and node.operator in _OPPOSITE:
            return self._who(node, _OPPOSITE[node.operator]) or super().negated(node)
        return super().negated(node)

    def _who(self, node: e.Compare, operator: str) -> Code | None:
        if operator not in _OPPOSITE or is_actor(node.left) == is_actor(node.right):
            return None
        other = node.left if is_actor(node.right) else node.right
        if isinstance(other, e.Constant):
            return Code(f"actor {operator} None", COMPARISON)
        return Code(f"str({self.text(other)}) {operator} actor.id", COMPARISON)


class Far(Struct, frozen=True):
    """Operations whose rules look at the same things, which one finder finds. `about` is the value that holds them."""

    about: str
    function: str
    operations: tuple[Operation, ...]
    known: tuple[Known, ...]


class SimplePrinter(_WhoPrinter):
    """Conditions over one entity and who calls."""

    def __init__(self, module: Module, package: str) -> None:
        super().__init__(module, package, _PathRows(), {}, {})


class FarPrinter(_WhoPrinter):
    """Conditions over `about`, which grows by what they ask for, and who calls."""

    def __init__(self, module: Module, package: str, operation: Operation, repositories: Repositories) -> None:
        self._operation = operation
        self._repositories = repositories
        self._rows = _FarRows()
        self._open = False
        super().__init__(module, package, self._rows, {}, {})
        for place in in_path(operation):
            self._rows.add(Known(place.name, place.type, "path"))
            self.names[place.name] = f"about.{place.name}"

    def condition(self, node: Expression, *, to_anyone: bool) -> str:
        """A condition; one of a rule that is for anyone looks at the user who calls, or at none."""
        self._open = to_anyone
        return self.text(node)

    @property
    def known(self) -> list[Known]:
        """All that was asked for, in an order in which it can be found."""
        return list(self._rows.known.values())

    def code(self, node: Expression) -> Code:
        question = question_of(node)
        if question is not None:
            asked = f"about.{self._asked(question, node.type)}"
            isnt = isinstance(node, e.Compare) and node.operator == "not in"
            return Code(f"not {asked}", NOT) if isnt else Code(asked)
        if isinstance(node, e.Name) and node.source in {"actor", "now", "tenant"}:
            self._look_at(node)
        return super().code(node)

    def row(self, node: Expression) -> str:
        if isinstance(node, e.Name) and is_actor(node):
            self._look_at(node)
        return super().row(node)

    def _who(self, node: e.Compare, operator: str) -> Code | None:
        return None if self._open else super()._who(node, operator)

    def raw(self, node: Expression) -> str:
        if isinstance(node, e.Name) and is_actor(node):
            self._look_at(node)
        return super().raw(node)

    def _look_at(self, node: e.Name) -> None:
        nobody = self._open and is_actor(node) and not isinstance(node.type, t.OptionalType)
        self._rows.add(Known(node.name, t.OptionalType(node.type) if nobody else node.type, node.source))
        self.names[node.name] = f"about.{node.name}"

    def _asked(self, question: Question, type: Type) -> str:
        """The fact that the repository is asked for before the rule is."""
        known = self._rows.known
        name = question.name
        if not name:
            count = sum(one.form == "select" for one in known.values())
            name = f"{self._operation.name}_allowed" + (f"_{count + 1}" if count else "")
        parameters = tuple(parameter for parameter, _ in question.given)
        method = self._repositories.select(question.entity, name, question.expression, parameters, view=None, doc="")
        given = tuple((parameter.name, self._given(value)) for parameter, value in question.given)
        nobody = self._open and any(is_actor(value) for _, value in question.given)
        fact = Known(name, type, "select", question.entity, method, given, nobody)
        while known.get(fact.name, fact) != fact:
            fact = msgspec.structs.replace(fact, name=f"{fact.name}_too")
        self._rows.add(fact)
        return fact.name

    def _given(self, value: Expression) -> str:
        if isinstance(value, e.Name) and value.source in _OF_CONTEXT:
            return _OF_CONTEXT[value.source]
        return self.text(value).replace("about.", "")


class _PathRows:
    def holds_row(self, name: e.Name) -> bool:
        return name.source == "path"

    def row(self, entity: str, id: str) -> str:
        raise AssertionError(f"a simple rule does not look at another {entity}: {id}")


class _FarRows:
    def __init__(self) -> None:
        self.known: dict[str, Known] = {}

    def add(self, known: Known) -> None:
        before = self.known.get(known.name)
        # Who may be nobody for one rule may be nobody for the finder.
        if before is None or isinstance(known.type, t.OptionalType):
            self.known[known.name] = known

    def holds_row(self, name: e.Name) -> bool:
        return name.source in {"path", "actor"}

    def row(self, entity: str, id: str) -> str:
        local = id.removeprefix("about.")
        assert local != id, f"no rule of access looks at the {entity} of each one of several things"
        name = local.replace(".", "_")
        self.add(Known(name, t.EntityType(entity), "row", local))
        return f"about.{name}"
