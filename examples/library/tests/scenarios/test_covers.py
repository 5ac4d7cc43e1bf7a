"""What books look like."""

import base64

COVER = "/books/9780441013593/cover"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_a_cover_is_shown_as_it_was_sent(desk):
    assert (await desk.send("PUT", COVER, body=PIXEL)).status == 200
    shown = await desk.seen_by(None).send("GET", COVER)
    assert (shown.status, shown.headers["content-type"], shown.body) == (200, "image/png", PIXEL)


async def test_a_book_without_a_cover_has_none(desk):
    assert (await desk.ask(COVER, 404))["code"] == "no_cover"


async def test_what_is_no_picture_is_no_cover(desk):
    refused = await desk.send("PUT", COVER, body=b"<script>alert(1)</script>", headers={"content-type": "image/png"})
    assert (refused.status, refused.json["code"]) == (415, "unsupported_file_type")
    assert (await desk.ask(COVER, 404))["code"] == "no_cover"


async def test_a_book_that_is_not_there_gets_no_cover(desk):
    assert (await desk.send("PUT", "/books/9780000000000/cover", body=PIXEL)).status == 404
