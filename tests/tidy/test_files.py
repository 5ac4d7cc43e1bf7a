"""Files: none too long without a reason, none dead, none that names a machine or a registry."""

import ast
import re
from collections.abc import Iterable
from types import MappingProxyType

import pytest

from tidy import tree
from tidy.tree import Module, sample

LINES_MAX = 600
REASON = "one module because"

# Modules that something other than an `import` loads. module -> who.
LOADED_OTHERWISE: MappingProxyType[str, str] = MappingProxyType({"krepis.__main__": "`python -m krepis`"})

# Spelt in two halves, so that this file does not say what it forbids.
REGISTRIES = tuple(
    one + other
    for one, other in [
        ("pypi", ".org"),
        ("pythonho" + "sted", ".org"),
        ("registry.npm", "js.org"),
        ("crates", ".io"),
        ("proxy.golang", ".org"),
        ("repo.maven", ".apache.org"),
        ("repo1.maven", ".org"),
        ("deb.debian", ".org"),
    ]
)
MACHINE_PATH = re.compile(
    r"(?<![\w.\-])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", r"home/\w+", r"Use" + r"rs/\w+"]) + r")/[\w.]"
)


def too_long(module: Module) -> list[str]:
    """A module beyond the limit whose docstring does not say why it is one."""
    lines = module.text.count("\n")
    if lines <= LINES_MAX or REASON in (ast.get_docstring(module.tree) or "").lower().replace("\n", " "):
        return []
    return [module.at(1, f"{lines} lines; look for two nouns, or say in the docstring that it is `{REASON} ...`")]


def named_machines(path: str, text: str) -> list[str]:
    """Lines that name a package registry, or a path that exists on one machine only."""
    findings: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        advice = "where packages come from is the machine's affair"
        findings += [f"{path}:{number}: `{host}` here; {advice}" for host in REGISTRIES if host in line]
        if found := MACHINE_PATH.search(line):
            findings.append(f"{path}:{number}: `{found[0]}...` here; use a path from the repository's root")
    return findings


def dead(candidates: Iterable[Module], readers: list[Module], entry_points: Iterable[str]) -> list[str]:
    """Modules that nobody imports. A private one must be wanted by its own package; tests alone do not keep it alive."""
    wanted = {(reader.name, target) for reader in readers for target in _wanted(reader)}
    alive = set(entry_points)
    return [
        module.at(1, f"nothing imports `{module.name}`; use it or delete it")
        for module in candidates
        if module.name not in alive
        and not any(
            target == module.name or target.startswith(f"{module.name}.")
            for name, target in wanted
            if name != module.name and (_public(module) or "/src/" in _path_of(name, readers))
        )
    ]


def _wanted(reader: Module) -> set[str]:
    """What it imports; names in strings count, since a late import and a settings file name modules so."""
    strings = {
        node.value for node in ast.walk(reader.tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    dotted = {text.partition(":")[0] for text in strings if re.fullmatch(r"\w+(\.\w+)+(:\w+)?", text)}
    return {found.target for found in tree.imports(reader)} | {found.module for found in tree.imports(reader)} | dotted


def _public(module: Module) -> bool:
    return not any(part.startswith("_") for part in module.name.split("."))


def _path_of(name: str, readers: list[Module]) -> str:
    return next(reader.path for reader in readers if reader.name == name)


def _entry_points() -> list[str]:
    """What is started by name: scripts and entry points of the packages, and each example's app."""
    projects = [
        tree.project(path) for path in tree.files() if re.match(r"(packages|examples)/\w+/pyproject.toml$", path)
    ]
    scripts = [target for project in projects for target in dict(project.get("scripts", {})).values()]
    groups = [group for project in projects for group in dict(project.get("entry-points", {})).values()]
    points = [*scripts, *(target for group in groups for target in dict(group).values())]
    return [*(point.partition(":")[0] for point in points), *(f"{name}.app" for name in tree.examples())]


def _candidates() -> list[Module]:
    inside = [module for module in tree.python_files() if "/src/" in module.path.removeprefix(tree.TEMPLATE)]
    # Alembic finds migrations by their folder; a package's __init__ is its front door.
    return [
        module for module in inside if not module.path.endswith("/__init__.py") and "/migrations/" not in module.path
    ]


def test_no_module_is_too_long_without_a_reason():
    tree.refuse(finding for module in tree.python_files() for finding in too_long(module))


def test_no_file_names_a_machine_or_a_registry():
    texts = [(path, (tree.ROOT / path).read_bytes()) for path in tree.files()]
    readable = [(path, text.decode("utf-8", "replace")) for path, text in texts if b"\0" not in text]
    tree.refuse(finding for path, text in readable for finding in named_machines(path, text))


def test_no_module_is_dead():
    entry_points = [*_entry_points(), *LOADED_OTHERWISE]
    tree.refuse(dead(_candidates(), list(tree.python_files()), entry_points))


@pytest.mark.parametrize("docstring", ["", '"""It is long."""'])
def test_a_long_module_without_a_reason_is_found(docstring):
    assert len(too_long(sample(docstring + "\n" * (LINES_MAX + 1)))) == 1


def test_a_module_at_the_limit_passes():
    assert too_long(sample("\n" * LINES_MAX)) == []


def test_a_long_module_with_a_reason_passes():
    assert too_long(sample('"""It is one module because\nit is a table."""' + "\n" * LINES_MAX)) == []


@pytest.mark.parametrize("host", REGISTRIES)
def test_a_registry_is_found(host):
    assert len(named_machines("x", f"see {host}/simple")) == 1


@pytest.mark.parametrize(
    "path", ["/wo" + "rk/main", "/ro" + "ot/.cache", "/home" + "/ann/krepis", "/Use" + "rs/ann/krepis"]
)
def test_a_path_of_one_machine_is_found(path):
    assert len(named_machines("x", f"cd {path}")) == 1


@pytest.mark.parametrize("text", ["a/work/b", "GET /works/1", "/root", "framework/rooted/x"])
def test_other_paths_pass(text):
    assert named_machines("x", text) == []


def _three(reader_path: str) -> list[Module]:
    return [
        sample("from krepis import _used, used", name="krepis.app", path=reader_path),
        sample("", name="krepis._used", path="packages/core/src/krepis/_used.py"),
        sample("", name="krepis.used", path="packages/core/src/krepis/used.py"),
    ]


def test_what_is_imported_is_alive():
    modules = _three("packages/core/src/krepis/app.py")
    assert dead(modules, modules, ["krepis.app"]) == []


def test_what_nobody_imports_is_dead():
    modules = _three("packages/core/src/krepis/app.py")
    assert [finding.partition(":")[0] for finding in dead(modules, modules[1:], [])] == [
        module.path for module in modules
    ]


def test_a_private_module_that_only_a_test_imports_is_dead():
    modules = _three("packages/core/tests/test_app.py")
    assert [finding.partition(":")[0] for finding in dead(modules[1:], modules, [])] == [modules[1].path]
