"""What tests of the domain and the application share: a spec's modules, made and run without a folder."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

from krepis_generator import application, domain, ports
from krepis_generator.repositories import Repositories
from krepis_generator.source import Module
from krepis_spec import Blueprint, read_text

EXAMPLES = Path(__file__).parents[3] / "examples"
SPECS = Path(__file__).parent / "specs"


def blueprint_of(path: Path) -> Blueprint:
    return read_text(path.name, path.read_text())


def modules_of(blueprint: Blueprint) -> list[Module]:
    """The domain, the application, and the ports that it asks for."""
    repositories = Repositories(blueprint)
    found = [*domain.write(blueprint), *application.write(blueprint, repositories)]
    return [*found, ports.write(blueprint, repositories)]


class Loaded:
    """Modules that were run; `loaded["domain.book"]` is one of them."""

    def __init__(self, package: str, modules: dict[str, ModuleType]) -> None:
        self._package = package
        self._modules = modules

    def __getitem__(self, name: str) -> Any:
        return self._modules[f"{self._package}.{name}"]


@contextmanager
def loaded(blueprint: Blueprint, modules: Sequence[Module]) -> Generator[Loaded]:
    """Those modules, as long as it lasts importable by their names."""
    package = blueprint.service.name
    texts = {module.name: module.render() for module in modules}
    found: dict[str, ModuleType] = {}
    kept = {name: sys.modules.pop(name) for name in _of(package)}  # another test's project of the same name
    finder = _Finder(texts, found)
    sys.meta_path.insert(0, finder)
    try:
        for name in texts:
            __import__(name)
        yield Loaded(package, found)
    finally:
        sys.meta_path.remove(finder)
        for name in _of(package):
            del sys.modules[name]
        sys.modules.update(kept)


def _of(package: str) -> list[str]:
    """The modules of a package that are loaded."""
    return [name for name in sys.modules if name == package or name.startswith(f"{package}.")]


class _Finder(MetaPathFinder, Loader):
    """Finds modules by their text; what is above them is an empty package."""

    def __init__(self, texts: dict[str, str], found: dict[str, ModuleType]) -> None:
        self._texts = texts
        self._found = found
        self._packages = {name.rpartition(".")[0] for name in texts} | {name.split(".")[0] for name in texts}

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname in self._texts or fullname in self._packages:
            return ModuleSpec(fullname, self, is_package=fullname in self._packages)
        return None

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        self._found[module.__name__] = module
        text = self._texts.get(module.__name__)
        if text is not None:
            exec(compile(text, module.__name__, "exec", dont_inherit=True), module.__dict__)


def id_of(number: int) -> UUID:
    """An id that reads well in a failure."""
    return UUID(int=number)
