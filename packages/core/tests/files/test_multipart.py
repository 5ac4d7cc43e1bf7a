"""Forms that are broken, huge or hostile: a clear refusal, and nothing of them is left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from _shelf import declared, memory_shelf
from hypothesis import given
from hypothesis import strategies as st

from krepis.errors import Rejection
from krepis.http import Limits
from krepis.http.multipart import Multipart
from krepis.testing import MemoryBlobs, Reply, Upload, start
from krepis.testing.files import form_body

TYPE = "multipart/form-data; boundary=B"
GOOD = b'--B\r\nContent-Disposition: form-data; name="isbn"\r\n\r\n1\r\n'
TITLE = b'--B\r\nContent-Disposition: form-data; name="title"\r\n\r\nA\r\n'
FILE = b'--B\r\nContent-Disposition: form-data; name="page"; filename="a.txt"\r\n\r\nhello\r\n'
END = b"--B--\r\n"


async def sent(body: bytes, content_type: str = TYPE, limits: Limits | None = None) -> Reply:
    """The answer to a form; whatever was refused has left nothing."""
    blobs = MemoryBlobs()
    async with start(memory_shelf(declared(limits=limits), blobs=blobs)) as service:
        reply = await service.post("/catalogue", body=body, headers={"content-type": content_type})
        assert len(blobs) == (body.count(b"filename=") if reply.status == 201 else 0)
        return reply


async def test_a_plain_form() -> None:
    assert (await sent(GOOD + TITLE + FILE + END)).status == 201


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"hello", 400),
        (GOOD + TITLE + FILE, 400),  # no last boundary
        (GOOD + TITLE + FILE[:-9], 400),
        (b"--B\r\n", 400),
        (b"--B--\r\n", 422),
        (b"preamble\r\n" + GOOD + TITLE + END, 400),
        (b"\r\n" + GOOD + TITLE + END, 201),
        (GOOD + TITLE + END + b"epilogue", 201),
        (b"--C\r\n" + GOOD[5:] + END, 400),
        (b"--B\r\n\r\nno name\r\n" + END, 400),
        (b"--B\r\nContent-Type: text/plain\r\n\r\nno name\r\n" + END, 400),
        (b'--B\r\nContent-Disposition: attachment; name="isbn"\r\n\r\n1\r\n' + END, 400),
        (b"--B\r\nContent-Disposition: form-data\r\n\r\n1\r\n" + END, 400),
        (GOOD.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n") + END, 400),
        (GOOD.replace(b"\r\n\r\n", b'\r\nContent-Disposition: form-data; name="b"\r\n\r\n') + END, 400),
        (GOOD.replace(b"\r\n\r\n", b"\r\nX\0Y: 1\r\n\r\n") + END, 400),
        (GOOD.replace(b'"isbn"', b'"\xff"') + END, 400),
        (GOOD.replace(b"\r\n1\r\n", b"\r\n\xff\r\n") + TITLE + END, 400),
        (GOOD + GOOD + TITLE + END, 422),
        (GOOD.replace(b"1", b"a\0b") + TITLE + END, 422),
        (GOOD + TITLE + FILE.replace(b'"page"', b'"elsewhere"') + END, 422),
        # a form inside a form is a file like others: nothing reads it
        (
            GOOD
            + TITLE
            + FILE.replace(b"\r\n\r\nhello", b"\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n--C--")
            + END,
            201,
        ),
    ],
)
async def test_what_is_no_good_form(body: bytes, status: int) -> None:
    reply = await sent(body)
    assert reply.status == status, reply.text


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ("multipart/form-data; boundary=" + "x" * 71, 400),
        ("multipart/mixed; boundary=B", 415),
        ("application/json", 415),
        ("", 415),
        ('multipart/form-data; boundary="B"; charset=utf-8', 201),
        ("Multipart/Form-Data; boundary=B", 201),
    ],
)
async def test_the_boundary_must_be_there(content_type: str, status: int) -> None:
    assert (await sent(GOOD + TITLE + END, content_type)).status == status


@pytest.mark.parametrize(
    "name", [b"../../x", b"a\r\nb", b"a%0d%0ab", b'a\\"b', b"\xff\xfe", b"PK\x03\x04.zip", b"x/../../y.zip", b"a;b=c"]
)
async def test_whatever_a_file_is_called(name: bytes) -> None:
    reply = await sent(GOOD + TITLE + FILE.replace(b"a.txt", name) + END)
    assert reply.status in (201, 400)


@pytest.mark.parametrize(("count", "status"), [(7, 422), (8, 413)])
async def test_as_many_parts_as_there_may_be_and_one_more(count: int, status: int) -> None:
    # The seventh and the end are well-formed; what is wrong with them is only that nobody knows the field.
    body = b"".join(GOOD.replace(b"isbn", b"f%d" % at) for at in range(count)) + END
    assert (await sent(body, limits=Limits(form_parts_max=7))).status == status


@pytest.mark.parametrize(("size", "status"), [(100, 201), (101, 413)])
async def test_a_field_at_its_limit_and_one_byte_beyond(size: int, status: int) -> None:
    # Lengths are counted before anything is read: a field of spaces is as long as any.
    tags = b'--B\r\nContent-Disposition: form-data; name="tags"\r\n\r\n' + b"x" * size + b"\r\n"
    assert (await sent(GOOD + TITLE + tags + END, limits=Limits(form_field_bytes_max=100))).status == status


@pytest.mark.parametrize(("size", "status"), [(98, 201), (99, 413)])
async def test_all_fields_at_their_limit_and_one_byte_beyond(size: int, status: int) -> None:
    tags = b'--B\r\nContent-Disposition: form-data; name="tags"\r\n\r\n' + b"x" * size + b"\r\n"
    assert (await sent(GOOD + TITLE + tags + END, limits=Limits(body_bytes_max=100))).status == status


@pytest.mark.parametrize(("size", "status"), [(0, 201), (1, 413)])
async def test_the_headers_of_a_part_at_their_limit_and_one_byte_beyond(size: int, status: int) -> None:
    plain = len(b'Content-Dispositionform-data; name="page"; filename="a.txt"')
    more = b"\r\nX: " + b"x" * (200 - plain - 1 + size)
    body = GOOD + TITLE + FILE.replace(b"\r\n\r\n", more + b"\r\n\r\n") + END
    assert (await sent(body, limits=Limits(part_header_bytes_max=200))).status == status


@pytest.mark.parametrize(("count", "status"), [(7, 201), (8, 413)])
async def test_as_many_headers_as_a_part_may_have_and_one_more(count: int, status: int) -> None:
    more = b"".join(b"\r\nX%d: 1" % at for at in range(count))
    assert (await sent(GOOD + TITLE + FILE.replace(b"\r\n\r\n", more + b"\r\n\r\n") + END)).status == status


async def test_a_header_without_an_end_is_not_held() -> None:
    body = b"--B\r\nContent-Disposition: " + b"x" * 5_000_000
    reply = await sent(body)
    assert reply.status in (400, 413)


class Chunks:
    """A body in pieces of a size."""

    def __init__(self, body: bytes, size: int) -> None:
        self.body, self.size = body, size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self.body), self.size):
            yield self.body[at : at + self.size]


async def read(body: bytes, size: int, content_type: str) -> list[tuple[str, bytes | None, bytes]]:
    multipart = Multipart(aiter(Chunks(body, size)), content_type.encode(), Limits())
    return [
        (head.name, head.file_name, b"".join([piece async for piece in multipart.content()]))
        async for head in multipart.parts()
    ]


@given(
    st.dictionaries(st.text("abc", min_size=1), st.text("ab\r\n-é", max_size=50), max_size=4),
    st.dictionaries(
        st.text("xyz", min_size=1), st.binary(max_size=200) | st.just(b"\r\n--krepis-testing-boundar"), max_size=4
    ),
    st.integers(1, 300),
)
async def test_what_is_sent_is_read_however_it_is_cut(
    fields: dict[str, str], files: dict[str, bytes], size: int
) -> None:
    content_type, body = form_body(fields, {name: Upload(f"{name}.bin", content) for name, content in files.items()})
    expected: list[tuple[str, bytes | None, bytes]] = [(name, None, text.encode()) for name, text in fields.items()]
    expected += [(name, f"{name}.bin".encode(), content) for name, content in files.items()]
    assert await read(body, size, content_type) == expected


@given(
    st.lists(st.sampled_from([GOOD, FILE, END, b"--B", b"\r\n", b"--", b"\0", b"Content-Disposition", b": ", b"\xff"])),
    st.integers(1, 9),
)
async def test_whatever_is_sent_is_read_or_refused(parts: list[bytes], size: int) -> None:
    with suppress(Rejection):
        await read(b"".join(parts), size, TYPE)
