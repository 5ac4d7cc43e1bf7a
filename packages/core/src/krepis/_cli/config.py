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
import sys
from typing import Any

from krepis._cli.project import load_settings, settings_name
from krepis._cli.run_settings import RunSettings
from krepis.errors import KrepisError
from krepis.schema.inspection import schema_of
from krepis.schema.jsonschema import json_schema
from krepis.settings import Reading, Row, Settings, SettingsError, reading_of

_UNNAMED = 'krepis: krepis.toml names no settings class\n  hint: write `settings = "MODULE:CLASS"` into it'


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
        if name == "show":
            verb.add_argument("--json", action="store_true", help="for machines")


def main(args: argparse.Namespace) -> int:
    name = settings_name(args.settings)
    kinds: tuple[type[Settings], ...] = (RunSettings,) if name is None else (load_settings(name), RunSettings)
    if name is None:
        print(_UNNAMED, file=sys.stderr)
    if args.what == "schema":
        print(json.dumps(_schema(kinds), indent=2))
        return 0
    readings = [reading_of(kind) for kind in kinds]
    if args.what == "show":
        print(_as_json(readings) if args.json else "\n\n".join(_as_text(reading) for reading in readings))
    wrong = [SettingsError(one.kind.__name__, _distinct(one, readings)) for one in readings if one.problems]
    for error in wrong:
        if error.problems:
            print(f"krepis: {error}", file=sys.stderr)
    if args.what == "check" and not wrong:
        print(f"{sum(len(one.rows) for one in readings)} settings are right")
    return 1 if wrong else 0


def _distinct(reading: Reading[Any], readings: list[Reading[Any]]) -> tuple[KrepisError, ...]:
    """Its problems without those that another class has already: a krepis.toml that is no TOML is said once."""
    before = readings[: readings.index(reading)]
    said = {str(problem) for other in before for problem in other.problems}
    return tuple(problem for problem in reading.problems if str(problem) not in said)


def _as_text(reading: Reading[Any]) -> str:
    lines = [(row.name, _shown(row), row.origin) for row in reading.rows]
    wide = [max((len(line[column]) for line in lines), default=0) for column in (0, 1)]
    rows = [f"{name:<{wide[0]}}  {value:<{wide[1]}}  {_printable(origin)}" for name, value, origin in lines]
    return "\n".join([f"[{reading.section}]", *rows])


def _shown(row: Row) -> str:
    if not row.right:
        return "missing" if row.origin == "missing" else "wrong"
    return row.value if row.value == "***" else json.dumps(row.value)


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)


def _as_json(readings: list[Reading[Any]]) -> str:
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
    return json.dumps({"settings": settings, "problems": problems}, indent=2)


def _schema(kinds: tuple[type[Settings], ...]) -> dict[str, Any]:
    """Nothing is required: what is missing in the file may stand in the environment."""
    tables: dict[str, Any] = {"app": {"type": "string"}, "settings": {"type": "string"}}
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
