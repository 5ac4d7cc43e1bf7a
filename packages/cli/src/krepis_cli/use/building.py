"""The files of a project become one operation of its log. What lies in the folder already is never written over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from krepis.errors import KrepisError
from krepis.verbs import OPEN
from krepis_cli.history import Entry, Operation, OperationLog, Proposal
from krepis_cli.history.entry import data_of

WHEELS = "wheels"
"""Where the Dockerfile of a project looks for packages before it asks a registry."""
LISTED_MAX = 20


class InTheWay(KrepisError):
    """Files of the folder stand where the build would put others. Nothing was written."""

    code = "in_the_way"
    exit_code = OPEN

    def __init__(self, folder: Path, paths: list[str]) -> None:
        more = len(paths) - LISTED_MAX
        listed = [f"  {path}" for path in paths[:LISTED_MAX]] + ([f"  and {more} more"] if more > 0 else [])
        count = "a file that is" if len(paths) == 1 else f"{len(paths)} files that are"
        super().__init__(
            f"nothing was written: `{folder}` has {count} to be written, with other contents:\n" + "\n".join(listed),
            hint="move them away, or build into another folder (`--into DIR`)",
            facts={"paths": paths},
        )


def propose(
    log: OperationLog, arguments: Mapping[str, str | int], files: Mapping[str, bytes | Path], modes: Mapping[str, int]
) -> Proposal:
    """Every file that is not there yet; one that is there with the same bytes is left alone. Raises `InTheWay`."""
    proposal = log.propose("use", arguments)
    in_the_way: list[str] = []
    for path, data in sorted(files.items()):
        there = proposal.entry(path)
        if there.kind == "absent":
            mode = modes.get(path, 0)
            proposal.write(path, data, mode=mode if mode & 0o100 else None)  # else what the umask leaves
        elif not _is(there, data):
            in_the_way.append(path)
    if in_the_way:
        raise InTheWay(log.root, in_the_way)
    return proposal


def apply(log: OperationLog, proposal: Proposal) -> Operation:
    """Do it. Raises `KrepisError`, and then nothing has changed."""
    operation = log.apply(proposal)
    if operation is None:
        raise KrepisError("nothing was written: every file of the project is there already", code="in_the_way")
    return operation


def wheels_in(folder: Path) -> dict[str, Path]:
    """The wheels of a folder, by their paths in the project. Raises `KrepisError` when there are none."""
    found = dict(_wheels(folder))
    if not found:
        raise KrepisError(
            f"there are no wheels in `{folder}`" if folder.is_dir() else f"there is no folder `{folder}`",
            code="no_wheels",
            hint="`pip wheel --wheel-dir DIR krepis` puts them there",
        )
    return found


def _wheels(folder: Path) -> Iterator[tuple[str, Path]]:
    for wheel in sorted(folder.glob("*.whl")):
        if wheel.is_file():
            yield f"{WHEELS}/{wheel.name}", wheel


def _is(there: Entry, data: bytes | Path) -> bool:
    if there.kind != "file" or there.content is None:
        return False
    return data_of(there.content) == (data.read_bytes() if isinstance(data, Path) else data)
