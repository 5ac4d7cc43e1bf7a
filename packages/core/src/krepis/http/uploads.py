"""How the files of a request land: the body itself, or the files of a form. Runs before the message is made.

The bytes are in the blob port when the handler starts, and it gets a `FileRef`. Nothing of a file is held in memory
but the piece that is on its way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from typing import Any

from krepis.context import Context, Sources
from krepis.deadline import CallerGone, Within
from krepis.errors import DeadlinePassed, FieldError, Invalid, Malformed
from krepis.files.desk import FileDesk
from krepis.files.file import FileRef
from krepis.http.doors import Limits
from krepis.http.facts import Answer, Facts, Form, SlowBody, too_large
from krepis.http.multipart import Multipart, PartHead, multipart_module
from krepis.http.negotiation import UnsupportedMediaType
from krepis.http.reading import FileSource
from krepis.http.table import CompiledDoor
from krepis.part import Start

Look = Callable[[Context, Facts], Coroutine[Any, Any, None]]

REFUSED_MIN = 400
NAMED_UNKNOWN_MAX = 20
"""How many unknown files of a form a refusal names."""


class Uploads:
    """What a door that takes files does beside the others. Before a byte is read it is asked who calls, whether they may,
    and whether there is what the request is about; what has landed for a message that is refused goes again.
    """

    def __init__(self, door: CompiledDoor, look: Look | None, sources: Sources, desk: FileDesk) -> None:
        self._limits = door.limits
        self._files = {file.name: file for file in door.files}
        self._is_form = door.body_kind == "form"
        self._bytes_max = form_bytes_max(door) if self._is_form else door.files[0].rule.bytes_max
        self._look = look
        self._sources = sources
        self._desk = desk
        multipart_module()

    def around(self, proceed: Start) -> Start:
        """The door with its files."""

        async def start(facts: Facts) -> Answer:
            form = facts.form = Form({}, {}, [])
            try:
                reply = await proceed(facts)
            except CallerGone:
                await self._discard(form)
                raise
            if reply.status >= REFUSED_MIN:
                await self._discard(form)
            return reply

        return start

    async def take(self, facts: Facts) -> None:
        """Land every file of the request. Raises what the caller is to be told."""
        ctx, form = facts.ctx, facts.form
        assert ctx is not None, "the door has made it"
        assert form is not None, "`around` has made it"
        if self._look is not None:
            await Within(self._look(ctx, facts), self._sources, ctx.deadline, facts.gone)
        taking = self._form(ctx, facts, form) if self._is_form else self._body(ctx, facts, form)
        try:
            await Within(taking, self._sources, facts.started + self._limits.timeout_s)
        except DeadlinePassed:
            raise SlowBody from None

    async def _body(self, ctx: Context, facts: Facts, form: Form) -> None:
        (file,) = self._files.values()
        claimed = facts.headers.get(b"content-type", b"").decode("latin-1")
        if claimed.lower().startswith("multipart/"):
            raise UnsupportedMediaType("send the file itself as the body, not a form")
        chunks = self._chunks(facts)
        first = await anext(chunks, b"")
        if not first:
            return  # no body, which many clients send as an empty one
        form.files[file.field] = await self._desk.land(
            ctx,
            _with_first(first, chunks),
            name=_file_name(facts.headers.get(b"content-disposition", b"")),
            claimed=claimed,
            types=file.rule.types,
            field=file.field,
            time=timedelta(seconds=self._limits.timeout_s),
            begun=form.landed.append,
        )

    async def _form(self, ctx: Context, facts: Facts, form: Form) -> None:
        multipart = Multipart(self._chunks(facts), facts.headers.get(b"content-type", b""), self._limits)
        await _FormTaking(self._desk, self._files, self._limits, ctx, form).take(multipart)

    def _chunks(self, facts: Facts) -> AsyncIterator[bytes]:
        return _no_chunks(facts.body) if facts.stream is None else facts.stream.chunks(self._bytes_max)

    async def _discard(self, form: Form) -> None:
        if form.landed:
            await self._desk.discard(form.landed)


class _FormTaking:
    """One form on its way in."""

    def __init__(
        self,
        desk: FileDesk,
        files: dict[str, FileSource],
        limits: Limits,
        ctx: Context,
        form: Form,
    ) -> None:
        self._desk = desk
        self._files = files
        self._limits = limits
        self._ctx = ctx
        self._form = form
        self._landed: dict[str, list[FileRef]] = {}
        self._errors: list[FieldError] = []
        self._text_bytes = 0

    async def take(self, multipart: Multipart) -> None:
        async for head in multipart.parts():
            file = self._files.get(head.name)
            if file is not None:
                await self._file(file, head, multipart.content())
            elif head.file_name is None:
                await self._text(head.name, multipart.content())
            else:
                self._refuse(head.name, "unknown", "is no file of this form")
        if self._errors:
            raise Invalid(tuple(self._errors))
        for name, landed in self._landed.items():
            file = self._files[name]
            self._form.files[file.field] = landed if file.many else landed[0]

    async def _file(self, file: FileSource, head: PartHead, content: AsyncIterator[bytes]) -> None:
        if head.file_name is None:
            return self._refuse(file.name, "type", "is not a file")
        if not head.file_name:
            # What a browser sends for a file that nobody has chosen.
            return await self._nothing(file.name, content)
        landed = self._landed.setdefault(file.name, [])
        if len(landed) == file.count_max:
            few = "is given more than once" if not file.many else f"has more than {file.count_max} files"
            return self._refuse(file.name, "length" if file.many else "repeated", few)
        landed.append(
            await self._desk.land(
                self._ctx,
                _limited(content, file.rule.bytes_max),
                name=head.file_name,
                claimed=head.media_type,
                types=file.rule.types,
                field=file.name,
                time=timedelta(seconds=self._limits.timeout_s),
                begun=self._form.landed.append,
            )
        )
        return None

    async def _nothing(self, name: str, content: AsyncIterator[bytes]) -> None:
        size = 0
        async for piece in content:
            size += len(piece)
        if size:
            self._refuse(name, "name", "has content and no file name")

    async def _text(self, name: str, content: AsyncIterator[bytes]) -> None:
        field_max, all_max = self._limits.form_field_bytes_max, self._limits.body_bytes_max
        held = bytearray()
        async for piece in content:
            held += piece
            self._text_bytes += len(piece)
            if len(held) > field_max:
                raise too_large(field_max, f"the field `{name}`" if name.isprintable() else "a field")
            if self._text_bytes > all_max:
                raise too_large(all_max, "what the form holds beside its files")
        try:
            text = held.decode()
        except UnicodeDecodeError as error:
            raise Malformed("a field of the form is not UTF-8") from error
        seen = self._form.texts.get(name)
        self._form.texts[name] = text if seen is None else [*seen, text] if isinstance(seen, list) else [seen, text]

    def _refuse(self, name: str, code: str, sentence: str) -> None:
        if len(self._errors) < NAMED_UNKNOWN_MAX:
            self._errors.append(FieldError((name,), code, sentence))


def form_bytes_max(door: CompiledDoor) -> int:
    """The largest form that can fit a door: its files, its texts, and the headers of its parts."""
    limits = door.limits
    files = sum(file.rule.bytes_max * file.count_max for file in door.files)
    return files + limits.body_bytes_max + limits.form_parts_max * (limits.part_header_bytes_max + 128)


async def _limited(content: AsyncIterator[bytes], bytes_max: int) -> AsyncIterator[bytes]:
    size = 0
    async for piece in content:
        size += len(piece)
        if size > bytes_max:
            raise too_large(bytes_max, "the file")
        yield piece


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


async def _no_chunks(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body


def _file_name(disposition: bytes) -> Any:
    """The name that `Content-Disposition` gives the body, if any (RFC 6266)."""
    if not disposition:
        return b""
    _, options = multipart_module().parse_options_header(disposition)
    return options.get(b"filename", b"")
