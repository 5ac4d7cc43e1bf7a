"""An HTTP server of raw bytes: the path says what it does. Run as a program, it prints its port."""

from __future__ import annotations

import asyncio
import json
import socket
import struct

JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"


def ok(body: bytes) -> bytes:
    return JSON % (len(body), body)


async def read_request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *rest = head.split("\r\n")
    method, path, _ = line.split(" ")
    headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in rest if one)}
    return method, path, headers, await reader.readexactly(int(headers.get("content-length", "0")))


PLAIN = {
    "/rate": ok(b'{"currency": "EUR", "units": 3}'),
    "/more": ok(b'{"currency": "EUR", "units": 3, "new": true}'),
    "/other": ok(b'{"currency": "EUR", "units": "secret-text"}'),
    "/broken": ok(b'{"currency": '),
    "/not-utf8": ok(b'{"currency": "\xff"}'),
    "/html": b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n{}",
    "/untyped": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    "/problem": b"HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\ncontent-length: 2\r\n\r\n{}",
    "/empty": b"HTTP/1.1 204 No Content\r\n\r\n",
    "/exact": ok(b"x" * 10_000),
    "/larger": ok(b"x" * 10_001),
    "/gzip": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
    "/redirect": b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/secret\r\ncontent-length: 0\r\n\r\n",
    "/cookie": b"HTTP/1.1 200 OK\r\nset-cookie: session=other-tenant\r\ncontent-length: 0\r\n\r\n",
    "/busy": b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n",
    "/many": b"HTTP/1.1 429 Too Many\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n",
    "/wrong": b"HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n",
    "/garbage": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "/two-lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "/no-number": b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}",
    "/half": b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    "/half-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{",
    "/bad-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "/headers": b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 300_000 + b"\r\n\r\n",
}
CLOSING = {
    "/reset",
    "/close",
    "/garbage",
    "/two-lengths",
    "/no-number",
    "/half",
    "/half-chunk",
    "/bad-chunk",
    "/headers",
}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await answer(await read_request(reader), writer):
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def answer(request: tuple[str, str, dict[str, str], bytes], writer: asyncio.StreamWriter) -> bool:
    """Do what the path says; the answer is whether the connection goes on."""
    method, path, headers, body = request
    place = path.partition("?")[0]
    match place:
        case _ if place in PLAIN:
            writer.write(PLAIN[place])
        case "/stall":
            await asyncio.sleep(30)
        case "/stall-body":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{")
            await asyncio.sleep(30)
        case "/drip":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
            for _ in range(1000):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        case "/reset":
            # A close with this option sends RST.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        case "/endless":
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
                await writer.drain()
        case "/close":
            pass
        case _:
            seen = {"method": method, "path": path, "headers": headers, "body": body.decode("latin-1")}
            writer.write(ok(json.dumps(seen).encode()))
    return place not in CLOSING


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
