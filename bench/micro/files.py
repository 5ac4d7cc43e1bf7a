"""Memory and time of a 500 MiB upload and download, measured at a real `krepis run` process.

The server is `tests/faults/cabinet.py`. Reported is how far its peak memory (VmHWM) rises above that of the idle process
that has served one small file; the limit of issue 3 is 64 MiB.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import os
import shutil
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from bench import report
from bench.micro import measuring

from krepis.sql import Database

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))


# Tests are no package: what a real server in a process of its own needs is there already.
metadata: Any = import_module("faults.cabinet").metadata
Served: Any = import_module("serving").Served

MIB = 1 << 20
GROWN_MIB_MAX = 64
HEAD = ("", "idle MiB", "peak above idle MiB", "s", "MiB/s")


def main() -> int:
    shell = measuring.parser("files", __doc__, "", "--mib 2000 --blobs database")
    shell.add_argument("--mib", type=int, default=500, help="how large the file is (%(default)s)")
    shell.add_argument("--blobs", choices=["folder", "database"], default="folder", help="(%(default)s)")
    options = shell.parse_args()
    with report.scratch() as folder:
        server = serve(folder, options.blobs)
        try:
            rows, grown = measure(server, options.mib)
        finally:
            server.kill()
    wrongs = [] if grown < GROWN_MIB_MAX else [f"grown by {grown:.1f} MiB, the limit is {GROWN_MIB_MAX}"]
    title = f"{options.mib} MiB, blobs in the {options.blobs}."
    return measuring.show("files", f"{title}\n\n{measuring.table(HEAD, rows)}", options, wrongs=wrongs)


def serve(folder: Path, blobs: str) -> Any:
    (folder / "src").mkdir()
    shutil.copy(ROOT / "tests/faults/cabinet.py", folder / "src")
    (folder / "krepis.toml").write_text('app = "cabinet:app"\n', encoding="utf-8")
    url = f"sqlite:///{folder / 'cabinet.db'}"
    asyncio.run(make_tables(url))
    os.environ |= {"CABINET_DB": url, "CABINET_SECONDS": "600"}
    if blobs == "folder":
        os.environ["CABINET_FOLDER"] = str(folder / "blobs")
    return Served(folder)


async def make_tables(url: str) -> None:
    database = Database(url, metadata=metadata)
    await database.open()
    await database.create_tables()
    await database.close()


def measure(server: Any, mib: int) -> tuple[list[list[str]], float]:
    upload(server, "small", 1)
    download(server, "small")
    idle = peak_mib(server)
    began = time.perf_counter()
    digest = upload(server, "large", mib)
    rows = [row("upload", server, idle, mib, began)]
    began = time.perf_counter()
    assert download(server, "large") == digest, "the file came back different"
    rows.append(row("download", server, idle, mib, began))
    return rows, peak_mib(server) - idle


def row(what: str, server: Any, idle: float, mib: int, began: float) -> list[str]:
    took = time.perf_counter() - began
    return [what, f"{idle:.1f}", f"{peak_mib(server) - idle:+.1f}", f"{took:.1f}", f"{mib / took:.0f}"]


def peak_mib(server: Any) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def pieces(mib: int) -> Iterator[bytes]:
    piece = Random(1).randbytes(MIB)
    return (piece for _ in range(mib))


def upload(server: Any, name: str, mib: int) -> str:
    digest = hashlib.sha256()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    connection.putrequest("PUT", f"/documents/{name}")
    connection.putheader("content-length", str(mib * MIB))
    connection.endheaders()
    for piece in pieces(mib):
        digest.update(piece)
        connection.send(piece)
    reply = connection.getresponse()
    said = reply.read()
    assert reply.status == 200, said
    connection.close()
    return digest.hexdigest()


def download(server: Any, name: str) -> str:
    digest = hashlib.sha256()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    connection.request("GET", f"/documents/{name}")
    reply = connection.getresponse()
    while piece := reply.read(MIB):
        digest.update(piece)
    connection.close()
    return digest.hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
