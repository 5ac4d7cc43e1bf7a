"""What `krepis.toml`, the environment and files say, each value judged where it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, cast

from msgspec import Struct

from krepis.errors import Invalid, KrepisError, Malformed
from krepis.schema.check import unknown
from krepis.settings.declared import RESERVED, Declared, Section, Setting
from krepis.settings.files import VALUE_BYTES_MAX, read_value
from krepis.settings.shown import sentences
from krepis.settings.toml import Keys, Toml, find_toml, parse_toml, read_toml

# What Kubernetes puts into every container about the services beside it, here for one called `library`:
# LIBRARY_SERVICE_HOST, LIBRARY_PORT_80_TCP_ADDR, LIBRARY_PORT=tcp://10.0.0.7:80. Nobody has written these.
_SERVICE_LINK = re.compile(
    r"_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)\Z"
)
_SERVICE_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://")


class Given(Struct, frozen=True):
    """A value and where it comes from. When it is not `right`, the value means nothing."""

    value: Any
    origin: str
    right: bool


class Sources:
    """Collects what is `given` for each setting, the later source over the earlier one, and all `problems`."""

    def __init__(self, declared: Declared) -> None:
        self.problems: list[KrepisError] = []
        self.given: dict[Keys, Given] = {}
        self._declared = declared

    def read_toml(self, source: Path | str | None) -> None:
        """Take what stands in a file, in a text, or in the `krepis.toml` of the project."""
        try:
            toml = _opened(source)
        except KrepisError as problem:
            self.problems.append(problem)
            return
        if toml is None:
            return
        section = self._declared.section
        if section not in RESERVED:
            self._check_tables(toml, dict.fromkeys((section, *sorted(RESERVED))))
        table = toml.table.get(section, {})
        if isinstance(table, dict):
            self._read_table(toml, self._declared.root, cast("dict[str, Any]", table), (section,))
        else:
            self._problem(
                toml.place((section,)), f"`{section}` is no table", f"write `[{section}]`, and settings below"
            )

    def _check_tables(self, toml: Toml, known: Mapping[str, None]) -> None:
        for key in toml.table:
            if key not in known:
                hint = f"settings stand in the table `[{self._declared.section}]`"
                self._problem(toml.place((key,)), f"`{key}` {unknown(key, known)}", hint)

    def _read_table(self, toml: Toml, section: Section, table: Mapping[str, Any], path: Keys) -> None:
        for key, value in table.items():
            origin = toml.place((*path, key))
            part = section.parts.get(key)
            name = ".".join((*section.path, key))
            if part is None:
                self._problem(origin, f"`{name}` {unknown(key, section.parts)}", _listed(section))
            elif isinstance(part, Setting):
                self._read_toml_value(part, value, origin)
            elif isinstance(value, dict):
                self._read_table(toml, part, cast("dict[str, Any]", value), (*path, key))
            else:
                self._problem(origin, f"`{name}` is a group of settings, and no value", _listed(part))

    def _read_toml_value(self, setting: Setting, value: Any, origin: str) -> None:
        try:
            text = json.dumps(value, default=_written, ensure_ascii=False)
        except (ValueError, RecursionError) as error:  # digits without end, tables without end
            self._wrong(setting, origin, f"`{setting.name}` can't be read: {type(error).__name__}")
            return
        self._judge(setting, setting.read_json, text, origin)

    def read_environment(self, environment: Mapping[str, str]) -> None:
        """Take the variables that begin with the prefix, and the files that some of them name."""
        settings = {setting.variable: setting for setting in self._declared.root.settings()}
        groups = {self._declared.variable(section.path): section for section in self._declared.root.sections()}
        start = f"{self._declared.prefix}_"
        for name in sorted(name for name in environment if name.startswith(start)):
            text = environment[name]
            setting = settings.get(name)
            of_file = settings.get(name.removesuffix("_FILE")) if name.endswith("_FILE") else None
            if setting is not None:
                self._read_text(setting, text, f"environment {name}")
            elif of_file is not None and of_file.variable in environment:
                self._problem(f"environment {name}", f"`{of_file.variable}` is set, too", "set one of them")
            elif of_file is not None:
                self._read_file(of_file, name, text)
            elif name in groups:
                parts = ", ".join(f"`{name}__{part.upper()}`" for part in groups[name].parts)
                self._problem(
                    f"environment {name}", f"`{groups[name].name}` is a group of settings, and no value", f"set {parts}"
                )
            elif not _is_service_link(name, text):
                self._unknown(name, settings)

    def _unknown(self, name: str, settings: Mapping[str, Setting]) -> None:
        known = [*settings, *(f"{variable}_FILE" for variable in settings if name.endswith("_FILE"))]
        sentence = f"`{name}` {unknown(name, dict.fromkeys(known))}"
        self._problem("environment", sentence, "`krepis config show` lists all names; take it away if it is no setting")

    def _read_file(self, setting: Setting, variable: str, path: str) -> None:
        origin = f"file {path} ({variable})"
        try:
            text = read_value(path)
        except KrepisError as problem:
            self._wrong(setting, f"environment {variable}", str(problem.args[0]), problem.hint)
            return
        self._judge(setting, setting.read_text, text, origin)

    def _read_text(self, setting: Setting, text: str, origin: str) -> None:
        if len(text.encode("utf-8", "surrogateescape")) > VALUE_BYTES_MAX:
            hint = f"give it in a file: `{setting.variable}_FILE`" if not setting.secret else "is it the right value?"
            self._wrong(setting, origin, f"`{setting.name}` is larger than {VALUE_BYTES_MAX} bytes", hint)
            return
        self._judge(setting, setting.read_text, text, origin)

    def _judge(self, setting: Setting, read: Callable[[str], Any], text: str, origin: str) -> None:
        try:
            self.given[setting.path] = Given(read(text), origin, right=True)
        except (Invalid, Malformed) as refusal:
            for sentence in dict.fromkeys(sentences(setting, refusal, text)):
                self._wrong(setting, origin, sentence)

    def _wrong(self, setting: Setting, origin: str, sentence: str, hint: str = "") -> None:
        self.given[setting.path] = Given(None, origin, right=False)
        self._problem(origin, sentence, hint or f"`{setting.name}` takes {setting.expected}")

    def _problem(self, origin: str, sentence: str, hint: str) -> None:
        said = f"{origin}: {sentence}"
        # Keys and paths come from outside: what they hold must not look like a line of ours.
        self.problems.append(KrepisError("".join(one if one.isprintable() else "?" for one in said), hint=hint))


def _opened(source: Path | str | None) -> Toml | None:
    if isinstance(source, str):
        return parse_toml(source.encode("utf-8", "surrogatepass"))
    file = find_toml(Path.cwd()) if source is None else source
    return None if file is None else read_toml(file)


def _written(value: object) -> str:
    """A value that JSON has no form for, as a text."""
    assert isinstance(value, datetime | date | time), "TOML holds nothing else"
    return value.isoformat()


def _listed(section: Section) -> str:
    return f"there are {', '.join(f'`{name}`' for name in section.parts)}"


def _is_service_link(name: str, text: str) -> bool:
    return _SERVICE_LINK.search(name) is not None or (
        name.endswith("_PORT") and _SERVICE_ADDRESS.match(text) is not None
    )
