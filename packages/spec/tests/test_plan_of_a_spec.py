"""The plan: what a person reads before anything is built, and the same as data."""

from pathlib import Path

import msgspec
import pytest
from _whole import BOOKSHOP, CONDUIT, changed
from hypothesis import given
from hypothesis import strategies as st

from krepis_spec import Plan, plan_of, read_text
from krepis_spec.plan_text import WIDTH
from terminal import compare

SNAPSHOTS = Path(__file__).parent / "snapshots" / "plans"
SHOP = "# Shop\n\nThings.\n\n## Entity Thing\n\n| field | type |\n|---|---|\n| name | text |\n\n"
BLOCK = "```krepis\nreturn [t for t in Thing]\n```\n"


def plan(source):
    return plan_of(read_text("spec.md", source))


@pytest.mark.parametrize(("name", "source"), [("bookshop", BOOKSHOP), ("conduit", CONDUIT)])
def test_a_plan_reads_as_it_was_agreed_on(name, source):
    compare(SNAPSHOTS / f"{name}.txt", plan(source).text())


@pytest.mark.parametrize("source", [BOOKSHOP, CONDUIT], ids=["bookshop", "conduit"])
def test_a_plan_fits_into_a_hundred_columns(source):
    assert max(map(len, plan(source).text().splitlines())) <= WIDTH


@pytest.mark.parametrize("source", [BOOKSHOP, CONDUIT], ids=["bookshop", "conduit"])
def test_a_plan_is_plain_data(source):
    whole = plan(source)
    assert msgspec.json.decode(msgspec.json.encode(whole), type=Plan) == whole


def test_everybody_may_do_everything_without_access():
    whole = plan(f"{SHOP}## Query all things\n\n- door: `GET /things`\n\n{BLOCK}")
    assert whole.warnings == ("everybody may do everything, since there is no `Access`",)


def test_an_operation_that_nobody_may_call_is_told():
    whole = plan(changed(BOOKSHOP, "| user | place order | |\n", ""))
    assert "nobody may `place order`: no row of `Access` names it" in whole.warnings


def test_an_operation_that_nobody_can_call_is_told():
    whole = plan(changed(BOOKSHOP, "- door: `GET /orders/{order}`\n", "").replace("return order\n```\n\n## Query", "return 1\n```\n\n## Query").replace("show order, cancel", "cancel"))  # fmt: skip
    assert "nobody can call `show order`: it has neither a door nor a schedule" in whole.warnings


def test_a_role_without_rights_is_told():
    whole = plan(changed(BOOKSHOP, "| roles | staff |", "| roles | staff, clerk |"))
    assert "the role `clerk` may do nothing that a user may not" in whole.warnings


def test_an_event_that_nothing_emits_is_told():
    assert "nothing emits `OrderPlaced`" in plan(changed(BOOKSHOP, "emit(OrderPlaced, order=order)\n", "")).warnings


def test_a_port_that_nothing_calls_is_told():
    whole = plan(BOOKSHOP[: BOOKSHOP.index("## When")] + BOOKSHOP[BOOKSHOP.index("## Scenario") :])
    assert "nothing calls `Mail`" in whole.warnings


def test_what_no_scenario_shows_is_told():
    assert plan(BOOKSHOP).warnings == ("no scenario shows `cancel order`, `restock`",)


def test_an_open_task_is_listed():
    assert plan(CONDUIT).open_tasks == ("publish digest",)


def test_a_promise_is_not_proven():
    assert plan(BOOKSHOP).not_proven[0] == "place order: 300/s, p99 25 ms, errors 0"


def test_relations_and_lists_of_values_have_tables_of_their_own():
    assert [one.name for one in plan(CONDUIT).tables] == [
        "users",
        "user_followers",
        "articles",
        "article_favourited_by",
        "comments",
    ]


def test_a_plan_can_not_steer_a_terminal():
    assert "\x1b" not in plan(changed(BOOKSHOP, "People browse", "\x1b[2JPeople browse")).text()


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\u202e\x1b \n-"), max_size=300))
def test_whatever_prose_says_the_plan_stays_narrow(prose):
    whole = plan_of(msgspec.structs.replace(read_text("x.md", SHOP), operations=()))
    whole = msgspec.structs.replace(whole, title=f"X {prose}", purpose=prose, checks=(prose,), package=prose)
    assert max(map(len, whole.text().split("\n"))) <= WIDTH
