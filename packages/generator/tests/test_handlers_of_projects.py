"""Handlers, as they are generated: what they refuse, what they write and in which order, what they answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ruff
from domain_kit import EXAMPLES, SPECS, Loaded, blueprint_of, id_of, loaded, modules_of

from krepis_generator.formatting import formatted
from krepis_generator.frame.packages import package_modules
from krepis_generator.frame.tooling import tooling_files
from krepis_generator.handlers import Rejections, calling_reactions
from krepis_generator.source import File, Module

NOW = datetime(2026, 5, 1, tzinfo=UTC)
DUNE = "9780441013593"
SOMEBODY = id_of(7)


@pytest.fixture(scope="module")
def shop() -> Iterator[Loaded]:
    blueprint = blueprint_of(EXAMPLES / "bookshop.md")
    with loaded(blueprint, modules_of(blueprint)) as modules:
        yield modules


class Rows:
    """A repository that answers with what it was given, and keeps what is done to it."""

    def __init__(self, done: list[tuple[Any, ...]], rows: dict[Any, Any], view: Any = None) -> None:
        self._done = done
        self._rows = rows
        self._view = view

    def __getattr__(self, name: str) -> Any:
        async def method(ctx: Any, *given: Any) -> Any:
            if name.startswith("find_many"):
                return {key: self._rows[key] for key in given[0] if key in self._rows}
            if name.startswith("find"):
                return self._rows.get(given[0])
            if name.endswith("_view"):
                return self._view
            self._done.append((name, *given))
            return None

        return method


def _ctx(actor: Any = None) -> Any:
    ids = iter(range(500, 600))
    return SimpleNamespace(
        actor=None if actor is None else SimpleNamespace(id=str(actor)),
        now=lambda: NOW,
        new_id=lambda: id_of(next(ids)),
    )


async def _placed(shop: Loaded, *isbns: str, actor: Any = SOMEBODY) -> tuple[list[tuple[Any, ...]], Any]:
    module = shop["application.place_order"]
    dune = shop["domain.book"].Book(id=id_of(1), isbn=DUNE, title="Dune", price=Decimal("9.99"), stock=3)
    done: list[tuple[Any, ...]] = []
    command = module.PlaceOrder(lines=[module.LineInput(book=isbn, quantity=1) for isbn in isbns])
    shown = object()
    answer = await module.place_order(
        _ctx(actor), command, books=Rows(done, {DUNE: dune}), events=Rows(done, {}), orders=Rows(done, {}, shown)
    )
    assert answer is shown
    return done, module


async def test_changed_rows_are_written_then_new_ones_then_events(shop: Loaded) -> None:
    done, _ = await _placed(shop, DUNE)

    assert [call[0] for call in done] == ["save_many", "add", "emit"]


async def test_an_event_names_what_was_made(shop: Loaded) -> None:
    done, _ = await _placed(shop, DUNE)

    assert done[2][1] == shop["domain.events"].OrderPlaced(order=done[1][1].id)


async def test_what_callers_name_and_is_not_there_is_not_found(shop: Loaded) -> None:
    with pytest.raises(shop["domain.book"].NoSuchBook, match="there is no book `404`"):
        await _placed(shop, DUNE, "404")


async def test_whoever_has_no_name_cannot_act_as_somebody(shop: Loaded) -> None:
    from krepis.access import NotSignedIn

    with pytest.raises(NotSignedIn):
        await _placed(shop, DUNE, actor=None)


async def test_nothing_follows_when_the_thing_is_gone(shop: Loaded) -> None:
    done: list[tuple[Any, ...]] = []
    gone = Rows(done, {})

    event = shop["domain.events"].OrderPlaced(order=id_of(1))
    await shop["application.when_order_placed"].when_order_placed(_ctx(), event, mail=gone, orders=gone, users=gone)

    assert done == []


def test_a_door_knows_how_its_operation_refuses() -> None:
    blueprint = blueprint_of(EXAMPLES / "bookshop.md")

    assert Rejections(blueprint).of(blueprint.operation("place_order")) == [
        ("bookshop.domain.book", "NoSuchBook"),
        ("bookshop.domain.book", "OutOfStock"),
        ("krepis", "Invalid"),
    ]
    assert Rejections(blueprint).of(blueprint.operation("cancel_order")) == [
        ("bookshop.domain.order", "NoSuchOrder"),
        ("bookshop.domain.order", "WrongOrderStatus"),
        ("bookshop.domain.book", "OutOfStock"),
        ("krepis", "Invalid"),
    ]


def test_a_call_whose_answer_nobody_needs_is_made_by_a_reaction() -> None:
    blueprint = blueprint_of(SPECS / "kitchen.md")

    name = "when_bell_ring_requested"
    assert calling_reactions(blueprint) == [(f"kitchen.application.{name}", name)]


@pytest.mark.slow
@pytest.mark.parametrize("path", [EXAMPLES / "bookshop.md", SPECS / "kitchen.md"], ids=lambda path: path.stem)
def test_what_is_generated_passes_the_linter_and_the_strict_checker(path: Path, tmp_path: Path) -> None:
    blueprint = blueprint_of(path)
    written = [*modules_of(blueprint), *package_modules(blueprint), *tooling_files(blueprint)]
    texts = formatted([one for one in written if isinstance(one, Module)], package=blueprint.service.name)
    texts |= {one.path: one.text for one in written if isinstance(one, File)}
    for name, text in texts.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "tests").mkdir()

    assert _run(tmp_path, ruff.find_ruff_bin(), "check", "--no-cache", "src") == ""
    checker = str(Path(sys.executable).parent / "basedpyright")
    assert _run(tmp_path, checker, "--pythonpath", sys.executable, "src") == ""


def _run(folder: Path, *command: str) -> str:
    """What a failing command says; nothing for one that is content."""
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    return "" if run.returncode == 0 else run.stdout + run.stderr
