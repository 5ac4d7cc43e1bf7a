"""What is made of columns in Python, because databases would answer otherwise than the language: links, formats, quotients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from krepis_generator.links import paths_of
from krepis_generator.python import Printer
from krepis_generator.source import Module
from krepis_generator.sql.layout import plain
from krepis_generator.sql.queries import UnsupportedError
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint
from krepis_spec.expressions import Expression
from krepis_spec.showing import address_of
from krepis_spec.types import Type

_WHOLE = (e.Comprehension, e.Lambda, e.Action, e.Name)


class RowPrinter(Printer):
    """Prints an expression whose leaves are columns."""

    def __init__(self, module: Module, blueprint: Blueprint, records: Mapping[Type, str]) -> None:
        super().__init__(module, blueprint.service.name, _NoRows(), {}, records)
        self.doors = paths_of(blueprint)


class _NoRows:
    def holds_row(self, name: e.Name) -> bool:
        return False

    def row(self, entity: str, id: str) -> str:
        raise AssertionError(f"all that is asked of {entity} {id} is a column")


def in_parts(node: Expression, column: Callable[[Expression], Expression | None], blueprint: Blueprint) -> Expression:
    """The expression with columns in place of its largest parts that a database can answer. Raises `UnsupportedError`."""
    if isinstance(node, _WHOLE):
        raise UnsupportedError(node.span, "no statement can answer this", "ask for what it is made of")
    if isinstance(node, e.Call) and node.function == "link":
        things = [
            address_of(one, blueprint) if isinstance(plain(one.type), t.EntityType) else one
            for one in node.arguments[1:]
        ]
        found = [column(one) for one in things]
        if any(one is None for one in found):
            raise UnsupportedError(node.span, "this can't be linked", "link what is kept")
        return replace(node, arguments=(node.arguments[0], *(one for one in found if one is not None)))
    return _mapped(node, lambda part: _part(part, column, blueprint))


def _part(node: Expression, column: Callable[[Expression], Expression | None], blueprint: Blueprint) -> Expression:
    if isinstance(node, e.Constant):
        return node
    return column(node) or in_parts(node, column, blueprint)


def _mapped(node: Any, change: Callable[[Expression], Expression]) -> Any:
    """A node with each expression in it changed."""
    changes: dict[str, Any] = {}
    for name in node.__struct_fields__:
        value = getattr(node, name)
        if name in {"type", "span"}:
            continue
        if isinstance(value, tuple):
            changes[name] = tuple(_changed(one, change) for one in value)  # pyright: ignore[reportUnknownVariableType]
        else:
            changes[name] = _changed(value, change)
    return replace(node, **changes)


def _changed(value: Any, change: Callable[[Expression], Expression]) -> Any:
    if isinstance(value, Expression):
        return change(value)
    return _mapped(value, change) if isinstance(value, Struct) else value
