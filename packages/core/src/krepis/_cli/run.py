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
from contextlib import suppress
from socket import socket
from typing import TYPE_CHECKING

from krepis._cli.project import app_name, load_app
from krepis.errors import KrepisError
from krepis.port import Store

if TYPE_CHECKING:
    import uvicorn

PORT = 8000
GRACEFUL_S = 15
KEEP_ALIVE_S = 15


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


def main(args: argparse.Namespace) -> int:
    if args.reload and args.workers != 1:
        raise KrepisError("`--reload` works with one worker", hint="leave `--workers` out while developing")
    name = app_name(args.app)
    app = load_app(name)
    app.check()
    if app.store is not None:
        # A store that disagrees with the code is told here, in one sentence, and not by each worker.
        asyncio.run(_try(app.store))
    return _serve(name, args)


async def _try(store: Store) -> None:
    try:
        await store.open()
    finally:
        await store.close()


def _serve(name: str, args: argparse.Namespace) -> int:
    import uvicorn
    from uvicorn.supervisors import ChangeReload, Multiprocess

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: list[socket] | None = None) -> None:
            await super().startup(sockets)
            _announce(name, listener)

    # Workers and the reloader start new processes, which know this one only by its environment.
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    config = uvicorn.Config(
        name,
        host=args.host,
        port=args.port,
        workers=args.workers,
        reload=args.reload,
        http="krepis._server:GuardedProtocol",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACEFUL_S,
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
            Multiprocess(config, sockets=[listener]).run()
        else:
            Announcing(config).run(sockets=[listener])
    return 0


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


def _workers(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number of workers (1 to 256)")
    return int(text)
