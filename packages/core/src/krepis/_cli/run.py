"""Serve an app.

examples:
  krepis run                                  the app that krepis.toml names, on 127.0.0.1:8000
  krepis run library.app:app --port 9000
  krepis run --workers 4 --host 0.0.0.0
  krepis run --reload                         start again when a source file changes
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from socket import socket
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from krepis._cli.project import app_name, load_app
from krepis._cli.run_settings import run_defaults
from krepis.errors import KrepisError
from krepis.port import Store

if TYPE_CHECKING:
    import uvicorn

    from krepis.app import App

PORT = 8000
GRACEFUL_S = 15
HEADER_BYTES_MAX = 65_536
HEADER_SECONDS_MAX = 10
KEEP_ALIVE_S = 15

_FIGURES = "PROMETHEUS_MULTIPROC_DIR"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "app", nargs="?", metavar="MODULE:APP", help="the app; krepis.toml of the project names it otherwise"
    )
    parser.add_argument("--engine", choices=["standard"], default="standard", help="what serves it (default: standard)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=PORT, help=f"the port, 0 for a free one (default: {PORT})")
    parser.add_argument("--workers", type=_workers, default=1, help="how many processes serve (default: 1)")
    parser.add_argument(
        "--reload", action="store_true", help="start again when a source file changes (for development)"
    )
    limits = parser.add_argument_group("limits of the server")
    limits.add_argument(
        "--header-bytes",
        type=_bounded(1_024, 1_048_576),
        default=HEADER_BYTES_MAX,
        metavar="N",
        help=f"how large all headers together may be (default: {HEADER_BYTES_MAX})",
    )
    limits.add_argument(
        "--header-seconds",
        type=_bounded(1, 600),
        default=HEADER_SECONDS_MAX,
        metavar="S",
        help=f"how long a caller may take to send them (default: {HEADER_SECONDS_MAX:g})",
    )
    limits.add_argument(
        "--keep-alive",
        type=_bounded(1, 3_600),
        default=KEEP_ALIVE_S,
        metavar="S",
        help=f"how long a connection may be idle between two requests (default: {KEEP_ALIVE_S})",
    )
    limits.add_argument(
        "--graceful",
        type=_bounded(0, 3_600),
        default=GRACEFUL_S,
        metavar="S",
        help=f"how long what runs may take to end at a stop (default: {GRACEFUL_S})",
    )

    parser.set_defaults(settings_problem=None)
    try:
        parser.set_defaults(**run_defaults())
    except KrepisError as problem:  # `--help` works also while krepis.toml is wrong
        parser.set_defaults(settings_problem=problem)


def main(args: argparse.Namespace) -> int:
    if args.settings_problem is not None:
        raise args.settings_problem
    if args.reload and args.workers != 1:
        raise KrepisError("`--reload` works with one worker", hint="leave `--workers` out while developing")
    name = app_name(args.app)
    app = load_app(name)
    app.check()
    if app.store is not None:
        # A store that disagrees with the code is told here, in one sentence, and not by each worker.
        asyncio.run(_try(app.store))
    return _serve(name, app, args)


async def _try(store: Store) -> None:
    try:
        await store.open()
    finally:
        await store.close()


def _sockets(app: App) -> str:
    """The protocol of WebSockets; uvicorn's own choice for an app that has no doors for them but may mount others."""
    if not app.doors.sockets:
        return "auto"
    if find_spec("websockets") is None:
        raise KrepisError(
            f"the app `{app.name}` has WebSockets, and the library for them is not installed",
            hint='pip install "krepis[websocket]"',
        )
    return "krepis._server_socket:GuardedSocket"


def _serve(name: str, app: App, args: argparse.Namespace) -> int:
    import uvicorn
    from uvicorn.supervisors import ChangeReload, Multiprocess

    from krepis._server import GuardedConfig

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: list[socket] | None = None) -> None:
            await super().startup(sockets)
            _announce(name, listener)

    # Workers and the reloader start new processes, which know this one only by its environment.
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    config = GuardedConfig(
        name,
        host=args.host,
        port=args.port,
        workers=args.workers,
        reload=args.reload,
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        # Who is behind a proxy is for `krepis.limits.TrustedProxies` to say, which nobody trusts by default.
        proxy_headers=False,
        header_bytes_max=args.header_bytes,
        header_s_max=args.header_seconds,
        timeout_keep_alive=args.keep_alive,
        timeout_graceful_shutdown=args.graceful,
        ws=_sockets(app),
        ws_max_size=app.doors.streams.frame_bytes_max,
        ws_ping_interval=app.doors.streams.ping_s,
        ws_ping_timeout=app.doors.streams.ping_s,
        ws_per_message_deflate=False,
    )
    listener = _listen(config)
    # uvicorn hands a signal on after its graceful stop; a stop that was asked for is no failure.
    signal.signal(signal.SIGTERM, _ignore)
    with suppress(KeyboardInterrupt):
        if args.reload:
            _announce(name, listener)
            ChangeReload(config, target=uvicorn.Server(config).run, sockets=[listener]).run()
        elif args.workers > 1:
            _announce(name, listener)
            with _shared_figures():
                Multiprocess(config, sockets=[listener]).run()
        else:
            Announcing(config).run(sockets=[listener])
    return 0


@contextmanager
def _shared_figures() -> Generator[None]:
    """A folder in which workers gather the figures of `krepis.telemetry.Metrics`, unless there is one already."""
    if _FIGURES in os.environ:
        yield
        return
    with TemporaryDirectory(prefix="krepis-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[_FIGURES] = folder
        yield


def _ignore(_number: int, _frame: object) -> None:
    """A handler that does nothing; `SIG_IGN` would be inherited by workers."""


def _listen(config: uvicorn.Config) -> socket:
    try:
        return config.bind_socket()
    except SystemExit:
        raise KrepisError(
            f"nothing can listen at {config.host}:{config.port}", hint="another program may use the port: try `--port`"
        ) from None


def _announce(name: str, listener: socket) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"{name} serves at http://{shown}:{port} (Ctrl-C stops it)", file=sys.stderr, flush=True)


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"`{text}` is not a port (0 to 65535)")
    return int(text)


def _bounded(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or len(text) > 9 or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"`{text}` is not a whole number from {low} to {high}")
        return int(text)

    return number


def _workers(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number of workers (1 to 256)")
    return int(text)
