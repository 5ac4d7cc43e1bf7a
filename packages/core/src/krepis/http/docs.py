"""The interactive documentation page: one HTML document that loads nothing but the OpenAPI document beside it.

Style and script stand inside the page, and its Content-Security-Policy allows just these two, by their hashes, and
requests to its own origin. So nothing that a docstring says can become markup or code, whatever the script does.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from krepis.http.table import DoorTable


def docs_page(table: DoorTable) -> bytes:
    """The page for the doors of `table`."""
    declared = table.declared
    style = _part("docs.css")
    script = _part("docs.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    values = {
        "title": html.escape(declared.title or table.app),
        "document": html.escape(declared.base_path + (declared.openapi or "")),
        "page": html.escape(declared.base_path + (declared.docs or "")),
        "policy": html.escape(policy),
        "style": style,
        "script": script,
    }
    # In one pass, so that a title that looks like a place of the template is just a title.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: values[place[1]], _part("docs.html")).encode()


def _part(name: str) -> str:
    """A file beside this one, without indentation and whole-line comments: none of them has text over several lines."""
    text = resources.files("krepis.http").joinpath(name).read_text("utf-8")
    return re.sub(r"(?m)^\s*(?://.*\n|/\*\*.*\*/\n)?\s*", "", text)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
