"""What a file is, by its bytes; and what its sender's word is worth."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest
from _shelf import png
from hypothesis import given
from hypothesis import strategies as st

from krepis.files.inspect import HEAD_BYTES, Inspector, is_one_of, plain_type

INSPECTOR = Inspector()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("word/document.xml", "x")
    return buffer.getvalue()


DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("head", "claimed", "found"),
    [
        (png(), "", "image/png"),
        (png(), "image/jpeg", "image/png"),
        (b"\xff\xd8\xff\xdb\0\0", "", "image/jpeg"),
        (b"GIF89a\1\0", "", "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 \0\0", "video/avi", "image/webp"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "video/mp4", "image/avif"),
        (b"RIFF\x10\0\0\0WAVEfmt \0\0", "", "audio/wav"),
        (b"%PDF-1.7\n%\xe2\xe3", "", "application/pdf"),
        (b"%PDF-1.7\n1 0 obj", "text/plain", "application/pdf"),
        (b"\0\0\0\x18ftypisom\0\0\2\0", "", "video/mp4"),
        (gzip.compress(b"x", mtime=0), "", "application/gzip"),
        (zipped(), "", "application/zip"),
        (zipped(), DOCX, DOCX),
        (zipped(), "image/png", "application/zip"),
        (b"MZ\x90\0\3\0\0\0", "image/png", "application/vnd.microsoft.portable-executable"),
        (b"hello", "", "text/plain"),
        (b"a,b\n1,2\n", "text/csv", "text/csv"),
        (b'{"a": 1}', "application/json", "application/json"),
        (b"# title", "text/markdown; charset=utf-8", "text/markdown"),
        (b"hello", "text/html", "text/plain"),
        (b"hello", "image/svg+xml", "text/plain"),
        (b"hello", "image/png", "text/plain"),
        (b"hello", "application/octet-stream", "text/plain"),
        (b"  \n<!DOCTYPE html>", "text/plain", "text/html"),
        (b"<script>alert(1)</script>", "image/png", "text/html"),
        (b"<svg onload=x>", "image/png", "image/svg+xml"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><svg ", "", "image/svg+xml"),
        (b"<?xml version='1.0'?><a/>", "text/plain", "application/xml"),
        (b"\0\1\2\3", "", "application/octet-stream"),
        (b"\0\1\2\3", "image/png", "application/octet-stream"),
        (b"\0\1\2\3", "text/plain", "application/octet-stream"),
        (b"\0\1\2\3", "text/html", "application/octet-stream"),
        (b"\0\1\2\3", "application/x-own-format", "application/x-own-format"),
        (b"\0\1\2\3", "no type", "application/octet-stream"),
        (b"\0\1\2\3", "a/b\r\nx: y", "application/octet-stream"),
        (b"GIF89a=1;//<html>\n", "image/gif", "text/plain"),
        (b"", "text/plain", "text/plain"),
        (b"", "text/html", "application/octet-stream"),
        (b"", "", "application/octet-stream"),
    ],
)
def test_the_bytes_say_what_a_file_is(head: bytes, claimed: str, found: str) -> None:
    assert INSPECTOR.media_type(head, claimed) == found


def test_a_text_may_be_cut_in_the_middle_of_a_character() -> None:
    text = ("x" + "é" * HEAD_BYTES).encode()[:HEAD_BYTES]
    assert INSPECTOR.media_type(text) == "text/plain"


@given(st.binary(max_size=64), st.text(max_size=40))
def test_whatever_comes_there_is_a_type(head: bytes, claimed: str) -> None:
    found = INSPECTOR.media_type(head, claimed)
    assert plain_type(found) == found
    assert found.isascii()


@given(st.binary(max_size=200))
def test_nobody_makes_html_of_what_is_none(head: bytes) -> None:
    if b"<" not in head:
        assert INSPECTOR.media_type(head, "text/html") != "text/html"


def test_a_family_of_types_is_named_with_a_star() -> None:
    assert is_one_of("image/png", ("image/*",))
    assert not is_one_of("imagery/png", ("image/*",))
    assert is_one_of("a/b", ())
