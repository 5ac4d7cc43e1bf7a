"""The protocol: the messages that a plugin and the command exchange, each one JSON object on a line of its own.

docs/plugins.md says what each means. What a message holds beyond its fields is ignored, so that a newer plugin can talk
to an older command; what it holds must be right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import DecodeError, Meta, Struct, ValidationError
from msgspec.json import Decoder

PROTOCOL = 1
"""The version of the protocol that this command speaks."""

OPTIONS_MAX = 100
CHANGES_MAX = 10_000

Text = Annotated[str, Meta(max_length=65_536)]
Word = Annotated[str, Meta(max_length=200)]
Choice = Annotated[str, Meta(pattern=r"^[\w.@%+=:,/-]+\Z", max_length=200)]
Code = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}\Z")]


class Hello(Struct, tag="hello", frozen=True):
    """The first message of a plugin."""

    protocol: Annotated[int, Meta(ge=1, le=1_000_000)]


class Option(Struct, frozen=True, kw_only=True):
    """One option or word of the verb: `--most` or `file`."""

    name: Annotated[str, Meta(pattern=r"^(--)?[a-z][a-z0-9]*(-[a-z0-9]+)*\Z", max_length=40)]
    kind: Literal["flag", "text", "integer", "number", "choice"] = "text"
    help: Annotated[str, Meta(max_length=1_000)] = ""
    default: str | int | float | bool | None = None
    choices: Annotated[tuple[Choice, ...], Meta(max_length=100)] = ()
    many: bool = False
    required: bool = False


class Description(Struct, tag="description", frozen=True):
    """The verb as data: its help (the first line is the summary) and its options."""

    help: Text
    options: Annotated[tuple[Option, ...], Meta(max_length=OPTIONS_MAX)] = ()


class Say(Struct, tag="say", frozen=True):
    text: Text


class Warn(Struct, tag="warn", frozen=True):
    text: Text


class ProgressMade(Struct, tag="progress", frozen=True):
    what: Word
    done: Annotated[int, Meta(ge=0, lt=1 << 53)]
    total: Annotated[int, Meta(ge=0, lt=1 << 53)] | None = None


class Answer(Struct, tag="answer", frozen=True):
    """The result: `facts` for `--json`, `lines` for people."""

    facts: dict[str, Any] = {}
    lines: tuple[str, ...] = ()


class Ask(Struct, tag="ask", frozen=True):
    question: Word
    default: bool = False


class Failed(Struct, tag="error", frozen=True):
    """The end of a verb that could not do it."""

    sentence: Text
    code: Code = "plugin_failed"
    place: Text = ""
    hint: Text = ""
    exit_code: Annotated[int, Meta(ge=1, le=3)] = 1


class FileChange(Struct, frozen=True, kw_only=True):
    """What a path of the project should be: a file with `text` or `base64`, a `folder`, or removed."""

    path: Annotated[str, Meta(min_length=1, max_length=4_096)]
    text: str | None = None
    base64: str | None = None
    mode: Annotated[str, Meta(pattern=r"^0?[0-7]{3}\Z")] | None = None
    folder: bool = False
    remove: bool = False


class Propose(Struct, tag="propose", frozen=True):
    changes: Annotated[tuple[FileChange, ...], Meta(max_length=CHANGES_MAX)]


class Finished(Struct, tag="finished", frozen=True):
    exit_code: Annotated[int, Meta(ge=0, le=3)] = 0


Message = Hello | Description | Say | Warn | ProgressMade | Answer | Ask | Failed | Propose | Finished


class NoiseError(Exception):
    """A line that is no JSON."""


class WrongMessageError(Exception):
    """JSON that is no message; its text says what is wrong with it."""


def decoded(line: bytes) -> Message:
    """The message on a line. Raises `NoiseError` or `WrongMessageError`."""
    try:
        return _DECODER.decode(line)
    except ValidationError as error:
        raise WrongMessageError(str(error)) from None
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        raise NoiseError("it is nested too deep" if deep else str(error)) from None


def encoded(kind: str, facts: Mapping[str, Any]) -> bytes:
    """A message to a plugin as a line, in ASCII. The bytes of a name that is not UTF-8 are U+DC80 to U+DCFF."""
    return json.dumps({"type": kind, **facts}, separators=(",", ":")).encode("ascii") + b"\n"


_DECODER: Decoder[Message] = Decoder(Message)
