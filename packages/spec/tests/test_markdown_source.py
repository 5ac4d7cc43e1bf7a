"""A file becomes a text, or says why it does not."""

import os
import time

import pytest

from krepis.errors import KrepisError
from krepis_spec.markdown import SPEC_BYTES_MAX, SPEC_LINES_MAX, document_of, source_of
from krepis_spec.problems import Problems


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "shop.md"
        path.write_bytes(content)
        return path

    return write


def refusal(path):
    with pytest.raises(KrepisError) as refused:
        source_of(path)
    assert refused.value.hint
    return str(refused.value.args[0]).replace(f"{path.parent}{os.sep}", "")


def test_a_file_is_its_text(written):
    assert source_of(written("# Shöp\r\n".encode())) == "# Shöp\r\n"


def test_a_byte_order_mark_is_dropped(written):
    assert source_of(written(b"\xef\xbb\xbf# Shop\n")) == "# Shop\n"


def test_no_file_is_refused(tmp_path):
    assert refusal(tmp_path / "shop.md") == "there is no `shop.md`"


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "shop").mkdir()
    assert refusal(tmp_path / "shop") == "`shop` is a folder"


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "shop.md")
    assert refusal(tmp_path / "shop.md") == "`shop.md` is no file"


def test_a_name_without_end_is_refused(tmp_path):
    assert "can't be read" in refusal(tmp_path / ("x" * 5000))


def test_a_name_that_steers_a_terminal_does_not(tmp_path):
    assert refusal(tmp_path / "a\x1bb") == "there is no `a\\x1bb`"


def test_a_byte_that_is_not_utf8_is_named_with_its_place(written):
    assert refusal(written("# Shop\r\n\r\n漢字 ".encode() + b"\xff\n")) == (
        "`shop.md` is not UTF-8: the byte 0xff in line 3, column 4"
    )


def test_a_zero_byte_is_refused(written):
    assert refusal(written(b"# Shop\n\0")) == "`shop.md` holds a zero byte, in line 2, column 1"


def test_a_zero_byte_at_the_very_beginning_is_refused(written):
    assert refusal(written(b"\0")) == "`shop.md` holds a zero byte, in line 1, column 1"


def test_the_largest_file_is_read(written):
    assert len(source_of(written(b"a" * SPEC_BYTES_MAX))) == SPEC_BYTES_MAX


def test_a_larger_file_is_refused(written):
    assert refusal(written(b"a" * (SPEC_BYTES_MAX + 1))) == (
        "`shop.md` is larger than 2,000,000 bytes, which a spec may have at most"
    )


def test_the_most_lines_are_read(written):
    assert source_of(written(b"\n" * SPEC_LINES_MAX))


def test_more_lines_are_refused(written):
    assert (
        refusal(written(b"\n" * (SPEC_LINES_MAX + 1))) == "`shop.md` has 100,001 lines, and a spec has 100,000 at most"
    )


HOSTILE = (
    "[" * 100_000,
    "a | " * 25_000,
    "|a" * 20_000 + "\n" + "|-" * 20_000,
    "# A\n## View " + "of " * 30_000,
    "# A\n## Seed\n- a" + " " * 100_000 + "b",
    "# A\n## Seed\n- " + "` `` " * 20_000 + "`",
    "# A\n## Seed\n- **" + "a " * 50_000,
    "- " * 50_000,
    "> " * 50_000,
    "<a " + "b=  " * 25_000,
    "a" * 100_000 + ": b",
    "-" * 50_000 + "|" * 50_000,
)


@pytest.mark.slow
def test_hostile_text_takes_time_in_proportion_to_its_length():
    begun = time.perf_counter()
    for source in HOSTILE:
        document_of("x.md", source, Problems())
    # A tenth of it where nothing else runs; many minutes if one of them took the square of its length.
    assert time.perf_counter() - begun < 20
