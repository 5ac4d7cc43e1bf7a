"""The runner of documents: it does what a document says, and says where the document is wrong."""

import sys

import pytest

from journeys.markdown import Deviation, Journey, blocks, matches


def play(folder, document):
    with Journey(folder) as journey:
        for block in blocks(document):
            journey.play(block)


def test_a_titled_block_writes_a_file(tmp_path):
    play(tmp_path, "```python title=src/x.py\nprint(1)\n```\n")
    assert (tmp_path / "src/x.py").read_text() == "print(1)\n"


def test_an_appending_block_adds_to_it(tmp_path):
    play(tmp_path, "```text title=x\none\n```\n```text title=x append\ntwo\n```\n")
    assert (tmp_path / "x").read_text() == "one\ntwo\n"


def test_a_folder_that_was_entered_stays_entered(tmp_path):
    play(tmp_path, "```sh\nmkdir a\ncd a\n```\n```sh\ntouch here\n```\n```text title=there\n```\n")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["here", "there"]


def test_commands_find_the_programs_of_this_environment(tmp_path):
    play(tmp_path, f"```console\n$ python -c 'import sys; print(sys.prefix)'\n{sys.prefix}\n```\n")


def test_a_command_that_fails_is_a_deviation(tmp_path):
    with pytest.raises(Deviation, match="line 3: `false` ended with 1, not 0"):
        play(tmp_path, "# Title\n\n```sh\nfalse\n```\n")


def test_a_command_that_fails_before_the_last_is_a_deviation(tmp_path):
    with pytest.raises(Deviation):
        play(tmp_path, "```sh\nfalse\ntrue\n```\n")


def test_a_console_that_prints_something_else_is_a_deviation(tmp_path):
    with pytest.raises(Deviation, match="printed\ntwo"):
        play(tmp_path, "```console\n$ echo one\none\n$ echo two\nthree\n```\n")


def test_a_console_may_show_how_a_command_fails(tmp_path):
    play(tmp_path, "```console exit=3\n$ true\n$ echo no; exit 3\nno\n```\n")


def test_a_console_that_should_fail_and_does_not_is_a_deviation(tmp_path):
    with pytest.raises(Deviation, match="ended with 0, not 3"):
        play(tmp_path, "```console exit=3\n$ true\n```\n")


def test_a_command_may_go_on_in_the_next_line(tmp_path):
    play(tmp_path, "```console\n$ echo one \\\n    two\none two\n```\n")


@pytest.mark.slow
def test_a_server_is_started_talked_to_and_stopped(tmp_path):
    ask = "from urllib.request import urlopen; print(urlopen('http://127.0.0.1:8000/x').read().decode())"
    serve = "python -m http.server --bind 127.0.0.1 8000"
    play(
        tmp_path,
        f'```text title=x\nhello\n```\n```sh background\n{serve}\n```\n```console\n$ python -c "{ask}"\nhello\n```\n',
    )
    assert "GET /x" in (tmp_path / "server.log").read_text()


def test_a_server_that_does_not_start_is_a_deviation(tmp_path):
    with pytest.raises(Deviation, match="does not listen on 8000:\nno such thing"):
        play(tmp_path, "```sh background\nbash -c 'echo no such thing'\n```\n")


def test_a_skipped_block_is_not_played(tmp_path):
    play(tmp_path, '```sh skip="it would fail"\nfalse\n```\n')


def test_illustrations_are_not_played(tmp_path):
    play(tmp_path, "```text\nfalse\n```\n```json\n{}\n```\n")


def test_make_is_not_run_but_its_target_must_exist(tmp_path):
    play(tmp_path, "```sh\nmake demo  # starts it\nmake test\n```\n")
    with pytest.raises(Deviation, match="there is no `make tea`"):
        play(tmp_path, "```sh\nmake tea\n```\n")


def test_what_is_installed_must_be_ours_or_pinned(tmp_path):
    play(tmp_path, '```sh\npip install krepis pytest\npip install "krepis[postgres]"\n```\n')
    with pytest.raises(Deviation, match="`leftpad` is neither ours nor pinned"):
        play(tmp_path, "```sh\npip install leftpad\n```\n")


def test_a_block_that_would_be_run_in_half_is_a_deviation(tmp_path):
    with pytest.raises(Deviation, match="a block of their own"):
        play(tmp_path, "```sh\nmake setup\ntouch x\n```\n")


def test_an_unknown_block_is_a_deviation(tmp_path):
    with pytest.raises(Deviation, match="not run"):
        play(tmp_path, "```ruby\nputs\n```\n")


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("", ""),
        ("one", "one\n"),
        ("one  ", "one\n\n"),
        ("a...z", "a to z"),
        ("...", ""),
        ("...", "one\ntwo"),
        ("one\n...\nfour", "one\ntwo\nthree\nfour"),
        ("one\n...\ntwo", "one\ntwo"),
    ],
)
def test_what_was_expected_matches(expected, printed):
    assert matches(expected, printed)


@pytest.mark.parametrize(
    ("expected", "printed"),
    [("", "one"), ("one", ""), ("one", "one\ntwo"), ("a...z", "a\nz"), ("one\n...\nfour", "one\ntwo"), ("a.c", "abc")],
)
def test_something_else_does_not_match(expected, printed):
    assert not matches(expected, printed)
