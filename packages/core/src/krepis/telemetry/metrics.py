"""`Metrics`: a page of figures in Prometheus's format: requests, handlers, reactions, port calls, the process.

| name | kind | labels |
|---|---|---|
| `krepis_http_requests_total` | counter | `method`, `route`, `status` |
| `krepis_http_request_seconds` | histogram | `method`, `route` |
| `krepis_handler_seconds` | histogram | `kind`, `message`, `handler`, `outcome` |
| `krepis_rejections_total` | counter | `message`, `code` |
| `krepis_unit_retries_total` | counter | `message` |
| `krepis_port_seconds` | histogram | `port`, `method`, `outcome` |
| `krepis_running` | gauge | |
| `krepis_event_loop_lag_seconds` | histogram | |
| `krepis_build_info` | gauge, 1 | `app`, `version`, `build`, `krepis`, `python` |
| `process_...` | as prometheus-client has them | `pid`, with several workers |

`outcome` is `done`, `refused` (a rejection), `failed` (a bug) or `cancelled` (late, or the caller went away).

No label holds what a caller sent: a route is a door's pattern or `(none)`, a method that HTTP does not know is `other`.

Several processes: where `PROMETHEUS_MULTIPROC_DIR` names a folder before the process starts (`krepis run --workers N`
makes one), each worker writes its figures into a file of that folder, and whichever is asked answers for all. What a
dead worker has counted stays counted; what it was just doing does not.
"""

from __future__ import annotations

import asyncio
import hmac
import platform
from asyncio import CancelledError
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from krepis.context import Sources
from krepis.deadline import CallerGone
from krepis.errors import KrepisError, Rejection
from krepis.handler import Handler
from krepis.http.facts import Answer, Facts, answer, empty
from krepis.part import Part, Render, Run, Start
from krepis.port import Interceptor, PortCall
from krepis.telemetry._ends import GONE, METHODS, NO_ROUTE, at_the_end
from krepis.telemetry._pages import free_pages
from krepis.types.secret import Secret

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Histogram

    from krepis.app import Service
    from krepis.http.table import CompiledDoor

LAG_SAMPLE_S = 1.0
"""How often the lag of the event loop is taken: the seconds that a timer was late."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""The upper ends of the buckets of every histogram."""

_MEDIA_TYPE = b"text/plain; version=1.0.0; charset=utf-8"


class Metrics(Part):
    """Answers at `path`. Who may read: everybody, unless a `token` has to be sent (`Authorization: Bearer TOKEN`), or
    `addresses` (`"10.0.0.0/8"`, `"::1"`) names from where; both have to fit where both are given. To everybody else
    there is no such page.

    `version` and `build` are for `krepis_build_info`; `ports` says whether port calls are measured; `buckets` are the
    histograms'. Raises `KrepisError` for an address that is none, and where prometheus-client is not installed.
    """

    def __init__(
        self,
        path: str = "/metrics",
        *,
        token: Secret | str | None = None,
        addresses: Iterable[str] | None = None,
        version: str = "",
        build: str = "",
        ports: bool = True,
        buckets: Sequence[float] = SECONDS,
    ) -> None:
        _needs_prometheus()
        self._path = path
        self._token = None if token is None else token if isinstance(token, Secret) else Secret(token)
        if self._token is not None and not self._token.reveal():
            raise KrepisError("the token of `Metrics` is empty", hint="leave it out, or give one that is hard to guess")
        self._networks = None if addresses is None else tuple(_network(address) for address in addresses)
        self._about = {"version": version, "build": build}
        self._ports = ports
        self._meters = Meters(tuple(buckets))

    def sources(self, sources: Sources) -> Sources:
        self._meters.monotonic = sources.monotonic
        return sources

    def interceptors(self) -> tuple[Interceptor, ...]:
        return (_PortTimes(self._meters.port),) if self._ports else ()

    def around(self, handler: Handler, proceed: Run) -> Run:
        return _around(self._meters, handler, proceed)

    def door(self, door: CompiledDoor | None, proceed: Start) -> Start:
        return _door(self._meters, NO_ROUTE if door is None else door.pattern, proceed)

    def pages(self, service: Service) -> Sequence[tuple[str, Start]]:
        about = {"app": service.app.name, **self._about}

        async def page(facts: Facts) -> Answer:
            if not self._may_read(facts):
                return empty(404)
            self._meters.running.set(service.running)
            return answer(200, _MEDIA_TYPE, self._meters.text(about), (b"cache-control", b"no-store"))

        return free_pages(service, ((self._path, page),))

    def running(self, service: Service) -> AbstractAsyncContextManager[Any]:
        return _sampling(self._meters, service)

    def _may_read(self, facts: Facts) -> bool:
        if self._networks is not None and not _within(facts.client, self._networks):
            return False
        if self._token is None:
            return True
        word, _, given = facts.headers.get(b"authorization", b"").partition(b" ")
        return word.lower() == b"bearer" and hmac.compare_digest(given.strip(), self._token.reveal().encode())


class Meters:
    """The figures of one process, in a registry of their own."""

    def __init__(self, buckets: tuple[float, ...]) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        from prometheus_client.values import ValueClass

        self.monotonic: Callable[[], float] = float
        self.shared = bool(getattr(ValueClass, "_multiprocess", False))
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "krepis_http_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self.request = Histogram(
            "krepis_http_request_seconds",
            "From the request's headers to the end of the answer.",
            ("method", "route"),
            registry=registry,
            buckets=buckets,
        )
        self.handler = Histogram(
            "krepis_handler_seconds",
            "Messages handled, with their unit of work.",
            ("kind", "message", "handler", "outcome"),
            registry=registry,
            buckets=buckets,
        )
        self.rejections = Counter("krepis_rejections", "Messages refused.", ("message", "code"), registry=registry)
        self.retries = Counter(
            "krepis_unit_retries", "Units of work run again after a conflict.", ("message",), registry=registry
        )
        self.port = Histogram(
            "krepis_port_seconds", "Calls of ports.", ("port", "method", "outcome"), registry=registry, buckets=buckets
        )
        self.running = Gauge(
            "krepis_running", "Messages being handled.", registry=registry, multiprocess_mode="livesum"
        )
        self.lag = Histogram(
            "krepis_event_loop_lag_seconds",
            "How late a timer of the event loop was.",
            registry=registry,
            buckets=buckets,
        )

    def text(self, about: dict[str, str]) -> bytes:
        """The page."""
        from prometheus_client import CollectorRegistry, generate_latest, multiprocess

        whole: CollectorRegistry = self.registry
        pids: list[str] = []
        if self.shared:
            whole = CollectorRegistry()
            collector: Any = multiprocess.MultiProcessCollector(whole)
            folder = Path(collector._path)  # noqa: SLF001 - the environment's, which only the library reads
            for pid in sorted({path.stem.rpartition("_")[2] for path in folder.glob("*.db")}):
                if Path(f"/proc/{pid}").exists():
                    pids.append(pid)
                else:
                    forget: Any = getattr(multiprocess, "mark_process_dead")  # noqa: B009 - it has no types to be read
                    forget(pid, str(folder))
        return generate_latest(whole) + generate_latest(_beside(about, pids))


def _beside(about: dict[str, str], pids: Sequence[str]) -> CollectorRegistry:
    """What is no count of ours: the build, and the processes."""
    from prometheus_client import CollectorRegistry, Metric, ProcessCollector
    from prometheus_client.metrics_core import GaugeMetricFamily

    from krepis import __version__

    class Beside:
        def collect(self) -> Iterator[Metric]:
            info = {**about, "krepis": __version__, "python": platform.python_version()}
            build = GaugeMetricFamily("krepis_build_info", "What runs here.", labels=list(info))
            build.add_metric(list(info.values()), 1)
            yield build
            if not pids:
                yield from ProcessCollector(registry=None).collect()
                return
            families: dict[str, Metric] = {}
            for pid in pids:
                for metric in ProcessCollector(pid=_always(pid), registry=None).collect():
                    family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                    for sample in metric.samples:
                        family.add_sample(sample.name, {"pid": pid}, sample.value)
            yield from families.values()

    registry = CollectorRegistry()
    registry.register(Beside())
    return registry


def _always(pid: str) -> Callable[[], str]:
    return lambda: pid


def _around(meters: Meters, handler: Handler, proceed: Run) -> Run:
    message = handler.message.__name__
    times = _outcomes(meters.handler, handler.kind, message, handler.function.__qualname__)
    retries = meters.retries.labels(message)

    async def measured(ctx: Any, given: Any, render: Render) -> Any:
        monotonic = ctx.origin.sources.monotonic
        started = monotonic()
        outcome = "done"
        try:
            return await proceed(ctx, given, render)
        except BaseException as error:
            outcome = _outcome(error)
            if isinstance(error, Rejection):
                meters.rejections.labels(message, error.code).inc()
            raise
        finally:
            times[outcome].observe(monotonic() - started)
            if ctx.origin.rewinds:
                retries.inc(ctx.origin.rewinds)

    return measured


def _door(meters: Meters, route: str, proceed: Start) -> Start:
    methods = {method: meters.request.labels(method, route) for method in ("GET", "POST")}

    async def measured(facts: Facts) -> Answer:
        method = facts.method if facts.method in METHODS else "other"

        def ended(status: int, sent: int) -> None:
            times = methods.get(method) or methods.setdefault(method, meters.request.labels(method, route))
            times.observe(meters.monotonic() - facts.started)
            meters.requests.labels(method, route, status).inc()

        try:
            reply = await proceed(facts)
        except CallerGone:
            ended(GONE, 0)
            raise
        return at_the_end(facts, reply, ended)

    return measured


class _PortTimes:
    """Measures each port call."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._times: dict[tuple[str, str], dict[str, Any]] = {}

    async def __call__(self, call: PortCall, proceed: Callable[[], Awaitable[Any]]) -> Any:
        key = (call.port, call.method)
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = _outcomes(self._histogram, *key)
        monotonic = call.ctx.origin.sources.monotonic
        started = monotonic()
        outcome = "done"
        try:
            return await proceed()
        except BaseException as error:
            outcome = _outcome(error)
            raise
        finally:
            times[outcome].observe(monotonic() - started)


def _outcomes(histogram: Histogram, *labels: str) -> dict[str, Any]:
    return {outcome: histogram.labels(*labels, outcome) for outcome in ("done", "refused", "failed", "cancelled")}


def _outcome(error: BaseException) -> str:
    if isinstance(error, Rejection):
        return "refused"
    return "failed" if isinstance(error, Exception) and not isinstance(error, CallerGone) else "cancelled"


@asynccontextmanager
async def _sampling(meters: Meters, service: Service) -> AsyncGenerator[None]:
    task = asyncio.ensure_future(_sample(meters, service))
    try:
        yield
    finally:
        task.cancel()
        with suppress(CancelledError):
            await task


async def _sample(meters: Meters, service: Service) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_SAMPLE_S
        await asyncio.sleep(LAG_SAMPLE_S)
        meters.lag.observe(max(0.0, loop.time() - due))
        meters.running.set(service.running)


def _network(address: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(address)
    except ValueError as error:
        raise KrepisError(
            f"`{address}` is neither an address nor a network: {error}", hint="write `10.0.0.0/8`"
        ) from None


def _within(client: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        address = ip_address(client)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in network for network in networks)


def _needs_prometheus() -> None:
    try:
        import prometheus_client  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        raise KrepisError(
            "`Metrics` needs prometheus-client, which is not installed", hint="pip install krepis[telemetry]"
        ) from None
