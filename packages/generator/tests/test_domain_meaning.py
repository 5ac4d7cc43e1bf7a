"""What a block means: the generated decision does what the block itself does, run as Python over things that change.

Both are run on the same small world. The decision is given those rows alone that its facts name, so that a missing one shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from domain_kit import id_of, loaded
from hypothesis import example, given
from hypothesis import strategies as st

from krepis import Rejection
from krepis_generator import domain
from krepis_generator.domain.plan import Plan
from krepis_spec import Blueprint, read_text
from krepis_spec.facts import EACH, Reach

SPEC = """\
# Boxes

Boxes.

## Entity Crate

| field | type | rules |
|---|---|---|
| count | int | default 0 |

- invariant: `count > -50`, "too few"

## Entity Box

| field | type | rules |
|---|---|---|
| count | int | default 0 |
| crate | Crate | |

## Command mix

- door: `POST /mix`
- answers: nothing

| input | type |
|---|---|
| a, b | Box |
| c | Crate |
| n | int |
| boxes | list of Box |

```krepis
{block}
```
"""

COUNT = 3
"""Boxes, and crates."""

FIRST_CRATE = 10


@st.composite
def blocks(draw: st.DrawFn) -> str:
    return "\n".join(_statements(draw, ("a", "b"), depth=0))


def _statements(draw: st.DrawFn, rows: tuple[str, ...], depth: int) -> list[str]:
    return [line for _ in range(draw(st.integers(1, 4))) for line in _statement(draw, rows, depth)]


def _statement(draw: st.DrawFn, rows: tuple[str, ...], depth: int) -> list[str]:
    kinds = ["add", "set", "crate", "require", *(["if", "for"] if depth < 2 else [])]
    match draw(st.sampled_from(kinds)):
        case "add":
            return [f"{_row(draw, rows)}.count {draw(st.sampled_from(('+', '-', '*')))}= {_number(draw, rows)}"]
        case "set":
            return [f"{_row(draw, rows)}.count = {_number(draw, rows)}"]
        case "crate":
            return [f"{draw(st.sampled_from(rows))}.crate = {_crate(draw, rows)}"]
        case "require":
            return [f'require({_number(draw, rows)} < {_number(draw, rows)} + 40, "no {draw(st.integers(1, 2))}")']
        case "if":
            inner = _indented(_statements(draw, rows, depth + 1))
            otherwise = ["else:", *_indented(_statements(draw, rows, depth + 1))] if draw(st.booleans()) else []
            return [f"if {_test(draw, rows)}:", *inner, *otherwise]
        case _:
            name = f"x{depth}"
            return [f"for {name} in boxes:", *_indented(_statements(draw, (*rows, name), depth + 1))]


def _row(draw: st.DrawFn, rows: tuple[str, ...]) -> str:
    """A box or a crate."""
    return _crate(draw, rows) if draw(st.booleans()) else draw(st.sampled_from(rows))


def _crate(draw: st.DrawFn, rows: tuple[str, ...]) -> str:
    return draw(st.sampled_from(("c", *(f"{row}.crate" for row in rows))))


def _number(draw: st.DrawFn, rows: tuple[str, ...]) -> str:
    number = draw(st.sampled_from(("n", "1", "2", "row", "row", "sum")))
    if number == "sum":
        return "sum(box.count for box in boxes)"
    return f"{_row(draw, rows)}.count" if number == "row" else number


def _test(draw: st.DrawFn, rows: tuple[str, ...]) -> str:
    if draw(st.booleans()):
        sign = draw(st.sampled_from(("==", "!=")))
        return f"{_crate(draw, rows)} {sign} {_crate(draw, rows)}"
    return f"{_number(draw, rows)} {draw(st.sampled_from(('<', '>=')))} {_number(draw, rows)}"


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


class World:
    """Boxes and crates by number: their counts, each box's crate, and what the inputs name."""

    def __init__(self, drawn: tuple[Any, ...]) -> None:
        self.boxes, self.crates, self.crate_of, self.a, self.b, self.c, self.n, self.named = drawn


_counts = st.lists(st.integers(-3, 9), min_size=COUNT, max_size=COUNT)
_number_of_one = st.integers(0, COUNT - 1)

worlds = st.tuples(
    _counts,
    _counts,
    st.lists(_number_of_one, min_size=COUNT, max_size=COUNT),
    _number_of_one,
    _number_of_one,
    _number_of_one,
    st.integers(-2, 3),
    st.lists(_number_of_one, max_size=3),
).map(World)


class _Thing:
    """A box or a crate that changes."""

    def __init__(self, count: int, crate: _Thing | None = None) -> None:
        self.count = count
        self.crate = crate


class _Refused(Exception):
    pass


def _by_python(block: str, world: World) -> Any:
    """The counts and crates after the block, or why it was refused."""
    crates = [_Thing(count) for count in world.crates]
    boxes = [_Thing(count, crates[crate]) for count, crate in zip(world.boxes, world.crate_of, strict=True)]

    def require(condition: bool, reason: str) -> None:
        if not condition:
            raise _Refused(reason)

    named = {
        "a": boxes[world.a],
        "b": boxes[world.b],
        "c": crates[world.c],
        "boxes": [boxes[one] for one in world.named],
    }
    try:
        exec(block, {**named, "n": world.n, "require": require})
    except _Refused as refused:
        return str(refused)
    if any(crate.count <= -50 for crate in crates):
        return "too few"
    numbers = {id(crate): number for number, crate in enumerate(crates)}
    return [(box.count, numbers[id(box.crate)]) for box in boxes], [crate.count for crate in crates]


def _by_decision(blueprint: Blueprint, world: World) -> Any:
    """The same by the generated code."""
    plan = Plan(blueprint.operation("mix"), blueprint)
    assert not plan.problems
    with loaded(blueprint, domain.write(blueprint)) as modules:
        box, crate = modules["domain.box"].Box, modules["domain.crate"].Crate
        decide = modules["domain.mix"].decide
        rows = {
            _crate_id(number): crate(id=_crate_id(number), count=count) for number, count in enumerate(world.crates)
        }
        for number, count in enumerate(world.boxes):
            rows[id_of(number)] = box(id=id_of(number), count=count, crate=_crate_id(world.crate_of[number]))
        try:
            result = decide(**_arguments(decide, plan, world, rows, (box, crate)))
        except Rejection as refused:
            return refused.sentence
        for changed in _rows_in(result, (box, crate)):
            rows[changed.id] = changed
        kept = [rows[id_of(number)] for number in range(COUNT)]
        return (
            [(one.count, one.crate.int - FIRST_CRATE) for one in kept],
            [rows[_crate_id(number)].count for number in range(COUNT)],
        )


def _crate_id(number: int) -> UUID:
    return id_of(FIRST_CRATE + number)


def _led_to(reach: Reach, world: World, rows: dict[UUID, Any]) -> list[UUID]:
    found = {
        "a": [id_of(world.a)],
        "b": [id_of(world.b)],
        "c": [_crate_id(world.c)],
        "boxes": [id_of(number) for number in world.named],
    }[reach.root]
    for step in reach.steps:
        found = found if step == EACH else [rows[id].crate for id in found]
    return found


def _arguments(
    decide: Any, plan: Plan, world: World, rows: dict[UUID, Any], classes: tuple[Any, Any]
) -> dict[str, Any]:
    """What `decide` asks for; of the rows only those to which the facts lead."""
    box, crate = classes
    reaches = {touch.reach for touch in (*plan.facts.decided, *plan.facts.aliased)}
    known = {id: rows[id] for reach in reaches for id in _led_to(reach, world, rows)}
    given: dict[str, Any] = {
        "a": id_of(world.a),
        "b": id_of(world.b),
        "c": _crate_id(world.c),
        "n": world.n,
        "boxes": [id_of(one) for one in world.named],
        "boxes_by_id": {id: row for id, row in known.items() if isinstance(row, box)},
        "crates": {id: row for id, row in known.items() if isinstance(row, crate)},
    }
    code = decide.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for name in names:
        for entity, of in (("Box", box), ("Crate", crate)):
            if decide.__annotations__[name] is of:
                given[name] = rows[_led_to(plan.reaches(entity)[0], world, rows)[0]]
    return {name: given[name] for name in names}


def _rows_in(result: Any, classes: tuple[Any, Any]) -> Iterator[Any]:
    if isinstance(result, classes):
        yield result
    elif isinstance(result, tuple):
        yield from result
    elif result is not None:
        for name in result.__struct_fields__:
            yield from _rows_in(getattr(result, name), classes)


@pytest.mark.slow
@given(block=blocks(), world=worlds)
@example(block="a.count += 1\nb.count += a.count", world=World(([1, 2, 3], [0, 0, 0], [0, 1, 2], 0, 0, 0, 1, [])))
@example(block="a.crate = b.crate\na.crate.count = 7", world=World(([1, 2, 3], [0, 0, 0], [2, 2, 2], 0, 1, 1, 1, [])))
@example(block="a.crate = c\na.crate.count += 1", world=World(([1, 2, 3], [5, 6, 7], [2, 2, 2], 0, 1, 1, 1, [])))
def test_the_decision_does_what_the_block_says(block: str, world: World) -> None:
    blueprint = read_text("boxes.md", SPEC.format(block=block))

    assert _by_decision(blueprint, world) == _by_python(block, world)
