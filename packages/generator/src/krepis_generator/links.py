"""The paths of doors, for links: the pieces between which stands what they name."""

from __future__ import annotations

import re

from krepis_spec.blueprint import Blueprint


def paths_of(blueprint: Blueprint) -> dict[str, tuple[str, ...]]:
    """By operations the pieces of their paths: `/orders/{order}/lines` is `/orders/` and `/lines`."""
    base = blueprint.service.base_path
    return {
        one.name: tuple(re.split(r"\{[^}]*\}", f"{base}{one.door.path}"))
        for one in blueprint.operations
        if one.door is not None
    }
