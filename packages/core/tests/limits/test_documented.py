"""The table of docs/limits.md and the code say the same: every name, every default, and no limit is left out."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from krepis import App
from krepis._cli import run
from krepis.http import Limits
from krepis.http.streamed import StreamLimits
from krepis.limits import Concurrency, Cors, Rates, SecurityHeaders, TrustedProxies, rate
from krepis.sql import Database

ROOT = Path(__file__).parents[4]
OWNERS = MappingProxyType(
    {
        owner.__name__: owner
        for owner in (
            Limits,
            StreamLimits,
            rate,
            Rates,
            Concurrency,
            Cors,
            SecurityHeaders,
            TrustedProxies,
            App,
            Database,
        )
    }
)


def rows() -> Iterator[tuple[str, str, str]]:
    """(setting, default, tests) of each row; a row may name several settings."""
    page = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    table = page.partition("## All limits of the core")[2]
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 4 and cells[0].startswith("`"):
            for setting in re.findall(r"`([^`]+)`", cells[0]):
                yield setting, cells[1], cells[3]


def flags() -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    return {
        f"krepis run {action.option_strings[-1]}": action.default for action in parser._actions if action.option_strings
    }


def defaults() -> Iterator[tuple[str, Any]]:
    """Every setting that is a number, with its default."""
    for name, owner in OWNERS.items():
        for parameter in inspect.signature(owner).parameters.values():
            numeric = isinstance(parameter.default, int | float) and not isinstance(parameter.default, bool)
            if numeric or owner is rate:
                yield f"{name}({parameter.name})", "none" if owner is rate else parameter.default
    yield from ((name, default) for name, default in flags().items() if _is_limit(name))


def _is_limit(flag: str) -> bool:
    return flag.rpartition(" ")[2][2:].replace("-", "_") in run.LIMITS


def test_every_limit_stands_in_the_table_with_its_default() -> None:
    shown = {setting: default for setting, default, _ in rows()}
    real = {
        setting: default if default == "none" else f"{default:_g}" if default != int(default) else f"{int(default):_}"
        for setting, default in defaults()
    }
    assert shown == real


@pytest.mark.parametrize(("setting", "tests"), [(setting, tests) for setting, _, tests in rows()])
def test_the_tests_of_a_row_exist(setting: str, tests: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", tests))
    files = [*ROOT.glob("packages/core/tests/**/test_*.py"), *ROOT.glob("tests/**/test_*.py")]
    found = {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8"))}
    assert named <= found, setting


@pytest.mark.parametrize(
    ("flag", "good", "bad"),
    [
        ("--header-bytes", ("1024", "1048576"), ("1023", "1048577", "-1", "many", "", "\u0661", "9" * 5000)),
        ("--header-seconds", ("1", "600"), ("0", "601")),
        ("--pipelined", ("0", "10000"), ("-1", "10001")),
        ("--keep-alive", ("1", "3600"), ("0", "3601")),
        ("--stall-seconds", ("1", "3600"), ("0", "3601", "0.5")),
        ("--graceful", ("0", "3600"), ("-1", "3601")),
    ],
)
def test_a_setting_at_its_own_bounds_and_one_beyond(flag: str, good: tuple[str, ...], bad: tuple[str, ...]) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    run.add_arguments(parser)
    for text in good:
        assert parser.parse_args([f"{flag}={text}"]).__dict__[flag[2:].replace("-", "_")] == int(text)
    for text in bad:
        with pytest.raises(argparse.ArgumentError, match=r"is not (a whole number|between)"):
            parser.parse_args([f"{flag}={text}"])
