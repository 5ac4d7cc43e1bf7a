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
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from socket import socket
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from krepis._cli.project import app_name, load_app
from krepis._cli.run_settings import RunSettings
from krepis.errors import Invalid, KrepisError, Malformed
from krepis.port import Store
from krepis.settings import read_settings
from krepis.settings.declared import Declared, Setting
from krepis.settings.shown import sentences
from krepis.verbs import DONE, Console

if TYPE_CHECKING:
    import uvicorn

    from krepis.app import App

_FIGURES = "PROMETHEUS_MULTIPROC_DIR"

_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "engine": "what serves it",
        "host": "the address to listen at",
        "port": "the port, 0 for a free one",
        "workers": "how many processes serve",
    }
)
LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "header_bytes": "how large all headers together may be",
        "header_seconds": "how long a caller may take to send them",
        "pipelined": "how many requests of a connection may wait behind the one that is answered",
        "keep_alive": "how long a connection may be idle between two requests, in seconds",
        "stall_seconds": "a caller who takes nothing of what is sent for so long is cut",
        "graceful": "how long what runs may take to end at a stop, in seconds",
    }
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "app", nargs="?", metavar="MODULE:APP", help="the app; krepis.toml of the project names it otherwise"
    )
    settings = {one.name: one for one in Declared(RunSettings).root.settings()}
    limits = parser.add_argument_group("limits of the server")
    for group, flags in ((parser, _FLAGS), (limits, LIMITS)):
        for name, words in flags.items():
            one = settings[name]
            flag = "--" + name.replace("_", "-")
            shown = f"{words} (default: {one.default})"
            group.add_argument(flag, type=_reader(one), default=one.default, metavar="X", help=shown)
    parser.add_argument(
        "--reload", action="store_true", help="start again when a source file changes (for development)"
    )
    parser.set_defaults(settings_problem=None)
    try:
        parser.set_defaults(**asdict(read_settings(RunSettings)))
    except KrepisError as problem:  # `--help` works also while krepis.toml is wrong
        parser.set_defaults(settings_problem=problem)


def _reader(setting: Setting) -> Callable[[str], Any]:
    """Reads a flag as krepis.toml and the environment are read."""

    def read(text: str) -> Any:
        try:
            return setting.read_text(text)
        except (Invalid, Malformed) as refusal:
            raise argparse.ArgumentTypeError("; ".join(sentences(setting, refusal, text))) from None

    return read


def main(args: argparse.Namespace, console: Console) -> int:
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
    return _serve(name, app, args, console)


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


def _serve(name: str, app: App, args: argparse.Namespace, console: Console) -> int:
    import uvicorn
    from uvicorn.supervisors import ChangeReload, Multiprocess

    from krepis._server import GuardedConfig

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: list[socket] | None = None) -> None:
            await super().startup(sockets)
            _announce(console, name, listener)

    # Workers and the reloader start new processes, which know this one only by its environment.
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    streams = app.doors.streams
    config = GuardedConfig(
        name,
        RunSettings(**{field: getattr(args, field) for field in RunSettings.__struct_fields__}),
        reload=args.reload,
        ws=_sockets(app),
        ws_max_size=streams.frame_bytes_max,
        ws_ping_interval=streams.ping_s,
        ws_ping_timeout=streams.ping_s,
    )
    listener = _listen(config)
    # uvicorn hands a signal on after its graceful stop; a stop that was asked for is no failure.
    signal.signal(signal.SIGTERM, _ignore)
    with suppress(KeyboardInterrupt):
        if args.reload:
            _announce(console, name, listener)
            ChangeReload(config, target=uvicorn.Server(config).run, sockets=[listener]).run()
        elif args.workers > 1:
            _announce(console, name, listener)
            with _shared_figures():
                Multiprocess(config, sockets=[listener]).run()
        else:
            Announcing(config).run(sockets=[listener])
    return DONE


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


def _announce(console: Console, name: str, listener: socket) -> None:
    if console.quiet:
        return
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"{name} serves at http://{shown}:{port} (Ctrl-C stops it)", file=sys.stderr, flush=True)
