"""The shelf: a spec whose questions ask everything, its adapters as they are generated, and the same rows in three stores."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import krepis_spec
from krepis import Rejection, replace
from krepis.context import root
from krepis.sql import Database, statement
from krepis.testing import MemoryStore, TestSources
from krepis.types import Cursor, Offset
from krepis_generator import application, domain, memory, names, ports, shown, sql
from krepis_generator.formatting import formatted
from krepis_generator.helpers import with_helpers
from krepis_generator.repositories import Method, Repositories
from krepis_generator.sql.layout import plain
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint

SPEC = Path(__file__).parent / "shelf.md"
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Shelf:
    """The adapters of a project, with what they stand on: its blueprint, its repositories, and where its code is."""

    def __init__(self, folder: Path, blueprint: Blueprint, *, asks_all: bool = True) -> None:
        self.blueprint = blueprint
        self.repositories = Repositories(blueprint)
        modules = [*domain.write(blueprint), *application.write(blueprint, self.repositories)]
        if asks_all:
            _ask_all(self.repositories)
        modules += [
            ports.write(blueprint, self.repositories),
            *sql.write(blueprint, self.repositories),
            *memory.write(blueprint, self.repositories),
        ]
        for path, text in formatted(
            with_helpers(modules, blueprint.service.name), package=blueprint.service.name
        ).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        self.source = folder / "src"
        self.migrations = self.source / blueprint.service.name / "adapters" / "sql" / "migrations"

    def module(self, name: str) -> Any:
        package, source = self.blueprint.service.name, str(self.source)
        known = sys.modules.get(package)
        if known is None or not next(iter(known.__path__)).startswith(
            source
        ):  # or another test's project of the same name
            for one in [one for one in sys.modules if one == package or one.startswith(f"{package}.")]:
                del sys.modules[one]
            sys.path.insert(0, source)
            importlib.invalidate_caches()
        return importlib.import_module(f"{package}.{name}")

    @property
    def metadata(self) -> Any:
        return self.module("adapters.sql.tables").metadata

    def ports_of(self, kind: str) -> Callable[[Any], Any]:
        """All repositories of one kind of adapter, of a unit of work."""
        made = {
            names.rows(entity): getattr(
                self.module(f"adapters.{kind.lower()}.{names.rows(entity)}"), f"{kind}{names.port(entity)}"
            )
            for entity in self.repositories.entities()
        }
        return lambda unit: SimpleNamespace(**{name: adapter(unit) for name, adapter in made.items()})

    def questions(self) -> list[Method]:
        """What can be asked: selects and views."""
        methods = [method for entity in self.repositories.entities() for method in self.repositories.of(entity)]
        return [method for method in methods if method.form in {"select", "view", "views"}]


class Stored:
    """One store with its repositories."""

    def __init__(self, store: Database | MemoryStore, repositories: Callable[[Any], Any]) -> None:
        self.store = store
        self._repositories = repositories
        self.ctx = root(TestSources(), timeout=60)

    async def write(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        return await self.store.transact(self.ctx, "write", lambda unit: work(self._repositories(unit)))

    async def read(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        return await self.store.transact(self.ctx, "read", lambda unit: work(self._repositories(unit)))

    async def clear(self) -> None:
        if isinstance(self.store, Database):
            assert self.store.metadata is not None
            tables = list(reversed(self.store.metadata.sorted_tables))

            async def delete(unit: Any) -> None:
                for table in tables:
                    if not table.name.startswith("krepis_"):
                        await unit.run(_deletions.setdefault(table, statement(table.delete())))

            await self.store.transact(self.ctx, "write", delete)
        else:
            self.store = MemoryStore()


_deletions: dict[Any, Any] = {}


def _ask_all(repositories: Repositories) -> None:
    blueprint = repositories.blueprint
    for entity in blueprint.entities:
        name = entity.name
        repositories.find(name)
        repositories.find_many(name)
        for field in entity.fields:
            if field.unique:
                repositories.find_by(name, field.name)
                repositories.find_many_by(name, field.name)
            if names.is_relation(field.type):
                repositories.relate(name, field.name)
                repositories.relate(name, field.name, away=True)
        for form in ("add", "save", "add_many", "save_many", "remove", "remove_many"):
            repositories.write(name, form)
    for view in blueprint.views:
        viewer = shown.needs_viewer(view, blueprint)
        repositories.view(view.name, viewer=viewer)
        repositories.views(view.name, viewer=viewer)


class Rows:
    """Random rows, drawn from few values, so that many of them are the same."""

    def __init__(self, shelf: Shelf, chance: random.Random, *, rows_max: int = 4) -> None:
        self._shelf = shelf
        self._chance = chance
        self._rows_max = rows_max
        self.ids: dict[str, list[UUID]] = {}
        self.structs: list[tuple[str, Any]] = []
        self.links: list[tuple[str, str, UUID, UUID]] = []
        self._number = 0
        for entity in sql.tables(shelf.blueprint, shelf.repositories):
            if not entity.field:
                self._make(entity.own)
        for entity in shelf.blueprint.entities:
            for field in entity.fields:
                type = plain(field.type)
                if names.is_relation(field.type) and isinstance(type, t.SetType):
                    assert isinstance(type.of, t.EntityType)
                    for owner in self.ids[entity.name]:
                        for other in self.ids[type.of.name]:
                            if chance.random() < 0.4:
                                self.links.append((entity.name, field.name, owner, other))

    def draw_from(self, chance: random.Random) -> None:
        self._chance = chance

    def _make(self, name: str) -> None:
        entity = self._shelf.blueprint.entity(name)
        made = getattr(self._shelf.module(f"domain.{names.one(name)}"), name)
        self.ids[name] = []
        keys: set[tuple[Any, ...]] = set()
        for _ in range(self._chance.randint(0, self._rows_max)):
            self._number += 1
            id = UUID(int=self._number * 619 % 1009 + 10)
            values = {
                field.name: self._unique(field.name) if field.unique else self.value(field.type)
                for field in entity.fields
                if not names.is_relation(field.type)
            }
            if any(value is _IMPOSSIBLE for value in values.values()):
                return
            key = tuple(values[field] for group in entity.unique for field in group)
            if entity.unique and (key in keys or None in key):
                continue
            keys.add(key)
            self.ids[name].append(id)
            self.structs.append((name, made(id=id, **values)))

    def _unique(self, name: str) -> str:
        return f"{name}{self._number}@example.org"

    def value(self, type: t.Type) -> Any:  # noqa: C901 - one branch a type
        chance = self._chance
        match type:
            case t.OptionalType(of=of):
                return None if chance.random() < 0.4 or (found := self.value(of)) is _IMPOSSIBLE else found
            case t.TextType():
                return chance.choice(
                    ["a", "B", "b", "ab", "Straße", "STRASSE", "100%", "a_b", "é", "z\\", "abc", "\U0001f600"]
                )
            case t.IntType(min=low):
                return chance.randint(low if low is not None else -3, 5)
            case t.DecimalType(places=places):
                return Decimal(chance.randint(0, 3000)).scaleb(-places)
            case t.BoolType():
                return chance.random() < 0.5
            case t.DateType():
                return date(2030, 1, chance.randint(1, 3))
            case t.DatetimeType():
                return NOON + timedelta(microseconds=chance.choice([0, 1, 1_000_000]), hours=chance.randint(-2, 2))
            case t.PeriodType():
                start = self.value(t.DatetimeType())
                return self._shelf.module("domain.period").Period(
                    start=start, end=start + timedelta(hours=chance.randint(1, 3))
                )
            case t.ChoiceType(choices=choices):
                return chance.choice(choices)
            case t.SecretType():
                return "a hash"
            case t.ListType(of=of):
                found = [self.value(of) for _ in range(chance.randint(0, 3))]
                return tuple(one for one in found if one is not _IMPOSSIBLE)
            case t.SetType(of=of):
                return frozenset(self.value(of) for _ in range(chance.randint(0, 3)))
            case t.ValueType(name=name):
                made = getattr(self._shelf.module(f"domain.{names.one(name)}"), name)
                given = {field.name: self.value(field.type) for field in self._shelf.blueprint.value(name).fields}
                return _IMPOSSIBLE if _IMPOSSIBLE in given.values() else made(**given)
            case t.EntityType(name=name):
                return chance.choice(self.ids[name]) if self.ids[name] else _IMPOSSIBLE
            case t.UuidType():
                return UUID(int=chance.getrandbits(120))
            case _:
                raise AssertionError(f"no rows have {type}")

    def argument(self, type: t.Type) -> Any:
        """Something to ask for; an entity may be one that is not there."""
        match type:
            case t.PageType(cursor=True):
                return Cursor(limit=self._chance.randint(1, 3))
            case t.PageType():
                return Offset(limit=self._chance.randint(1, 3), offset=self._chance.randint(0, 2))
            case t.OptionalType(of=of):
                return None if self._chance.random() < 0.8 else self.argument(of)
            case t.EntityType(name=name):
                return self._chance.choice([*self.ids[name], UUID(int=5)])
            case t.UuidType():
                users = self._shelf.blueprint.entities
                known = [id for one in users if one.user for id in self.ids[one.name]]
                return self._chance.choice([*known, UUID(int=5)])
            case _:
                return self.value(type)

    def changed(self, name: str, struct: Any) -> Any:
        """The same thing with other values, but for its keys."""
        entity = self._shelf.blueprint.entity(name)
        keys = {field for group in entity.unique for field in group}
        given = {
            field.name: value
            for field in entity.fields
            if not field.unique and field.name not in keys and not names.is_relation(field.type)
            if (value := self.value(field.type)) is not _IMPOSSIBLE
        }
        return replace(struct, **given)

    async def put(self, repositories: Any) -> None:
        """Adds all rows."""
        ctx = root(TestSources(), timeout=60)
        for name, struct in self.structs:
            await getattr(repositories, names.rows(name)).add(ctx, struct)
        for entity, field, owner, other in self.links:
            await getattr(getattr(repositories, names.rows(entity)), f"add_to_{field}")(ctx, owner, other)


_IMPOSSIBLE = object()


async def ask(repositories: Any, method: Method, arguments: dict[str, Any], ctx: Any) -> Any:
    """The answer of a question; of pages by cursor, all of them."""
    port = getattr(repositories, names.rows(method.entity))
    call = getattr(port, method.name)
    if method.form != "select":
        return await call(ctx, *arguments.values())
    page = ports.page_of(method)
    if page is None or not isinstance(page.type, t.PageType) or not page.type.cursor:
        return await call(ctx, **arguments)
    items: list[Any] = []
    pages: list[int] = []
    asked = arguments[page.name]
    while True:
        found = await call(ctx, **(arguments | {page.name: asked}))
        items += found.items
        pages.append(len(found.items))
        if found.next is None:
            return items, pages
        asked = Cursor(limit=asked.limit, cursor=found.next)


def running_postgres() -> Any:
    """A PostgreSQL of its own, as the tests of the core start it."""
    folder = str(Path(__file__).parents[2] / "core" / "tests")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module("_postgres").running_postgres()


def read_shelf() -> Blueprint:
    return krepis_spec.read(SPEC)


async def change(repositories: Any, rows: Rows, chance: random.Random, ctx: Any) -> list[str]:
    """Saves, relates and removes some rows; answers with what was refused."""
    for name, struct in rows.structs:
        port = getattr(repositories, names.rows(name))
        if chance.random() < 0.4:
            await port.save(ctx, rows.changed(name, struct))
        elif chance.random() < 0.4:
            await port.save_many(ctx, [rows.changed(name, struct)])
    for entity, field, owner, other in rows.links:
        port = getattr(repositories, names.rows(entity))
        for verb in chance.choice([("add_to",), ("discard_from",), ("discard_from", "add_to"), ("discard_from",) * 2]):
            await getattr(port, f"{verb}_{field}")(ctx, owner, other)
    for name, struct in rows.structs:
        port = getattr(repositories, names.rows(name))
        try:
            if chance.random() < 0.1:
                await port.remove(ctx, struct.id)
            elif chance.random() < 0.1:
                await port.remove_many(ctx, [struct.id])
        except Rejection as rejection:
            return [rejection.code]
    return []


async def everything(repositories: Any, rows: Rows, ctx: Any) -> list[Any]:
    """All rows of all entities."""
    return [await getattr(repositories, names.rows(name)).find_many(ctx, ids) for name, ids in rows.ids.items()]
