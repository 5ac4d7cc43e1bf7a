"""Time, chance and settings come in as arguments: what reads them from the machine is banned, with few named exceptions.

A mention counts as a call: `sources = time.time` reads the clock as surely, only later.
"""

import ast
from collections.abc import Iterator
from types import MappingProxyType

import pytest

from tidy import tree
from tidy.tree import Module, sample

CLOCK = "use `ctx.now()`"
MONOTONIC = "use the deadline in `ctx`, or `monotonic()` of the sources"
CHANCE = "use `ctx.random`"
SETTINGS = "take the setting as an argument; `app.py` reads it"

BANNED = MappingProxyType(
    {
        "time.time": CLOCK,
        "time.time_ns": CLOCK,
        "time.localtime": CLOCK,
        "time.gmtime": CLOCK,
        "time.monotonic": MONOTONIC,
        "time.monotonic_ns": MONOTONIC,
        "time.perf_counter": MONOTONIC,
        "time.perf_counter_ns": MONOTONIC,
        "time.sleep": "await `asyncio.sleep`",
        "datetime.datetime.now": CLOCK,
        "datetime.datetime.utcnow": CLOCK,
        "datetime.datetime.today": CLOCK,
        "datetime.date.today": CLOCK,
        "uuid.uuid1": "use `ctx.new_id()`",
        "uuid.uuid4": "use `ctx.new_id()`",
        "uuid.uuid7": "use `ctx.new_id()`",
        "os.urandom": CHANCE,
        "os.environ": SETTINGS,
        "os.getenv": SETTINGS,
        "builtins.print": "use `ctx.log`",
        "builtins.input": "take it as an argument",
    }
)
BANNED_MODULES = MappingProxyType({"random": CHANCE, "secrets": CHANCE})
# `random.Random(seed)` is a value like any other; without a seed it asks the machine, and is banned below.
HARMLESS = frozenset({"random.Random"})

# The few places whose job it is. (file, name) -> why.
SYSTEM = "packages/core/src/krepis/_system.py"
ALLOWED = MappingProxyType(
    {
        (SYSTEM, "time.monotonic"): "what a served app runs on: the real clock",
        (SYSTEM, "datetime.datetime.now"): "the same",
        (SYSTEM, "os.urandom"): "the same, for chance",
        (SYSTEM, "os.environ"): "what `read_settings` of the composition root reads",
    }
)


def banned_mentions(module: Module, allowed: frozenset[tuple[str, str]] = frozenset()) -> list[str]:
    """Everything in the module that reads the machine, except what it is allowed."""
    return [
        module.at(line, f"`{name}` here; {instead}")
        for line, name, instead in mentions(module)
        if (module.path, name) not in allowed
    ]


def mentions(module: Module) -> Iterator[tuple[int, str, str]]:
    """(line, full name, what to use instead) of each banned mention."""
    aliases = dict(_aliases(module.tree))
    inner = {id(node.value) for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in inner:
            name = _full_name(node, aliases)
            # `os.environ.get` is a mention of `os.environ`.
            for candidate in (name, name.rpartition(".")[0]):
                if instead := _instead(candidate):
                    yield node.lineno, candidate, instead
                    break
        match node:
            case ast.Call(func=func, args=[], keywords=[]) if _full_name(func, aliases) == "random.Random":
                yield node.lineno, "random.Random()", "give it a seed, or use `ctx.random`"
            case _:
                pass


def _instead(name: str) -> str | None:
    if name in HARMLESS:
        return None
    return BANNED.get(name) or BANNED_MODULES.get(name.rpartition(".")[0])


def _aliases(module: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield alias.asname or alias.name.partition(".")[0], alias.name
            case ast.ImportFrom(module=str(origin), names=names, level=0):
                for alias in names:
                    yield alias.asname or alias.name, f"{origin}.{alias.name}"
            case _:
                pass


def _full_name(node: ast.expr, aliases: dict[str, str]) -> str:
    match node:
        case ast.Name(id=name):
            return aliases.get(name, f"builtins.{name}")
        case ast.Attribute(value=value, attr=attr):
            return f"{_full_name(value, aliases)}.{attr}"
        case _:
            return "?"


def _looked_at() -> list[Module]:
    # The command talks to the person who started it, and its settings are that person's environment.
    core = [module for module in tree.core() if not module.name.startswith("krepis._cli")]
    layers = [
        module
        for name in tree.examples()
        for module in tree.modules(tree.example_source(name))
        if module.name != f"{name}.app"
    ]
    return core + layers


def test_nothing_reads_the_machine_but_what_is_there_for_it():
    allowed = frozenset(ALLOWED)
    tree.refuse(finding for module in _looked_at() for finding in banned_mentions(module, allowed))


def test_every_exception_is_still_needed():
    used = {(module.path, name) for module in _looked_at() for _, name, _ in mentions(module)}
    assert sorted(set(ALLOWED) - used) == []


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.time()",
        "import time as clock\nread = clock.time_ns",
        "from time import monotonic\nmonotonic()",
        "from datetime import datetime\ndatetime.now(UTC)",
        "import datetime\ndatetime.datetime.utcnow()",
        "from datetime import date\ndate.today()",
        "from uuid import uuid4\nuuid4()",
        "import uuid\nuuid.uuid1()",
        "import random\nrandom.choice(books)",
        "from random import shuffle\nshuffle(books)",
        "import random\nrandom.SystemRandom()",
        "from random import Random\nRandom()",
        "import secrets\nsecrets.token_hex()",
        "import os\nos.environ['HOME']",
        "import os\nos.environ.get('HOME')",
        "from os import environ\nenviron.get('HOME')",
        "import os\nos.getenv('HOME')",
        "print('here')",
    ],
)
def test_a_banned_mention_is_found(text):
    assert len(banned_mentions(sample(text))) == 1


def test_a_finding_names_the_place_and_the_replacement():
    assert banned_mentions(sample("import time\ntime.time()")) == ["sample.py:2: `time.time` here; use `ctx.now()`"]


@pytest.mark.parametrize(
    "text",
    [
        "from random import Random\nRandom(7).random()",
        "from uuid import UUID\nUUID(int=1)",
        "from datetime import datetime, UTC\ndatetime.fromtimestamp(at, UTC)",
        "ctx.random.choice(books)",
        "def time(): ...\ntime()",
        "import os\nos.fspath(path)",
    ],
)
def test_what_reads_no_machine_passes(text):
    assert banned_mentions(sample(text)) == []


def test_an_exception_is_for_one_file_and_one_name():
    module = sample("import time\ntime.time()\ntime.monotonic()")
    assert len(banned_mentions(module, frozenset({("sample.py", "time.time")}))) == 1
