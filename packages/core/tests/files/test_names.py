"""Names of files: whatever somebody calls one, what is kept is harmless, and what is harmless is kept."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krepis.files import safe_name
from krepis.http.downloads import disposition

NASTY = (
    st.text(alphabet=st.sampled_from('./\\:*?"<>|%;= \r\n\0\t\x7f\u202e\u200d\u2028\ufefféé̈ß한CONnul1aZ\ud800😀'))
    | st.text()
)


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("Ünïcode 한국어 😀.png", "Ünïcode 한국어 😀.png"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("C:\\Users\\me\\cover.png", "cover.png"),
        ("/", "file"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        ("...", "file"),
        (".htaccess", "htaccess"),
        ("..png", "png"),
        ("a.png ", "a.png"),
        ("a.png...", "a.png"),
        ("a\0.png", "a.png"),
        ('a"; filename="b.exe', "a_; filename=_b.exe"),
        ("a\r\nSet-Cookie: x=1\r\n.png", "aSet-Cookie_ x=1.png"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("Com1.tar.gz", "_Com1.tar.gz"),
        ("com¹", "_com¹"),
        ("aux .txt", "_aux .txt"),
        ("console.txt", "console.txt"),
        ("file:stream", "file_stream"),
        ("a|b?c*<d>", "a_b_c__d_"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\ufeffa\u200b\u2028b", "ab"),
        ("e\u0301.txt", "\u00e9.txt"),
        ("a   b\u00a0c", "a b c"),
        ("\ud800x", "x"),
        (b"\xff\xfe.png", "__.png"),
        ("größe.txt".encode(), "größe.txt"),
        ("x" * 255, "x" * 255),
        ("x" * 256, "x" * 255),
        ("x" * 252 + ".png", "x" * 251 + ".png"),
        ("é" * 200 + ".jpeg", "é" * 125 + ".jpeg"),
        ("a." + "x" * 300, "a." + "x" * 253),
    ],
)
def test_names_are_made_safe(raw: str | bytes, safe: str) -> None:
    assert safe_name(raw) == safe


@given(NASTY | st.binary())
def test_every_name_is_safe(raw: str | bytes) -> None:
    name = safe_name(raw)
    assert 1 <= len(name.encode()) <= 255
    assert not set(name) & set('/\\:*?"<>|\0')
    assert name[0] not in ". "
    assert name[-1] not in ". "
    assert all(unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in name)
    assert unicodedata.is_normalized("NFC", name)
    assert name.partition(".")[0].strip().upper() not in ("CON", "PRN", "AUX", "NUL", "COM1", "LPT9")


@given(NASTY | st.binary())
def test_a_safe_name_stays_as_it_is(raw: str | bytes) -> None:
    assert safe_name(safe_name(raw)) == safe_name(raw)


@given(NASTY, st.booleans())
def test_no_name_splits_a_header(raw: str, inline: bool) -> None:
    header = disposition(raw, inline=inline)
    assert header.isascii()
    assert not set(header) & {*range(32), 127}
    assert header.startswith(b"inline; " if inline else b"attachment; ")
    assert header.count(b'"') == 2
    assert header.count(b";") - header.count(b'filename="') in (0, 1) or b";" in header.split(b'"')[1]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("report.pdf", b'attachment; filename="report.pdf"'),
        ("100%.txt", b"attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("naïve €.txt", b"attachment; filename=\"naive .txt\"; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.txt"),
        ("한.png", b"attachment; filename=\".png\"; filename*=UTF-8''%ED%95%9C.png"),
    ],
)
def test_a_name_in_a_header_is_as_rfc_6266_has_it(name: str, header: bytes) -> None:
    assert disposition(name, inline=False) == header
