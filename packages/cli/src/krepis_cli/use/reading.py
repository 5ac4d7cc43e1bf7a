"""A spec for a verb: read and checked, its mistakes in the form of the command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from krepis.errors import KrepisError
from krepis.verbs import OPEN, printable

if TYPE_CHECKING:
    from krepis_spec import Blueprint
    from krepis_spec.blueprint import Operation

TAKEN = frozenset({"readme.md"})
"""Names that no spec can have in a project, whatever their case."""


def read_spec(path: Path) -> tuple[Blueprint, str]:
    """The spec's blueprint and its text. Raises `SpecRefused` with all of its mistakes, `KrepisError` when it can't be read."""
    from krepis_spec import read_text
    from krepis_spec.markdown import source_of

    source = source_of(path)
    return read_text(str(path), source), source


def refuse_name(spec: Path) -> None:
    """Raise `KrepisError` when the spec can't stand in a project under its name."""
    name = spec.name
    if spec.suffix.lower() != ".md" or not name[0].isalnum() or not name.isprintable():
        why = "takes letters, digits and what prints, and ends in `.md`"
    elif name.casefold() in TAKEN:
        why = "is not one that the project needs for itself"
    else:
        return
    raise KrepisError(
        f"a spec that is built stands in its project; its name {why}, and this one is called `{printable(name)}`",
        code="spec_name",
        hint="give it another name, such as `bookshop.md`",
    )


def planned(blueprint: Blueprint) -> tuple[dict[str, Any], str]:
    """What will be made, as plain data and as text."""
    from krepis_spec import plan_of

    plan = plan_of(blueprint)
    return msgspec.to_builtins(plan), plan.text().rstrip("\n")


def open_tasks(blueprint: Blueprint) -> list[Operation]:
    """The operations that the spec describes and does not define."""
    return [one for one in blueprint.operations if one.body is None and one.builtin is None]


def refuse_open_tasks(blueprint: Blueprint) -> None:
    """Raise `KrepisError` when there is one."""
    tasks = open_tasks(blueprint)
    if tasks:
        listed = "\n".join(f"  {blueprint.file}:{one.span.line}: {one.kind} `{one.title}`" for one in tasks)
        count = "1 operation" if len(tasks) == 1 else f"{len(tasks)} operations"
        raise KrepisError(
            f"nothing was built: {count} of `{blueprint.file}` {'has' if len(tasks) == 1 else 'have'} no block\n{listed}",
            code="open_tasks",
            exit_code=OPEN,
            hint="write their blocks; or build without them (`--allow-open`): their doors answer 501",
            facts={"open": [{"operation": one.name, "line": one.span.line} for one in tasks]},
        )
