"""Builds a message from the facts of a request: each field from its place, all failing fields in one refusal."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import NODEFAULT, UNSET, Struct

from krepis.errors import FieldError, Invalid, KrepisError, Malformed, Rejection, Stale
from krepis.files.file import FileRef
from krepis.http.doors import Door, FileRule, Source
from krepis.http.facts import Facts, Form
from krepis.http.router import parameters
from krepis.http.streamed import Rows
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


class FileSource(Struct, frozen=True):
    """One file to land: the `field` of the message, the `name` in a form, and what it must be; `many` for lists."""

    field: str
    name: str
    many: bool
    required: bool
    rule: FileRule

    @property
    def count_max(self) -> int:
        return self.rule.count_max if self.many else 1


class Reading(Struct, frozen=True):
    """How a door reads its message: the sources, the type that the strings fit, the type that the body fits.

    `outline` makes the message of what fits beside the body, for the question whether the caller may send it at all;
    the fields of the body are `UNSET` in it. `files` land before anything is read; the texts of a form fit `body`.
    """

    fields: tuple[FieldSource, ...]
    strings: type[Any] | None
    body: type[Any] | None
    read: Callable[[Facts], Any]
    outline: Callable[[Facts], Any]
    files: tuple[FileSource, ...] = ()


def compile_reading(door: Door) -> Reading:
    """Decide where each field comes from. Raises `KrepisError` when the door names what the message doesn't have."""
    hints = typing.get_type_hints(door.message, include_extras=True)
    infos = {info.name: info for info in msgspec.structs.fields(door.message)}
    in_path = parameters(door.pattern)
    _check_names(door, infos, in_path)
    fields: list[FieldSource] = []
    strings: list[tuple[Any, ...]] = []
    body: list[tuple[Any, ...]] = []
    files: list[FileSource] = []
    for name, info in infos.items():
        source = _source(door, name, info.encode_name, in_path)
        if source.rule is not None:
            files.append(_file_source(door, info, hints[name], source))
            continue
        if source.place in ("body", "form"):
            body.append(_field(info, hints[name]))
            continue
        strings.append(_field(info, hints[name]))
        page = _base(hints[name])
        if page in (Offset, Cursor):
            if isinstance(door.stream, Rows):
                continue  # the door itself goes from page to page
            fields += [FieldSource(part, Source("query", part), many=False) for part in page.__struct_fields__]
        else:
            fields.append(FieldSource(name, source, many=_is_many(hints[name])))
    _check_files(door, files)
    whole_strings = not body and not files
    whole_body = not strings and not door.envelope and not files
    strings_type = (door.message if whole_strings else _part(door, "Strings", strings)) if strings else None
    body_type = (door.message if whole_body else _part(door, "Body", body)) if body else None
    if body_type is not None and door.envelope:
        body_type = _part(door, "Envelope", [(door.envelope, body_type)])
    if files and body_type is None and door.body_kind == "form":
        body_type = _part(door, "Form", [])
    reader = _Reader(door, tuple(fields), strings_type, body_type, tuple(files))
    if files:
        read = reader.read_both
    elif strings_type is None and body_type is None:
        read = reader.read_nothing
    elif strings_type is door.message:
        read = reader.read_strings
    elif body_type is door.message:
        read = reader.read_body
    else:
        read = reader.read_both
    return Reading(tuple(fields), strings_type, body_type, read, reader.outline, tuple(files))


class _Reader:
    """The compiled ways of reading one door's message."""

    def __init__(
        self,
        door: Door,
        fields: tuple[FieldSource, ...],
        strings: type[Any] | None,
        body: type[Any] | None,
        files: tuple[FileSource, ...] = (),
    ) -> None:
        in_path = parameters(door.pattern)
        encoded = {info.name: info.encode_name for info in msgspec.structs.fields(door.message)}
        named = tuple((encoded.get(f.field, f.field), f) for f in fields)  # a page's parts are no fields of the message
        self._message = door.message
        self._envelope = door.envelope
        self._strings = None if strings is None else Decoder(strings).convert
        self._decode_body = None if body is None or files else _decoder(door, body)
        self._convert_form = Decoder(body).convert if body is not None and files else None
        self._files = files
        self._path = tuple((in_path.index(f.source.name), key) for key, f in named if f.source.place == "path")
        self._query = tuple((f.source.name, key, f.many) for key, f in named if f.source.place == "query")
        self._others = tuple((key, f) for key, f in named if f.source.place in ("header", "cookie", "if-match"))
        self._client = tuple(key for key, f in named if f.source.place == "client")
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
        if self._files:
            errors += self._take_form(facts, parts)
        if errors:
            raise Invalid(tuple(errors))
        try:
            return self._message(**parts)
        except (TypeError, ValueError) as refusal:  # what a message's own `__post_init__` says
            raise Invalid((FieldError((), "invalid", str(refusal)),)) from None

    def _take_form(self, facts: Facts, parts: dict[str, Any]) -> Iterator[FieldError]:
        """Put the landed files and the form's texts into `parts`."""
        form = facts.form or Form({}, {}, [])
        parts |= form.files
        for file in self._files:
            if file.required and file.field not in parts:
                yield FieldError((file.name,) if file.name else (), "missing", "is missing")
        if self._convert_form is not None:
            try:
                parts |= _members(self._convert_form(form.texts))
            except Invalid as refusal:
                yield from refusal.errors

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
        for key in self._client:
            values[key] = facts.client
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


def _decoder(door: Door, body: type[Any]) -> Callable[[bytes], Any]:
    return Decoder(body, depth_max=door.limits.json_depth_max, items_max=door.limits.json_items_max).decode


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
    if door.method not in _BODY_METHODS or door.body_kind == "upload":
        return Source("query", encode_name)
    return Source("form" if door.body_kind == "form" else "body", encode_name)


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


def _file_source(door: Door, info: Any, hint: Any, source: Source) -> FileSource:
    assert source.rule is not None
    base = _base(hint)
    arms = [
        arm for arm in (get_args(base) if get_origin(base) in (Union, UnionType) else (base,)) if arm is not NoneType
    ]
    many = arms == [list[FileRef]]
    if not many and arms != [FileRef]:
        raise KrepisError(
            f"the door `{door.method} {door.pattern}` puts a file into `{info.name}` of `{door.message.__name__}`, which "
            "is no `FileRef`",
            hint="annotate it with `FileRef`, `FileRef | None = None` or, in a form, `list[FileRef]`",
        )
    name = "" if source.place == "upload" else source.name or info.encode_name
    return FileSource(info.name, name, many, info.required, source.rule)


def _check_files(door: Door, files: Sequence[FileSource]) -> None:
    if not files:
        return
    place = f"the door `{door.method} {door.pattern}`"
    if door.method not in _BODY_METHODS or door.envelope:
        raise KrepisError(f"{place} takes files and has no body for them", hint="use POST or PUT, without an envelope")
    if door.body_kind == "upload":
        if len(files) > 1 or files[0].many:
            raise KrepisError(
                f"{place} takes its body as a file, and there is one body", hint="take several with `form_file()`"
            )
        if any(source.place == "body" for source in door.sources.values()):
            raise KrepisError(
                f"{place} takes its body as a file, and also as JSON", hint="take the rest from the query"
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
