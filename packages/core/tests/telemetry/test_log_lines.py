"""A log line is one line, of JSON, of bounded size, whatever stands in it; writing one never raises."""

import io
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import json

from krepis._lines import LINE_BYTES_MAX, Lines
from krepis._system import SystemSources
from krepis.app import App
from krepis.context import root
from krepis.http import Doors
from krepis.message import Command
from krepis.telemetry import Logs
from krepis.testing import start
from krepis.types import Secret

BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
HOSTILE = [
    *BREAKS,
    '\n{"level": "error", "event": "forged"}',
    "\x1b[2J\x1b]0;owned\x07",
    "\x9b31m",
    "\u202e gnp.exe",
    "\x00",
    "\ud800\udfff",
    "a" * 1_000_000,
    "\x01" * 1_000_000,
    "\U0001f600" * 100_000,
]


def lines_of(level: str, event: str, facts: Mapping[str, Any], **options: Any) -> str:
    stream = io.StringIO()
    SystemSources(stream, **options).emit(level, event, facts)
    return stream.getvalue()


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("place", ["value", "name", "event", "list", "trace"])
def test_a_line_stays_one_line(text, place):
    facts: dict[str, Any] = {
        "value": {"x": text},
        "name": {text: "x"},
        "list": {"x": [text] * 20},
        "trace": {"trace": text},
    }.get(place, {})
    written = lines_of("info", text if place == "event" else "event", facts)
    assert len(written.splitlines()) == 1
    assert written.endswith("}\n")
    assert len(written.encode()) <= LINE_BYTES_MAX
    assert json.decode(written)["level"] == "info"
    assert not {*written} & {*"\x1b\x9b\x00\u202e\x85\u2028"}


@settings(max_examples=150, deadline=None)
@given(st.text(), st.dictionaries(st.text(), st.text() | st.binary() | st.lists(st.text())))
def test_any_facts_make_one_line_that_can_be_read(event, facts):
    written = lines_of("info", event, facts)
    assert len(written.splitlines()) == 1
    assert json.decode(written)["level"] == "info"


def test_a_line_at_its_limit_is_whole_and_one_beyond_is_made_shorter():
    fixed = len(lines_of("info", "e", {f"k{n}": "" for n in range(8)}).encode())
    room = LINE_BYTES_MAX - fixed
    sizes = [8000] * 7 + [room - 56000]
    assert sizes[-1] <= 8192 * 2
    fitting = {f"k{n}": ["x" * (size // 2), "x" * (size - size // 2 - 5)] for n, size in enumerate(sizes)}
    written = lines_of("info", "e", fitting)
    assert len(written.encode()) <= LINE_BYTES_MAX
    assert "characters]" not in written
    beyond = {**fitting, "more": "x" * 200}
    written = lines_of("info", "e", beyond)
    assert len(written.encode()) <= LINE_BYTES_MAX
    assert json.decode(written)["more"] == "x" * 200
    assert "characters]" in written


def test_facts_can_not_pretend_to_be_the_lines_own():
    line = json.decode(lines_of("info", "refused", {"level": "error", "time": "never", "event": "forged"}))
    assert (line["level"], line["event"]) == ("info", "refused")
    assert (line["level_"], line["time_"], line["event_"]) == ("error", "never", "forged")


def test_secrets_are_not_in_a_line():
    written = lines_of("error", "bug", {"token": "abc", "given": Secret("abc"), "error": "password='abc'"})
    assert "abc" not in written


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError("no space left on device")


def test_a_full_disk_behind_the_log_raises_nothing():
    SystemSources(Broken()).emit("info", "event", {})


def test_a_closed_log_raises_nothing():
    stream = io.StringIO()
    stream.close()
    SystemSources(stream).emit("info", "event", {})


def test_a_log_that_knows_ascii_alone_gets_ascii():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    SystemSources(stream).emit("info", "event", {"name": "Žofie"})
    assert b"event" in raw.getvalue()


@pytest.mark.parametrize("text", HOSTILE[:16], ids=range(16))
def test_a_line_for_people_is_one_line_and_does_nothing_to_a_terminal(text):
    written = lines_of("info", text, {text: text, "more": [text]}, as_json=False)
    assert len(written.splitlines()) == 1
    assert not {*written[:-1]} & {*BREAKS, "\x1b", "\x9b", "\x00", "\u202e"}


def test_a_line_for_people_has_its_traceback_below():
    written = lines_of("error", "bug", {"trace": "00ab", "traceback": "one\ntwo \x1b[2J"}, as_json=False)
    first, *below = written.splitlines()
    assert first.endswith("error   bug trace=00ab")
    assert below == ["    one", "    two \\u001b[2J"]


@pytest.mark.parametrize(("level", "written"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_lines_below_the_level_are_dropped(level, written):
    stream = io.StringIO()
    log = root(SystemSources(stream, Lines(level))).log
    log.debug("one")
    log.info("two")
    log.warning("three")
    log.error("four")
    assert len(stream.getvalue().splitlines()) == written


class Fail(Command[None]):
    password: str


def fail(ctx, command: Fail) -> None:
    raise ValueError(f"can't use {command!r}")


fail.__annotations__["ctx"] = __import__("krepis").Context


async def test_a_bug_is_logged_without_the_secrets_of_its_message(capsys):
    doors = Doors()
    doors.post("/fail", Fail)
    app = App("test", handlers=(fail,), doors=doors, parts=(Logs(level="info", secret_names=("email",)),))
    async with app.start() as service:
        ctx = service.context()
        with pytest.raises(ValueError, match="hunter2"):
            await service.dispatch(ctx, Fail(password="hunter2"))
        own = service.sources
        from krepis.http.facts import Facts

        door, params = service.doors.match("POST", "/fail")
        sent = {b"content-type": b"application/json"}
        facts = Facts("POST", "/fail", params, b"", sent, b'{"password": "hunter2"}', own.monotonic())
        assert (await door.start(facts)).status == 500
    written = capsys.readouterr().err
    assert '"event":"bug"' in written
    assert "Traceback" in written
    assert "hunter2" not in written


async def test_a_setting_of_the_log_leaves_a_tests_lines_alone():
    app = App("test", handlers=(fail,), parts=(Logs(level="error"),))
    async with start(app) as service:
        service.context().log.debug("seen")
    assert service.sources.lines[-1]["event"] == "seen"


async def test_the_level_is_a_setting_of_the_app(capsys):
    app = App("test", handlers=(fail,), parts=(Logs(level="warning", form="json"),))
    async with app.start() as service:
        service.context().log.info("dropped")
        service.context().log.warning("kept")
    written = capsys.readouterr().err
    assert "dropped" not in written
    assert json.decode(written)["event"] == "kept"
    assert sys.stderr is not None
