"""What stands in tests that every project has; `@name@` is where they differ."""

from __future__ import annotations

APP = r"""from @package@.app import app


def test_everything_that_the_app_needs_is_there():
    app.check()
"""

ARCHITECTURE = r'''"""Arrows point inward: the domain knows nothing, the application knows the domain, adapters know both."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import @package@

ROOT = Path(@package@.__file__).parent
INSIDE = {
    "domain": ("domain",),
    "application": ("application", "domain"),
    "adapters": ("adapters", "application", "domain"),
}
PURE = {
    "collections",
    "datetime",
    "decimal",
    "itertools",
    "krepis",
    "math",
    "re",
    "typing",
    "unicodedata",
    "uuid",
    "zoneinfo",
}
OUTSIDE = {
    "domain": PURE,
    "application": PURE,
}
AMBIENT_NAMES = {"open", "print", "input", "uuid1", "uuid4", "urandom", "getenv", "environ", "time"}
AMBIENT_ATTRIBUTES = {"now", "today", "utcnow", "uuid1", "uuid4", "random", "urandom", "getenv", "environ"}


def modules(layer: str) -> list[Path]:
    return sorted((ROOT / layer).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def ambient(path: Path) -> Iterator[str]:
    """What asks the machine; `ctx.now()` asks the caller."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in AMBIENT_NAMES:
            yield node.func.id
        if isinstance(node, ast.Attribute) and node.attr in AMBIENT_ATTRIBUTES and ast.unparse(node.value) != "ctx":
            yield node.attr


@pytest.mark.parametrize("layer", INSIDE)
def test_arrows_point_inward(layer):
    own = [name for path in modules(layer) for name in imported(path) if name.split(".")[0] == "@package@"]
    assert own
    assert [name for name in own if name.split(".")[1] not in INSIDE[layer]] == []


@pytest.mark.parametrize("layer", OUTSIDE)
def test_what_decides_needs_nothing_from_outside(layer):
    names = {name.split(".")[0] for path in modules(layer) for name in imported(path)} - {"@package@"}
    assert names <= OUTSIDE[layer]


@pytest.mark.parametrize("layer", OUTSIDE)
def test_time_chance_and_files_come_from_outside(layer):
    assert [name for path in modules(layer) for name in ambient(path)] == []
'''

MIGRATIONS = r'''import pytest
from krepis.sql import migrate
from krepis.testing import start

from @package@.app import build, database


@pytest.fixture(params=[@stores@])
def migrated(request):
    """Each database that has migrations in turn."""
    return request.getfixturevalue(request.param)


async def test_the_migrations_make_exactly_the_tables_of_the_code(migrated):
    assert await migrate.check(database(migrated)) == []


async def test_the_migrations_go_back_to_nothing(@back@):
    store = database(@back@)
    await migrate.downgrade(store, "base")
    assert (await migrate.status(store)).current == ()

@first@
'''

FIRST_START = r"""async def test_a_first_start_makes_the_database(tmp_path, settings_at):
    url = f"sqlite:///{tmp_path}/new/first.db"
    async with start(build(settings_at(url))):
        assert await migrate.check(database(url)) == []
"""

CONTRACT = r'''"""What the OpenAPI document says is what the served program does: schemathesis with all its checks finds no difference."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom

import pytest

PROGRAMS = Path(sys.executable).parent
HERE = Path(__file__).parent
EXAMPLES = os.environ.get("@examples@", "5")
DRAWN = os.environ.get("@seed@") or str(SystemRandom().randrange(10**9))
RUNS = [("1", "examples,coverage,fuzzing,stateful"), (DRAWN, "fuzzing")]
WAIT_S = 20.0


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "phases"), RUNS)
def test_the_service_is_as_documented(tmp_path, seed, phases):
    with served(tmp_path) as (origin, headers):
        command = [
            *(PROGRAMS / "st", "--config-file", HERE / "schemathesis.toml", "run", f"{origin}@base_path@/openapi.json"),
            *("--checks", "all", "--max-examples", EXAMPLES, "--seed", seed, "--continue-on-failure"),
            *("--generation-database", "none", "--no-color", "--phases", phases, *headers),
        ]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py")}
        run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 0, f"seed {seed}\n{run.stdout}{run.stderr}"


@contextmanager
def served(folder):
    """The service in a process of its own, and the headers of somebody who may do all that a role may."""
    environment = {**os.environ, @environment@, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with (folder / "server.log").open("w+") as log:
        server = subprocess.Popen(
            [PROGRAMS / "krepis", "run", "@package@.app:app", "--port", "0"],
            cwd=HERE.parent,
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            origin = announced(folder / "server.log", server)
            yield origin, @headers@
        finally:
            server.terminate()
            server.wait(WAIT_S)


def announced(log, server):
    """Where the server says that it serves."""
    end = time.monotonic() + WAIT_S
    while server.poll() is None and time.monotonic() < end:
        _, found, rest = log.read_text().partition(" serves at ")
        if found:
            return rest.split()[0]
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")
'''

HOOKS = r'''"""What schemathesis can't know of our doors: JSON Schema takes `1.0` for an integer, they don't."""

from typing import Any

import schemathesis


def whole(value: Any) -> Any:
    """The same JSON value, with `1` for `1.0`."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(item) for item in value]
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    return value


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    return whole(body)
'''

SCHEMATHESIS = r"""# What schemathesis can't know of our doors. Each line says why.

# What is well formed can still name what is not there (404), be against a rule of the service (409), or break a limit
# that only the whole has (422); who is not signed in, or with made-up words, is refused (401), and too many tries are too (429).
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 415, 422, 429]

[checks.missing_required_header]
expected-statuses = [400, 401, 403, 406, 415, 422]
"""

KEPT_KEY = r"""from @package@.adapters.token_key import kept_key


def test_the_key_is_made_once(tmp_path):
    assert kept_key(tmp_path / "new") == kept_key(tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["token.key"]


def test_each_folder_has_a_key_of_its_own(tmp_path):
    assert kept_key(tmp_path / "one") != kept_key(tmp_path / "other")


def test_nobody_but_the_owner_reads_the_key(tmp_path):
    kept_key(tmp_path)
    assert (tmp_path / "token.key").stat().st_mode & 0o777 == 0o600
"""

SIGNED_IN = r'''
def signed_in(origin, environment):
    """The headers of somebody with an account."""
    request = urllib.request.Request(
        f"{origin}@register@", json.dumps(@body@).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=WAIT_S) as reply:
        token = json.load(reply)@envelope@["@token@"]
@grants@
    return ("--header", f"@header@: @scheme@{token}")
'''

GRANT = r"""
    for role in ROLES:
        grant = [PROGRAMS / "krepis", "job", "run", "grant_role", f"email={ACCOUNT['email']}", f"role={role}"]
        subprocess.run(grant, cwd=HERE.parent, env=environment, capture_output=True, check=True)
"""
