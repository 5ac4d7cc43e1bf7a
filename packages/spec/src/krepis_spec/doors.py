"""Doors as they are written: `POST /orders/{order}/cancel -> 200`."""

from __future__ import annotations

import re
from typing import Literal, get_args

from krepis_spec.blueprint import Door
from krepis_spec.document import Text
from krepis_spec.pieces import piece
from krepis_spec.problems import Problems, did_you_mean

_Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
METHODS: tuple[_Method, ...] = get_args(_Method)
SEGMENTS_MAX = 16

_DOOR = re.compile(r"(?P<method>\S+)\s+(?P<path>\S+)(?:\s*->\s*(?P<status>.*))?", re.DOTALL)
_SEGMENT = re.compile(r"\{[A-Za-z][A-Za-z0-9_]*\}|[A-Za-z0-9._~@+-]+")
_FORM = "write it as `POST /orders -> 201`"


def door_of(text: Text, problems: Problems) -> tuple[Door, bool] | None:
    """The door, and whether its status is written; 200 stands for one that is not. What is wrong with a part of it is a
    problem, and the rest of it is read, so that the names in its path are known.
    """
    found = _DOOR.fullmatch(text.text)
    if found is None:
        problems.add(text.span, f"`{text.text}` is no door", _FORM)
        return None
    word = piece(text, *found.span("method"))
    method: _Method | None = next((one for one in METHODS if one == word.text.upper()), None)
    if method is None:
        problems.add(word.span, f"`{word.text}` is no method of a door", did_you_mean(word.text.upper(), METHODS))
    path = piece(text, *found.span("path"))
    _check_path(path, problems)
    written = found["status"] is not None
    status = _status(piece(text, *found.span("status")), problems) if written else 200
    return Door(method or "POST", path.text, status, text.span), written


def names_in(path: str) -> list[str]:
    """The names in braces, in order, each once."""
    return list(dict.fromkeys(re.findall(r"\{(\w+)\}", path)))


def shape_of(door: Door) -> tuple[str, str]:
    """What makes two doors the same one: the method, and the path without the names of its fields."""
    return door.method, re.sub(r"\{\w+\}", "{}", door.path)


def _status(text: Text, problems: Problems) -> int:
    if re.fullmatch(r"2\d\d", text.text, re.ASCII):
        return int(text.text)
    problems.add(text.span, f"`{text.text}` is no status of a success, which is 200 to 299", _FORM)
    return 200


def _check_path(path: Text, problems: Problems) -> None:
    if not path.text.startswith("/"):
        problems.add(path.span, f"the path `{path.text}` does not begin with `/`", _FORM)
        return
    segments = path.text[1:].split("/") if path.text != "/" else []
    if len(segments) > SEGMENTS_MAX:
        problems.add(path.span, f"a path has at most {SEGMENTS_MAX} parts")
        return
    wrong = next((one for one in segments if not _SEGMENT.fullmatch(one)), None)
    fields = [one for one in segments if one.startswith("{")]
    if wrong is not None:
        problems.add(
            path.span, f"`{wrong}` is no part of a path", "letters, digits, `-`, `_`, `.`, or a name in braces"
        )
    elif len(set(fields)) < len(fields):
        problems.add(path.span, "a path names each of its fields once")
