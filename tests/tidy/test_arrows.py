"""Arrows between packages: a room imports what its `pyproject.toml` declares, by its front door, and heavy things late."""

import re
import subprocess
import sys
from collections.abc import Iterable

import pytest

from tidy import tree
from tidy.tree import Module, sample

# Distributions that are imported under another name than their own.
IMPORTED_AS = {
    "argon2-cffi": "argon2",
    "markdown-it-py": "markdown_it",
    "opentelemetry-api": "opentelemetry",
    "protobuf": "google.protobuf",
}

# With what newer Pythons have: a module may ask for it there.
STANDARD = sys.stdlib_module_names | {"compression"}

# What `import krepis` must not load, and the parts of it that may.
HEAVY = ("sqlalchemy", "alembic", "uvicorn", "google.protobuf", "asyncpg", "uvloop", "httptools")
MAY_LOAD_HEAVY = re.compile(
    r"krepis\.(sql|_sql|_cli|wire|_server|_proto|accounts|audit|files\.database|files\.tables|idempotency|jobs|outbox|schedules)\w*(\.|$)"
)


def foreign_imports(module: Module, declared: Iterable[str]) -> list[str]:
    """Imports of what is neither in the standard library, nor declared, nor the module's own package."""
    known = (*declared, module.name.partition(".")[0])
    return [
        module.at(found.line, f"`{found.module}` is no declared dependency; declare it or do without")
        for found in tree.imports(module)
        if found.module.partition(".")[0] not in STANDARD and not _within(found.target, known)
    ]


def borrowed_privates(module: Module) -> list[str]:
    """Imports of another package's `_private` parts."""
    own = module.name.partition(".")[0]
    ours = {"krepis", *tree.examples()}
    return [
        module.at(found.line, f"`{found.target}` is private; use a public name of `{found.target.partition('.')[0]}`")
        for found in tree.imports(module)
        if found.target.partition(".")[0] in ours - {own} and _private(found.target)
    ]


def early_heavy_imports(module: Module) -> list[str]:
    """Heavy libraries imported while a light module is loaded."""
    if MAY_LOAD_HEAVY.match(module.name):
        return []
    return [
        module.at(
            found.line, f"`{found.module}` is loaded with `{module.name}`; import it in the function that needs it"
        )
        for found in tree.imports(module)
        if found.when_loaded and _within(found.target, HEAVY)
    ]


def declared_imports(pyproject: str) -> set[str]:
    names = [re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in tree.requirements(pyproject)]
    return {IMPORTED_AS.get(name, name.replace("-", "_")) for name in names}


def _within(target: str, names: Iterable[str]) -> bool:
    return any(target == name or target.startswith(f"{name}.") for name in names)


def _private(target: str) -> bool:
    return any(part.startswith("_") and not part.startswith("__") for part in target.split("."))


@pytest.mark.parametrize(
    "pyproject", [path for path in tree.files() if re.match(r"(packages|examples)/\w+/pyproject.toml$", path)]
)
def test_a_package_imports_only_what_it_declares(pyproject):
    folder = pyproject.removesuffix("pyproject.toml") + "src"
    declared = declared_imports(pyproject)
    tree.refuse(finding for module in tree.modules(folder) for finding in foreign_imports(module, declared))


def test_nothing_imports_the_private_parts_of_another_package():
    inside = (
        "packages/core/tests/",
        "bench/",
        "tests/tidy/",
        "tests/conformance/",
    )  # tests and measurements of a room are part of it
    outside = [module for module in tree.python_files() if not module.path.startswith(inside)]
    tree.refuse(finding for module in outside for finding in borrowed_privates(module))


def test_light_modules_of_core_load_nothing_heavy():
    tree.refuse(finding for module in tree.core() for finding in early_heavy_imports(module))


def test_importing_krepis_loads_nothing_heavy():
    code = f"import sys, krepis; print(*[name for name in {HEAVY} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_an_undeclared_import_is_found():
    module = sample("import os\nimport requests\nfrom library.domain import copy\n")
    assert foreign_imports(module, {"krepis"}) == [
        "sample.py:2: `requests` is no declared dependency; declare it or do without"
    ]


def test_a_sibling_of_a_declared_namespace_package_is_found():
    module = sample("import google.protobuf.message\nfrom google import cloud\n")
    assert [line.split(":")[1] for line in foreign_imports(module, {"google.protobuf"})] == ["2"]


@pytest.mark.parametrize(
    "text", ["import krepis._system", "from krepis import _system", "from krepis._system import x"]
)
def test_a_borrowed_private_is_found(text):
    assert len(borrowed_privates(sample(text))) == 1


@pytest.mark.parametrize(
    "text", ["from . import _mine", "from krepis import __version__", "from library._own import x"]
)
def test_own_privates_and_dunders_are_no_finding(text):
    assert borrowed_privates(sample(text)) == []


@pytest.mark.parametrize(
    "text", ["import sqlalchemy as sa", "try:\n    from google import protobuf\nexcept ImportError: ..."]
)
def test_an_early_heavy_import_is_found(text):
    assert len(early_heavy_imports(sample(text, name="krepis.app"))) == 1


def test_a_late_heavy_import_is_no_finding():
    text = "if TYPE_CHECKING:\n    import sqlalchemy\ndef run():\n    import uvicorn\n"
    assert early_heavy_imports(sample(text, name="krepis.app")) == []
    assert early_heavy_imports(sample("import sqlalchemy", name="krepis.sql._compile")) == []
