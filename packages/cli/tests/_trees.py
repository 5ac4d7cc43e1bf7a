"""Trees with everything in them that a file system allows, and what they are, to the last bit."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from random import Random

Fingerprint = dict[bytes, tuple[object, ...]]

NAMES = (
    b"plain.py",
    b"caf\xe9-not-utf8",
    "caf\u00e9-composed".encode(),
    "cafe\u0301-decomposed".encode(),
    "\u65e5\u672c\u8a9e.txt".encode(),
    b"new\nline",
    b"tab\tand space",
    b"-rf",
    b"back\\slash",
    b"quote\"'`",
    b"\x1b[31mred",
    b"x" * 255,
    "\U0001f600".encode(),
    b"%s {} $HOME *",
)
CONTENTS = (
    b"",
    b"one\ntwo\nthree\n",
    b"no end of line",
    b"dos\r\nlines\r\n",
    b"mixed\r\nends\n\rhere",
    bytes(range(256)) * 8,
    b"\xff\xfe not utf-8 \x80\n" * 30,
    b"line\n" * 4000,
)
MODES = (0o644, 0o600, 0o755, 0o700, 0o640, 0o444)


def fingerprint(root: Path) -> Fingerprint:
    """Everything but `.krepis`: kinds, modes, bytes, where links point."""
    found: Fingerprint = {}

    def look(folder: bytes, prefix: bytes) -> None:
        for name in sorted(os.listdir(folder)):
            if prefix + name == b".krepis":
                continue
            path = folder + b"/" + name
            known = os.lstat(path)
            mode = stat.S_IMODE(known.st_mode)
            if stat.S_ISLNK(known.st_mode):
                found[prefix + name] = ("link", os.readlink(path))
            elif stat.S_ISDIR(known.st_mode):
                found[prefix + name] = ("folder", mode)
                look(path, prefix + name + b"/")
            else:
                with open(path, "rb") as file:
                    found[prefix + name] = ("file", mode, hashlib.sha256(file.read()).hexdigest())

    look(os.fsencode(root), b"")
    return found


def plant(root: Path, chance: Random, count: int = 12) -> None:
    """Grow a tree under `root`."""
    base = os.fsencode(root)
    folders = [b"", b"src", b"src/deep", b"src/deep/er", b"empty", b"caf\xe9-folder"]
    for folder in folders[1:]:
        os.makedirs(base + b"/" + folder, exist_ok=True)
    for name in chance.sample(NAMES, min(count, len(NAMES))):
        path = base + b"/" + chance.choice([f for f in folders if f != b"empty"]) + b"/" + name
        if chance.random() < 0.2:
            os.symlink(chance.choice((b"plain.py", b"/nowhere/at/all", b"../..", b"\xff")), path)
        else:
            with open(path, "wb") as file:
                file.write(chance.choice(CONTENTS))
            os.chmod(path, chance.choice(MODES))
    os.chmod(base + b"/src/deep", 0o750)


def change_at_random(proposal, root: Path, chance: Random, count: int = 8) -> None:
    """Propose a bit of everything."""
    paths = sorted(path for path in fingerprint(root) if not path.startswith(b".git"))
    for _ in range(count):
        now = chance.choice(paths) if paths else b"first"
        act = chance.randrange(8)
        fresh = chance.choice((b"", b"gen/", b"gen/a/b/", b"src/")) + b"new-" + str(chance.randrange(10**6)).encode()
        if proposal.entry(now).kind in ("file", "link") and act < 3:
            proposal.write(
                now, chance.choice(CONTENTS) + str(chance.random()).encode(), mode=chance.choice((None, *MODES))
            )
        elif act == 3:
            proposal.remove(now)
        elif act == 4:
            proposal.write(fresh, chance.choice(CONTENTS))
        elif act == 5:
            proposal.link(fresh, chance.choice(NAMES))
        elif act == 6:
            proposal.folder(fresh, mode=chance.choice((0o755, 0o700, 0o750)))
        elif proposal.entry(now).kind in ("file", "folder"):
            proposal.chmod(now, chance.choice((0o755, 0o700, 0o644 | 0o100)))
