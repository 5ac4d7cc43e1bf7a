"""The functions of the language that a project needs in its domain, whoever uses them: handlers, views, repositories."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from krepis_generator.python.library import HELPERS, helper_modules
from krepis_generator.source import Module


def with_helpers(modules: Sequence[Module], package: str) -> list[Module]:
    """The modules, with those functions in the domain that any of them imports."""
    used: dict[str, None] = {}
    places = {f"{package}.domain.{helper.module}" for helper in HELPERS.values()}
    for module in modules:
        if module.name in places:
            used.update(dict.fromkeys(one.name for one in module.definitions if one.name in HELPERS))
        for node in ast.parse(module.render()).body:
            if isinstance(node, ast.ImportFrom) and node.module in places:
                used.update(dict.fromkeys(alias.name for alias in node.names if alias.name in HELPERS))
    made = {module.path: module for module in helper_modules(package, used)}
    kept = [module for module in modules if module.path not in made]
    return [*kept, *made.values()]
