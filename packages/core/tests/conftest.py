"""Lets tests import what they share from here and from the folders below: `_schemas`, `_postgres`, `_stall`, `_shop`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [
    str(HERE),
    str(HERE / "accounts"),
    str(HERE / "files"),
    str(HERE / "http"),
    str(HERE / "outbox"),
    str(HERE / "sql"),
    str(HERE / "streams"),
]
