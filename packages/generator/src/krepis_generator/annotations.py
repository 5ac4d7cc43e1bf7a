"""The Python type of each type of the language, in the domain and in messages.

Domain: plain types; a reference is the other's id. Messages: the same with the limits in `Annotated`, and a reference is
the address by which callers name it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from msgspec import Struct

from krepis_generator import names
from krepis_generator.quoting import pattern_literal, text_literal
from krepis_generator.source import Module
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint
from krepis_spec.types import Type

WHOLE_DIGITS_MAX = 12


class Annotations(Struct, frozen=True):
    """Writes annotations into a module, and imports there what they need. `package` is the project's."""

    blueprint: Blueprint
    module: Module
    records: Mapping[Type, str] = MappingProxyType({})
    """The classes of records, by their types."""

    @property
    def package(self) -> str:
        return self.blueprint.service.name

    def domain(self, type: Type, *, name: str = "") -> str:
        """As the domain holds it. `name` is the class of a record that stands in it."""
        return self._written(type, name, limits=False)

    def message(self, type: Type, *, name: str = "") -> str:
        """As a caller gives it, with its limits."""
        return self._written(type, name, limits=True)

    def _written(self, type: Type, name: str, *, limits: bool) -> str:  # noqa: C901 - one branch a type
        match type:
            case t.TextType():
                return self._text(type, limits=limits)
            case t.IntType():
                return self._limited("int", _range(type.min, type.max), limits=limits)
            case t.DecimalType():
                return self._decimal(type, limits=limits)
            case t.BoolType():
                return "bool"
            case t.DateType():
                return self._from("datetime", "date")
            case t.DatetimeType():
                return self._from("datetime", "datetime")
            case t.DurationType():
                return self._from("datetime", "timedelta")
            case t.PeriodType():
                return self._from(f"{self.package}.domain.period", "Period")
            case t.UuidType():
                return self._from("uuid", "UUID")
            case t.SecretType():
                return self._secret(type) if limits else "str"
            case t.TokenType():
                return self._from("krepis.types", "Secret") if limits else "str"
            case t.FileType():
                return self._from("krepis.files", "FileRef")
            case t.JsonType():
                return self._from("typing", "Any")
            case t.PropertiesType():
                return "dict[str, str | int | bool]"
            case t.ChoiceType():
                return self._choice(type)
            case t.ListType():
                return self._many(type, name, limits=limits)
            case t.SetType():
                return self._set(type, name, limits=limits)
            case t.OptionalType():
                return f"{self._written(type.of, name, limits=limits)} | None"
            case t.RecordType(fields=fields) if [field.name for field in fields] == list(map(str, range(len(fields)))):
                return f"tuple[{', '.join(self._written(field.type, name, limits=limits) for field in fields)}]"
            case t.RecordType():
                found = name or self.records.get(type, "")
                assert found, "a record needs a class"
                return found
            case t.ValueType():
                return self._value(type.name)
            case t.EntityType():
                return self._reference(type.name, limits=limits)
            case t.ViewType():
                return self._from(f"{self.package}.application.views", type.name)
            case t.PageType():
                return self._page(type)
            case t.NothingType():
                return "None"
            case t.AnyType():
                raise AssertionError("a checked blueprint knows all types")

    def _choice(self, type: t.ChoiceType) -> str:
        known = names.choice(type, self.blueprint)
        if known is not None:
            return self._from(f"{self.package}.domain.{names.one(known[0])}", known[1])
        return f"{self._from('typing', 'Literal')}[{', '.join(map(text_literal, type.choices))}]"

    def _from(self, module: str, name: str) -> str:
        if module != self.module.name:
            self.module.use(module, name)
        return name

    def _limited(self, plain: str, limit: str | None, *, limits: bool) -> str:
        if limit is None or not limits:
            return plain
        self.module.use("krepis.types", limit.split("(")[0])
        return f"{self._from('typing', 'Annotated')}[{plain}, {limit}]"

    def _text(self, type: t.TextType, *, limits: bool) -> str:
        if type.form != "plain":
            return self._from("krepis.types", type.form.capitalize())
        if not limits:
            return "str"
        found: list[str] = []
        if type.pattern is not None:
            found.append(f"matches({pattern_literal(type.pattern)})")
        if type.min or type.max is not None:
            found.append(f"length({type.min}, {type.max})")
        if not found:
            return "str"
        self.module.use("krepis.types", *(one.split("(")[0] for one in found))
        return f"{self._from('typing', 'Annotated')}[str, {', '.join(found)}]"

    def _decimal(self, type: t.DecimalType, *, limits: bool) -> str:
        plain = self._from("decimal", "Decimal")
        if not limits:
            return plain
        self.module.use("krepis.types", "between", "decimals")
        # Always both bounds: a column holds 64 bits, and what doesn't fit has to be refused at the door.
        most = _most(type.places)
        low = _bound(type.min or (None if type.above else f"-{most}"), type.above, type.places, 1)
        high = _bound(type.max or (None if type.below else most), type.below, type.places, -1)
        return f"{self._from('typing', 'Annotated')}[{plain}, decimals({type.places}), between({low}, {high})]"

    def _secret(self, type: t.SecretType) -> str:
        self.module.use("krepis.types", "Secret", "secret_length")
        return f"{self._from('typing', 'Annotated')}[Secret, secret_length({type.min}, {type.max})]"

    def _many(self, type: t.ListType, name: str, *, limits: bool) -> str:
        of = self._written(type.of, name, limits=limits)
        if not limits:
            return f"tuple[{of}, ...]"
        return self._limited(f"list[{of}]", _length(type.min, type.max), limits=limits)

    def _set(self, type: t.SetType, name: str, *, limits: bool) -> str:
        of = self._written(type.of, name, limits=limits)
        return self._limited(f"frozenset[{of}]", _length(type.min, type.max), limits=limits)

    def _value(self, name: str) -> str:
        return self._from(f"{self.package}.domain.{names.one(name)}", name)

    def _reference(self, name: str, *, limits: bool) -> str:
        entity = self.blueprint.entity(name)
        if not limits or entity.address == "id":
            return self._from("uuid", "UUID")
        field = next(field for field in entity.fields if field.name == entity.address)
        # What does not fit the address's limits names nothing; that is a 404, which the lookup says.
        return self._written(field.type, "", limits=False)

    def _page(self, type: t.PageType) -> str:
        form = "Cursor" if type.cursor else "Offset"
        self.module.use("krepis.types", form, "paged")
        return f"{self._from('typing', 'Annotated')}[{form}, paged({type.limit}, {type.max})]"


def _range(low: int | None, high: int | None) -> str | None:
    return None if low is None and high is None else f"between({low}, {high})"


def _length(low: int, high: int | None) -> str | None:
    return None if not low and high is None else f"length({low}, {high})"


def _most(places: int) -> str:
    """The largest amount of a field without a limit: sums of many of them still fit into a column."""
    whole = "9" * min(WHOLE_DIGITS_MAX, 18 - places)
    return f"{whole}.{'9' * places}" if places else whole


def _bound(limit: str | None, excluded: str | None, places: int, direction: int) -> str:
    """The nearest value that is allowed."""
    value = Decimal(limit) if limit is not None else Decimal(excluded or 0) + direction * Decimal(1).scaleb(-places)
    whole = value == value.to_integral_value()
    return f"Decimal({int(value)})" if whole else f"Decimal({text_literal(str(value))})"
