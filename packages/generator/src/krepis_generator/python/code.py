"""Pieces of Python, each with how tightly its outermost operator binds, so that parentheses stand where they must and nowhere else."""

from __future__ import annotations

from msgspec import Struct

LAMBDA = 0
CONDITIONAL = 1
OR = 2
AND = 3
NOT = 4
COMPARISON = 5
SUM = 6
PRODUCT = 7
UNARY = 8
POWER = 9
ATOM = 10


class Code(Struct, frozen=True):
    text: str
    level: int = ATOM

    def at(self, level: int) -> str:
        """As an operand of an operator of that level."""
        return self.text if self.level >= level else f"({self.text})"


def call(function: str, *arguments: str) -> Code:
    return Code(f"{function}({', '.join(arguments)})")
