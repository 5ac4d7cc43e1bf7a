"""The one place where the process of a plugin is started.

This is the seam. What will decide whether a plugin may run (signatures, scanning) and what it may reach while it runs
(the sandbox) sits in `start`: before it the plugin is data, after it there is a process. `tests/tidy` of the day that
brings them only has to see that nobody else starts one.

What holds today:

- The interpreter is the command's own, in which the plugin is installed. The current folder is not imported from (`-P`).
- The process leads a session and a group of its own: Ctrl-C on the terminal reaches the command, which hands it on, and
  whatever the plugin starts can be ended with it.
- It has our environment and the three standard streams, and one descriptor that it has no use for: it is killed when
  the other end of that is closed, so that none of it outlives the command.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import NamedTuple

from krepis.errors import KrepisError
from krepis_cli.plugins.installed import Plugin
from krepis_cli.plugins.messages import PROTOCOL


class Started(NamedTuple):
    """The process, and the descriptor that it lives as long as."""

    process: subprocess.Popen[bytes]
    life: int


def start(plugin: Plugin) -> Started:
    """Start the plugin's process, with a pipe to each of its standard streams. Raises `KrepisError`."""
    held, life = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - the module of an installed package; who may run comes here
            [sys.executable, "-P", "-m", plugin.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "KREPIS_PLUGIN_PROTOCOL": str(PROTOCOL), "PYTHONUNBUFFERED": "1"},
            pass_fds=(held,),
            start_new_session=True,
        )
    except OSError as error:
        os.close(life)
        raise KrepisError(
            f"the plugin `{plugin.verb}` can't be started: {error.strerror}", code="plugin_start", place=plugin.module
        ) from None
    else:
        _kill_with_us(held, process.pid)
        return Started(process, life)
    finally:
        os.close(held)


def _kill_with_us(held: int, group: int) -> None:
    """Let the kernel kill the group when the other end of the pipe is closed: also when we are killed ourselves.

    Elsewhere than on Linux a plugin that outlives us sees the end of its input, and may leave or not.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError):  # a sandbox around us that does not know it
        fcntl.fcntl(held, fcntl.F_SETOWN, -group)
        fcntl.fcntl(held, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(held, fcntl.F_SETFL, fcntl.fcntl(held, fcntl.F_GETFL) | os.O_ASYNC)
