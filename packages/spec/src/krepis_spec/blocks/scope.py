"""What a block may name besides what the blueprint declares, and what it may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from krepis_spec.blueprint import Blueprint
from krepis_spec.expressions import Source
from krepis_spec.types import Type

Mode = Literal[
    "command",
    "query",
    "view",
    "invariant",
    "access",
    "reaction",
    "scenario",
    "seed",
    "always",
    "overlap",
]


class Scope(Struct, frozen=True):
    """Where a block stands.

    `blueprint` has the entities, values, views, events, ports and signatures of operations; bodies may be missing.
    `names` are the names that the caller gives (inputs, path entities, `actor`, `now`, ...); those in `absent` may be
    absent, and are read only where that is ruled out. `fields_of` is the entity, value or event whose fields are in scope
    as bare names, `answer` what a `return` has to give, where the spec says so.
    """

    blueprint: Blueprint
    mode: Mode
    names: Mapping[str, tuple[Type, Source]]
    fields_of: str | None = None
    absent: frozenset[str] = frozenset()
    answer: Type | None = None


def called(mode: Mode) -> str:
    """The mode as messages call it."""
    match mode:
        case "command" | "query" | "view" | "reaction" | "scenario":
            return f"a {mode}"
        case "invariant":
            return "an invariant"
        case "access":
            return "a row of Access"
        case "seed":
            return "the seed"
        case "always":
            return "a line of Always"
        case "overlap":
            return "a condition of `no overlap`"
