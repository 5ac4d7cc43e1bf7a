"""What each part that watches costs a dispatched command, off and on. The rounds of all cases are interleaved; the median
is printed, in microseconds per call.

The command asks one port and changes nothing; the audit log's writes two rows' worth into SQLite in memory, so it stands
beside the same command in a write transaction without it.
"""

import sys
from typing import Any, Protocol, TextIO, cast

from bench.micro import measuring
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider
from sqlalchemy import MetaData, literal, select

import krepis.audit
from krepis import App, Command, Context, ReadPort, bind
from krepis._system import SystemSources
from krepis.audit import Audit
from krepis.http import Doors
from krepis.http.facts import Facts
from krepis.part import Part
from krepis.sql import Database, Sql, include_tables, statement
from krepis.telemetry import AccessLog, Health, Logs, Metrics, Spans

SEVEN = statement(select(literal(7)), into=int)


class Nowhere(SpanExporter):
    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class Numbers(ReadPort, Protocol):
    async def same(self, ctx: Context, number: int) -> int: ...


class Rows(ReadPort, Protocol):
    async def seven(self, ctx: Context) -> int: ...


class PlainNumbers(Numbers):
    async def same(self, ctx: Context, number: int) -> int:
        return number


class SqlRows(Rows):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def seven(self, ctx: Context) -> int:
        return await self._sql.one(SEVEN)


class Asking(Command[int]):
    quantity: int


class Writing(Command[int]):
    quantity: int


async def asking(ctx: Context, command: Asking, *, numbers: Numbers) -> int:
    return await numbers.same(ctx, command.quantity)


async def writing(ctx: Context, command: Writing, *, rows: Rows) -> int:
    return await rows.seven(ctx)


def an_app(*parts: Part) -> App:
    metadata = MetaData()
    include_tables(metadata, *krepis.audit.TABLES)
    doors = Doors()
    doors.post("/ask", Asking)
    return App(
        "watched",
        handlers=(asking, writing),
        adapters=(bind(Numbers, PlainNumbers), bind(Rows, SqlRows)),
        doors=doors,
        store=Database("sqlite://", metadata=metadata),
        parts=parts,
    )


def sdk(**options: Any) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False, **options)
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    return provider


class Sink:
    def write(self, text: str) -> None: ...

    def isatty(self) -> bool:
        return False


async def measure(count: int, repeat: int) -> dict[str, float]:
    apps: dict[str, tuple[App, type[Any], bool]] = {
        "nothing on": (an_app(), Asking, False),
        "`Logs`, no line written": (an_app(Logs(level="info")), Asking, False),
        "`Health`": (an_app(Health()), Asking, False),
        "`Spans`, no-op provider": (an_app(Spans(NoOpTracerProvider())), Asking, False),
        "`Spans`, SDK, sampled out": (an_app(Spans(sdk(sampler=ALWAYS_OFF))), Asking, False),
        "`Spans`, SDK, batch processor to nowhere, handler alone": (an_app(Spans(sdk(), ports=False)), Asking, False),
        "`Spans`, SDK, batch processor to nowhere, with the port call": (an_app(Spans(sdk())), Asking, False),
        "`Metrics`": (an_app(Metrics(ports=False)), Asking, False),
        "`Metrics`, with the port call": (an_app(Metrics()), Asking, False),
        "a write transaction, nothing on": (an_app(), Writing, False),
        "a write transaction, `Audit`, with its sequencer": (an_app(Audit()), Writing, False),
        "a write transaction, `Audit` with a key": (an_app(Audit(key="k" * 32)), Writing, False),
        "a request through its door, nothing on": (an_app(), Asking, True),
        "a request through its door, `AccessLog`": (an_app(AccessLog()), Asking, True),
        "a request through its door, `Metrics`": (an_app(Metrics()), Asking, True),
        "a request through its door, `Spans`, SDK": (an_app(Spans(sdk())), Asking, True),
    }
    return await measuring.in_turns(repeat, {name: lambda case=case: one(*case, count) for name, case in apps.items()})


async def one(app: App, message: type[Any], door: Any, count: int) -> float:
    async with app.start(SystemSources(cast("TextIO", Sink()))) as service:
        step = _request(service) if door else _dispatch(service, message)
        return await measuring.timed(count, step, beside=True)


def _dispatch(service: Any, message: type[Any]) -> Any:
    ctx, command = service.context(timeout=3600), message(quantity=3)
    return lambda: service.dispatch(ctx, command)


def _request(service: Any) -> Any:
    headers, body = {b"content-type": b"application/json"}, b'{"quantity":3}'

    def step() -> Any:
        door, params = service.doors.match("POST", "/ask")
        return door.start(Facts("POST", "/ask", params, b"", headers, body, service.sources.monotonic()))

    return step


if __name__ == "__main__":
    sys.exit(measuring.calls("telemetry", __doc__, measure, count=20_000))
