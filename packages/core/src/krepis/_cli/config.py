"""Show and check the settings of a project.

examples:
  krepis config show                  every setting, its value and where it comes from; secrets as ***
  krepis config show --json
  krepis config check                 exit code 1 when something is wrong
  krepis config schema                the JSON Schema of krepis.toml, for editors

krepis.toml names the class: `settings = "library.settings:LibrarySettings"`. The app itself is not imported, and no
store is opened, so this works also while the settings are wrong.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from krepis._cli.project import load_settings, settings_name
from krepis._cli.run_settings import RunSettings
from krepis.errors import KrepisError
from krepis.schema.inspection import schema_of
from krepis.schema.jsonschema import json_schema
from krepis.settings import Reading, Row, Settings, SettingsError, reading_of
from krepis.settings.declared import TABLES
from krepis.verbs import DONE, NO, Console, printable

_UNNAMED = 'krepis.toml names no settings class: write `settings = "MODULE:CLASS"` into it'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="what", required=True, metavar="show | check | schema")
    for name, words in (
        ("show", "every setting, its value and where it comes from"),
        ("check", "say what is wrong"),
        ("schema", "the JSON Schema of krepis.toml"),
    ):
        verb = verbs.add_parser(name, help=words, allow_abbrev=False)
        verb.add_argument(
            "settings", nargs="?", metavar="MODULE:CLASS", help="the class; krepis.toml names it otherwise"
        )


def main(args: argparse.Namespace, console: Console) -> int:
    name = settings_name(args.settings)
    kinds: tuple[type[Settings], ...] = (RunSettings,) if name is None else (load_settings(name), RunSettings)
    if name is None:
        console.warn(_UNNAMED)
    if args.what == "schema":
        console.raw(json.dumps(_schema(kinds), indent=2))
        return DONE
    readings = [reading_of(kind) for kind in kinds]
    wrong = [SettingsError(one.kind.__name__, _distinct(one, readings)) for one in readings if one.problems]
    if args.what == "show" or console.json:
        console.answer(_facts(readings), "\n\n".join(_as_text(reading) for reading in readings))
    elif not wrong:
        console.answer({}, f"{sum(len(one.rows) for one in readings)} settings are right")
    for error in wrong:
        if error.problems and not console.json:  # there they stand in the answer
            console.failed(error)
    return NO if wrong else DONE


def _distinct(reading: Reading[Any], readings: list[Reading[Any]]) -> tuple[KrepisError, ...]:
    """Its problems without those that another class has already: a krepis.toml that is no TOML is said once."""
    before = readings[: readings.index(reading)]
    said = {str(problem) for other in before for problem in other.problems}
    return tuple(problem for problem in reading.problems if str(problem) not in said)


def _as_text(reading: Reading[Any]) -> str:
    lines = [(row.name, _shown(row), row.origin) for row in reading.rows]
    wide = [max((len(line[column]) for line in lines), default=0) for column in (0, 1)]
    rows = [f"{name:<{wide[0]}}  {value:<{wide[1]}}  {printable(origin)}" for name, value, origin in lines]
    return "\n".join([f"[{reading.section}]", *rows])


def _shown(row: Row) -> str:
    if not row.right:
        return "missing" if row.origin == "missing" else "wrong"
    return row.value if row.value == "***" else json.dumps(row.value)


def _facts(readings: list[Reading[Any]]) -> dict[str, Any]:
    settings = [
        {
            "name": f"{reading.section}.{row.name}",
            "variable": row.variable or None,
            "value": row.value,
            "origin": row.origin,
            "right": row.right,
        }
        for reading in readings
        for row in reading.rows
    ]
    problems = [
        {"problem": str(problem.args[0]), "hint": problem.hint}
        for reading in readings
        for problem in _distinct(reading, readings)
    ]
    return {"settings": settings, "problems": problems}


def _schema(kinds: tuple[type[Settings], ...]) -> dict[str, Any]:
    """Nothing is required: what is missing in the file may stand in the environment."""
    tables: dict[str, Any] = {name: {"type": "string"} for name in ("app", "settings", "python")}
    tables |= {name: {"type": "object"} for name in sorted(TABLES)}
    definitions: dict[str, Any] = {}
    for kind in kinds:
        section = reading_of(kind, environment={}, toml="").section
        written = json_schema(schema_of(kind))
        definitions |= written.pop("$defs", {})
        tables[section] = {key: value for key, value in written.items() if key != "$schema"}
    for definition in definitions.values():
        definition.pop("required", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": tables,
        "additionalProperties": False,
        "$defs": definitions,
    }
