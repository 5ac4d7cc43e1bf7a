"""A shop on each database. PostgreSQL is one server for the whole folder, with a database for each shop."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from faults.shop import Postgres, Shop, SqliteFile, Store

KINDS = ["sqlite", "postgres"]

MakeShop = Callable[..., Shop]
_TESTS = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    path = Path(__file__).parents[2] / "packages/core/tests/_postgres.py"
    spec = importlib.util.spec_from_file_location("_faults_postgres", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # Commands of these tests take products in any order, so they meet in deadlocks; a second for each is too long here.
    with module.running_postgres({"deadlock_timeout": "50ms"}) as server:
        yield server


@pytest.fixture(scope="session")
def make_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Store]:
    """An empty store of a kind."""
    numbers = count(1)

    def make(kind: str) -> Store:
        if kind == "postgres":
            return Postgres(request.getfixturevalue("postgres").make_database(f"shop{next(numbers)}"))
        return SqliteFile(tmp_path_factory.mktemp("store") / "shop.db")

    return make


@pytest.fixture
def make_shop(make_store: Callable[[str], Store], tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeShop]:
    """Makes a shop of its own, not yet open: `make_shop("sqlite")`. Its process ends with the test."""
    shops: list[Shop] = []

    def make(kind: str, store: Store | None = None, **environment: str) -> Shop:
        shops.append(Shop(tmp_path_factory.mktemp("shop"), store or make_store(kind), **environment))
        return shops[-1]

    yield make
    for shop in shops:
        shop.close()


@pytest.fixture(scope="session", params=KINDS)
def open_shop(
    request: pytest.FixtureRequest, make_store: Callable[[str], Store], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """A shop that tests share: none of them may end its process."""
    shop = Shop(tmp_path_factory.mktemp("shared"), make_store(request.param))
    shop.open()
    shop.stocked(1_000_000, "tea", "cake", "jam")
    yield shop
    shop.close()


@pytest.fixture
def shop(open_shop: Shop) -> Iterator[Shop]:
    """The shared shop; whatever the test did, its store is whole and its process still serves."""
    yield open_shop
    open_shop.references()
    assert open_shop.order(f"after-{next(_TESTS)}", "tea").status == 201


@pytest.fixture(params=KINDS)
def own_shop(request: pytest.FixtureRequest, make_shop: MakeShop) -> Shop:
    """A shop for one test, open."""
    shop = make_shop(request.param)
    shop.open()
    return shop
