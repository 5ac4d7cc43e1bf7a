"""From a file to a blueprint: what is in it beside operations, in which order, and always the same."""

import hashlib
import os
import subprocess
import sys
import time
from typing import Any

import pytest
from _whole import BOOKSHOP, CONDUIT, changed, messages

import krepis_spec
from krepis.errors import KrepisError
from krepis_spec import SpecRefused, from_json, read, read_text, to_json
from krepis_spec.blueprint import Rule
from krepis_spec.expressions import Action, Attribute, Comprehension, Construct, Name, Record
from krepis_spec.showing import nodes_in
from krepis_spec.types import ChoiceType, IntType, SecretType, SetType, TextType, UuidType, ViewType

SHOP = "# Shop\n\nThings.\n\n## Service\n\n| setting | value |\n|---|---|\n| auth | email and password |\n\n"
NOTE = "## Entity Note\n\n| field | type | rules |\n|---|---|---|\n| text | text | |\n| writer | User | |\n\n"


@pytest.fixture(scope="module")
def bookshop():
    return read_text("bookshop.md", BOOKSHOP)


@pytest.fixture(scope="module")
def conduit():
    return read_text("conduit.md", CONDUIT)


def doors(source):
    return [f"{one.door.method} {one.door.path}" for one in read_text("shop.md", source).operations if one.door]


def test_a_file_is_read(tmp_path):
    path = tmp_path / "shop.md"
    path.write_bytes(BOOKSHOP.encode())
    assert read(path) == read_text("shop.md", BOOKSHOP)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(KrepisError, match=r"shop\.md"):
        read(tmp_path / "shop.md")


def test_a_blueprint_knows_no_folders():
    assert read_text("/srv/shop/bookshop.md", BOOKSHOP).file == "bookshop.md"


def test_mistakes_are_told_with_the_file_as_it_was_given():
    with pytest.raises(SpecRefused, match=r"/srv/shop/bookshop\.md:51:3"):
        read_text("/srv/shop/bookshop.md", changed(BOOKSHOP, "| staff | restock", "| stuff | restock"))


def test_the_digest_is_that_of_the_text(bookshop):
    assert bookshop.digest == hashlib.sha256(BOOKSHOP.encode()).hexdigest()


@pytest.mark.parametrize("source", [BOOKSHOP, CONDUIT], ids=["bookshop", "conduit"])
def test_a_blueprint_survives_json(source):
    blueprint = read_text("spec.md", source)
    assert from_json(to_json(blueprint)) == blueprint


def test_another_process_reads_the_same_bytes(bookshop):
    code = "import sys; from krepis_spec import *; sys.stdout.buffer.write(to_json(read_text('bookshop.md', sys.stdin.read())))"
    environment = {**os.environ, "PYTHONHASHSEED": "5"}
    again = subprocess.run([sys.executable, "-c", code], input=BOOKSHOP.encode(), capture_output=True, check=True, env=environment)  # fmt: skip
    assert again.stdout == to_json(bookshop)


def test_importing_the_package_loads_nothing_of_it():
    code = "import sys, krepis_spec; print(*[name for name in sys.modules if name.startswith(('krepis_spec.', 'markdown_it', 'msgspec'))])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"\n"


def test_all_public_names_are_there():
    assert all(hasattr(krepis_spec, name) for name in krepis_spec.__all__)


@pytest.mark.parametrize("name", ["nothing"])
def test_a_name_that_is_not_public_is_refused(name):
    with pytest.raises(AttributeError, match="has no `nothing`"):
        getattr(krepis_spec, name)


def test_everything_is_in_the_order_of_the_spec(bookshop):
    assert [one.name for one in bookshop.operations[:5]] == [
        "place_order",
        "cancel_order",
        "restock",
        "show_order",
        "search_books",
    ]


def test_what_krepis_adds_comes_last(bookshop):
    assert [one.builtin for one in bookshop.operations[5:]] == ["register", "login", "current_user", "change_password"]


def test_every_entity_has_a_view(bookshop):
    assert [(one.name, one.of, one.default) for one in bookshop.views] == [
        ("BookView", "Book", True),
        ("OrderView", "Order", True),
        ("UserView", "User", True),
    ]


def test_a_default_view_has_no_secrets(bookshop):
    assert [one.name for one in bookshop.view("UserView").fields] == ["id", "email", "roles"]


def test_an_entity_with_an_address_does_not_show_its_id(bookshop):
    assert [one.name for one in bookshop.view("BookView").fields] == ["isbn", "title", "price", "stock"]


def test_a_reference_is_shown_as_its_address(bookshop):
    customer = bookshop.view("OrderView").fields[1].value
    assert isinstance(customer, Attribute)
    assert (customer.name, customer.type) == ("id", UuidType())


def test_a_list_of_values_is_shown_as_records(bookshop):
    lines = bookshop.view("OrderView").fields[2].value
    assert isinstance(lines, Comprehension)
    assert isinstance(lines.element, Record)
    assert [one.name for one in lines.element.fields] == ["book", "quantity", "unit_price"]


def test_a_reference_that_may_be_none_is_shown_as_none():
    source = SHOP + changed(NOTE, "| writer | User | |", "| writer | User? | |")
    field: Any = read_text("shop.md", source).view("NoteView").fields[-1].value
    assert (field.test.operator, field.then.name, field.otherwise.value) == ("is not", "id", None)


def test_a_row_without_a_value_shows_the_field_of_its_name(conduit):
    field = next(one for one in conduit.view("ArticleView").fields if one.name == "createdAt")
    assert isinstance(field.value, Name)
    assert field.value.name == "created_at"


def test_a_view_has_the_fields_of_the_one_that_it_extends_first(conduit):
    summary, whole = conduit.view("ArticleSummary").fields, conduit.view("ArticleView").fields
    assert (whole[:-1], whole[-1].name) == (summary, "body")


def test_a_versioned_entity_can_show_its_version():
    source = SHOP + f"{NOTE}- versioned\n\n## View NoteView of Note\n\n| field |\n|---|\n| text, version |\n"
    assert read_text("shop.md", source).view("NoteView").fields[-1].value.type == IntType()


def test_a_reason_of_the_server_itself_may_be_expected():
    assert messages(changed(BOOKSHOP, 'reason="out of stock")', 'reason="not signed in")')) == []


def test_views_nest(conduit):
    author = conduit.view("ArticleSummary").fields[-1].value
    assert isinstance(author, Construct)
    assert author.type == ViewType("ProfileView")


def test_a_view_keeps_its_envelopes(conduit):
    view = conduit.view("ArticleSummary")
    assert (view.envelope, view.list_envelope, view.total) == (None, "articles", "articlesCount")


def test_views_that_extend_each_other_are_refused():
    views = "## View A of Note\n\n- extends: B\n\n## View B of Note\n\n- extends: A\n\n"
    assert messages(SHOP + NOTE + views) == ["`A` would extend itself"]


def test_views_that_show_each_other_are_refused():
    table = "\n\n| field | value |\n|---|---|\n"
    views = (
        f"## View A of Note{table}| writer | B(writer) |\n\n## View B of User{table}| notes | [A(n) for n in Note] |\n"
    )
    assert messages(SHOP + NOTE + views) == [
        "`A` would show itself, without an end",
        "`B` would show itself, without an end",
    ]


def test_a_service_with_accounts_has_a_user():
    user = read_text("shop.md", SHOP).entity("User")
    assert [(one.name, one.type, one.unique) for one in user.fields] == [
        ("email", TextType(form="email"), True),
        ("password", SecretType(), False),
    ]


def test_roles_are_set_by_the_server(bookshop):
    roles = bookshop.entity("User").fields[-1]
    assert (roles.type, roles.server) == (SetType(ChoiceType(("staff",))), True)


def test_a_user_of_the_spec_gets_the_roles(conduit):
    user = conduit.entity("User")
    assert (user.user, user.fields[-1].name) == (True, "roles")


def test_accounts_have_doors():
    assert doors(SHOP) == ["POST /register", "POST /login", "GET /me", "PUT /me/password"]


def test_an_operation_that_the_spec_declares_is_not_built_in():
    own = "## Query current user\n\n- door: `GET /account`\n\n```krepis\nreturn get(User, id=actor.id)\n```\n"
    assert messages(SHOP + own) == ["`actor` may be none here, and none has no `id`"]


def test_a_spec_that_signs_people_in_itself_gets_no_operations(conduit):
    assert not [one for one in conduit.operations if one.builtin]


def test_who_registers_says_what_the_user_needs():
    own = "## Entity User\n\n| field | type | rules |\n|---|---|---|\n| email | email | unique |\n| name | text | |\n"
    own += "| password | secret | |\n| seen | datetime | now |\n| level | int | server, default 1 |\n"
    register = read_text("shop.md", SHOP + own).operation("register")
    assert [one.name for one in register.inputs] == ["email", "password", "name"]


def test_access_speaks_for_what_is_built_in_where_the_spec_does_not(bookshop):
    added = [(one.who, one.operations) for one in bookshop.access or ()][-2:]
    assert added == [("anyone", ("register", "login")), ("user", ("current_user", "change_password"))]


def test_access_of_the_spec_holds_for_what_is_built_in():
    source = changed(BOOKSHOP, "| staff | restock, show order | |", "| staff | restock, show order, register | |")
    rules = [one for one in read_text("x.md", source).access or () if "register" in one.operations]
    assert [one.who for one in rules] == ["staff"]


def test_a_row_is_a_rule_for_each_of_its_callers():
    source = changed(BOOKSHOP, "| staff | restock,", "| user, staff | restock,")
    rules = [one for one in read_text("x.md", source).access or () if "restock" in one.operations]
    assert [one.who for one in rules] == ["user", "staff"]


def test_without_access_everybody_may_do_everything():
    assert read_text("shop.md", SHOP + NOTE).access is None


def test_a_condition_keeps_its_words(bookshop):
    rule = next(one for one in bookshop.access or () if one.when is not None)
    assert isinstance(rule, Rule)
    assert (rule.operations, rule.text) == (("show_order", "cancel_order"), "order.customer == actor")


def test_reactions_to_one_event_are_numbered():
    again = "## When OrderPlaced\n\n```krepis\nMail.send(to=order.customer.email, subject='b', text='c')\n```\n"
    names = [one.name for one in read_text("x.md", f"{BOOKSHOP}\n{again}").reactions]
    assert names == ["when_order_placed", "when_order_placed_2"]


def test_a_promise_is_in_milliseconds(bookshop):
    assert [(one.operation, one.rate, one.p99_ms, one.errors) for one in bookshop.load] == [
        ("place_order", 300, 25, "0"),
        ("search_books", 1000, 15, "0"),
    ]


def test_a_seed_is_kept(conduit):
    assert [one.action for one in nodes_in(conduit.seed.body) if isinstance(one, Action)] == ["create"]


def test_five_hundred_lines_are_read_in_a_moment():
    """Far above what it takes (see bench/), and far below what a person notices."""
    source = CONDUIT + "\n".join(
        f"## Query number {n}\n\n- door: `GET /n{n}`\n\n```krepis\nreturn {n}\n```\n" for n in range(20)
    )
    assert len(source.splitlines()) >= 500
    started = time.process_time()
    read_text("conduit.md", source)
    assert time.process_time() - started < 1
