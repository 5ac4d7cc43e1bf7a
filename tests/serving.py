"""A server as a real process, for tests: `Served(folder)` runs `krepis run` there and waits until it answers."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

KREPIS = Path(sys.executable).parent / "krepis"


class Served:
    """A server process, and what it has said. `environment` is what it finds there beside what stands in ours."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        self._log = (folder / "server.log").open("w+b")
        self.process = subprocess.Popen(
            [KREPIS, "run", "--port", "0", *words],
            cwd=folder,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        try:
            self.port = self._wait()
        except BaseException:
            self.kill()
            raise

    @property
    def log(self) -> str:
        return Path(self._log.name).read_text(encoding="utf-8")

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers=headers or {})
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def raw(self, sent: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.sendall(sent)
        return connection

    def wait_log(self, text: str, seconds: float = 5.0) -> bool:
        return wait_until(lambda: text in self.log, seconds)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._log.close()

    def _wait(self) -> int:
        def port() -> int:
            found = re.search(r"serves at http://127\.0\.0\.1:(\d+)", self.log)
            return int(found[1]) if found else 0

        assert wait_until(lambda: port() or self.process.poll() is not None, 20), self.log
        assert port(), self.log
        return port()


def wait_until(ready: Callable[[], object], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return True
        time.sleep(0.02)
    return bool(ready())
