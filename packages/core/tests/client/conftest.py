"""A server that misbehaves on demand, as a process of its own, and clients of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from krepis.client import HttpClient

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    command = [sys.executable, str(Path(__file__).parent / "_odd_server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


@pytest.fixture
def base(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@pytest.fixture
async def client(base: str) -> AsyncIterator[HttpClient]:
    async with HttpClient(base, timeout_s=5, body_bytes_max=10_000) as opened:
        yield opened
