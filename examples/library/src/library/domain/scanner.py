"""Scanners: machines at the desk that take copies back."""

from typing import Annotated

from krepis import NotFound
from krepis.types import length

ScannerName = Annotated[str, length(1, 100)]

SCAN = "scan"
"""All that a scanner may do; staff have it, too, so that they can pass it on."""


class NoSuchScanner(NotFound):
    message = "you have no scanner `{scanner}`"
