"""How deep and how long JSON may be: at each limit and one beyond, as doors say it."""

from __future__ import annotations

from typing import Any

import pytest

from krepis import App, Command, Context, KrepisError
from krepis.http import Doors, Limits
from krepis.schema.jsontext import DEPTH_MAX, DEPTH_SETTING_MAX, ITEMS_MAX, too_many_items
from krepis.testing import Reply, start


class Keep(Command[int]):
    anything: Any


def keep(ctx: Context, command: Keep) -> int:
    return 1


async def sent(body: bytes, limits: Limits | None = None) -> Reply:
    doors = Doors(limits=limits)
    doors.post("/keep", Keep)
    async with start(App("kept", handlers=(keep,), doors=doors)) as service:
        return await service.post("/keep", body=body, headers={"content-type": "application/json"})


def deep(levels: int) -> bytes:
    return b'{"anything": ' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def wide(items: int) -> bytes:
    return b'{"anything": [' + b",".join([b"1"] * (items - 1)) + b"]}"


@pytest.mark.parametrize("limit", [1, 7, DEPTH_MAX, DEPTH_SETTING_MAX])
async def test_json_as_deep_as_allowed_is_read_and_one_deeper_is_400(limit: int) -> None:
    limits = Limits(json_depth_max=limit)
    if limit > 1:
        assert (await sent(deep(limit), limits)).status == 200
    refused = await sent(deep(limit + 1), limits)
    assert (refused.status, refused.json["facts"]) == (400, {"limit": limit})


@pytest.mark.parametrize("limit", [20, 1_000, ITEMS_MAX])
async def test_as_many_items_as_allowed_are_read_and_one_more_is_413(limit: int) -> None:
    limits = Limits(json_items_max=limit)
    assert (await sent(wide(limit), limits)).status == 200
    refused = await sent(wide(limit + 1), limits)
    assert (refused.status, refused.json["facts"]) == (413, {"items_max": limit})


async def test_texts_full_of_commas_and_brackets_are_no_items() -> None:
    body = b'{"anything": "' + b',[{\\"' * 100_000 + b'"}'
    assert (await sent(body)).status == 200


@pytest.mark.parametrize("body", [b'"' + b"," * 50, b'"\\', b"[[[,,,", b'"a"b"c,,,,,,,,,,,,,,,', b"\xff" * 50])
def test_bytes_that_are_no_json_are_counted_too(body: bytes) -> None:
    assert too_many_items(body, 5) in (True, False)


@pytest.mark.parametrize("depth", [0, -1, DEPTH_SETTING_MAX + 1])
def test_a_depth_that_can_not_be_kept_is_refused(depth: int) -> None:
    with pytest.raises(KrepisError, match="can't be kept"):
        Limits(json_depth_max=depth)
