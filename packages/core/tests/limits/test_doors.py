"""The limits of doors: exactly at each of them, and one beyond."""

from __future__ import annotations

import pytest
from _limited import app

from krepis.http import Limits
from krepis.http.doors import BODY_BYTES_MAX, PATH_BYTES_MAX, QUERY_FIELDS_MAX
from krepis.testing import start


@pytest.mark.parametrize("limit", [40, PATH_BYTES_MAX])
async def test_a_path_at_its_limit_and_one_byte_beyond(limit: int) -> None:
    async with start(app(limits=Limits(path_bytes_max=limit))) as service:
        assert (await service.get("/" + "a" * (limit - 1))).status == 404
        assert (await service.get("/" + "a" * limit)).status == 414


@pytest.mark.parametrize("limit", [2, QUERY_FIELDS_MAX])
async def test_a_query_at_its_limit_and_one_field_beyond(limit: int) -> None:
    async with start(app(limits=Limits(query_fields_max=limit))) as service:
        assert (await service.get("/search?" + "&".join(["x=1"] * limit))).status == 200
        assert (await service.get("/search?" + "&".join(["x=1"] * (limit + 1)))).status == 400


@pytest.mark.parametrize("limit", [40, BODY_BYTES_MAX])
async def test_a_body_of_json_at_its_limit_and_one_byte_beyond(limit: int) -> None:
    headers = {"content-type": "application/json"}
    body = b'{"name": "' + b"a" * (limit - 12) + b'"}'
    async with start(app(limits=Limits(body_bytes_max=limit))) as service:
        assert (await service.post("/join", body=body, headers=headers)).status == 200
        assert (await service.post("/join", body=body + b" ", headers=headers)).status == 413
