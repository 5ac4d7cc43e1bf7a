"""Answers of rows: a long answer that is read page after page and sent as NDJSON or CSV.

```
question ── page 1, in a unit of work ── 200, its rows ── page 2, in another ── its rows ── ... ── the end
```

Rules that hold:

- A page is read when the rows of the one before have been taken, in a short unit of work that only reads. Between pages
  nothing is held but the cursor, so a slow reader costs one page of memory and no connection to a database.
- The first page decides: refusals come as from any door. The deadline is that of a page.
- What fails later ends the connection before its last chunk (RFC 9112, section 7.1), so no client takes half for all.
- The caller is identified again every `StreamLimits.recheck_s`.
"""

from __future__ import annotations

import asyncio
import csv
import io
import typing
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any, get_args, get_origin

from msgspec import Struct
from msgspec.structs import fields, replace

from krepis.context import Context
from krepis.errors import KrepisError
from krepis.http.doors import Door
from krepis.http.facts import Answer, Facts, Headers, StreamedAnswer
from krepis.http.streamed import MEDIA_TYPES, Rows
from krepis.schema import tree
from krepis.schema.encode import builtins_of, encode
from krepis.schema.inspection import schema_of
from krepis.types import Page
from krepis.types.constraint import PageLimits
from krepis.types.page import PAGE_LIMIT_MAX, PAGE_OFFSET_MAX, Cursor, Offset

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.http.serving import OpenDoor

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula. Text in CSV that begins so gets a `'` in front of it."""

_NOT_FLAT = (tree.ArrayNode, tree.TupleNode, tree.MapNode, tree.ObjectNode, tree.AnyNode, tree.SecretNode)

Write = Callable[[list[Any], bool], bytes]
"""Rows as bytes; whether they are the first."""


class RowsPage(Answer):
    """The rows of one page, and where the next begins: `None` at the end."""

    count: int
    next: str | None


class RowsRendering(Struct, frozen=True):
    """How a door writes its rows: `type` is that of one row, `first` writes the first page, `more` the others."""

    type: Any
    first: Callable[[Any], RowsPage]
    more: Callable[[Any], RowsPage]


def compile_rows(door: Door, rows: Rows, answer: Any) -> RowsRendering:
    """How this door writes. Raises `KrepisError` when its message has no pages, or rows that CSV has no form for."""
    place = f"the door `{door.method} {door.pattern}`"
    if get_origin(answer) is not Page:
        raise KrepisError(
            f"{place} streams rows, but its message answers with `{getattr(answer, '__name__', answer)}`",
            hint="answer with `Page[T]`, and take a `Cursor`",
        )
    if door.method != "GET" or door.answer_envelope is not None or door.etag:
        raise KrepisError(f"{place} streams rows", hint="use `doors.get` without `answer_envelope` and `etag`")
    (item,) = get_args(answer)
    page_field(door)
    write = _ndjson if rows.kind == "ndjson" else _csv(place, item, formulas=rows.formulas)
    media_type = MEDIA_TYPES[rows.kind].encode() + (b"; charset=utf-8" if rows.kind == "csv" else b"")

    def page(found: Page[Any], *, first: bool) -> RowsPage:
        headers: Headers = [(b"content-type", media_type)]
        return RowsPage(door.status, headers, write(found.items, first), len(found.items), found.next)

    return RowsRendering(item, lambda found: page(found, first=True), lambda found: page(found, first=False))


def page_field(door: Door) -> tuple[str, type[Any], int]:
    """The field of the message that asks for a page, its kind, and how many rows a page has at most."""
    found: list[tuple[str, type[Any], int]] = []
    for name, hint in typing.get_type_hints(door.message, include_extras=True).items():
        base, *facts = get_args(hint) if get_origin(hint) is typing.Annotated else (hint,)
        if base in (Cursor, Offset):
            limit = next((fact.maximum for fact in facts if isinstance(fact, PageLimits)), PAGE_LIMIT_MAX)
            found.append((name, base, limit))
    infos = {info.name: info for info in fields(door.message)}
    if len(found) != 1 or infos[found[0][0]].required:
        raise KrepisError(
            f"the door `{door.method} {door.pattern}` streams rows, and `{door.message.__name__}` does not ask for pages",
            hint="give it one field `page: Cursor = Cursor()`",
        )
    return found[0]


class RowStream:
    """Answers at one door with all rows of its message."""

    def __init__(self, service: Service, live: OpenDoor, door: Door) -> None:
        assert isinstance(door.stream, Rows)
        plan = service.plans[door.message]
        self._ask = plan.run
        self._more = compile_rows(door, door.stream, plan.handler.answer).more
        self._field, self._kind, self._limit = page_field(door)
        self._live = live
        self._streams = service.streams

    def run(self, ctx: Context, message: Any, render: Callable[[Any], Any]) -> Any:
        """Ask for the first page, as large as pages may be."""
        return self._ask(ctx, replace(message, **{self._field: self._kind(limit=self._limit)}), render)

    async def opened(self, facts: Facts, ctx: Context, message: Any, reply: Answer) -> Answer:
        """The answer that begins with the first page. Raises `TooManyStreams`."""
        assert isinstance(reply, RowsPage)
        if facts.method == "HEAD":
            return Answer(reply.status, reply.headers, b"")
        first = replace(message, **{self._field: self._kind(limit=self._limit)})
        chunks = self._chunks(facts, ctx, first, reply)
        await anext(chunks)
        return StreamedAnswer(reply.status, reply.headers, b"", chunks)

    async def _chunks(self, facts: Facts, ctx: Context, message: Any, page: RowsPage) -> AsyncGenerator[bytes]:
        with self._streams.download():
            yield b""  # taken by `opened`: from here on the place is given back, whatever becomes of the answer
            now = asyncio.get_running_loop().time
            checked = now()
            while True:
                if page.body:
                    yield page.body
                following = self._following(ctx, message, page)
                if following is None:
                    return
                message = following
                identify = now() - checked >= self._streams.limits.recheck_s
                if identify:
                    checked = now()
                ctx, page = await self._live.ask_again(facts, ctx, self._ask, message, self._more, identify=identify)

    def _following(self, ctx: Context, message: Any, page: RowsPage) -> Any:
        """The message that asks for the next page; `None` at the end. Raises `StreamBroken` for a page that leads
        nowhere.
        """
        asked: Cursor | Offset = getattr(message, self._field)
        if isinstance(asked, Cursor):
            if page.next is None:
                return None
            if page.next == asked.cursor:
                raise self._live.broken(ctx, "the page's `next` is the cursor that asked for it")
            return replace(message, **{self._field: Cursor(limit=self._limit, cursor=page.next)})
        if page.count < self._limit:
            return None
        if asked.offset + self._limit > PAGE_OFFSET_MAX:
            raise self._live.broken(ctx, f"there are more than {PAGE_OFFSET_MAX} rows: let the message take a `Cursor`")
        return replace(message, **{self._field: Offset(limit=self._limit, offset=asked.offset + self._limit)})


def _ndjson(rows: list[Any], first: bool) -> bytes:  # noqa: FBT001 - both writers have this form
    del first
    return b"".join([encode(row) + b"\n" for row in rows])


def _csv(place: str, item: Any, *, formulas: bool) -> Write:
    """Writes rows as RFC 4180 has it: a line of names first, CRLF, quotes where they are needed."""
    names, texts = _columns(place, item)
    guarded: frozenset[str] = frozenset() if formulas else texts

    def write(rows: list[Any], first: bool) -> bytes:  # noqa: FBT001 - both writers have this form
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\r\n")
        if first:
            lines.writerow(names)
        for row in rows:
            cells = builtins_of(row)
            lines.writerow([_cell(cells.get(name), guarded=name in guarded) for name in names])
        return text.getvalue().encode()

    return write


def _cell(value: Any, *, guarded: bool) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if guarded and isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return "'" + value
    return value


def _columns(place: str, item: Any) -> tuple[list[str], frozenset[str]]:
    """The names of the columns, and which of them hold text. Raises `KrepisError` for what is not flat."""
    schema = schema_of(item)
    columns = schema.fields()
    if not columns or len(schema.arms(schema.root)) != 1:
        raise KrepisError(f"{place} streams CSV, and its rows are no objects", hint="answer with `Page[SomeValue]`")
    texts: list[str] = []
    for column in columns:
        arms = schema.arms(column.node)
        if any(isinstance(arm, _NOT_FLAT) for arm in arms):
            raise KrepisError(
                f"{place} streams CSV, which has no form for `{column.name}` of `{item.__name__}`",
                hint='answer with a flat view, or use `stream="ndjson"`',
            )
        if any(isinstance(arm, tree.TextNode) for arm in arms):
            texts.append(column.encode_name)
    return [column.encode_name for column in columns], frozenset(texts)
