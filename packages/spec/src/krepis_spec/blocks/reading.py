"""What all parts of the reading of one block share: the scope, the place, what is known here, and the way to report."""

from __future__ import annotations

import ast
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

from krepis_spec.blocks.environment import Binding, Environment
from krepis_spec.blocks.parsing import Located, Places
from krepis_spec.blocks.scope import Scope
from krepis_spec.blueprint import Entity, Field
from krepis_spec.document import Span
from krepis_spec.expressions import Constant, Expression, Source
from krepis_spec.fitting import fits, present, words
from krepis_spec.naming import snake
from krepis_spec.problems import Problems
from krepis_spec.types import (
    AnyType,
    DecimalType,
    EntityType,
    IntType,
    SecretType,
    TextType,
    Type,
    UuidType,
    ValueType,
    ViewType,
)

SHOWN_MAX = 48
"""So much of a piece of a block a message repeats."""

_Read = Callable[["Reading", ast.expr, Type | None], Expression]


class Reading:
    """The reading of one block. `environment` is what is known at the point that is being read; `per_row` says whether that
    point is inside a comprehension or a `lambda`, `lenient` whether what is written may be wrong on purpose.
    """

    def __init__(self, scope: Scope, places: Places, problems: Problems, read: _Read) -> None:
        index = scope.blueprint.index
        self.scope = scope
        self.places = places
        self.problems = problems
        self.entities = index.entities
        self.values = index.values
        self.views = index.views
        self.events = index.events
        self.ports = index.ports
        self.operations = index.operations
        self.environment = Environment(self._names_at_first())
        self.per_row = False
        self.lenient = False
        self._read = read

    def _names_at_first(self) -> dict[str, Binding]:
        thing = self.scope.fields_of or ""
        source: Source = "event" if thing in self.events else "field"
        fields = {field.name: Binding(field.type, source) for field in self.fields_of(thing)}
        if thing in self.entities:
            made = {name: Binding(type, "field") for name, type in made_fields(self.entities[thing])}
            fields = {snake(thing): Binding(EntityType(thing), "thing"), **made, **fields}
        elif thing in self.values:
            fields = {snake(thing): Binding(ValueType(thing), "thing"), **fields}
        given = {
            name: Binding(type, source, absent=name in self.scope.absent)
            for name, (type, source) in self.scope.names.items()
        }
        return fields | given

    def fields_of(self, name: str) -> tuple[Field, ...]:
        """The fields of the entity, value or event of that name."""
        for known in (self.entities, self.values, self.events):
            if name in known:
                return known[name].fields
        return ()

    def expression(self, node: ast.expr, expected: Type | None = None) -> Expression:
        """That node as an expression. `expected` is the type that a literal takes; whether it fits is another question."""
        return self._read(self, node, expected)

    def problem(self, where: Located | Span, message: str, hint: str | None = None) -> None:
        self.problems.add(where if isinstance(where, Span) else self.places.of(where), message, hint)

    def unknown(self, where: Located) -> Expression:
        """What stands for a piece that has a mistake, which is told already."""
        return Constant(type=AnyType(), span=self.places.of(where), value=None)

    def refused(self, where: Located, message: str, hint: str | None = None) -> Expression:
        """A mistake, and what stands for it."""
        self.problem(where, message, hint)
        return self.unknown(where)

    def shown(self, node: Located) -> str:
        """That node as the spec writes it, in backticks."""
        text = self.places.source(node)
        return f"`{text}`" if len(text) <= SHOWN_MAX else f"`{text[: SHOWN_MAX - 3]}...`"

    def fits(self, given: Type, wanted: Type) -> bool:
        """As `fits`; in a scenario, callers' ways hold: what is shown of an entity stands for it, and so does its address."""
        if fits(given, wanted, self.scope.blueprint):
            return True
        if self.scope.mode != "scenario" or not isinstance(present(wanted), EntityType):
            return False
        return self._calls_for(present(given), present(wanted))

    def _calls_for(self, given: Type, wanted: Type) -> bool:
        entity = self.entities.get(wanted.name) if isinstance(wanted, EntityType) else None
        if entity is None:
            return False
        if isinstance(given, ViewType):
            return given.name in self.views and self.views[given.name].of == entity.name
        address = next((field.type for field in entity.fields if field.name == entity.address), UuidType())
        return fits(given, address, self.scope.blueprint) or (
            isinstance(address, UuidType) and isinstance(given, TextType)
        )

    def fitting(self, node: ast.expr, wanted: Type, what: str) -> Expression:
        """That node where a value of `wanted` is asked for; `what` says where: "`stock` of Book"."""
        found = self.expression(node, wanted)
        if not self.fits(found.type, wanted):
            self.problem(node, f"{what} is {words(wanted)}; this is {words(found.type)}", self.hint(found.type, wanted))
        return found

    def hint(self, given: Type, wanted: Type) -> str | None:
        """What may help where a value does not fit."""
        if self.fits(present(given), wanted):
            return "it may be none here; rule that out first: `if x is not None:`"
        if isinstance(present(given), DecimalType) and isinstance(present(wanted), DecimalType):
            return _decimal_hint(present(given), present(wanted))
        if isinstance(wanted, SecretType):
            return "a secret comes from an input of type secret"
        return None

    @contextmanager
    def within(self, environment: Environment, *, per_row: bool | None = None) -> Generator[None]:
        """Reads with other knowledge for a while."""
        before = self.environment, self.per_row
        self.environment = environment
        self.per_row = self.per_row if per_row is None else per_row
        try:
            yield
        finally:
            self.environment, self.per_row = before

    def names_known(self) -> Iterable[str]:
        """All that a name may be here, for hints."""
        return [*self.environment.names, *self.entities]


def made_fields(entity: Entity) -> list[tuple[str, Type]]:
    """What every entity has besides its fields: its `id`, and the `version` of one that is versioned."""
    version: list[tuple[str, Type]] = [("version", IntType())] if entity.versioned else []
    return [("id", UuidType()), *version]


def _decimal_hint(given: Type, wanted: Type) -> str | None:
    assert isinstance(given, DecimalType)
    assert isinstance(wanted, DecimalType)
    return f"`round(x, {wanted.places})` makes it fit" if given.currency == wanted.currency else None
