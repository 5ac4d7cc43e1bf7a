"""Which verbs there are: core's, and those that other packages name in the entry point group `krepis.verbs`.

Searching all installed distributions takes tens of milliseconds, so what was found is kept in one small text file until
an installation changes: first what it depends on, then a line for each verb. Losing it, or not being able to write it,
costs time and nothing else. What is imported here is loaded for `krepis --help`: nothing that an interpreter has not
loaded anyhow.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # that of `typing`, which takes longer than all of this
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NamedTuple

    class Verb(NamedTuple):
        """A verb: its name, its module, the first line of its help, and the file of its module with its time."""

        name: str
        module: str
        summary: str
        file: str
        changed: str


GROUP = "krepis.verbs"
PLUGINS = ("krepis.plugins", "krepis_cli.plugins.verb")
"""The entry point group of plugins, and the module that runs each of their verbs in a process of its own."""

CORE = (
    ("audit", "krepis._cli.audit"),
    ("completion", "krepis._cli.completion"),
    ("config", "krepis._cli.config"),
    ("db", "krepis._cli.db"),
    ("events", "krepis._cli.events"),
    ("job", "krepis._cli.job"),
    ("run", "krepis._cli.run"),
)

_FORM = "krepis verbs, form 2"
_END = "end\n"  # without it the file was cut


def module_of(verb: str) -> str | None:
    """The module of a verb, `None` when there is no such verb. A verb of core is found without the index."""
    return dict(CORE).get(verb) or next((one[1] for one in installed() if one[0] == verb), None)


def installed() -> tuple[Verb, ...]:
    """Every verb that this environment has, in the order of the names."""
    state = environment_state()
    try:
        if text := kept_text("verbs", state):
            return tuple(_read(text))
    except ValueError:
        pass
    found = tuple(sorted(_search()))
    keep_text("verbs", state, "".join("\t".join(verb) + "\n" for verb in found))
    return found


def kept_text(name: str, state: str) -> str | None:
    """What was kept under that name, if it was in this state; else `None`."""
    try:
        with open(_path(name), encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except (OSError, ValueError):
        return None
    return text[len(state) : -len(_END)] if text.startswith(state) and text.endswith(_END) else None


def keep_text(name: str, state: str, text: str) -> None:
    """Keep it, where that is possible."""
    half = f"{_path(name)}.{os.getpid()}"
    try:
        os.makedirs(cache_folder(), exist_ok=True)
        with open(half, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(state + text + _END)
        os.replace(half, _path(name))
    except (OSError, ValueError):
        return


def cache_folder() -> str:
    """Where the command keeps what it can find again. Never in the current folder: a relative path means nothing there."""
    for folder in (os.environ.get("XDG_CACHE_HOME", ""), os.path.expanduser("~/.cache")):
        if os.path.isabs(folder):
            return os.path.join(folder, "krepis")
    return os.path.join(os.devnull, "krepis")  # nobody's home: nothing can be kept


def environment_state() -> str:
    """What changes when a package is installed or removed: the folders that Python imports from, and their times."""
    lines = [_FORM]
    for folder in sys.path:
        try:
            lines.append(f"{os.stat(folder or '.').st_mtime_ns} {folder!r}")
        except OSError:
            continue
    return "\n".join(lines) + "\n\n"


def _read(text: str) -> Iterator[Verb]:
    """The verbs of a kept index. Raises `ValueError` when it is broken, or a verb was edited since."""
    for line in text.split("\n")[:-1]:
        name, module, summary, file, changed = line.split("\t")
        if file and changed != _changed(file):
            raise ValueError(file)
        yield name, module, summary, file, changed  # type: ignore[misc]


def built_in() -> dict[str, str]:
    """Module by verb: core's, and those that packages add to the command itself. A plugin can't have such a name."""
    from importlib.metadata import entry_points

    found = {point.name: point.value for point in entry_points(group=GROUP) if _plain(point.name, point.value)}
    return {**found, **dict(CORE)}


def _search() -> Iterator[Verb]:
    verbs = built_in()
    for name, module in verbs.items():
        summary, file = _first_line(module)
        yield name, module, summary, file, _changed(file)  # type: ignore[misc]
    yield from _plugins(verbs)


def _plugins(taken: dict[str, str]) -> Iterator[Verb]:
    """The verbs of plugins, which never run in this process: what the overview says of one is its package's summary."""
    from importlib.metadata import entry_points

    group, module = PLUGINS
    if not _first_line(module)[1]:  # the package that runs them is not installed
        return
    found = {point.name: point for point in entry_points(group=group) if _plain(point.name, point.value)}
    for name, point in found.items():
        if name not in taken:
            facts = None if point.dist is None else point.dist.metadata
            said = "" if facts is None or "Summary" not in facts else facts["Summary"]
            yield name, module, _sentence(said), "", ""  # type: ignore[misc]


def _plain(name: str, module: str) -> bool:
    """Whether it can be a verb: what packages declare is theirs, and may be anything."""
    return name.replace("-", "_").isidentifier() and all(part.isidentifier() for part in module.split("."))


def _first_line(module: str) -> tuple[str, str]:
    """The first line of a module's docstring and its file, without running it."""
    from importlib.util import find_spec

    try:
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            return "", ""
        with open(spec.origin, encoding="utf-8", errors="replace") as source:
            line = source.readline(1000)
    except Exception:  # noqa: BLE001 - the package around it runs, and may be broken; the other verbs are not
        return "", ""
    return _sentence(line.strip().strip('"')), os.path.abspath(spec.origin)


def _sentence(text: str) -> str:
    """What a package says about itself, on one line, and with nothing in it that a terminal would take for more."""
    return "".join(one for one in " ".join(text.split()) if one.isprintable()).rstrip(". ")


def _changed(file: str) -> str:
    try:
        return str(os.stat(file).st_mtime_ns) if file else ""
    except OSError:
        return ""


def _path(name: str) -> str:
    # One for each environment; two whose names end alike take turns, since the state tells them apart.
    return os.path.join(cache_folder(), name + sys.prefix.replace(os.sep, "-").replace(":", "")[-100:])
