"""What is known at one point of a block: its names with their types, and what conditions before it have shown.

An environment never changes; going on gives a new one, so that a branch keeps its own and two branches can be joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from krepis_spec.expressions import (
    Action,
    Attribute,
    Compare,
    Constant,
    Expression,
    IsAbsent,
    Logic,
    Name,
    Not,
    Source,
)
from krepis_spec.fitting import present
from krepis_spec.types import AnyType, NothingType, OptionalType, Type

Path = tuple[str, ...]
"""`("order", "customer")` is `order.customer`: what a condition can tell something about."""


class Binding(Struct, frozen=True):
    """One name. `certain` is false where only some ways lead past its assignment, `absent` where an input may be missing."""

    type: Type
    source: Source
    certain: bool = True
    absent: bool = False


class Environment(Struct, frozen=True):
    names: Mapping[str, Binding]
    facts: Mapping[Path, Type] = {}
    """The type that a path has here, where it is narrower than the declared one."""

    def bound(self, name: str, binding: Binding) -> Environment:
        """With that name; what was known about an earlier one is forgotten."""
        facts = {path: type for path, type in self.facts.items() if path[0] != name}
        return Environment({**self.names, name: binding}, facts)

    def without(self, names: Iterable[str]) -> Environment:
        gone = set(names)
        return Environment(
            {name: binding for name, binding in self.names.items() if name not in gone},
            {path: type for path, type in self.facts.items() if path[0] not in gone},
        )

    def knowing(self, facts: Mapping[Path, Type]) -> Environment:
        """With what a condition has shown. A name that is known to be something is not absent."""
        shown = {path[0] for path in facts if len(path) == 1}
        names = {
            name: replace(binding, absent=False) if name in shown and binding.absent else binding
            for name, binding in self.names.items()
        }
        return Environment(names, {**self.facts, **facts})

    def forgetting(self, fields: frozenset[str] | None) -> Environment:
        """After those fields were set on something, which may be the same row under another name; `None`: any field."""
        kept = {
            path: type
            for path, type in self.facts.items()
            if len(path) == 1 or (fields is not None and not fields.intersection(path[1:]))
        }
        return Environment(self.names, kept)

    def joined(self, other: Environment) -> Environment:
        """Where two ways meet: what both know."""
        names = {**other.names, **self.names}
        for name, binding in names.items():
            here, there = self.names.get(name), other.names.get(name)
            if here is not there:
                certain = here is not None and there is not None and here.certain and there.certain
                absent = any(way is not None and way.absent for way in (here, there))
                names[name] = replace(binding, certain=certain, absent=absent)
        facts = {path: type for path, type in self.facts.items() if other.facts.get(path) == type}
        return Environment(names, facts)


def path_of(expression: Expression) -> Path | None:
    """The path that an expression is, if it is one."""
    match expression:
        case Name(name=name):
            return (name,)
        case Attribute(of=of, name=name):
            path = path_of(of)
            return None if path is None else (*path, name)
        case _:
            return None


def shown_by(condition: Expression, truth: bool) -> dict[Path, Type]:  # noqa: FBT001 - it is the value of the condition
    """What is known once that condition came out as `truth`."""
    match condition:
        case Not(of=of):
            return shown_by(of, not truth)
        case Logic(operator=operator, operands=operands) if (operator == "and") == truth:
            return {path: type for operand in operands for path, type in shown_by(operand, truth).items()}
        case IsAbsent(of=of) if not truth:
            return _is_there(of)
        case Compare(left=left, operator=operator, right=right):
            return _shown_by_comparison(left, operator, right, truth)
        case _:
            return {}


def _shown_by_comparison(left: Expression, operator: str, right: Expression, truth: bool) -> dict[Path, Type]:  # noqa: FBT001
    against_none = isinstance(right, Constant) and isinstance(right.type, NothingType)
    if against_none and operator in {"is", "is not"}:
        return _is_something(left) if (operator == "is not") == truth else {}
    if (operator == "==") == truth and operator in {"==", "!="}:
        # What equals something that is there is there itself.
        return {
            **(_is_something(left) if not isinstance(right.type, OptionalType | NothingType) else {}),
            **(_is_something(right) if not isinstance(left.type, OptionalType | NothingType) else {}),
        }
    return {}


def _is_something(expression: Expression) -> dict[Path, Type]:
    path = path_of(expression)
    if path is None or isinstance(expression, Action) or not isinstance(expression.type, OptionalType):
        return {}
    return {path: present(expression.type)}


def _is_there(expression: Expression) -> dict[Path, Type]:
    path = path_of(expression)
    return {} if path is None or isinstance(expression.type, AnyType) else {path: expression.type}
