"""The worker's side: runs in the interpreter of a project, where nothing of `krepis_cli` is installed.

The standard library alone, and nothing newer than Python 3.8; it is started by its path, with `-I -S`. What it has to
know comes as one JSON object in its only argument:

    calls   file descriptor of a socket: frames in both directions
    life    file descriptor of a pipe that nobody writes to: its end is the end of whoever started us
    root    the folder of the project, which is the current one; it and its `src` become importable
    memory  address space in bytes, or null

A frame is eight bytes of length, big-endian, and JSON in ASCII. The first one from here is `{"ready": true}`; each
later one answers a request `{"target": ..., "arguments": {...}}` with `{"value": ...}` or `{"trouble": {...}}`.

What the project prints goes to the standard streams, which are a pipe of their own; it can't reach the frames.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import importlib.util
import json
import os
import select
import signal
import site
import struct
import sys
import traceback

TYPE_CHECKING = False  # that of `typing`, which nobody needs here
if TYPE_CHECKING:
    from typing import Any

HEAD = struct.Struct(">Q")
MESSAGE_CHARACTERS_MAX = 2_000
TRACEBACK_CHARACTERS_MAX = 20_000
READY = b'{"ready": true}'
NO_MEMORY = b'{"trouble": {"kind": "memory", "message": "", "place": ""}}'
"""Written beforehand: where memory is exhausted, nothing can be made any more."""


def main(options: dict[str, Any]) -> None:
    """Answer requests until the other side is gone."""
    calls = int(options["calls"])
    die_with_the_starter(int(options["life"]))
    os.set_inheritable(calls, False)
    faulthandler.enable()  # a crash, and the SIGABRT that ends a hang, say where they were
    _limit(options["memory"])
    _path_as_usual(str(options["root"]))
    _send(calls, READY)
    while True:
        request = _receive(calls)
        if request is None:
            return
        answer = _answered(request, str(options["root"]))
        _flush()
        _send(calls, answer)


def die_with_the_starter(life: int, *, by_thread: bool = False) -> None:
    """Arrange that this process and those that it starts are killed when the other end of the pipe is closed.

    On Linux the kernel does it, also while an extension holds the interpreter's lock; elsewhere a thread.
    """
    os.set_inheritable(life, False)
    if by_thread or not kernel_watches(life, os.getpgrp()):
        import threading

        threading.Thread(target=_wait_for_the_end, args=(life,), daemon=True).start()
    ended = select.poll()
    ended.register(life, select.POLLIN | select.POLLHUP)
    if ended.poll(0):  # before the watch began
        _die()


def kernel_watches(life: int, group: int) -> bool:
    """Let the kernel kill a process group when the other end of the pipe is closed; whether it will (Linux)."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.fcntl(life, fcntl.F_SETOWN, -group)
        fcntl.fcntl(life, 10, signal.SIGKILL)  # F_SETSIG: this signal instead of SIGIO
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    except OSError:  # a sandbox that doesn't know it
        return False
    return True


def _wait_for_the_end(life: int) -> None:
    try:
        os.read(life, 1)
    finally:
        _die()


def _die() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _limit(memory: int | None) -> None:
    import resource

    # A crash must not leave a core file in the project.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if memory is not None:
        most = resource.getrlimit(resource.RLIMIT_AS)[1]
        memory = memory if most == resource.RLIM_INFINITY else min(memory, most)
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _path_as_usual(root: str) -> None:
    """Let imports find what they find without `-I -S`, and the project first.

    Only now, when all that we need is loaded: no `json.py` of the project stands in our way, and what an environment
    runs at its start (`.pth` files, `sitecustomize`) can't outlive the one who waits for us.
    """
    site.main()
    if sys.prefix == sys.base_prefix and not os.environ.get("PYTHONNOUSERSITE"):
        site.addsitedir(site.getusersitepackages())
    sys.path[:0] = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    for folder in (root, os.path.join(root, "src")):  # noqa: PTH118 - pathlib costs its import
        if os.path.isdir(folder) and folder not in sys.path:  # noqa: PTH112
            sys.path.insert(0, folder)


def _answered(request: dict[str, Any], root: str) -> bytes:
    step = "import"
    try:
        function = _found(request["target"])
        step = "call"
        value = function(**request["arguments"])
        step = "answer"
        return json.dumps({"value": value}, allow_nan=False).encode()
    except MemoryError:
        return NO_MEMORY
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
        try:
            return json.dumps({"trouble": _trouble(step, error, root)}).encode()
        except MemoryError:
            return NO_MEMORY
        except BaseException:  # noqa: BLE001 - an exception that can't even be looked at
            return json.dumps({"trouble": {"kind": "raised", "type": type(error).__name__}}).encode()


class _MissingError(Exception):
    """What was to be called is not there."""


def _found(target: str) -> Any:
    """`package.module:function`, or `/folder/file.py:function` for a file that belongs to no package."""
    name, _, attribute = target.rpartition(":")
    if name.endswith(".py"):
        spec = importlib.util.spec_from_file_location("_krepis_sent", name)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and (name + ".").startswith(error.name + "."):
                raise _MissingError(f"there is no module `{error.name}`") from None
            raise
    found = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise _MissingError(f"`{name}` has no `{attribute}`")
        found = getattr(found, part)
    if not callable(found):
        raise _MissingError(f"`{target}` can't be called")
    return found


def _trouble(step: str, error: BaseException, root: str) -> dict[str, Any]:
    kind = {"import": "import", "call": "raised", "answer": "answer"}[step]
    if isinstance(error, _MissingError):
        kind = "missing"
    elif isinstance(error, SystemExit):
        kind = "exit"
    elif isinstance(error, KeyboardInterrupt):
        kind = "interrupted"
    try:
        message = str(error)
    except Exception as worse:  # noqa: BLE001 - an exception of the project that can't even be shown
        message = f"its message can't be shown: {type(worse).__name__}"
    own = any(one.__name__ == "KrepisError" and one.__module__ == "krepis.errors" for one in type(error).__mro__)
    hint = getattr(error, "hint", "") if own else ""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return {
        "kind": kind,
        "type": type(error).__name__,
        "message": (str(error.args[0]) if own else message)[:MESSAGE_CHARACTERS_MAX],
        "own": own,
        "code": str(getattr(error, "code", "")) if own else "",
        "hint": str(hint),
        "place": _place(error, root),
        "traceback": text[-TRACEBACK_CHARACTERS_MAX:],
    }


def _place(error: BaseException, root: str) -> str:
    """The innermost line of the project that was on the way, else the innermost at all."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_short(error.filename, root)}:{error.lineno or 1}"
    place = ""
    inside = False
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        own = file.startswith(root + os.sep) and "site-packages" not in file
        if file != __file__ and not file.startswith("<frozen") and (own or not inside):
            place = f"{_short(file, root)}:{step.tb_lineno}"
            inside = inside or own
        step = step.tb_next
    return place


def _short(file: str, root: str) -> str:
    return file[len(root) + 1 :] if file.startswith(root + os.sep) else file


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the project may have closed or replaced it
            stream.flush()


def _receive(calls: int) -> dict[str, Any] | None:
    head = _read(calls, HEAD.size)
    return None if head is None else json.loads(_read(calls, HEAD.unpack(head)[0]) or b"")


def _read(calls: int, count: int) -> bytes | None:
    parts: list[bytes] = []
    while count:
        part = os.read(calls, min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _send(calls: int, frame: bytes) -> None:
    left = memoryview(HEAD.pack(len(frame)) + frame)
    while left:
        left = left[os.write(calls, left) :]


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
