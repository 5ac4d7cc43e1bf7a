"""Addresses that come from outside never lead into the private network."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from krepis import Context, Unavailable
from krepis._system import SystemSources
from krepis.client import HttpClient, NotAllowedError
from krepis.client.guard import is_public
from krepis.context import root


def ctx() -> Context:
    return root(SystemSources(), timeout=5)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1",
        "64:ff9b::a00:1", "2002:a00:1::", "2001:0:a00:1::",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_public_address_is_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "LOCALHOST.", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "0", "2130706433", "0x7f.1",
     "127.1", "169.254.169.254"],
)  # fmt: skip
async def test_the_private_network_is_not_called_however_it_is_written(port: int, host: str) -> None:
    async with HttpClient() as client:
        with pytest.raises((NotAllowedError, Unavailable)):
            await client.get(ctx(), f"http://{host}:{port}/rate")


@pytest.mark.parametrize(
    "address",
    ["", "/rate", "file:///etc/passwd", "ftp://example.org/", "http://", "http://user:pw@example.org/", "http:///x",
     "http://exa mple.org/", "http://[::1", "http://a" + "b" * 300 + "/", "gopher://127.0.0.1:70/", "http://\u2488.org:x/"],
)  # fmt: skip
async def test_what_is_no_address_is_refused(address: str) -> None:
    async with HttpClient() as client:
        with pytest.raises((NotAllowedError, Unavailable)):
            await client.get(ctx(), address)


async def test_a_host_that_is_named_may_be_private(port: int) -> None:
    async with HttpClient(hosts=["127.0.0.1"]) as client:
        assert (await client.get(ctx(), f"http://127.0.0.1:{port}/rate")).status == 200
        with pytest.raises(NotAllowedError, match="`localhost` is not among the hosts"):
            await client.get(ctx(), f"http://localhost:{port}/rate")


async def test_a_named_host_may_be_held_to_public_addresses_too(port: int) -> None:
    async with HttpClient(hosts=["localhost"], private=False) as client:
        with pytest.raises(NotAllowedError, match="is not a public address"):
            await client.get(ctx(), f"http://localhost:{port}/rate")


async def test_the_connection_goes_to_the_address_that_was_judged(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name whose second resolution would lead elsewhere: it is resolved once, and the header still has the name."""
    asked: list[Any] = []

    async def resolve(host: str, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1" if len(asked) == 1 else "192.0.2.1", port))]

    monkeypatch.setattr("krepis.client.guard.is_public", lambda address: address == "127.0.0.1")
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    async with HttpClient() as client:
        answer = await client.get(ctx(), f"http://rebinding.example:{port}/echo")
    assert asked[0] == "rebinding.example"
    assert f'"host": "rebinding.example:{port}"'.encode() in answer.body


# TLS


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run([*command.split(), *names], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
async def tls_port(certificate: Path) -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_certificate_that_nobody_vouches_for_is_refused(tls_port: int) -> None:
    async with HttpClient(f"https://localhost:{tls_port}") as client:
        with pytest.raises(Unavailable):
            await client.get(ctx(), "/")


@pytest.mark.parametrize(("host", "fits"), [("localhost", True), ("127.0.0.1", False)])
async def test_the_certificate_must_be_that_of_the_name(
    tls_port: int, certificate: Path, host: str, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the connection goes to the address that the guard has judged."""
    monkeypatch.setattr("krepis.client.guard.is_public", lambda address: True)
    trust = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
    for options in ({"base": f"https://{host}:{tls_port}"}, {"base": None}):
        async with HttpClient(verify=trust, **options) as client:  # type: ignore[arg-type]
            place = "/" if options["base"] else f"https://{host}:{tls_port}/"
            try:
                reached = (await client.get(ctx(), place)).status == 200
            except Unavailable:
                reached = False
            assert reached == fits
