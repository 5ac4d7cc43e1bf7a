"""`FileRef`: what messages, answers and tables hold of a file. Its bytes are in the blob port."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from krepis.errors import NotFound, Rejection
from krepis.message import Value
from krepis.types import between, length, matches


class FileRef(Value):
    """One stored file, immutable: other bytes are another file.

    `name` is safe to show and to save under (`krepis.files.safe_name`); `media_type` is what inspection of the bytes
    has found; `size` is in bytes; `sha256` is in lower-case hexadecimal digits.
    """

    id: UUID
    name: Annotated[str, length(1, 255)]
    media_type: Annotated[str, length(3, 255)]
    size: Annotated[int, between(0, 2**63 - 1)]
    sha256: Annotated[str, matches("[0-9a-f]{64}")]


class UploadGone(Rejection):
    """The uploaded file is not there any more, or was kept before (HTTP 409): it is sent again, and then used."""

    message = "the uploaded file is not there any more; send it again"


class FileGone(NotFound):
    """The file's bytes are not there any more (HTTP 404)."""

    message = "the file is not there any more"
