"""`## Access`: who may do what. With the section, what no row allows is forbidden; without it everybody may do everything."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from krepis_spec.blocks import Scope, expression_of
from krepis_spec.blueprint import Blueprint, Operation, Rule
from krepis_spec.document import Section, Text
from krepis_spec.expressions import Expression
from krepis_spec.naming import snake
from krepis_spec.pieces import names_in
from krepis_spec.problems import Problems, did_you_mean
from krepis_spec.rows import Cells, refuse_blocks, refuse_bullets, rows_of, table_of
from krepis_spec.surroundings import Names, for_callers, in_path_of
from krepis_spec.types import BoolType

_WORD = re.compile(r"(?<![.\w\"'])[a-z_][a-z0-9_]*", re.ASCII)
_COLUMNS = (("who", "may"), ("when",))


def open_to_anyone(section: Section | None) -> frozenset[str] | None:
    """The names of the operations that a row lets anyone call; `None`: all of them, since there is no section.

    It says what `actor` is in a block, so it is asked before blocks are read. Mistakes are for `rules_of` to tell.
    """
    if section is None:
        return None
    unheard = Problems()
    return frozenset(
        snake(one.text)
        for table in section.tables[:1]
        for row in rows_of(table, *_COLUMNS, unheard)
        if "anyone" in {who.text for who in names_in(row.get("who"), "caller", unheard)}
        for one in names_in(row.get("may"), "operation", unheard)
    )


def rules_of(section: Section, blueprint: Blueprint, problems: Problems) -> tuple[Rule, ...]:
    """The rules, one for each caller of a row."""
    refuse_bullets(section, "`Access`", problems)
    refuse_blocks(section, "`Access`", problems)
    table = table_of(section, "`Access`", problems)
    if table is None:
        problems.add(section.heading, "`Access` has no table", "its header is `| who | may | when |`")
        return ()
    known = {one.name: one for one in blueprint.operations}
    entities = {snake(one.name) for one in blueprint.entities}
    rules: list[Rule] = []
    for row in rows_of(table, *_COLUMNS, problems):
        operations = _operations(row.get("may"), known, problems)
        callers = _callers(row.get("who"), blueprint, problems)
        when = _condition(row, operations, callers, entities, blueprint, problems)
        names = tuple(one.name for one in operations)
        rules += [
            Rule(who=who, operations=names, span=row.span, when=when, text=row.get("when").text) for who in callers
        ]
    return tuple(rules)


def _operations(cell: Text, known: Mapping[str, Operation], problems: Problems) -> list[Operation]:
    found: list[Operation] = []
    for name in names_in(cell, "operation", problems):
        operation = known.get(snake(name.text))
        if operation is None:
            hint = did_you_mean(name.text, (one.title for one in known.values()))
            problems.add(name.span, f"there is no command or query `{name.text}`", hint)
        elif operation in found:
            problems.add(name.span, f"`{name.text}` stands twice in this row")
        else:
            found.append(operation)
    return found


def _callers(cell: Text, blueprint: Blueprint, problems: Problems) -> list[str]:
    known = ("anyone", "user", *blueprint.service.roles)
    found: list[str] = []
    for name in names_in(cell, "caller", problems):
        if name.text not in known:
            hint = did_you_mean(name.text, known)
            problems.add(name.span, f"`{name.text}` is neither `anyone` nor `user` nor a role of the service", hint)
        elif name.text != "anyone" and blueprint.service.auth is None:
            problems.add(name.span, f"nobody can be `{name.text}`, since the service has no `auth`")
        elif name.text in found:
            problems.add(name.span, f"`{name.text}` stands twice in this row")
        else:
            found.append(name.text)
    return found


def _condition(
    row: Cells,
    operations: list[Operation],
    callers: Collection[str],
    entities: set[str],
    blueprint: Blueprint,
    problems: Problems,
) -> Expression | None:
    text = row.get("when")
    if not text.text:
        return None
    names = {
        **for_callers(blueprint, known="anyone" not in callers),
        **_shared([in_path_of(one) for one in operations]),
    }
    if _speaks_of_others(text, operations, entities - set(names), problems):
        return None
    scope = Scope(blueprint=blueprint, mode="access", names=names)
    return expression_of(text, scope, problems, BoolType())


def _speaks_of_others(text: Text, operations: list[Operation], entities: set[str], problems: Problems) -> bool:
    """Whether a condition names an entity that not all operations of its row have in their paths."""
    for name in _WORD.findall(text.text):
        without = next((one for one in operations if name in entities and name not in in_path_of(one)), None)
        if without is not None:
            message = f"`when` speaks of `{name}`, which is not in the path of `{without.title}`"
            problems.add(text.span, message, "give that operation a row of its own")
            return True
    return False


def _shared(entities: list[Names]) -> Names:
    """What all the operations of a row have in their paths."""
    if not entities:
        return {}
    return {name: type for name, type in entities[0].items() if all(one.get(name) == type for one in entities[1:])}
