"""A small spec in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from _specs import SPEC


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """The spec of a service that is called `corner_shop`."""
    file = tmp_path / "corner-shop.md"
    file.write_text(SPEC)
    return file
