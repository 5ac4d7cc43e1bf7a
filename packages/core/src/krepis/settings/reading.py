"""Reads a settings class from all sources at once, and knows afterwards where each value came from.

Each value is judged where it stands, also one that a later source replaces: who fixes the environment today must not
find tomorrow that the file was wrong, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from msgspec import Struct

from krepis._system import environment as machine_environment
from krepis.errors import KrepisError
from krepis.settings.declared import REQUIRED, Declared, Section, Setting, Settings
from krepis.settings.errors import SettingsError
from krepis.settings.shown import masked, plain
from krepis.settings.sources import Given, Sources
from krepis.settings.toml import Keys

S = TypeVar("S", bound=Settings)


class Row(Struct, frozen=True, kw_only=True):
    """One setting as people see it. `value` is plain data with secrets as `***`; `origin` is where it comes from:
    `default`, `krepis.toml:LINE`, `environment NAME`, `file PATH (NAME)`, or `missing`.
    """

    name: str
    variable: str
    value: Any
    origin: str
    expected: str
    right: bool = True


class Reading(Struct, Generic[S], frozen=True, kw_only=True):
    """What was found: the settings (`None` when there are problems), each of them as a row, and the problems."""

    kind: type[S]
    section: str
    settings: S | None
    rows: tuple[Row, ...]
    problems: tuple[KrepisError, ...]


def read_settings(kind: type[S], *, environment: Mapping[str, str] | None = None, toml: Path | str | None = None) -> S:
    """The settings of an app. Call it once, in `app.py`; a test gives `environment` and `toml` itself.

    `environment` is by default the machine's, `toml` the project's `krepis.toml`: that of the current folder or of one
    above it, if there is one. A `Path` names another file; text is TOML itself (`""`: none). Raises `SettingsError`
    with everything that is wrong, and `KrepisError` for a class that can't be read.
    """
    reading = reading_of(kind, environment=environment, toml=toml)
    if reading.settings is None:
        raise SettingsError(kind.__name__, reading.problems)
    return reading.settings


def reading_of(
    kind: type[S], *, environment: Mapping[str, str] | None = None, toml: Path | str | None = None
) -> Reading[S]:
    """The same with the origin of each setting, and with problems instead of a `SettingsError`."""
    declared = Declared(kind)
    sources = Sources(declared)
    sources.read_toml(toml)
    sources.read_environment(machine_environment() if environment is None else environment)
    builder = _Builder(declared, sources.given)
    settings = builder.build()
    problems = (*sources.problems, *builder.problems)
    return Reading(
        kind=kind,
        section=declared.section,
        settings=None if problems else cast("S", settings),
        rows=tuple(builder.rows),
        problems=problems,
    )


class _Builder:
    """Puts the settings together from what was given and from defaults; makes a row for each on the way."""

    def __init__(self, declared: Declared, given: Mapping[Keys, Given]) -> None:
        self.problems: list[KrepisError] = []
        self.rows: list[Row] = []
        self._declared = declared
        self._given = given

    def build(self) -> Any:
        """The settings, or `REQUIRED` when something is missing or wrong."""
        return self._section(self._declared.root, REQUIRED)

    def _section(self, section: Section, default: Any) -> Any:
        values: dict[str, Any] = {}
        for name, part in section.parts.items():
            # A group that is given in part keeps the rest of its own default, not that of its class.
            inherited = getattr(default, name) if isinstance(default, Struct) else part.default
            values[name] = self._part(part, inherited)
        if REQUIRED in values.values():
            return REQUIRED
        try:
            return section.kind(**values)
        except (ValueError, TypeError) as error:
            where = f"`{section.name}`: " if section.path else ""
            self.problems.append(KrepisError(f"{where}{masked(str(error))}", hint="change one of those that disagree"))
            return REQUIRED

    def _part(self, part: Setting | Section, default: Any) -> Any:
        if isinstance(part, Setting):
            given = self._given.get(part.path)
            return self._default(part, default) if given is None else self._value(part, given)
        if default is None and not any(path[: len(part.path)] == part.path for path in self._given):
            self.rows.append(
                Row(name=part.name, variable="", value=None, origin="default", expected="a group of settings")
            )
            return None
        return self._section(part, default)

    def _value(self, setting: Setting, given: Given) -> Any:
        shown = plain(given.value) if given.right else None
        self._row(setting, shown, given.origin, right=given.right)
        return given.value if given.right else REQUIRED

    def _default(self, setting: Setting, default: Any) -> Any:
        if default is not REQUIRED:
            self._row(setting, plain(default), "default")
            return default
        self._row(setting, None, "missing", right=False)
        table = ".".join((self._declared.section, *setting.path[:-1]))
        hint = f"set `{setting.variable}`, or `{setting.path[-1]}` in `[{table}]` of krepis.toml"
        if setting.secret:
            hint = f"set `{setting.variable}`, or `{setting.variable}_FILE` to the path of a file that holds it"
        self.problems.append(KrepisError(f"`{setting.name}` is missing; it takes {setting.expected}", hint=hint))
        return REQUIRED

    def _row(self, setting: Setting, value: Any, origin: str, *, right: bool = True) -> None:
        self.rows.append(
            Row(
                name=setting.name,
                variable=setting.variable,
                value=value,
                origin=origin,
                expected=setting.expected,
                right=right,
            )
        )
