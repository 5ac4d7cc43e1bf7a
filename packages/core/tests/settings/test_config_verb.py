"""`krepis config`, and what `krepis run` takes from krepis.toml: real processes in a project's folder."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from krepis._cli import run
from krepis._cli.run_settings import RunSettings
from krepis.settings.declared import RESERVED
from serving import KREPIS

SETTINGS = '''
from typing import Annotated
from krepis import Value
from krepis.settings import Settings
from krepis.types import Secret, between

class Mail(Value):
    host: str = "localhost"

class ShopSettings(Settings):
    """What the shop can be told."""
    key: Secret
    days: Annotated[int, between(1, 90)] = 28
    mail: Mail = Mail()
'''
TOML = 'app = "shop.app:app"\nsettings = "shop.settings:ShopSettings"\n\n[shop]\ndays = 7\n\n[run]\nport = 0\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "krepis.toml").write_text(TOML, encoding="utf-8")
    (tmp_path / "src" / "shop").mkdir(parents=True)
    (tmp_path / "src" / "shop" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "src" / "shop" / "settings.py").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "src" / "shop" / "app.py").write_text("raise RuntimeError('not to be imported')", encoding="utf-8")
    return tmp_path


def krepis(folder: Path, *words: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [KREPIS, *words], cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_each_setting_is_shown_with_its_value_and_origin(project: Path) -> None:
    code, shown, said = krepis(project, "config", "show", SHOP_KEY="hidden-key")
    assert (code, said) == (0, "")
    assert shown.split("\n\n")[0].splitlines() == [
        "[shop]",
        "key        ***          environment SHOP_KEY",
        "days       7            krepis.toml:5",
        'mail.host  "localhost"  default',
    ]
    assert "port            0            krepis.toml:8" in shown


def test_it_is_shown_for_machines(project: Path) -> None:
    code, shown, _ = krepis(project, "config", "show", "--json", SHOP_KEY="hidden-key")
    assert code == 0
    assert json.loads(shown)["settings"][:2] == [
        {
            "name": "shop.key",
            "variable": "SHOP_KEY",
            "value": "***",
            "origin": "environment SHOP_KEY",
            "right": True,
        },
        {"name": "shop.days", "variable": "SHOP_DAYS", "value": 7, "origin": "krepis.toml:5", "right": True},
    ]


def test_what_is_wrong_is_shown_beside_what_is_right(project: Path) -> None:
    code, shown, said = krepis(project, "config", "show", SHOP_DAYS="no")
    assert code == 1
    assert "days       wrong        environment SHOP_DAYS" in shown
    assert "key        missing      missing" in shown
    assert "2 problems" in said


def test_check_answers_with_its_exit_code(project: Path) -> None:
    assert krepis(project, "config", "check", SHOP_KEY="hidden-key") == (0, "13 settings are right\n", "")
    code, shown, said = krepis(project, "config", "check")
    assert (code, shown) == (1, "")
    assert said.startswith("krepis: the settings `ShopSettings` can't be used, 1 problem")
    assert "- `key` is missing" in said


def test_a_krepis_toml_that_is_none_is_said_once(project: Path) -> None:
    (project / "krepis.toml").write_text("[", encoding="utf-8")
    code, _, said = krepis(project, "config", "check", "shop.settings:ShopSettings", SHOP_KEY="hidden-key")
    assert code == 1
    assert said.count("can't be read") == 1


def test_the_schema_of_krepis_toml_is_written_for_editors(project: Path) -> None:
    code, shown, _ = krepis(project, "config", "schema")
    schema = json.loads(shown)
    assert code == 0
    assert set(schema["properties"]) == {"shop"} | RESERVED
    assert schema["properties"]["run"]["$ref"] != schema["properties"]["guard"]
    assert schema["$defs"]["ShopSettings"]["properties"]["days"]["maximum"] == 90
    assert "required" not in schema["$defs"]["ShopSettings"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shop.settings", "not of the form MODULE:CLASS"),
        ("shop.none:X", "there is no module `shop.none`"),
        ("shop.settings:Mail", "is not a class derived from krepis.settings.Settings"),
    ],
)
def test_a_class_that_is_not_there_is_said(project: Path, name: str, said: str) -> None:
    code, _, error = krepis(project, "config", "check", name)
    assert code == 1
    assert said in error


def test_a_project_without_a_class_still_has_the_servers_settings(tmp_path: Path) -> None:
    (tmp_path / "krepis.toml").write_text('app = "a:b"\n', encoding="utf-8")
    code, shown, said = krepis(tmp_path, "config", "show")
    assert code == 0
    assert shown.startswith("[run]\n")
    assert "names no settings class" in said


def test_the_servers_settings_are_judged_before_it_starts(project: Path) -> None:
    code, _, said = krepis(project, "run", KREPIS_RUN_PORT="70000", KREPIS_RUN_WORKER="2")
    assert code == 1
    assert "environment KREPIS_RUN_PORT: `port`: `70000` is not between 0 and 65535" in said
    assert "did you mean `KREPIS_RUN_WORKERS`?" in said
    assert krepis(project, "run", "--help", KREPIS_RUN_PORT="70000")[0] == 0


def test_a_flag_comes_after_krepis_toml_and_the_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("KREPIS_RUN_WORKERS", "3")
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    assert vars(parser.parse_args([])) | {"port": 0, "workers": 3} == vars(parser.parse_args([]))
    assert parser.parse_args(["--port", "9", "--workers", "1"]).port == 9
    assert parser.parse_args(["--port", "9", "--workers", "1"]).workers == 1


def test_every_setting_of_the_server_has_a_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    flags = vars(parser.parse_args([]))
    assert msgspec.structs.asdict(RunSettings()).items() <= flags.items()
    assert set(flags) - set(RunSettings.__struct_fields__) == {"app", "reload", "settings_problem"}
