"""The documentation page stands alone: it loads nothing from elsewhere, and no text can become markup or code."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from importlib import resources
from typing import Any

import pytest
from _stall import stall

from krepis.http.docs import docs_page
from krepis.testing import start

BYTES_MAX = 40_000


def page(**more: Any) -> str:
    return docs_page(stall(**more).check()[1]).decode()


class Reader(HTMLParser):
    """Collects the elements of a page with their attributes and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        self.texts[self._open] = self.texts.get(self._open, "") + data


def test_no_element_loads_anything_from_elsewhere() -> None:
    loads = [
        value
        for _, given in Reader(page()).elements
        for name, value in given.items()
        if name in ("src", "href", "action")
    ]
    assert set(loads) <= {"#main", "#/", "data:,", "/api/openapi.json"}


def test_no_address_of_another_host_is_in_it() -> None:
    # Examples of addresses are shown to readers, the namespace of SVG is a name; neither is ever asked for.
    assert set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+", page())) <= {"https://example.org"}


def test_the_style_loads_nothing() -> None:
    assert not re.search(r"@import|url\(", Reader(page()).texts["style"])


def test_the_script_makes_no_markup_of_text() -> None:
    script = Reader(page()).texts["script"]
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|createContextualFragment", script
    )


def test_only_its_own_style_and_script_may_run() -> None:
    reader = Reader(page())
    policy = next(
        given["content"] for _, given in reader.elements if given.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    for part in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(reader.texts[part].encode()).digest()).decode()
        assert f"{part}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("title", ["</title><script>alert(1)</script>", '" onload="alert(1)', "{{script}}"])
def test_a_title_stays_text(title: str) -> None:
    plain, odd = Reader(page()), Reader(page(title=title))
    assert odd.texts["title"] == title
    assert odd.elements == plain.elements


def test_no_attribute_brings_code() -> None:
    assert not [
        name for _, given in Reader(page()).elements for name in given if name.startswith("on") or name == "style"
    ]


def test_it_knows_where_the_document_is() -> None:
    body = next(given for tag, given in Reader(page()).elements if tag == "body")
    assert (body["data-document"], body["data-page"]) == ("/api/openapi.json", "/api/docs")


def test_it_is_small() -> None:
    assert len(page().encode()) < BYTES_MAX


@pytest.mark.parametrize("name", ["docs.html", "docs.css", "docs.js"])
def test_its_parts_are_in_the_package(name: str) -> None:
    assert resources.files("krepis.http").joinpath(name).is_file()


async def test_it_is_served() -> None:
    async with start(stall()) as service:
        reply = await service.get("/api/docs")
    assert (reply.status, reply.headers["content-type"], reply.text) == (200, "text/html; charset=utf-8", page())


async def test_a_service_can_do_without_it() -> None:
    async with start(stall(docs=None)) as service:
        assert (await service.get("/api/docs")).status == 404
