"""`## Service`: each setting, and what is said about one that means nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from _things import checked, right

from krepis_spec.blueprint import Auth
from terminal import compare

SNAPSHOTS = Path(__file__).parent / "snapshots"
WEEK = 7 * 86_400
LOGIN = "| auth | email and password |\n"

RIGHT = (
    ("| database | SQLite |", "database", "sqlite"),
    ("| database | any |", "database", "any"),
    ("| base path | /api/v1 |", "base_path", "/api/v1"),
    ("| tenants | by header X-Shop |", "tenants", "header x-shop"),
    (f"{LOGIN}| tenants | by user |", "tenants", "user"),
    ("| locale | de-DE |", "locale", "de-DE"),
    ("| hide forbidden | yes |", "hide_forbidden", True),
    ("| allowed origins | * |", "origins", ("*",)),
    (
        "| allowed origins | https://a.example, http://localhost:8080 |",
        "origins",
        ("https://a.example", "http://localhost:8080"),
    ),
    ("| hide forbidden | no |", "hide_forbidden", False),
    (f"{LOGIN}| roles | staff, shift_lead |", "roles", ("staff", "shift_lead")),
    (
        '| errors | `{"errors": "$fields", "at": {"id": "$trace"}}` |',
        "error_template",
        '{"errors":"$fields","at":{"id":"$trace"}}',
    ),
)

AUTHS = (
    ("| auth | email and password |", Auth(WEEK)),
    ("| auth | email and password, bearer token, 12 hours |", Auth(43_200)),
    ("| auth | Email and password, 1 day, bearer token |", Auth(86_400)),
    ("| auth | email and password, token in header X-Token |", Auth(WEEK, "x-token", "")),
    ('| auth | email and password, "Token" |', Auth(WEEK, "authorization", "Token")),
    ("| auth | email and password, scheme Token, token field jwt |", Auth(WEEK, "authorization", "Token", "jwt")),
    ("| auth | email and password |\n| header | X-Key |\n| scheme | Key |", Auth(WEEK, "x-key", "Key")),
    ("| lifetime | 2 weeks |\n| token field | key |\n| auth | email and password |", Auth(2 * WEEK, token="key")),
)

WRONG = (
    "| databse | sqlite |",
    "| database | mysql |",
    "| database | |",
    "| database | any |\n| database | sqlite |",
    "| auth | password |",
    "| auth | email and password, 7 |",
    "| auth | email and password, baerer token |",
    "| auth | email and password, 7 days, 8 days |",
    '| auth | email and password, bearer token, "Token" |',
    "| auth | email and password, token in header Content-Type |",
    "| auth | email and password, scheme To ken |",
    "| header | X-Token |",
    "| roles | staff |",
    f"{LOGIN}| roles | staff, staff |",
    f"{LOGIN}| roles | user |",
    f"{LOGIN}| roles | Shift Lead |",
    f"{LOGIN}| roles | staff, |",
    "| base path | api |",
    "| base path | /api/ |",
    "| base path | /a/../b |",
    "| tenants | yes |",
    "| tenants | by user |",
    "| locale | German |",
    "| hide forbidden | maybe |",
    "| allowed origins | a.example |",
    "| allowed origins | https://a.example/, https://b.example:443 |",
    "| allowed origins | *, https://a.example |",
    "| allowed origins | https://a.example, https://a.example |",
    '| errors | {"errors": |',
    "| errors | [1] |",
    '| errors | {"errors": NaN} |',
    '| errors | {"errors": ["$feilds"]} |',
    f"| errors | {'[' * 5000} |",
    "| color | red |",
)

WRONG_SPECS = (
    "# 42",
    "# Class",
    "# Email",
    "# Tests",
    "# 本",
    f"# {'very ' * 20}long",
    "# Shop\n\n## Service\n\n- database: sqlite",
    "# Shop\n\n## Service\n\n| setting |\n|---|\n| auth |",
    "# Shop\n\n## Service\n\n| error | status |\n|---|---|\n| out of stock | 200 |",
    "# Shop\n\n## Service\n\n| error | status | text |\n|---|---|---|\n| ! | 422 | a |\n| a b | | |\n| a_b | 409 | |",
    '# Shop\n\n## Service\n\n```json\n{"a": "$tarce"}\n```\n\n```json\n{}\n```',
    "# Shop\n\n## Service\n\n```krepis\nreturn 1\n```",
)


def spec(rows):
    return f"# Shop\n\nWe sell.\n\n## Service\n\n| setting | value |\n|---|---|\n{rows}\n"


@pytest.mark.parametrize(("rows", "name", "said"), RIGHT, ids=[rows for rows, *_ in RIGHT])
def test_a_setting_holds_for_the_service(rows, name, said):
    assert getattr(right(spec(rows)).service, name) == said


@pytest.mark.parametrize(("rows", "auth"), AUTHS, ids=[rows for rows, _ in AUTHS])
def test_the_way_to_sign_in_is_told_in_any_order(rows, auth):
    assert right(spec(rows)).service.auth == auth


def test_a_service_without_settings_has_its_name_and_purpose():
    service = right("# The Müller's Book-Shop 2\n\nWe sell.").service
    assert (service.name, service.title, service.purpose) == (
        "the_mullers_book_shop_2",
        "The Müller's Book-Shop 2",
        "We sell.",
    )
    assert (service.auth, service.database, service.errors) == (None, "any", ())


def test_the_shape_of_errors_may_be_a_block():
    block = '```json\n{\n  "errors": "$fields"\n}\n```'
    assert right(f"# Shop\n\n## Service\n\n{block}").service.error_template == '{"errors":"$fields"}'


def test_single_errors_are_told_as_their_rows_say():
    table = "| error | status | field | message |\n|---|---|---|---|\n"
    rows = '| out of stock | 422 | stock | "can\'t be that" |\n| unauthenticated | 401 | - | Please sign in. |'
    errors = right(f"# Shop\n\n## Service\n\n{table}{rows}").service.errors
    assert [(one.error, one.status, one.field, one.message) for one in errors] == [
        ("out_of_stock", 422, "stock", "can't be that"),
        ("unauthenticated", 401, None, "Please sign in."),
    ]


def test_what_is_wrong_with_the_service_is_told_in_the_words_of_the_language():
    pages = [checked(source)[1] for source in (*map(spec, WRONG), *(f"{one}\n" for one in WRONG_SPECS))]
    compare(SNAPSHOTS / "service_wrong.txt", "\n\n".join(pages) + "\n")


@pytest.mark.parametrize("source", [*map(spec, WRONG), *WRONG_SPECS])
def test_every_wrong_setting_is_a_problem(source):
    assert checked(source)[1] != ""
