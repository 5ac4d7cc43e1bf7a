"""What this machine has to lock up code that is not trusted."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from krepis_cli.doctor.finding import Finding, first_line

LANDLOCK_CREATE_RULESET = 444  # the same number on all architectures
LANDLOCK_VERSION = 1
CLONE_NEWUSER = 0x1000_0000


def probe(root: str) -> dict[str, Any]:
    """Landlock, seccomp, user namespaces and bubblewrap on Linux; sandbox-exec on macOS. They are tried, not believed."""
    return (_macos() if sys.platform == "darwin" else _linux()).plain()


def _macos() -> Finding:
    if Path("/usr/bin/sandbox-exec").exists():
        return Finding("sandbox", "ok", "sandbox-exec")
    return Finding("sandbox", "missing", "sandbox-exec is not there", "plugins run without a sandbox")


def _linux() -> Finding:
    landlock, seccomp, namespaces, bubblewrap = _landlock(), _seccomp(), _user_namespaces(), _bubblewrap()
    facts = {"landlock": landlock, "seccomp": seccomp, "user_namespaces": namespaces, "bubblewrap": bubblewrap}
    said = (
        f"Landlock {f'ABI {landlock}' if landlock else 'no'}, seccomp {_word(seccomp)}, "
        f"user namespaces {_word(namespaces)}, bubblewrap {bubblewrap or 'no'}"
    )
    if (landlock and seccomp) or (bubblewrap and namespaces):
        return Finding("sandbox", "ok", said, facts=facts)
    remedy = "a kernel with Landlock (5.13 or later), or bubblewrap from your system's packages with user namespaces"
    return Finding("sandbox", "missing", said, remedy, facts=facts)


def _word(there: bool) -> str:  # noqa: FBT001 - it is shown
    return "yes" if there else "no"


def _landlock() -> int:
    """The version of its interface; 0 without."""
    return max(0, ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION))


def _seccomp() -> bool:
    try:
        return "Seccomp:" in Path("/proc/self/status").read_text("ascii", "replace")
    except OSError:
        return False


def _user_namespaces() -> bool:
    """Tried in a process of its own: there is no way back from it."""
    child = os.fork()
    if child == 0:
        os._exit(0 if ctypes.CDLL(None).unshare(CLONE_NEWUSER) == 0 else 1)
    return os.waitpid(child, 0)[1] == 0


def _bubblewrap() -> str:
    program = shutil.which("bwrap")
    if program is None or first_line([program, "--ro-bind", "/", "/", "true"]) is None:
        return ""
    return (first_line([program, "--version"]) or "").removeprefix("bubblewrap ")
