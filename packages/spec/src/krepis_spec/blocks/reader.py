"""Expressions: from a node of Python's syntax tree to a typed node of the blueprint, one kind at a time."""

from __future__ import annotations

import ast

from krepis_spec.blocks.calls import call
from krepis_spec.blocks.comparisons import comparison
from krepis_spec.blocks.comprehensions import collection, comprehension, dictionary
from krepis_spec.blocks.constructs import refusal
from krepis_spec.blocks.formats import formatted
from krepis_spec.blocks.literals import constant
from krepis_spec.blocks.names import attribute, index, name
from krepis_spec.blocks.operators import arithmetic, conditional, logic, unary
from krepis_spec.blocks.reading import Reading
from krepis_spec.expressions import Expression
from krepis_spec.types import Type


def read(reading: Reading, node: ast.expr, expected: Type | None) -> Expression:
    """That node. A literal in it takes the type `expected`; whether the result fits is for the caller to ask."""
    match node:
        case ast.Constant():
            return constant(reading, node, expected)
        case ast.Name():
            return name(reading, node, expected)
        case ast.Attribute():
            return attribute(reading, node, expected)
        case ast.Subscript():
            return index(reading, node)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() as operand):
            return constant(reading, operand, expected, negative=node)
        case ast.Compare():
            return comparison(reading, node)
        case ast.Call():
            return call(reading, node, expected)
        case ast.JoinedStr():
            return formatted(reading, node)
        case _:
            return _compound(reading, node, expected)


def _compound(reading: Reading, node: ast.expr, expected: Type | None) -> Expression:
    match node:
        case ast.UnaryOp():
            return unary(reading, node, expected)
        case ast.BinOp():
            return arithmetic(reading, node, expected)
        case ast.BoolOp():
            return logic(reading, node)
        case ast.IfExp():
            return conditional(reading, node, expected)
        case ast.List() | ast.Tuple() | ast.Set():
            return collection(reading, node, expected)
        case ast.Dict():
            return dictionary(reading, node, expected)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            return comprehension(reading, node, expected)
        case _:
            return reading.refused(node, *refusal(node))
