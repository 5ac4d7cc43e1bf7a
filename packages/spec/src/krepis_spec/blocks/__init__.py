"""Blocks: the small, pure subset of Python in which a spec says what happens. Parsed by Python's own parser, and typed.

A mistake is reported with its place and in the words of the language; what has one gets `AnyType`, so that it is told once.
No text raises.
"""

from __future__ import annotations

from krepis_spec.blocks.functions import Function, Parameter, table
from krepis_spec.blocks.parsing import Places, expression_in, statements_in
from krepis_spec.blocks.reader import read
from krepis_spec.blocks.reading import Reading, made_fields
from krepis_spec.blocks.scope import Mode, Scope
from krepis_spec.blocks.statements import read_statements
from krepis_spec.document import Block, Text
from krepis_spec.expressions import Expression, Statement
from krepis_spec.fitting import words
from krepis_spec.problems import Problems
from krepis_spec.types import Type

__all__ = ["Function", "Mode", "Parameter", "Scope", "expression_of", "made_fields", "statements_of", "table"]


def statements_of(block: Block, scope: Scope, problems: Problems) -> tuple[Statement, ...]:
    """What a block says. After a mistake, the lines that could be read; whether there was one, `problems` knows."""
    places = Places(block.text, block.span)
    reading = Reading(scope, places, problems, read)
    return read_statements(reading, statements_in(block.text, places, problems))


def expression_of(text: Text, scope: Scope, problems: Problems, expected: Type | None = None) -> Expression | None:
    """What an expression says; `None` where it is none. With `expected`, it has to fit that type."""
    places = Places(text.text, text.span)
    node = expression_in(text.text, places, problems)
    if node is None:
        return None
    reading = Reading(scope, places, problems, read)
    found = reading.expression(node, expected)
    if expected is not None and not reading.fits(found.type, expected):
        problems.add(
            places.of(node),
            f"{words(expected)} is expected here; this is {words(found.type)}",
            reading.hint(found.type, expected),
        )
    return found
