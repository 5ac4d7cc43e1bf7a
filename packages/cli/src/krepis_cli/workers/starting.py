"""A worker process is started: its pipes are made, its end is bound to ours, and nothing stays open when it fails.

Reviewer's list:

- The process leads a session and a group of its own. Ctrl-C on the terminal reaches us, not it; and all that it starts
  is killed with it.
- Each end of a pipe is in one process only: what we hold is not inherited by others that we start (close-on-exec).
- The end of `life` is our end, however it comes, and that of the group: see `far_side.die_with_the_starter`. What gives
  itself another group (a daemon) gets away.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from krepis_cli.workers import far_side, troubles

_REASONS: Mapping[int, str] = MappingProxyType(
    {
        errno.ENOENT: "there is no such file",
        errno.ENOEXEC: "it is no program for this machine",
        errno.EACCES: "it may not be run, or is no program",
        errno.ELOOP: "its symbolic links lead to each other",
    }
)


class Started(NamedTuple):
    """The process; our ends of its socket and of what it prints; what tells its death, where the kernel can.

    `ends` closes all of them, and with them the pipe that keeps the process alive.
    """

    process: subprocess.Popen[bytes]
    calls: socket.socket
    noise: int
    pidfd: int | None
    ends: ExitStack


def start(python: str, root: str, memory_bytes: int | None) -> Started:
    """Start `python` in `root`. Raises `WorkerError`."""
    try:
        with ExitStack() as ours, ExitStack() as theirs:
            calls, far_calls = socket.socketpair()
            ours.callback(calls.close)
            theirs.callback(far_calls.close)
            far_life, life = os.pipe()
            ours.callback(os.close, life)
            theirs.callback(os.close, far_life)
            noise, far_noise = os.pipe()
            ours.callback(os.close, noise)
            theirs.callback(os.close, far_noise)
            calls.setblocking(False)
            os.set_blocking(noise, False)
            options = {"calls": far_calls.fileno(), "life": far_life, "root": root, "memory": memory_bytes}
            process = subprocess.Popen(  # noqa: S603 - that is what we are for
                # `-I -S`: nothing that stands in the folder, the environment or `.pth` files comes before our side.
                [python, "-I", "-S", "-u", far_side.__file__, json.dumps(options)],
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=far_noise,
                stderr=far_noise,
                pass_fds=(far_calls.fileno(), far_life),
                start_new_session=True,
            )
            # From the first moment, and also what only looks like Python and never runs our side.
            far_side.kernel_watches(far_life, process.pid)
            pidfd = _pidfd(process.pid)
            if pidfd is not None:
                ours.callback(os.close, pidfd)
            return Started(process, calls, noise, pidfd, ours.pop_all())
    except (OSError, ValueError) as error:
        if not Path(root).is_dir():
            raise troubles.unstartable(python, f"can't be started in `{root}`, which is no folder") from None
        why = _REASONS.get(error.errno or 0, error.strerror) if isinstance(error, OSError) else str(error)
        raise troubles.unstartable(
            python, f"can't be started: {why}", hint="`krepis doctor` shows the others"
        ) from None


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux, or an old one
        return None
