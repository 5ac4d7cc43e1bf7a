"""The way back: what has to change now so that an earlier change is taken back, or done again, whatever came after it."""

from __future__ import annotations

from typing import NamedTuple

from krepis.errors import KrepisError
from krepis_cli.history.entry import HELD_BYTES_MAX, Entry, Held, data_of
from krepis_cli.history.merge import Clash, is_binary, merge
from krepis_cli.history.names import printable
from krepis_cli.history.operations import Operations
from krepis_cli.history.proposal import Proposal


class Conflict(NamedTuple):
    """A path that can't be both: as it is now, and as it was."""

    path: bytes
    why: str

    def __str__(self) -> str:
        return f"`{printable(self.path)}`: {self.why}"


class Conflicts(KrepisError):
    """Files were changed since in the same places; nothing has changed. `conflicts` has all of them."""

    exit_code = 3

    def __init__(self, conflicts: list[Conflict], word: str) -> None:
        self.conflicts = conflicts
        listed = "\n".join(f"  {conflict}" for conflict in conflicts)
        super().__init__(
            f"nothing was changed, because these were changed since:\n{listed}",
            hint=f"`krepis {word} --force` puts them as they were; that can be undone as well",
            facts={"conflicts": [{"path": printable(one.path), "why": one.why} for one in conflicts]},
        )


def inverse(operations: Operations, proposal: Proposal, number: int, *, back: bool, force: bool) -> None:
    """Fill a proposal with what takes operation `number` back, or does it again. Raises `Conflicts`."""
    conflicts: list[Conflict] = []
    for path, before, after in reversed(list(operations.changes(number))):  # what is in a folder comes before it
        was, then = (after, before) if back else (before, after)
        now = proposal.now(path)
        wanted = then if force else turned(was, now, then)
        if isinstance(wanted, str):
            conflicts.append(Conflict(path, wanted))
        elif wanted.kind == "absent":
            if now.kind != "folder" or not _others_in(proposal, path):
                proposal.put(path, wanted)
        else:
            proposal.put(path, wanted)
    if conflicts:
        raise Conflicts(conflicts[::-1], "undo" if back else "redo")
    steps = operations.steps(number)
    for step in reversed(steps) if back else steps:
        proposal.step(step.name, step.arguments, back=step.back != back)


def restored(operations: Operations, proposal: Proposal, path: bytes, at: int) -> None:
    """Fill a proposal with what puts a path, and all in it, as it was after operation `at`. Raises `KrepisError`."""
    known = sorted(operations.paths(path))
    if not known:
        raise KrepisError(f"no operation has touched `{printable(path)}`", hint="`krepis history` shows what was done")
    for one in known:
        entry = operations.at(one, at)
        if entry is None:
            raise KrepisError(f"the log does not know `{printable(one)}` at operation {at}", hint="was it pruned?")
        proposal.put(one, entry)


def turned(was: Entry, now: Entry, then: Entry) -> Entry | str:
    """`now` with what leads from `was` to `then`; or why that can't be."""
    if now.same(was) or now.same(then):
        return then
    if not (was.kind == now.kind == then.kind):
        if now.kind == "absent":
            return "is gone"
        return f"is a {now.kind} with other contents now" if was.kind != now.kind else "has other contents now"
    mode = _three(was.mode, now.mode, then.mode)
    if mode is None:
        return f"has the mode {now.mode:04o} now"
    if now.kind == "folder":
        return Entry("folder", mode)
    return _contents(was, now, then, mode)


def _contents(was: Entry, now: Entry, then: Entry, mode: int) -> Entry | str:
    if now.hash in (was.hash, then.hash):
        return then._replace(mode=mode)
    if was.hash == then.hash:
        return now._replace(mode=mode)
    if now.kind == "link":
        return "points elsewhere now"
    assert was.content is not None
    assert now.content is not None
    assert then.content is not None
    if max(was.content.size, now.content.size, then.content.size) > HELD_BYTES_MAX:
        return "is too large to be merged"
    texts = data_of(was.content), data_of(now.content), data_of(then.content)
    if any(map(is_binary, texts)):
        return "is no text, and has other contents now"
    merged = merge(*texts)
    if isinstance(merged, bytes):
        return Entry("file", mode, Held(merged))
    return "has other lines now: " + ", ".join(map(_lines, merged[:5])) + (", ..." if len(merged) > 5 else "")


def _three(was: int, now: int, then: int) -> int | None:
    if now in (was, then):
        return then
    return now if was == then else None


def _lines(clash: Clash) -> str:
    return str(clash.first) if clash.lines == 1 else f"{clash.first}-{clash.first + clash.lines - 1}"


def _others_in(proposal: Proposal, path: bytes) -> bool:
    """Whether something lies in a folder that the operation has not put there: then the folder stays."""
    return any(proposal.entry(path + b"/" + name).kind != "absent" for name in proposal.names(path))
