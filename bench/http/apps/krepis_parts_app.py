"""The doors of `krepis_app` or, with a database, of `krepis_orders_app`, and what `BENCH_PART` puts around them."""

import os
from pathlib import Path

import krepis_app
import krepis_orders_app

from krepis import App, Command, Context, Query
from krepis.access import Policy, anyone, may, user
from krepis.accounts import TABLES as ACCOUNT_TABLES
from krepis.accounts import (
    Accounts,
    AccountSettings,
    Grant,
    NewApiKey,
    SessionTokens,
    WritableApiKeys,
    WritableSessions,
    hs256,
)
from krepis.audit import TABLES as AUDIT_TABLES
from krepis.audit import Audit
from krepis.http import Doors
from krepis.idempotency import TABLES as IDEMPOTENCY_TABLES
from krepis.idempotency import Idempotency
from krepis.identity import api_key, bearer
from krepis.limits import Rates, rate
from krepis.sql import include_tables
from krepis.telemetry import AccessLog, Metrics, Spans

PART = os.environ["BENCH_PART"]
STORED = os.environ["BENCH_STORE"] != "none"
BASE = krepis_orders_app if STORED else krepis_app
FOLDER = Path(os.environ["BENCH_DB"].removeprefix("sqlite:///")).parent
WIDE = rate(1_000_000, per_s=1)  # counted, and never refused
NARROW = rate(1, per_s=3600)  # of a message that the race does not send: so one sees that callers are counted


class SignIn(Command[SessionTokens]):
    pass


class MakeKey(Command[NewApiKey]):
    pass


class CountSpans(Query[int]):
    pass


async def sign_in(ctx: Context, command: SignIn, *, sessions: WritableSessions) -> SessionTokens:
    return await sessions.open(ctx, Grant("ada"))


async def make_key(ctx: Context, command: MakeKey, *, keys: WritableApiKeys) -> NewApiKey:
    return await keys.make(ctx, "the race")


async def count_spans(ctx: Context, query: CountSpans) -> int:
    return exporter.count


def accounts():
    return Accounts(AccountSettings(keys=(hs256("1", "a secret of the race, of 32 bytes or more"),), issuer="bench"))


def spans():
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Spans(provider)


class Nowhere:
    """An exporter that counts what it drops."""

    count = 0

    def export(self, spans):
        from opentelemetry.sdk.trace.export import SpanExportResult

        self.count += len(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self):
        pass

    def force_flush(self, timeout_millis=30_000):
        return True


def per_address():
    return Rates(per_address=WIDE, of_address={Asked: NARROW}, file=FOLDER / "rates")


def per_actor():
    return Rates(per_actor=WIDE, of={Asked: NARROW}, file=FOLDER / "rates")


def per_both():
    return Rates(per_address=WIDE, per_actor=WIDE, of_address={Asked: NARROW}, file=FOLDER / "rates")


exporter = Nowhere()
Asked = MakeKey if STORED else krepis_app.ShowItem
SIGNED_IN = ("token", "api-key", "rate-actor", "all")
PARTS = {
    "token": (accounts,),
    "api-key": (accounts,),
    "rate-address": (per_address,),
    "rate-actor": (per_actor, accounts),
    "spans": (spans,),
    "metrics": (Metrics,),
    "access-log": (AccessLog,),
    "idempotency": (Idempotency,),
    "audit": (Audit,),
    "all": (spans, per_both, Metrics, AccessLog, accounts, Idempotency, Audit),
}
include_tables(krepis_orders_app.metadata, *ACCOUNT_TABLES, *IDEMPOTENCY_TABLES, *AUDIT_TABLES)


def with_part() -> App:
    doors: Doors = BASE.doors
    handlers, policy = list(BASE.app.handlers), None
    if spans in PARTS[PART]:
        handlers.append(count_spans)
        doors.get("/spans", CountSpans)
    if PART in SIGNED_IN:
        doors.credentials = (bearer(), api_key())
        doors.post("/session", SignIn)
        doors.post("/keys", MakeKey)
        handlers += [sign_in, make_key]
        for_users = {MakeKey, BASE.PlaceOrder}
        for_all = {door.message for door in doors.declared} - for_users
        policy = Policy(may(anyone, *for_all), may(user, *for_users))
    needs_database = STORED or PART in SIGNED_IN
    return App(
        BASE.app.name,
        handlers=handlers,
        adapters=BASE.app.adapters,
        doors=doors,
        store=krepis_orders_app.app.store if needs_database else None,
        policy=policy,
        parts=[make() for make in PARTS[PART]],
    )


app = with_part()
