"""What a plugin proposes becomes a proposal of the operation log. A plugin's text is data: each path is checked there."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from pathlib import Path

from krepis.errors import KrepisError
from krepis_cli.history import Proposal
from krepis_cli.plugins.messages import FileChange


def put_into(proposal: Proposal, changes: Iterable[FileChange]) -> None:
    """Take over these changes. Raises `KrepisError`, with the path as its place."""
    for change in changes:
        _put(proposal, change)


def project_of(root: Path | None, verb: str) -> Path:
    """The project that a plugin may propose to change. Raises `KrepisError` where there is none."""
    if root is None:
        raise KrepisError(
            f"the plugin `{verb}` proposes changes, and this is no project",
            code="plugin_no_project",
            place=str(Path.cwd()),
            hint="go to a folder with a krepis.toml in it or above it",
        )
    return root


def _put(proposal: Proposal, change: FileChange) -> None:
    contents = [part for part in (change.text, change.base64) if part is not None]
    if len(contents) + change.folder + change.remove != 1:
        raise _wrong(change, "it is either `text`, `base64`, a `folder` or `remove`")
    mode = None if change.mode is None else int(change.mode, 8)
    if change.remove:
        if mode is not None:
            raise _wrong(change, "what is removed has no mode")
        proposal.remove(change.path)
    elif change.folder:
        proposal.folder(change.path, mode=mode)
    else:
        proposal.write(change.path, _content(change), mode=mode)


def _content(change: FileChange) -> bytes:
    if change.text is not None:
        return change.text.encode("utf-8")
    try:
        return base64.b64decode(change.base64 or "", validate=True)
    except (binascii.Error, ValueError):
        raise _wrong(change, "its content is no base64") from None


def _wrong(change: FileChange, why: str) -> KrepisError:
    return KrepisError(f"a plugin proposes what can't be: {why}", code="plugin_message", place=change.path)
