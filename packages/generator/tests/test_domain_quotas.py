"""Quotas: how often somebody may do something in a period."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from domain_kit import EXAMPLES, Loaded, blueprint_of, id_of, loaded, modules_of

from krepis_generator.quotas import with_quotas

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def wallet() -> Iterator[Loaded]:
    blueprint = with_quotas(blueprint_of(EXAMPLES / "wallet.md"))
    with loaded(blueprint, modules_of(blueprint)) as modules:
        yield modules


def _opened(wallet: Loaded, known: Any) -> Any:
    return wallet["domain.open_account"].decide(
        name="Savings", known_usage=known, actor=id_of(7), usage_id=id_of(8), account_id=id_of(9), now=NOW
    )


def _usage(wallet: Loaded, count: int) -> Any:
    return wallet["domain.usage"].Usage(
        id=id_of(5), operation="open_account", who=str(id_of(7)), period="2026-05-01", count=count
    )


def test_the_first_time_is_counted(wallet: Loaded) -> None:
    usage = _opened(wallet, None).usage

    assert (usage.operation, usage.who, usage.period, usage.count) == ("open_account", str(id_of(7)), "2026-05-01", 1)


def test_the_last_time_is_allowed(wallet: Loaded) -> None:
    assert _opened(wallet, _usage(wallet, 4)).usage.count == 5


def test_one_more_is_too_many(wallet: Loaded) -> None:
    with pytest.raises(wallet["domain.open_account"].AtMost5PerDay) as refused:
        _opened(wallet, _usage(wallet, 5))

    assert refused.value.kind == "too_many"


def test_a_spec_without_quotas_stays_as_it_is() -> None:
    blueprint = blueprint_of(EXAMPLES / "bookshop.md")

    assert with_quotas(blueprint) is blueprint
