"""What a block has to know before it decides: what it looks up, what it asks of all that there is, and which rows it reads or changes.

A block runs as if alone and in order, but is built as three steps: reads, a pure decision, writes. So each read must be possible
before the decision: its arguments come from inputs, from what the path names, from the caller, the time, and other reads, and
nothing that it looks at was changed by the block before. `facts_of` tells the reads in an order in which they can be made, the block with
the reads taken out of it, and the rows that the decision touches; or what stands in the way.

- A `Lookup` is a `get` or a `find`; inside a loop it is one read for all of its rounds.
- A `Question` is an expression over all of an entity, with the largest part around it that one statement can answer.
- A `Reach` is a way by which rows are reached: from a root (`order`, `lines`, `actor`) by fields; `[]` stands for each item.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from krepis_spec.blueprint import Blueprint
from krepis_spec.expressions import Name, Statement
from krepis_spec.facts.completing import completed
from krepis_spec.facts.model import (
    EACH,
    Facts,
    Login,
    Lookup,
    Loop,
    Numbering,
    Outcome,
    Question,
    Reach,
    Read,
    Touch,
    key_of,
    type_at,
)
from krepis_spec.facts.origins import Rows
from krepis_spec.facts.questions import is_question, is_relation
from krepis_spec.facts.reading import Reading
from krepis_spec.problems import Problem
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type

__all__ = (
    "EACH",
    "Facts",
    "Login",
    "Lookup",
    "Loop",
    "Numbering",
    "Outcome",
    "Question",
    "Reach",
    "Read",
    "Touch",
    "completed",
    "facts_of",
    "is_question",
    "is_relation",
    "key_of",
    "problems_of",
    "roots_of",
    "type_at",
)


def facts_of(
    body: Sequence[Statement],
    roots: Mapping[str, Type],
    blueprint: Blueprint,
    *,
    absent: frozenset[str] = frozenset(),
    changes: bool = True,
) -> tuple[Facts, list[Problem]]:
    """The facts of a block whose inputs, path entities, and so on are `roots`. With problems, the facts are those of the rest.

    `changes` is false for a query: its last question is asked like any other.
    """
    reading = Reading(blueprint, roots, changes=changes)
    rest = reading.block(completed(body, blueprint, absent))
    rows = Rows(blueprint, {**roots, **reading.types})
    rows.block(rest)
    asked = Rows(blueprint, {**roots, **reading.types})
    for read in reading.reads:
        asked.read(read)
    if reading.last is not None:
        rows.read(reading.last)
    facts = Facts(
        body=tuple(rest),
        reads=tuple(reading.reads),
        roots={**roots, **reading.types},
        decided=tuple(rows.touched),
        asked=tuple(asked.touched),
        aliased=tuple(rows.aliased),
        last=reading.last,
    )
    return facts, [*reading.problems, *rows.problems]


def roots_of(body: Sequence[Statement], given: Mapping[str, Type]) -> dict[str, Type]:
    """The names that a block begins with: what it is given, and what it says of the caller, the time and the tenant."""
    found = dict(given)
    for node in nodes_in(tuple(body)):
        if isinstance(node, Name) and node.source in {"actor", "now", "tenant"}:
            found.setdefault(node.name, node.type)
    return found


def problems_of(blueprint: Blueprint) -> Iterator[Problem]:
    """What in the blocks of a blueprint can't be read before its decision."""
    for operation in blueprint.operations:
        if operation.body is not None:
            roots = roots_of(operation.body, {one.name: one.type for one in operation.inputs})
            absent = frozenset(one.name for one in operation.inputs if one.may_be_absent)
            yield from facts_of(operation.body, roots, blueprint, absent=absent)[1]
    events = {event.name: {field.name: field.type for field in event.fields} for event in blueprint.events}
    for reaction in blueprint.reactions:
        yield from facts_of(reaction.body, roots_of(reaction.body, events[reaction.event]), blueprint)[1]
