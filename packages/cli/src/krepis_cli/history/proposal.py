"""A set of changes to a project that has not happened: to be looked at, checked, applied or dropped.

A proposal is built on the files as they are when it names them. If they are others by the time that it is applied,
nothing is done.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from krepis.errors import KrepisError
from krepis_cli.history.diff import diff
from krepis_cli.history.entry import ABSENT, HELD_BYTES_MAX, Entry, Held, OnDisk, data_of
from krepis_cli.history.names import Name, checked, fold, parents, printable, split
from krepis_cli.history.operations import Change
from krepis_cli.history.tree import NotOurs, Signature, Tree


class Problem(NamedTuple):
    """Why a proposal can't be applied: the path, and what is wrong with it."""

    path: bytes
    why: str

    def __str__(self) -> str:
        return f"`{printable(self.path)}`: {self.why}"


class Refused(KrepisError):
    """The proposal can't be applied; nothing has changed. `problems` has all of them."""

    def __init__(self, problems: list[Problem], hint: str = "") -> None:
        self.problems = problems
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(
            f"nothing was changed, because of\n{listed}",
            hint=hint,
            facts={"problems": [{"path": printable(one.path), "why": one.why} for one in problems]},
        )


class Proposal:
    """What an operation of this kind would change. `OperationLog.propose` makes one; `OperationLog.apply` does it."""

    def __init__(
        self, tree: Tree, kind: str, arguments: Mapping[str, Any], umask: int, target: int | None = None
    ) -> None:
        self.kind = kind
        self.arguments = arguments
        self.target = target
        self.steps: list[tuple[str, Mapping[str, Any], bool]] = []
        self.strict_names = True
        self._tree = tree
        self._umask = umask
        self._after: dict[bytes, Entry] = {}
        self._before: dict[bytes, Entry] = {}
        self._seen: dict[bytes, Signature] = {}

    def write(self, name: Name, data: bytes | str | Path, *, mode: int | None = None) -> None:
        """A file with these contents (text as UTF-8; a `Path` is read piece by piece). It keeps its mode unless one is
        given; a new one has 0666 without the umask. Folders above it are made. Raises `BadName`.
        """
        path = checked(name)
        before = self._touch(path)
        if mode is None:
            mode = before.mode if before.kind == "file" else 0o666 & ~self._umask
        if isinstance(data, Path):
            large = data.stat().st_size > HELD_BYTES_MAX
            content = OnDisk(None, os.fsencode(data.absolute())) if large else Held(data.read_bytes())
        else:
            content = Held(data.encode() if isinstance(data, str) else bytes(data))
        self._put(path, Entry("file", mode, content))

    def link(self, name: Name, target: Name) -> None:
        """A symbolic link. Where it points to is not looked at."""
        path = checked(name)
        self._touch(path)
        self._put(path, Entry("link", 0, Held(os.fsencode(target))))

    def folder(self, name: Name, *, mode: int | None = None) -> None:
        """A folder, empty if it is new."""
        path = checked(name)
        before = self._touch(path)
        if mode is None:
            mode = before.mode if before.kind == "folder" else 0o777 & ~self._umask
        self._put(path, Entry("folder", mode))

    def remove(self, name: Name) -> None:
        """Take away what stands there; a folder with everything in it. Nothing there is no error."""
        path = checked(name)
        for inner in [known for known in self._after if known.startswith(path + b"/")]:
            self._set(inner, ABSENT)
        if self._touch(path).kind == "folder":
            self._tree.walk(path, self._gone)
        else:
            self._gone(path)

    def chmod(self, name: Name, mode: int) -> None:
        """Other permission bits for a file or folder. Raises `KrepisError` when there is none."""
        path = checked(name)
        entry = self.entry(path)
        if entry.kind not in ("file", "folder"):
            raise KrepisError(f"`{printable(path)}` is no file and no folder, so it has no mode")
        self._set(path, entry._replace(mode=mode))

    def put(self, path: bytes, entry: Entry) -> None:
        """Whatever an entry says, at a checked path."""
        self._touch(path)
        self._put(path, entry)

    def step(self, name: str, arguments: Mapping[str, Any], *, back: bool = False) -> None:
        """Something beside the files, done after them: `name` is `module:object` of a `Step`, its arguments are JSON."""
        self.steps.append((name, arguments, back))

    def now(self, path: bytes) -> Entry:
        """What stands at a checked path, whatever is proposed for it."""
        return self._touch(path)

    def entry(self, name: Name) -> Entry:
        """What would stand there."""
        path = checked(name)
        known = self._after.get(path)
        return self._touch(path) if known is None else known

    def read(self, name: Name) -> bytes:
        """What would be in the file. Raises `FileNotFoundError`."""
        entry = self.entry(name)
        if entry.kind != "file" or entry.content is None:
            raise FileNotFoundError(os.fsdecode(checked(name)))
        return data_of(entry.content)

    def names(self, path: bytes) -> list[bytes]:
        """What lies in a folder now."""
        return self._tree.names(path)

    def changes(self) -> list[Change]:
        """What would be other than it is, by path."""
        found = (Change(path, self._before[path], after) for path, after in sorted(self._after.items()))
        return [change for change in found if not change.before.same(change.after)]

    def diff(self) -> str:
        """The changes for a person, as a unified diff."""
        return diff(self.changes())

    def problems(self) -> list[Problem]:
        """Everything that stands against it, now."""
        changes = self.changes()
        found = [Problem(path, why) for path, why in self._found(changes)]
        return sorted(set(found))

    def _found(self, changes: list[Change]) -> Iterator[tuple[bytes, str]]:
        for path, seen in sorted(self._seen.items()):
            try:
                if self._tree.signature(path) != seen:
                    yield path, "has changed since this was proposed"
            except NotOurs as why:
                yield path, str(why)
        after = {path: entry for path, _, entry in changes}
        folders: set[bytes] = set()
        for path, before, entry in changes:
            if entry.kind != "absent":
                yield from self._way(path, after)
            if before.kind == "folder" and entry.kind != "folder":
                yield from self._left_in(path, after)
            folders.add(split(path)[0])
        yield from self._unwritable(folders, after)
        if self.strict_names:
            yield from self._alike(changes, after)

    def _way(self, path: bytes, after: Mapping[bytes, Entry]) -> Iterator[tuple[bytes, str]]:
        """A parent that is, or would be, no folder."""
        for above in parents(path):
            entry = after.get(above) or self._before.get(above) or self._tree.entry(above)
            if entry.kind == "link":
                yield path, f"lies behind the symbolic link `{printable(above)}`; name the place itself"
                return
            if entry.kind != "folder":
                yield path, f"`{printable(above)}` is no folder"
                return

    def _left_in(self, path: bytes, after: Mapping[bytes, Entry]) -> Iterator[tuple[bytes, str]]:
        for name in self._tree.names(path):
            inner = path + b"/" + name
            if after.get(inner, Entry("file")).kind != "absent":
                yield path, f"is not empty: `{printable(name)}` is in it"
                return

    def _unwritable(self, folders: Iterable[bytes], after: Mapping[bytes, Entry]) -> Iterator[tuple[bytes, str]]:
        device = os.fstat(self._tree.folder(b"")).st_dev
        for folder in sorted(folders):
            there = self._before.get(folder, Entry("folder"))
            if there.kind != "folder" or (folder in after and after[folder].kind != "folder"):
                continue
            try:
                opened = self._tree.folder(folder)
                if not os.access(b".", os.W_OK | os.X_OK, dir_fd=opened):
                    yield folder or b".", "is a folder that can't be written to"
                elif os.fstat(opened).st_dev != device:
                    yield folder or b".", "lies on another file system than the project"
            except OSError as error:
                if after.get(folder, ABSENT).kind != "folder":
                    yield folder or b".", error.strerror or "can't be opened"

    def _alike(self, changes: list[Change], after: Mapping[bytes, Entry]) -> Iterator[tuple[bytes, str]]:
        """New names that differ from another only in case or Unicode form: some file systems take them for one."""
        known: dict[bytes, dict[bytes, bytes]] = {}
        for path, before, entry in changes:
            if entry.kind == "absent" or before.kind != "absent":
                continue
            folder, name = split(path)
            if folder not in known:
                known[folder] = {
                    fold(there): there
                    for there in self._tree.names(folder)
                    if after.get(folder + b"/" + there if folder else there, Entry("file")).kind != "absent"
                }
            other = known[folder].setdefault(fold(name), name)
            if other != name:
                yield path, f"differs from `{printable(other)}` only in case or Unicode form"

    def _touch(self, path: bytes) -> Entry:
        """What stands there now; remembered, so that a later change of it is seen."""
        if path not in self._seen:
            try:
                self._before[path], self._seen[path] = self._tree.look(path)
            except NotOurs as why:
                raise Refused([Problem(path, str(why))]) from None
        return self._before[path]

    def _put(self, path: bytes, entry: Entry) -> None:
        for above in parents(path) if entry.kind != "absent" else ():
            there = self._after.get(above) or self._touch(above)
            if there.kind == "absent":
                self._set(above, Entry("folder", 0o777 & ~self._umask))
        self._set(path, entry)

    def _gone(self, path: bytes) -> None:
        self._touch(path)
        self._set(path, ABSENT)

    def _set(self, path: bytes, entry: Entry) -> None:
        self._touch(path)
        self._after[path] = entry
