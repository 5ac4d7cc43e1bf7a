"""Which plugins are installed: the entry points `krepis.plugins`, and whether each can have the verb that it asks for."""

from __future__ import annotations

import re
from collections import Counter
from importlib.metadata import EntryPoint, entry_points

from msgspec import Struct

from krepis.errors import KrepisError
from krepis.verbs import built_in

GROUP = "krepis.plugins"

VERB_CHARACTERS_MAX = 32

_VERB = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*\Z")
_MODULE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*\Z")


class Plugin(Struct, frozen=True, kw_only=True):
    """One verb that a package adds. `refused` says why it is not a verb; empty when it is one."""

    verb: str
    module: str
    distribution: str
    version: str
    refused: str = ""


def installed_plugins() -> tuple[Plugin, ...]:
    """Every plugin of this environment, by verb, also those that can't have their verb."""
    points = list(entry_points(group=GROUP))
    counts = Counter(point.name for point in points)
    taken = frozenset(built_in())
    found = [_plugin(point, _refusal(point, taken, counts)) for point in points]
    return tuple(sorted(found, key=lambda plugin: (plugin.verb, plugin.distribution)))


def plugin_of(verb: str) -> Plugin:
    """The plugin that has this verb. Raises `KrepisError` when none has it, or two want it."""
    wanting = [plugin for plugin in installed_plugins() if plugin.verb == verb]
    for plugin in wanting:
        if not plugin.refused:
            return plugin
    if wanting:
        raise KrepisError(
            f"`krepis {verb}` can't be run: {wanting[0].refused}", code="plugin_refused", hint="`krepis plugin list`"
        )
    raise KrepisError(f"no plugin has the verb `{verb}`", code="no_such_verb", hint="`krepis plugin list`")


def _plugin(point: EntryPoint, refused: str) -> Plugin:
    dist = point.dist
    name, version = (dist.name, dist.version) if dist is not None else ("?", "?")
    return Plugin(verb=point.name, module=point.value.strip(), distribution=name, version=version, refused=refused)


def _refusal(point: EntryPoint, taken: frozenset[str], counts: Counter[str]) -> str:
    if not _VERB.match(point.name) or len(point.name) > VERB_CHARACTERS_MAX:
        return f"a verb is lower-case words joined by dashes, at most {VERB_CHARACTERS_MAX} characters"
    if point.name in taken:
        return "krepis has a verb of that name itself"
    if counts[point.name] > 1:
        return f"{counts[point.name]} plugins want this verb; uninstall all but one"
    if not _MODULE.match(point.value.strip()):
        return "its entry point is not the name of a module"
    return ""
