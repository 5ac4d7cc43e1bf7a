"""Memory and time of a 500 MiB upload and download, measured at a real `krepis run` process.

    bench/run files                  500 MiB, blobs in a folder, on SQLite
    bench/run files --mib 2000 --blobs database

The server is `tests/faults/cabinet.py`. Reported is how far its peak memory (VmHWM) rises above that of the idle process
that has served one small file; the limit of issue 3 is 64 MiB.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import http.client
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from krepis.sql import Database

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))


# Tests are no package: what a real server in a process of its own needs is there already.
metadata: Any = import_module("faults.cabinet").metadata
Served: Any = import_module("serving").Served

MIB = 1 << 20
GROWN_MIB_MAX = 64


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=500)
    parser.add_argument("--blobs", choices=["folder", "database"], default="folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        server = serve(Path(name), arguments.blobs)
        try:
            return measure(server, arguments.mib)
        finally:
            server.kill()


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


def measure(server: Any, mib: int) -> int:
    upload(server, "small", 1)
    download(server, "small")
    idle = peak_mib(server)
    print(f"idle       {idle:7.1f} MiB")
    began = time.perf_counter()
    digest = upload(server, "large", mib)
    report("upload", server, idle, mib, began)
    began = time.perf_counter()
    assert download(server, "large") == digest, "the file came back different"
    report("download", server, idle, mib, began)
    return 0 if peak_mib(server) - idle < GROWN_MIB_MAX else 1


def report(what: str, server: Any, idle: float, mib: int, began: float) -> None:
    took = time.perf_counter() - began
    grown = peak_mib(server) - idle
    print(f"{what:10} {grown:+7.1f} MiB peak above idle, {mib} MiB in {took:.1f} s ({mib / took:.0f} MiB/s)")


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
