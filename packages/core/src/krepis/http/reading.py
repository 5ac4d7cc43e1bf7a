"""Builds a message from the facts of a request: each field from its place, all failing fields in one refusal."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_origin
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import NODEFAULT, UNSET, Struct

from krepis.errors import FieldError, Invalid, KrepisError, Malformed, Rejection, Stale
from krepis.http.doors import Door, Source
from krepis.http.facts import Facts
from krepis.http.router import parameters
from krepis.schema.decode import Decoder
from krepis.types.page import Cursor, Offset

_BODY_METHODS = frozenset(("POST", "PUT", "PATCH"))


class PreconditionRequired(Rejection):
    """The door changes a versioned thing, and the request does not say which version it has seen (RFC 6585)."""

    kind = "precondition_required"
    message = "send the ETag that you have seen as `If-Match`"


class FieldSource(Struct, frozen=True):
    """One value to read: `field` of the message (or of its page input), from `source`; `many` for lists."""

    field: str
    source: Source
    many: bool


class Reading(Struct, frozen=True):
    """How a door reads its message: the sources, the type that the strings fit, the type that the body fits.

    `outline` makes the message of what fits beside the body, for the question whether the caller may send it at all;
    the fields of the body are `UNSET` in it.
    """

    fields: tuple[FieldSource, ...]
    strings: type[Any] | None
    body: type[Any] | None
    read: Callable[[Facts], Any]
    outline: Callable[[Facts], Any]


def compile_reading(door: Door) -> Reading:
    """Decide where each field comes from. Raises `KrepisError` when the door names what the message doesn't have."""
    hints = typing.get_type_hints(door.message, include_extras=True)
    infos = {info.name: info for info in msgspec.structs.fields(door.message)}
    in_path = parameters(door.pattern)
    _check_names(door, infos, in_path)
    fields: list[FieldSource] = []
    strings: list[tuple[Any, ...]] = []
    body: list[tuple[Any, ...]] = []
    for name, info in infos.items():
        source = _source(door, name, info.encode_name, in_path)
        if source.place == "body":
            body.append(_field(info, hints[name]))
            continue
        strings.append(_field(info, hints[name]))
        page = _base(hints[name])
        if page in (Offset, Cursor):
            fields += [FieldSource(part, Source("query", part), many=False) for part in page.__struct_fields__]
        else:
            fields.append(FieldSource(name, source, many=_is_many(hints[name])))
    whole_strings = not body
    whole_body = not strings and not door.envelope
    strings_type = (door.message if whole_strings else _part(door, "Strings", strings)) if strings else None
    body_type = (door.message if whole_body else _part(door, "Body", body)) if body else None
    if body_type is not None and door.envelope:
        body_type = _part(door, "Envelope", [(door.envelope, body_type)])
    reader = _Reader(door, tuple(fields), strings_type, body_type)
    if strings_type is None and body_type is None:
        read = reader.read_nothing
    elif strings_type is door.message:
        read = reader.read_strings
    elif body_type is door.message:
        read = reader.read_body
    else:
        read = reader.read_both
    return Reading(tuple(fields), strings_type, body_type, read, reader.outline)


class _Reader:
    """The compiled ways of reading one door's message."""

    def __init__(
        self,
        door: Door,
        fields: tuple[FieldSource, ...],
        strings: type[Any] | None,
        body: type[Any] | None,
    ) -> None:
        in_path = parameters(door.pattern)
        encoded = {info.name: info.encode_name for info in msgspec.structs.fields(door.message)}
        named = tuple((encoded.get(f.field, f.field), f) for f in fields)  # a page's parts are no fields of the message
        self._message = door.message
        self._envelope = door.envelope
        self._strings = None if strings is None else Decoder(strings).convert
        self._decode_body = None if body is None else Decoder(body).decode
        self._path = tuple((in_path.index(f.source.name), key) for key, f in named if f.source.place == "path")
        self._query = tuple((f.source.name, key, f.many) for key, f in named if f.source.place == "query")
        self._others = tuple((key, f) for key, f in named if f.source.place in ("header", "cookie", "if-match"))
        self._places = {key: f.source for key, f in named}
        self._query_max = door.limits.query_fields_max

    def read_nothing(self, facts: Facts) -> Any:
        return self._message()

    def read_body(self, facts: Facts) -> Any:
        return self._decode_body(facts.body or b"{}")  # pyright: ignore[reportOptionalCall] - chosen only when there is one

    def read_strings(self, facts: Facts) -> Any:
        values, errors = self._collect(facts)
        if errors:
            raise Invalid(tuple(errors))
        try:
            return self._strings(values)  # pyright: ignore[reportOptionalCall] - chosen only when there is one
        except Invalid as refusal:
            raise Invalid(tuple(self._placed(refusal.errors))) from None

    def read_both(self, facts: Facts) -> Any:
        values, errors = self._collect(facts)
        parts: dict[str, Any] = {}
        if self._strings is not None:
            try:
                parts |= _members(self._strings(values))
            except Invalid as refusal:
                known = {error.path[0] for error in errors}
                errors += [error for error in self._placed(refusal.errors) if error.path[0] not in known]
        if self._decode_body is not None:
            try:
                decoded = self._decode_body(facts.body or b"{}")
                parts |= _members(getattr(decoded, self._envelope) if self._envelope else decoded)
            except Invalid as refusal:
                errors += refusal.errors
        if errors:
            raise Invalid(tuple(errors))
        try:
            return self._message(**parts)
        except (TypeError, ValueError) as refusal:  # what a message's own `__post_init__` says
            raise Invalid((FieldError((), "invalid", str(refusal)),)) from None

    def outline(self, facts: Facts) -> Any:
        values, errors = self._collect(facts)
        if errors:
            raise Invalid(tuple(errors))
        parts = {} if self._strings is None else _members(self._strings(values))
        try:
            return self._message(**dict.fromkeys(self._message.__struct_fields__, UNSET) | parts)
        except (TypeError, ValueError) as refusal:
            raise Invalid((FieldError((), "invalid", str(refusal)),)) from None

    def _collect(self, facts: Facts) -> tuple[dict[str, Any], list[FieldError]]:
        values: dict[str, Any] = {}
        errors: list[FieldError] = []
        for index, key in self._path:
            values[key] = facts.params[index]
        if self._query and facts.query:
            given = parse_query(facts.query, self._query_max)
            for name, key, many in self._query:
                value = given.get(name)
                if value is not None:
                    if many:
                        values[key] = value if isinstance(value, list) else [value]
                    elif isinstance(value, list):
                        errors.append(FieldError((name,), "repeated", "is given more than once", "query"))
                    else:
                        values[key] = value
        for key, field in self._others:
            value = _from_headers(field, facts.headers)
            if value is not None:
                values[key] = value
        return values, errors

    def _placed(self, errors: Sequence[FieldError]) -> list[FieldError]:
        """Errors of strings name the place and the name that the caller used."""
        placed: list[FieldError] = []
        for error in errors:
            source = self._places.get(str(error.path[0])) if error.path else None
            if source is not None:
                if source.place == "if-match":
                    raise Stale  # a tag that no version can have is like one that has been
                error = FieldError((source.name, *error.path[1:]), error.code, error.message, source.place)  # noqa: PLW2901
            placed.append(error)
        return placed


def parse_query(raw: bytes, fields_max: int) -> dict[str, str | list[str]]:
    """A query string by name; a name that is repeated has a list. Raises `Malformed` when it is not UTF-8 or too long.

    The form is that of WHATWG's `application/x-www-form-urlencoded`, which is what clients send.
    """
    values: dict[str, str | list[str]] = {}
    plain = b"%" not in raw and b"+" not in raw
    pairs = raw.split(b"&")
    if len(pairs) > fields_max:
        raise Malformed(f"the query string has more than {fields_max} fields")
    try:
        for pair in pairs:
            name, _, value = pair.partition(b"=")
            if plain:
                key, text = name.decode(), value.decode()
            else:
                key, text = _form_decoded(name), _form_decoded(value)
            if key not in values:
                if key:
                    values[key] = text
            else:
                seen = values[key]
                values[key] = [*seen, text] if isinstance(seen, list) else [seen, text]
    except UnicodeDecodeError as error:
        raise Malformed("the query string is not UTF-8") from error
    return values


def _form_decoded(part: bytes) -> str:
    return unquote_to_bytes(part.replace(b"+", b" ")).decode()


def _from_headers(field: FieldSource, headers: Mapping[bytes, bytes]) -> Any:
    if field.source.place == "cookie":
        return _cookie(headers.get(b"cookie", b""), field.source.name)
    if field.source.place == "if-match":
        tag = headers.get(b"if-match")
        if tag is None:
            raise PreconditionRequired
        if tag.lstrip().startswith(b"W/"):
            raise Stale  # a weak tag never matches here (RFC 9110, section 13.1.1)
        return tag.decode("latin-1").strip().strip('"')
    raw = headers.get(field.source.name.encode())
    if raw is None:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"the header `{field.source.name}` is not UTF-8") from error
    return [part.strip() for part in text.split(",")] if field.many else text


def _cookie(raw: bytes, name: str) -> str | None:
    for pair in raw.split(b";"):
        key, _, value = pair.strip().partition(b"=")
        if key == name.encode():
            return value.decode("latin-1").strip('"')
    return None


def _source(door: Door, name: str, encode_name: str, in_path: Sequence[str]) -> Source:
    if name == door.if_match:
        return Source("if-match", "if-match")
    if name in door.sources:
        return door.sources[name]
    if name in in_path and not any(source.place == "path" and source.name == name for source in door.sources.values()):
        return Source("path", name)
    return Source("body" if door.method in _BODY_METHODS else "query", encode_name)


def _check_names(door: Door, infos: Mapping[str, Any], in_path: Sequence[str]) -> None:
    place = f"the door `{door.method} {door.pattern}`"
    for name in (*door.sources, *((door.if_match,) if door.if_match else ())):
        if name not in infos:
            raise KrepisError(
                f"{place} names `{name}`, which is no field of `{door.message.__name__}`",
                hint=f"its fields are: {', '.join(infos) or 'none'}",
            )
    taken = {source.name for source in door.sources.values() if source.place == "path"}
    for name in in_path:
        if name not in infos and name not in taken:
            raise KrepisError(
                f"{place} has `{{{name}}}` in its path, which is no field of `{door.message.__name__}`",
                hint=f'add the field, or say which field it is: sources={{"field": path("{name}")}}',
            )
    for field, source in door.sources.items():
        if source.place == "path" and source.name not in in_path:
            raise KrepisError(
                f"{place} takes `{field}` from `{{{source.name}}}`, which is not in its path",
                hint=f"the path has: {', '.join(in_path) or 'no parameters'}",
            )


def _field(info: Any, hint: Any) -> tuple[Any, ...]:
    if info.default is not NODEFAULT:
        return (info.name, hint, msgspec.field(default=info.default, name=info.encode_name))
    if info.default_factory is not NODEFAULT:
        return (info.name, hint, msgspec.field(default_factory=info.default_factory, name=info.encode_name))
    return (info.name, hint, msgspec.field(name=info.encode_name))


def _part(door: Door, role: str, fields: Sequence[tuple[Any, ...]]) -> type[Any]:
    """A struct with some of the message's fields; its docs stay those of the message."""
    return msgspec.defstruct(
        f"{door.message.__name__}{role}",
        fields,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        module=door.message.__module__,
    )


def _members(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


def _base(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is typing.Annotated else hint


def _is_many(hint: Any) -> bool:
    base = _base(hint)
    options = get_args(base) if get_origin(base) not in (list, set, frozenset, tuple) else (base,)
    return any(get_origin(_base(option)) in (list, set, frozenset, tuple) for option in (base, *options))
