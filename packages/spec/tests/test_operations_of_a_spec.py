"""Commands and queries as the blueprint has them: their doors, inputs, answers, callers and settings."""

from typing import Any

import pytest
from _whole import BOOKSHOP, CONDUIT, changed, messages

from krepis_spec import read_text
from krepis_spec.blueprint import Answer, Quota
from krepis_spec.expressions import Constant, Construct, Name, Return
from krepis_spec.showing import nodes_in
from krepis_spec.types import (
    AnyType,
    BoolType,
    DecimalType,
    EntityType,
    FileType,
    IntType,
    ListType,
    NothingType,
    OptionalType,
    PageType,
    RecordType,
    TextType,
    ViewType,
)

SHOP = """# Shop

Things for sale.

## Service

| setting | value |
|---|---|
| auth | email and password |
| roles | staff |
| tenants | by user |

## Value Size

| field | type |
|---|---|
| width | int |
| maker | User |

## Entity Thing

| field | type | rules |
|---|---|---|
| code | text(1..20) | unique |
| name | text(1..200)? | empty is none |
| price | money(EUR) | >= 0, default 3 |
| owner | User | |
| size | Size | |

- addressed by: code

## View Card of Thing

| field | value |
|---|---|
| code | |

## View ThingView of Thing

| field | value |
|---|---|
| code, price | |

"""


def bookshop(name) -> Any:
    return read_text("bookshop.md", BOOKSHOP).operation(name)


def conduit(name) -> Any:
    return read_text("conduit.md", CONDUIT).operation(name)


def operation(below, block="", kind="Command", prose="It does.", path="POST /things") -> Any:
    """The operation of a shop that has these lines below its heading."""
    source = f"{SHOP}## {kind} do it\n\n{prose}\n\n- door: `{path}`\n{below}\n"
    return read_text("shop.md", source + (f"\n```krepis\n{block}\n```\n" if block else "")).operation("do_it")


def told(below, block="", kind="Command", path="POST /things"):
    source = f"{SHOP}## {kind} do it\n\nIt does.\n\n- door: `{path}`\n{below}\n"
    return messages(source + (f"\n```krepis\n{block}\n```\n" if block else ""))


def inputs(table, path="POST /things"):
    found = operation(f"\n| input | type | rules |\n|---|---|---|\n{table}\n", path=path).inputs
    return [(one.name, one.wire, one.place, one.type) for one in found]


def answer(bullet, block, kind="Query", path="GET /things/{thing}") -> Any:
    return operation(bullet, block, kind, path=path).answer


def test_a_door_has_its_method_path_and_status():
    door = bookshop("place_order").door
    assert (door.method, door.path, door.status) == ("POST", "/orders", 201)


def test_a_door_without_a_status_answers_200():
    assert bookshop("show_order").door.status == 200


def test_a_door_that_answers_nothing_answers_204():
    assert conduit("delete_article").door.status == 204


def test_a_status_of_nothing_may_be_said():
    found = operation("", "delete(thing)", path="DELETE /things/{thing} -> 202")
    assert (found.door.status, found.answer.form) == (202, "nothing")


def test_a_path_names_an_entity():
    (order,) = bookshop("cancel_order").inputs
    assert (order.name, order.place, order.type) == ("order", "path", EntityType("Order"))


def test_a_name_in_the_path_may_have_a_type_of_its_own():
    assert inputs("| day | date | |\n| size | int | |", path="POST /days/{day}") == [
        ("day", "day", "path", read_text("x", SHOP + "\n## Event E\n\n| field | type |\n|---|---|\n| d | date |\n").events[0].fields[0].type),
        ("size", "size", "body", IntType()),
    ]  # fmt: skip


def test_inputs_of_get_come_from_the_query_string():
    assert {one.place for one in bookshop("search_books").inputs} == {"query"}


def test_inputs_of_post_come_from_the_body():
    assert inputs("| big | bool | |") == [("big", "big", "body", BoolType())]


def test_an_input_keeps_its_name_on_the_wire():
    assert inputs("| maxPrice | int | |") == [("max_price", "maxPrice", "body", IntType())]


def test_inputs_may_share_a_row():
    assert [name for name, *_ in inputs("| one, two | int | |")] == ["one", "two"]


def test_rules_may_follow_the_type_or_stand_in_their_column():
    assert inputs("| one | int, >= 3 | |") == inputs("| one | int | >= 3 |")


def test_choices_keep_their_commas():
    found = operation("\n| input | type |\n|---|---|\n| size | one of small, large, may be absent |\n").inputs[0]
    assert (found.type.choices, found.may_be_absent) == (("small", "large"), True)


def test_an_input_takes_the_type_and_the_default_of_a_field():
    price = operation("\n| input | type |\n|---|---|\n| price | of Thing |\n").inputs[0]
    assert (price.type, price.default.value) == (DecimalType(places=2, currency="EUR", min="0"), "3.00")


def test_an_input_that_may_be_absent_has_no_default_of_the_field():
    price = operation("\n| input | type |\n|---|---|\n| price | of Thing, may be absent |\n").inputs[0]
    assert (price.may_be_absent, price.default) == (True, None)


def test_an_empty_text_is_none_where_the_field_says_so():
    assert operation("\n| input | type |\n|---|---|\n| name | of Thing |\n").inputs[0].empty_is_none


def test_an_input_may_have_a_default():
    found = operation("\n| input | type |\n|---|---|\n| count | int, default 7 |\n").inputs[0]
    assert isinstance(found.default, Constant)
    assert found.default.value == 7


def test_a_page_comes_from_the_query_string():
    page = bookshop("search_books").inputs[-1]
    assert (page.place, page.type) == ("query", PageType(20, 100))


def test_inputs_may_stand_in_an_envelope():
    assert conduit("write_article").envelope == "article"


@pytest.mark.parametrize(
    ("form", "table"),
    [
        ("text", "| note | text |"),
        ("csv", "| rows | list of {code: text, price: money(EUR)} |"),
        ("form", "| note | text |\n| photo | file |"),
    ],
)
def test_inputs_have_forms(form, table):
    assert operation(f"- input as: {form}\n\n| input | type |\n|---|---|\n{table}\n").input_form == form


def test_a_command_may_be_limited():
    found = operation("- at most: 3 per month per actor\n- at most: 100 per day per tenant").quotas
    assert [(one.count, one.period, one.per) for one in found] == [(3, "month", "actor"), (100, "day", "tenant")]


def test_a_quota_counts_for_the_service_where_nothing_is_said():
    (quota,) = operation("- at most: 3 per month").quotas
    assert quota == Quota(3, "month", "service", quota.span)


def test_a_command_may_be_done_once():
    assert operation("- once per: Idempotency-Key").once_per == "Idempotency-Key"


@pytest.mark.parametrize(
    "said", ["day at 03:00 Europe/Berlin", "monday at 8:00", "15 minutes", "hour", "0 3 * * MON-FRI"]
)
def test_a_command_may_have_a_schedule(said):
    assert operation(f"- every: {said}").every == said


@pytest.mark.parametrize("said", ["day at 24:00", "99 hours", "0 99 * * *", "1 2 3", "day at 03:00 ../etc/passwd"])
def test_what_is_no_schedule_is_refused(said):
    assert len(told(f"- every: {said}")) == 1


def test_who_runs_by_itself_is_nobody():
    source = f"{SHOP}## Command do it\n\n- every: hour\n\n```krepis\nif actor is None:\n    delete(get(Thing, code='x'))\n```\n"
    assert messages(source) == []


@pytest.mark.parametrize(
    ("bullet", "block", "expected"),
    [
        ("", "return thing", Answer("one", EntityType("Thing"), "ThingView")),
        ("- answers: Card", "return thing", Answer("one", EntityType("Thing"), "Card")),
        ("", "return Card(thing)", Answer("one", ViewType("Card"), "Card")),
        ("- answers: Card", "return Card(thing)", Answer("one", ViewType("Card"), "Card")),
        ("- answers: Thing?", "return find(Thing, code='x')", Answer("one", OptionalType(EntityType("Thing")), "ThingView")),
        ("", "return [t for t in Thing]", Answer("list", ListType(EntityType("Thing")), "ThingView")),
        ("- answers: list of Card", "return [t for t in Thing]", Answer("list", ListType(EntityType("Thing")), "Card")),
        ("- answers: csv of Card", "return [t for t in Thing]", Answer("csv", ListType(EntityType("Thing")), "Card")),
        ("- answers: text", "return thing.code", Answer("text", TextType(1, 20))),
        ("", "return 1 + 1", Answer("one", IntType())),
        ("- answers: nothing", "return None", Answer("nothing", NothingType())),
    ],
)  # fmt: skip
def test_an_answer_follows_from_the_block_or_from_what_is_said(bullet, block, expected):
    kind = "Command" if expected.form == "nothing" else "Query"
    assert answer(bullet, block, kind, "POST /things/{thing}") == expected


def test_an_html_answer_keeps_its_template():
    source = f"{SHOP}## Query do it\n\n- door: `GET /x`\n- answers: html\n\n```krepis\nreturn {{'n': 1}}\n```\n\n```jinja\n<p>{{{{ n }}}}</p>\n```\n"
    found = read_text("shop.md", source).operation("do_it").answer
    assert (found.form, found.template) == ("html", "<p>{{ n }}</p>")


def test_a_file_is_answered_as_a_file():
    source = changed(SHOP, "| size | Size | |", "| size | Size | |\n| photo | file | |")
    source += "## Query do it\n\n- door: `GET /x/{thing}`\n\n```krepis\nreturn thing.photo\n```\n"
    assert read_text("shop.md", source).operation("do_it").answer == Answer("file", FileType())


def test_a_value_is_answered_as_a_record_with_addresses():
    found = answer("", "return thing.size")
    assert [one.name for one in found.type.fields] == ["width", "maker"]
    assert isinstance(found.type, RecordType)


def test_an_entity_in_a_record_is_shown_by_its_view():
    body = operation("", 'return {"thing": thing, "all": [t for t in Thing]}', "Query", path="GET /x/{thing}").body
    shown = [one.type for one in nodes_in(body) if isinstance(one, Construct)]
    assert shown == [ViewType("ThingView"), ViewType("ThingView")]


def test_an_entity_that_is_returned_is_left_to_the_view():
    (returned,) = bookshop("show_order").body
    assert isinstance(returned, Return)
    assert isinstance(returned.value, Name)


@pytest.mark.parametrize(
    ("bullet", "block", "message"),
    [
        ("", "return find(Thing, code='x')", "this may be none, and there is no `Thing` to answer with"),
        ("- answers: Thing", "return find(Thing, code='x')", "this is Thing?, and the answer is `ThingView`"),
        ("- answers: nothing", "return thing", "this answers nothing, so nothing is returned"),
        ("- answers: Thing", "if thing.price > 3:\n    return thing", "the block may end without a `return`, and callers would get no answer"),
        ("- answers: Thing", "if thing.price > 3:\n    return\nreturn thing", "this returns nothing, and the answer is `ThingView`"),
        ("", "return [(t.code, t.price) for t in Thing]", "what callers see has names"),
        ("- answers: Card", "return ThingView(thing)", "this is ThingView, and the answer is `Card`"),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_fit_is_refused(bullet, block, message):
    assert told(bullet, block, path="POST /things/{thing}") == [message]


def test_an_entity_with_several_views_needs_one_to_be_named():
    source = SHOP.replace("## View ThingView of Thing", "## View Sheet of Thing")
    source += "## Query do it\n\n- door: `GET /x/{thing}`\n\n```krepis\nreturn thing\n```\n"
    assert messages(source) == ["`Thing` has several views"]


def test_a_caller_may_be_nobody_where_anyone_may_call():
    opened = changed(BOOKSHOP, "| user | place order | |", "| anyone | place order | |")
    assert messages(opened) == ["`customer` of `Order` is User; this is User?"]


def test_a_command_without_a_block_is_an_open_task():
    found = operation("")
    assert (found.body, found.builtin, found.answer.form) == (None, None, "nothing")


def test_what_could_not_be_read_answers_anything():
    assert [one[:19] for one in told("", "return (")] == ["this is not Python:"]


@pytest.mark.parametrize("source", [BOOKSHOP, CONDUIT], ids=["bookshop", "conduit"])
def test_in_a_right_spec_everything_has_a_type(source):
    blueprint = read_text("x.md", source)
    nodes = nodes_in((blueprint.operations, blueprint.views, blueprint.scenarios, blueprint.reactions))
    assert not [one for one in nodes if isinstance(getattr(one, "type", None), AnyType)]
