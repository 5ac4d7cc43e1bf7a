"""kill -9 in the middle of uploads, again and again: what was acknowledged is whole, no file is half, the rest goes.

Four callers upload all the time, some of them slowly, so that nearly every moment is in the middle of a body.
"""

from __future__ import annotations

import hashlib
import http.client
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from faults.cabinets import Cabinet
from faults.shop import LONG, Store, drawn
from serving import wait_until

ROUNDS = 60 if LONG else 3
CALLERS = 4
TOO_SLOW = (408, 504)
"""What a busy machine makes of an upload; it is refused as any other."""

KINDS = ["sqlite folder", "sqlite database", "postgres folder", "postgres database"]

pytestmark = pytest.mark.slow


class Uploads:
    """What callers have sent, and what they were told."""

    def __init__(self) -> None:
        self.sent: dict[str, str] = {}
        self.acknowledged: set[str] = set()
        self.refused: set[str] = set()
        self.odd: list[int] = []
        self.over = threading.Event()


@contextmanager
def uploading(cabinet: Cabinet, seed: int) -> Generator[Uploads]:
    """Callers that upload until the block ends."""
    uploads = Uploads()
    callers = [threading.Thread(target=_upload, args=(cabinet.served.port, uploads, seed, n)) for n in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield uploads
    finally:
        uploads.over.set()
        for caller in callers:
            caller.join(20)


def _upload(port: int, uploads: Uploads, seed: int, caller: int) -> None:
    chance = Random(f"{seed} {caller}")
    number = 0
    while not uploads.over.is_set():
        number += 1
        name = f"{seed}-{caller}-{number}"
        content = chance.randbytes(chance.choice([1, 5_000, 300_000, 1_000_000]))
        uploads.sent[name] = hashlib.sha256(content).hexdigest()
        refuse = chance.random() < 0.2
        cuts = sorted(chance.randrange(len(content) + 1) for _ in range(4))
        pieces = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
        pause = chance.choice([0, 0, 0.02])
        try:
            status = _put(port, f"/documents/{name}" + "?refuse=true" * refuse, pieces, len(content), pause)
        except (OSError, http.client.HTTPException):
            continue
        if status == 200:
            uploads.acknowledged.add(name)
        else:
            uploads.refused.add(name)
            if status not in TOO_SLOW and status != (409 if refuse else 503):
                uploads.odd.append(status)


def _put(port: int, path: str, pieces: list[bytes], size: int, pause: float) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest("PUT", path)
        connection.putheader("content-length", str(size))
        connection.endheaders()
        for piece in pieces:
            connection.send(piece)
            time.sleep(pause)
        reply = connection.getresponse()
        reply.read()
        return reply.status
    finally:
        connection.close()


@drawn
@pytest.mark.parametrize("kind", KINDS if LONG else [KINDS[0], KINDS[3]])
def test_a_process_that_is_killed_in_uploads_loses_nothing_and_leaves_nothing(
    make_store: Callable[[str], Store], tmp_path: Path, kind: str, seed: int
) -> None:
    database, _, place = kind.partition(" ")
    chance = Random(f"{seed} {kind}")
    cabinet = Cabinet(tmp_path, make_store(database), in_folder=place == "folder")
    sent: dict[str, str] = {}
    acknowledged: set[str] = set()
    refused: set[str] = set()
    try:
        for number in range(ROUNDS):
            cabinet.open()
            with uploading(cabinet, seed * 1000 + number) as uploads:
                wait_until(lambda told=uploads.acknowledged: told, 10)  # however busy the machine is
                time.sleep(chance.uniform(0.03, 0.4))
                cabinet.close()  # kill -9, while the callers go on
            sent |= uploads.sent
            acknowledged |= uploads.acknowledged
            refused |= uploads.refused
            assert uploads.odd == [], f"round {number}"
            whole_after(cabinet, sent, acknowledged, refused, f"round {number}")
        assert len(acknowledged) >= ROUNDS
        cabinet.open()
        assert wait_until(lambda: not cabinet.loose(), 30), "the sweep removes what nobody keeps"
        documents = whole_after(cabinet, sent, acknowledged, refused, "at the end")
        assert cabinet.halves() == 0
        assert set(cabinet.wholes()) == {document["id"] for document in documents.values()}
        for name in chance.sample(sorted(documents), min(10, len(documents))):
            status, content = cabinet.served.get(f"/documents/{name}")
            assert (status, hashlib.sha256(content).hexdigest()) == (200, sent[name])
    finally:
        cabinet.close()


def whole_after(
    cabinet: Cabinet, sent: dict[str, str], acknowledged: set[str], refused: set[str], when: str
) -> dict[str, dict[str, Any]]:
    """What must be true whatever was killed; answers with the documents."""
    documents = cabinet.documents()
    wholes = cabinet.wholes()
    assert acknowledged <= set(documents), when
    assert not refused & set(documents), when
    for name, document in documents.items():
        assert wholes[document["id"]] == document["sha256"] == sent[name], when
    assert set(wholes.values()) <= set(sent.values()), f"{when}: a file is half"
    return documents
