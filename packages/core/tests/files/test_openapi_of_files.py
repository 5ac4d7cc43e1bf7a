"""Doors of files in the OpenAPI document."""

from __future__ import annotations

from typing import Any

import pytest
from _shelf import memory_shelf
from openapi_spec_validator import OpenAPIV31SpecValidator

from krepis.http.openapi import openapi_document

DOCUMENT = openapi_document(memory_shelf().check()[1])


def operation(method: str, path: str) -> dict[str, Any]:
    return DOCUMENT["paths"][path][method]


def test_the_document_is_valid() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_a_body_is_a_file_of_some_types() -> None:
    written = operation("put", "/books/{isbn}/cover")
    assert written["requestBody"]["required"]
    assert list(written["requestBody"]["content"]) == ["image/png", "image/jpeg"]
    schema = written["requestBody"]["content"]["image/png"]["schema"]
    assert schema["format"] == "binary"
    assert "1000000 bytes" in schema["description"]
    assert {"408", "409", "413", "415", "422"} <= set(written["responses"])


def test_what_is_no_file_is_in_the_query() -> None:
    written = operation("put", "/books/{isbn}/cover")
    assert [(one["in"], one["name"]) for one in written["parameters"]] == [
        ("path", "isbn"),
        ("query", "refuse"),
        ("query", "forget"),
    ]


def test_a_form_has_texts_and_files() -> None:
    form = operation("post", "/catalogue")["requestBody"]["content"]["multipart/form-data"]
    assert list(form["schema"]["properties"]) == ["isbn", "title", "year", "tags", "cover", "page"]
    assert form["schema"]["required"] == ["isbn", "title"]
    assert form["schema"]["properties"]["page"]["maxItems"] == 3
    assert form["encoding"] == {"cover": {"contentType": "image/png, image/jpeg"}}


def test_a_download_has_ranges_and_conditions() -> None:
    written = operation("get", "/books/{isbn}/cover")
    assert {"200", "206", "304", "404", "412", "416"} <= set(written["responses"])
    assert "406" not in written["responses"]
    assert [one["name"] for one in written["parameters"] if one["in"] == "header"] == [
        "Range",
        "If-Range",
        "If-None-Match",
    ]


@pytest.mark.parametrize("status", ["200", "206"])
def test_every_header_of_a_download_is_written_down(status: str) -> None:
    headers = operation("get", "/books/{isbn}/cover")["responses"][status]["headers"]
    expected = {"ETag", "Accept-Ranges", "Content-Disposition", "Content-Security-Policy", "X-Content-Type-Options"}
    assert set(headers) == expected | ({"Content-Range"} if status == "206" else set())
