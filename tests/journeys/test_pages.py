"""The runner of reference pages: their Python is one program, and what it prints is compared."""

import pytest

from journeys.markdown import Deviation, blocks
from journeys.pages import Program


async def play(folder, document):
    with Program("page_sample", folder) as program:
        for block in blocks(document):
            await program.play(block)


async def test_blocks_are_one_program(tmp_path):
    await play(tmp_path, "```python\nx = 1\n```\n```python\nassert x == 1\n```\n")


async def test_await_may_stand_at_the_top(tmp_path):
    await play(tmp_path, "```python\nimport asyncio\nawait asyncio.sleep(0)\n```\n")


async def test_a_file_that_a_block_wrote_can_be_imported(tmp_path):
    await play(tmp_path, "```python title=sample_part.py\nx = 1\n```\n```python\nfrom sample_part import x\n```\n")


async def test_what_is_printed_is_compared(tmp_path):
    await play(tmp_path, "```python\nprint('one and two')\n```\n```text output\none...two\n```\n")
    with pytest.raises(Deviation, match="line 4: the block before it printed\none"):
        await play(tmp_path, "```python\nprint('one')\n```\n```text output\ntwo\n```\n")


async def test_an_exception_that_is_expected_prints_its_text(tmp_path):
    await play(tmp_path, "```python raises=ValueError\nraise ValueError('no')\n```\n```text output\nno\n```\n")


async def test_an_exception_that_does_not_come_is_a_deviation(tmp_path):
    with pytest.raises(Deviation, match="`ValueError` was expected"):
        await play(tmp_path, "```python raises=ValueError\nx = 1\n```\n")


async def test_another_exception_comes_through_with_its_line(tmp_path):
    with pytest.raises(ZeroDivisionError) as raised:
        await play(tmp_path, "# Title\n\n```python\nx = 1\n1 / 0\n```\n")
    assert raised.traceback[-1].lineno + 1 == 5


async def test_an_unknown_option_is_a_deviation(tmp_path):
    with pytest.raises(Deviation, match="`fast` means nothing here"):
        await play(tmp_path, "```python fast\nx = 1\n```\n")


async def test_other_blocks_are_those_of_a_journey(tmp_path):
    await play(tmp_path, "```console\n$ echo one\none\n```\n")
    with pytest.raises(Deviation, match="not run"):
        await play(tmp_path, "```ruby\nputs\n```\n")
