"""Names of definitions in an OpenAPI document: short where one type has a name, longer where several share it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from krepis.schema.tree import Schema

Identity = tuple[str, bytes]
"""A definition's key in its schema and its encoded node: what makes it the same in two schemas."""


def component_names(schemas: Iterable[Schema]) -> Mapping[Identity, str]:
    """A name for each definition. Depends on the set of types only, not on their order."""
    titles = {
        (key, msgspec.json.encode(node)): _cleaned(node.name)
        for schema in schemas
        for key, node in schema.definitions.items()
    }
    groups: dict[str, list[Identity]] = {}
    for identity, title in sorted(titles.items()):
        groups.setdefault(title, []).append(identity)
    names = {identity: name for title, group in groups.items() for identity, name in _named(title, group)}
    assert len(set(names.values())) == len(names)
    return names


def _named(title: str, group: list[Identity]) -> list[tuple[Identity, str]]:
    if len(group) == 1:
        return [(group[0], title)]
    full = [_cleaned(key) for key, _ in group]
    # Types made in functions may share even their full name.
    return [
        (identity, name if full.count(name) == 1 else f"{name}.{full[:at].count(name) + 1}")
        for at, (identity, name) in enumerate(zip(group, full, strict=True))
    ]


def _cleaned(name: str) -> str:
    """OpenAPI 3.1, section 4.8.7.1: letters, digits, `.`, `-` and `_`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("_")
