"""Trinity in the example servers: `domain` knows nothing, `application` knows `domain`, `adapters` know both, and only
`app.py` names a port and its adapter.
"""

from collections.abc import Callable

import pytest

from tidy import tree
from tidy.tree import Import, Module, sample

# Standard modules that compute and nothing else: no clock, no file, no network, no chance.
PURE_STDLIB = frozenset(
    "__future__ abc base64 bisect calendar collections copy dataclasses datetime decimal enum fractions functools hashlib "
    "heapq itertools json math numbers operator re statistics string textwrap types typing unicodedata uuid".split()
)

# What of krepis the domain may name: values and rejections. Handlers, ports and contexts are the application's.
PURE_KREPIS = frozenset(
    "krepis.Actor krepis.Conflict krepis.Event krepis.Forbidden krepis.Invalid krepis.NotFound krepis.Rejection krepis.Stale "
    "krepis.Unauthenticated krepis.Unavailable krepis.Value krepis.field krepis.replace krepis.types "
    "krepis.files.FileRef".split()
)

# The technology in krepis: what an application must not know it is running on.
ADAPTERS_OF_KREPIS = ("krepis.http", "krepis.sql", "krepis.asgi", "krepis.testing", "krepis.wire")


def outward_arrows(module: Module) -> list[str]:
    """Imports that point from an inner layer to an outer one."""
    server, _, inside = module.name.partition(".")
    layer = inside.partition(".")[0]
    allowed, advice = RULES.get(layer, (_app, "only `app.py` wires, and nothing imports it"))
    return [
        module.at(found.line, f"`{layer or server}` imports `{found.target}`; {advice}")
        for found in tree.imports(module)
        if not allowed(found, server)
    ]


def _domain(found: Import, server: str) -> bool:
    if found.module.partition(".")[0] == "krepis":
        return found.target in PURE_KREPIS or found.module in PURE_KREPIS
    return _top(found) in PURE_STDLIB or _in(found, f"{server}.domain")


def _application(found: Import, server: str) -> bool:
    if _top(found) == "krepis":
        return not _in(found, *ADAPTERS_OF_KREPIS)
    return _top(found) in PURE_STDLIB or _in(found, f"{server}.domain", f"{server}.application")


def _adapters(found: Import, server: str) -> bool:
    return _top(found) != server or _in(found, f"{server}.domain", f"{server}.application", f"{server}.adapters")


def _app(found: Import, server: str) -> bool:
    return True


def _package(found: Import, server: str) -> bool:
    return _top(found) != server


RULES: dict[str, tuple[Callable[[Import, str], bool], str]] = {
    "domain": (_domain, "the domain takes facts as arguments: values, pure functions, rejections"),
    "application": (_application, "put a port into `ports.py` and bind its adapter in `app.py`"),
    "adapters": (_adapters, "adapters know `domain` and `application`; what wires them is `app.py`"),
    "": (_package, "the package itself stays empty, so that the domain can be imported alone"),
    "settings": (_package, "settings know nothing of the server: `app.py` reads them and hands their values on"),
    "app": (_app, ""),
}


def _top(found: Import) -> str:
    return found.target.partition(".")[0]


def _in(found: Import, *packages: str) -> bool:
    """Whether it is the package or below; `from library import adapters` counts as `library.adapters`."""
    return any(found.target == package or found.target.startswith(f"{package}.") for package in packages)


def strange_rooms(modules: list[Module]) -> list[str]:
    """Modules of a server that belong to no layer."""
    return [
        module.at(1, f"`{module.name}` is in no layer; put it into domain, application or adapters")
        for module in modules
        if module.name.partition(".")[2].partition(".")[0] not in RULES
    ]


@pytest.mark.parametrize("server", tree.examples())
def test_arrows_point_inward(server):
    modules = tree.modules(tree.example_source(server))
    tree.refuse(finding for module in modules for finding in outward_arrows(module))


@pytest.mark.parametrize("server", tree.examples())
def test_each_module_is_in_a_layer(server):
    tree.refuse(strange_rooms(tree.modules(tree.example_source(server))))


def test_there_is_an_example_to_look_at():
    assert tree.examples()


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "import random",
        "import msgspec",
        "from krepis import Context",
        "from krepis import http",
        "import krepis",
        "from library.application import ports",
        "from library import adapters",
        "def late():\n    import sqlite3",
    ],
)
def test_a_domain_that_knows_more_than_itself_is_found(text):
    assert len(outward_arrows(sample(text, name="library.domain.book"))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "from library.adapters.sql import SqlBooks",
        "from library import adapters",
        "import sqlalchemy",
        "from krepis import sql",
        "from krepis.http import Doors",
        "import sqlite3",
        "from library import app",
    ],
)
def test_an_application_that_knows_its_adapters_is_found(text):
    assert len(outward_arrows(sample(text, name="library.application.lend_copy"))) == 1


def test_an_adapter_that_knows_the_composition_root_is_found():
    assert len(outward_arrows(sample("from library.app import app", name="library.adapters.http"))) == 1


def test_a_package_that_imports_a_layer_is_found():
    assert len(outward_arrows(sample("from library.app import app", name="library", path="library/__init__.py"))) == 1


def test_a_module_beside_the_layers_is_found():
    assert len(strange_rooms([sample("", name="library.utils"), sample("", name="library.app")])) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "library.domain.loan",
            "from krepis import Value\nfrom krepis.types import Money\nfrom library.domain import book",
        ),
        ("library.application.lend", "from krepis import Context, Command\nfrom library.domain.loan import Loan"),
        (
            "library.adapters.sql.books",
            "import sqlalchemy\nfrom krepis import sql\nfrom library.application.ports import Books",
        ),
        ("library.app", "from library.adapters import http\nfrom library.application import ports"),
    ],
)
def test_inward_arrows_are_no_finding(name, text):
    assert outward_arrows(sample(text, name=name)) == []
