"""`## Service`: what holds for all of the service.

| setting | value |
|---|---|
| `database` | `any` (where nothing is said), `sqlite` or `postgresql` |
| `auth` | see `krepis_spec.auth`, also for `header`, `scheme`, `token field` and `lifetime` |
| `roles` | the names of roles |
| `base path` | what every path begins with: `/api` |
| `tenants` | `by user`: a caller's tenant is that of the account; `by header X-Tenant`: it is named in each request |
| `locale` | a language tag: `de`, `de-DE` |
| `allowed origins` | whose pages may call the service from a browser: `https://shop.example.org, null`, or `*` for all |
| `hide forbidden` | `yes`: callers read 404 where they may not look; `no` where nothing is said |
| `errors` | the shape of errors, a JSON template; or a block of `json` below |

A second table, `error · status · field · message`, says how single errors are told: the error is the code or the reason of
a rejection.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

from krepis.errors import KrepisError
from krepis_spec.auth import ROWS as AUTH_ROWS
from krepis_spec.auth import auth_of
from krepis_spec.blueprint import Auth, ErrorRow, Service
from krepis_spec.document import Document, Section, Span, Table, Text
from krepis_spec.naming import NAME_CHARACTERS_MAX, is_field_name, is_usable, snake
from krepis_spec.packages import refusal_of_package
from krepis_spec.pieces import names_in, unquoted
from krepis_spec.problems import Problems, did_you_mean
from krepis_spec.rows import Cells, refuse_bullets, rows_of

_Database = Literal["any", "sqlite", "postgresql"]

SETTINGS = (
    "database",
    "auth",
    *AUTH_ROWS,
    "roles",
    "base path",
    "tenants",
    "locale",
    "hide forbidden",
    "allowed origins",
    "errors",
)

_PLACEHOLDERS = frozenset({"$status", "$code", "$title", "$detail", "$trace", "$errors", "$fields", "$facts"})
_EVERYBODY = frozenset({"anyone", "user"})
_SEGMENT = "[A-Za-z0-9._~-]+"
_STATUSES = range(400, 600)
_TEMPLATE_DEPTH_MAX = 20


def service_of(document: Document, problems: Problems) -> Service:
    """The service; one without the section has its name and purpose alone."""
    section = next((one for one in document.sections if one.kind == "service"), None)
    name = _package(document.name, problems)
    if section is None:
        return Service(name=name, title=document.name.text, purpose=document.purpose, span=document.name.span)
    refuse_bullets(section, "`## Service`", problems)
    settings = _settings(section, problems)
    template = _template(section, settings, problems)
    auth = _auth(settings, problems)
    return Service(
        name=name,
        title=document.name.text,
        purpose=document.purpose,
        span=section.heading,
        auth=auth,
        roles=_roles(settings, auth, problems),
        database=_database(settings, problems),
        base_path=_checked(settings, "base path", _base_path, "for example `/api`", problems) or "",
        tenants=_tenants(settings, auth, problems),
        locale=_checked(settings, "locale", _locale, "for example `de` or `de-DE`", problems),
        hide_forbidden=_checked(settings, "hide forbidden", _yes_or_no, "`yes` or `no`", problems) == "yes",
        origins=_origins(settings, problems),
        error_template=template,
        errors=_error_rows(section, problems),
    )


def _package(title: Text, problems: Problems) -> str:
    name = snake(title.text).lstrip("0123456789_")
    reason = refusal_of_package(name)
    if not name:
        problems.add(title.span, "the name of the service has no letter that its package may have", "a to z")
    elif reason:
        problems.add(title.span, f"the service can't be called that: its package would be `{name}`, {reason}")
    return name


def _settings(section: Section, problems: Problems) -> dict[str, Text]:
    settings: dict[str, Text] = {}
    for table in section.tables:
        if _is_of_errors(table):
            continue
        for row in rows_of(table, ("setting", "value"), (), problems):
            key = row.of["setting"]
            name = key.text.casefold()
            if name not in SETTINGS:
                problems.add(key.span, f"there is no setting `{key.text}`", did_you_mean(name, SETTINGS))
            elif name in settings:
                problems.add(key.span, f"the setting `{name}` is there twice")
            elif not row.of["value"].text:
                problems.add(row.span, f"the setting `{name}` has no value")
            else:
                settings[name] = row.of["value"]
    return settings


def _is_of_errors(table: Table) -> bool:
    return any(cell.text.casefold() == "error" for cell in table.header)


def _auth(settings: dict[str, Text], problems: Problems) -> Auth | None:
    beside = {name: settings[name] for name in AUTH_ROWS if name in settings}
    if "auth" in settings:
        return auth_of(settings["auth"], beside, problems)
    for name, value in beside.items():
        problems.add(value.span, f"`{name}` says something about `auth`, which is not set")
    return None


def _roles(settings: dict[str, Text], auth: Auth | None, problems: Problems) -> tuple[str, ...]:
    if "roles" not in settings:
        return ()
    if auth is None:
        problems.add(settings["roles"].span, "`roles` needs `auth`: without it nobody has one")
    roles: list[str] = []
    for role in names_in(settings["roles"], "role", problems):
        if role.text in _EVERYBODY:
            problems.add(role.span, f"`{role.text}` is no role: it is everybody whom it names")
        elif not is_field_name(role.text) or not is_usable(role.text):
            problems.add(role.span, f"`{role.text}` is no name of a role: lower-case words joined by `_`")
        elif role.text in roles:
            problems.add(role.span, f"the role `{role.text}` is there twice")
        else:
            roles.append(role.text)
    return tuple(roles)


def _database(settings: dict[str, Text], problems: Problems) -> _Database:
    value = settings.get("database")
    if value is None:
        return "any"
    for database in get_args(_Database):
        if value.text.casefold() == database:
            return database
    problems.add(
        value.span, f"`{value.text}` is no database that is known", did_you_mean(value.text, get_args(_Database))
    )
    return "any"


def _tenants(settings: dict[str, Text], auth: Auth | None, problems: Problems) -> str | None:
    """`user`, or `header` and its name in lower case."""
    value = settings.get("tenants")
    if value is None:
        return None
    match = re.fullmatch(r"by user|by header ([A-Za-z][A-Za-z0-9-]{0,63})", value.text)
    if match is None:
        problems.add(
            value.span, f"`{value.text}` does not say whose a request is", "`by user`, or `by header X-Tenant`"
        )
        return None
    if match[1] is not None:
        return f"header {match[1].lower()}"
    if auth is None:
        problems.add(value.span, "`by user` needs `auth`: without it there are no users")
    return "user"


def _checked(
    settings: dict[str, Text], name: str, check: Callable[[str], bool], hint: str, problems: Problems
) -> str | None:
    value = settings.get(name)
    if value is None or check(value.text):
        return None if value is None else value.text
    problems.add(value.span, f"`{value.text}` is no value of `{name}`", hint)
    return None


def _base_path(text: str) -> bool:
    return bool(re.fullmatch(rf"(?:/{_SEGMENT})+", text)) and not re.search(r"/\.\.?(?:/|$)", text)


def _locale(text: str) -> bool:
    return bool(re.fullmatch(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?", text))


def _origins(settings: dict[str, Text], problems: Problems) -> tuple[str, ...]:
    if "allowed origins" not in settings:
        return ()
    from krepis.limits import Cors  # not light, and few services have pages of other origins

    written = names_in(settings["allowed origins"], "origin", problems)
    origins: list[str] = []
    for origin in written:
        try:
            Cors(origins=(origin.text,))
        except KrepisError as error:
            problems.add(origin.span, str(error.args[0]), error.hint)
            continue
        if origin.text == "*" and len(written) > 1:
            problems.add(origin.span, "`*` is every page, so nothing stands beside it")
        elif origin.text in origins:
            problems.add(origin.span, f"the origin `{origin.text}` is there twice")
        else:
            origins.append(origin.text)
    return tuple(origins)


def _yes_or_no(text: str) -> bool:
    return text in ("yes", "no")


def _template(section: Section, settings: dict[str, Text], problems: Problems) -> str | None:
    """The template as compact JSON, its names in the order of the spec."""
    given = [] if "errors" not in settings else [settings["errors"]]
    for block in section.blocks:
        if block.language == "json":
            given.append(Text(block.text, block.span))
        else:
            problems.add(block.span, "`## Service` has no block but the `json` of its errors")
    for extra in given[1:]:
        problems.add(extra.span, "the shape of errors is told twice")
    if not given:
        return None
    template = _json_of(given[0], problems)
    if template is None:
        return None
    _check_placeholders(template, given[0].span, problems)
    return json.dumps(template, ensure_ascii=False, separators=(",", ":"))


def _json_of(given: Text, problems: Problems) -> dict[str, Any] | None:
    try:
        template: Any = json.loads(given.text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        wrong = f"the shape of errors is no JSON (line {error.lineno}, column {error.colno}: {error.msg})"
    except (ValueError, RecursionError):  # NaN; nested beyond what a decoder takes
        wrong = "the shape of errors is no JSON"
    else:
        wrong = "the shape of errors is a JSON object, nested at most 20 deep"
        if isinstance(template, dict) and _depth(template) <= _TEMPLATE_DEPTH_MAX:
            return cast(dict[str, Any], template)
    problems.add(given.span, wrong, 'for example `{"errors": "$fields"}`')
    return None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _depth(template: Any) -> int:
    level = [template]
    depth = 0
    while level:
        depth += 1
        level = [inner for one in level for inner in _inside(one)]
    return depth


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast(dict[str, Any], value).values()
    return cast(list[Any], value) if isinstance(value, list) else ()


def _check_placeholders(value: Any, span: Span, problems: Problems) -> None:
    if isinstance(value, str) and value.startswith("$") and value not in _PLACEHOLDERS:
        problems.add(span, f"`{value}` is nothing that an error has", did_you_mean(value, _PLACEHOLDERS))
    for inner in _inside(value):
        _check_placeholders(inner, span, problems)


def _error_rows(section: Section, problems: Problems) -> tuple[ErrorRow, ...]:
    rows: dict[str, ErrorRow] = {}
    for table in filter(_is_of_errors, section.tables):
        for row in rows_of(table, ("error",), ("status", "field", "message"), problems):
            error = row.of["error"]
            code = snake(error.text)
            if not code:
                problems.add(error.span, "an error is named by its code or its reason", "for example `out of stock`")
            elif code in rows:
                problems.add(error.span, f"the error `{code}` is there twice")
            else:
                rows[code] = _error_row(code, row, problems)
    return tuple(rows.values())


def _error_row(code: str, row: Cells, problems: Problems) -> ErrorRow:
    said = {name: row.get(name).text for name in ("status", "field", "message")}
    said = MappingProxyType({name: text for name, text in said.items() if text not in ("", "-")})
    if not said:
        problems.add(row.span, f"the row says nothing about `{code}`", "give it a status, a field or a message")
    status = said.get("status", "")
    if status and (not re.fullmatch("[0-9]{3}", status) or int(status) not in _STATUSES):
        problems.add(row.get("status").span, f"`{status}` is no status of an error", "400 to 599")
        status = ""
    field = said.get("field")
    if field is not None and len(field) > NAME_CHARACTERS_MAX:
        problems.add(row.get("field").span, f"the name of a field has at most {NAME_CHARACTERS_MAX} characters")
    message = said.get("message")
    return ErrorRow(
        error=code,
        span=row.span,
        status=int(status) if status else None,
        field=field,
        message=None if message is None else unquoted(message) or message,
    )
