"""A conversation with one plugin: what it says becomes messages, and whatever goes wrong becomes one error of its verb."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ParamSpec, TypeVar

from krepis import __version__
from krepis.errors import KrepisError
from krepis.verbs import printable
from krepis_cli.plugins.installed import Plugin
from krepis_cli.plugins.messages import (
    PROTOCOL,
    Description,
    Failed,
    Finished,
    Hello,
    Message,
    NoiseError,
    WrongMessageError,
    decoded,
    encoded,
)
from krepis_cli.plugins.process import PluginProcess, TooMuchError
from krepis_cli.plugins.settings import PluginsSettings
from krepis_cli.plugins.start import start

P = ParamSpec("P")
T = TypeVar("T")

_SHOWN_CHARACTERS = 80


class Session:
    """A plugin that was started and has said hello. Each method raises `KrepisError`, and then the plugin is gone."""

    def __init__(self, plugin: Plugin, limits: PluginsSettings) -> None:
        self.plugin = plugin
        self._limits = limits
        self._process = PluginProcess(
            start(plugin), line_bytes=limits.line_bytes, output_bytes=limits.output_bytes, stop_s=limits.stop_s
        )
        self._guarded(self._greet)

    def describe(self) -> Description:
        """The verb as data."""
        return self._guarded(self._describe)

    def run(self, facts: Mapping[str, Any]) -> Iterator[Message]:
        """Let it run with these facts. Everything that it says, in order; the last is `Finished`.

        The time between two messages is counted only while we wait for one.
        """
        self._guarded(self._send, "run", facts)
        left = self._limits.run_s
        while True:
            began = time.monotonic()
            message = self._guarded(self._message, min(left, self._limits.silence_s), "run")
            left -= time.monotonic() - began
            yield message
            if isinstance(message, Finished):
                return

    def reply(self, *, yes: bool) -> None:
        """What a person has answered to `Ask`."""
        self._guarded(self._send, "reply", {"yes": yes})

    def close(self, *, interrupt: bool = False) -> None:
        """See to it that nothing of the plugin is left."""
        self._process.end(interrupt=interrupt)

    def kill(self) -> None:
        """The same, at once."""
        self._process.kill()

    def last_words(self) -> str:
        """The end of what it has said on standard error."""
        return self._process.last_words()

    def _greet(self) -> None:
        self._send("hello", {"protocol": PROTOCOL, "krepis": __version__, "verb": self.plugin.verb})
        hello = self._message(self._limits.start_s, "start")
        if not isinstance(hello, Hello):
            raise self._out_of_turn(hello, "hello")
        if hello.protocol != PROTOCOL:
            older = "the plugin" if hello.protocol < PROTOCOL else "krepis-cli"
            raise self._error(
                "plugin_version",
                f"speaks version {hello.protocol} of the protocol, and this command version {PROTOCOL}",
                f"upgrade {older}",
            )

    def _describe(self) -> Description:
        self._send("describe", {})
        description = self._message(self._limits.start_s, "start")
        if not isinstance(description, Description):
            raise self._out_of_turn(description, "description")
        return description

    def _send(self, kind: str, facts: Mapping[str, Any]) -> None:
        self._process.send(encoded(kind, facts))

    def _message(self, wait_s: float, limit: str) -> Message:
        try:
            line = self._process.line(wait_s)
        except TimeoutError:
            raise self._late(limit) from None
        except TooMuchError as much:
            raise self._error(
                "plugin_output", f"wrote {much}", "`line_bytes` and `output_bytes` in `[plugins]` of krepis.toml"
            ) from None
        if line is None:
            raise self._left()
        try:
            message = decoded(line)
        except NoiseError as noise:
            raise self._noise(line, str(noise)) from None
        except WrongMessageError as wrong:
            raise self._error("plugin_message", f"sent a message that is wrong: {wrong}", _PROTOCOL_HINT) from None
        if isinstance(message, Failed):
            self.close()  # it knows that it is over, and may tidy up
            raise KrepisError(
                message.sentence,
                code=message.code,
                place=message.place,
                hint=message.hint,
                exit_code=message.exit_code,
            )
        return message

    def _late(self, limit: str) -> KrepisError:
        if limit == "start":
            return self._error(
                "plugin_late",
                f"did not answer in {self._limits.start_s:g} s and was killed",
                "`start_s` in `[plugins]` of krepis.toml",
            )
        return self._error(
            "plugin_late",
            f"was killed: it said nothing for {self._limits.silence_s:g} s, or ran longer than {self._limits.run_s:g} s",
            "`silence_s` and `run_s` in `[plugins]` of krepis.toml",
        )

    def _left(self) -> KrepisError:
        status = self._process.end()
        how = f"ended with exit code {status}" if status >= 0 else f"was killed by {_signal_name(-status)}"
        said = self.last_words().splitlines()[-1:]
        hint = f"it said: {printable(said[0])}" if said else "it said nothing on standard error"
        return self._error("plugin_crash", f"{how} before it had finished", hint)

    def _noise(self, line: bytes, why: str) -> KrepisError:
        shown = printable(line[:_SHOWN_CHARACTERS].decode("utf-8", "replace"))
        more = "..." if len(line) > _SHOWN_CHARACTERS else ""
        return self._error(
            "plugin_noise",
            f"wrote something that is no message (`{shown}{more}`: {why})",
            "standard output is for the protocol alone; a plugin says other things on standard error",
        )

    def _out_of_turn(self, message: Message, expected: str) -> KrepisError:
        said = type(message).__struct_config__.tag
        return self._error("plugin_message", f"said `{said}` where `{expected}` was expected", _PROTOCOL_HINT)

    def _error(self, code: str, what: str, hint: str) -> KrepisError:
        plugin = self.plugin
        place = f"{plugin.distribution} {plugin.version} ({plugin.module})"
        return KrepisError(f"the plugin `{plugin.verb}` {what}", code=code, place=place, hint=hint)

    def _guarded(self, work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """What `work` returns; when it fails or is interrupted, the plugin is gone first."""
        try:
            return work(*args, **options)
        except KeyboardInterrupt:
            self.close(interrupt=True)
            raise
        except BaseException:
            self.kill()
            raise


_PROTOCOL_HINT = "docs/plugins.md has the protocol"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
