"""A project with every fault that code can have, and other people's processes as the machine sees them."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

SOURCE = '''
import ctypes, os, signal, subprocess, sys, threading, time

def add(a, b):
    return a + b

def echo(value):
    return value

def where():
    return {"folder": os.getcwd(), "path": sys.path, "group": os.getpgrp(), "pid": os.getpid(), "python": sys.prefix}

def noisy(lines=1):
    for number in range(lines):
        print("out", number)
        print("err", number, file=sys.stderr)
    os.write(1, b"straight \\x1b[31mto the descriptor\\n")
    return "heard"

def endless():
    while True:
        os.write(1, b"x" * 65536)

def crash():
    ctypes.string_at(0)

def hang():
    while True:
        time.sleep(3600)

def stuck_in_c():
    ctypes.PyDLL(None).pause()  # PyDLL keeps the interpreter's lock

def stubborn():
    signal.signal(signal.SIGABRT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hang()

def gone(code):
    os._exit(code)

def leave():
    sys.exit("so long")

def raised():
    raise ValueError("no \\x1b[31mgood\\nat all")

def unspeakable():
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError("and the message, too")
    raise Odd

def deep():
    return deep()

def refused():
    from krepis.errors import KrepisError
    raise KrepisError("the shelf is full", hint="make room", code="shelf_full")

def unholdable():
    return {"a": object()}

def not_a_number():
    return float("nan")

def large(count):
    return "x" * count

def greedy():
    return len(bytearray(8 << 30))

def killed():
    os.kill(os.getpid(), signal.SIGKILL)

def interrupted():
    signal.raise_signal(signal.SIGINT)

def closing():
    os.closerange(3, 65536)
    hang()

def scribbling():
    for descriptor in range(3, 4096):
        try:
            os.write(descriptor, b"hello, I am no answer at all")
        except OSError:
            pass
    hang()

def silent():
    os.close(1)
    os.close(2)
    time.sleep(0.3)
    return "still here"

def family(file):
    """Children of three kinds, that outlive a careless parent; then a hang."""
    children = [subprocess.Popen(["sleep", "3600"]).pid, subprocess.Popen(["sh", "-c", "sleep 3600; true"]).pid]
    forked = os.fork()
    if forked == 0:
        hang()
    with open(file + ".half", "w") as out:
        out.write(" ".join(map(str, [os.getpid(), forked, *children])))
    os.rename(file + ".half", file)
    hang()

def left_behind(file):
    subprocess.Popen(["sleep", "3600"])
    threading.Thread(target=hang).start()  # keeps the interpreter from ending by itself
    with open(file, "w") as out:
        out.write(str(os.getpid()))

def touch(file, seconds=0.0):
    time.sleep(seconds)
    with open(file, "a") as out:
        out.write("x")
    return os.getpid()

def wait_for(file):
    while not os.path.exists(file):
        time.sleep(0.01)

class Shelf:
    @staticmethod
    def count():
        return 3
'''


def drawn(cases):
    """Half of them, in their order, by the seed; all with `KREPIS_LONG`."""
    cases = list(cases)
    if os.environ.get("KREPIS_LONG"):
        return cases
    chance = random.Random(int(os.environ["KREPIS_SEED"]))
    taken = chance.sample(range(len(cases)), (len(cases) + 1) // 2)
    return [cases[number] for number in sorted(taken)]


def plant_project(root: Path) -> Path:
    """`shop.work` with all of it, `shop.broken` and `shop.wrong`, which can't be imported."""
    package = root / "src/shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "work.py").write_text(SOURCE)
    (package / "broken.py").write_text("import json\n\n\nimport nowhere_at_all\n")
    (package / "wrong.py").write_text("x = 1\ndef f(:\n")
    (package / "gone.py").write_text("import os\nos._exit(4)\n")
    # Names of the standard library: the worker's own imports must not meet them.
    for name in ("json", "struct", "select", "site", "traceback"):
        (root / f"{name}.py").write_text("raise RuntimeError('the project shadows the standard library')\n")
    (root / "krepis.toml").write_text("")
    return root


def pids_of(file: Path) -> list[int]:
    """What `family` has written, when it has."""
    until(file.exists)
    return [int(word) for word in file.read_text().split()]


def alive(pid: int) -> bool:
    """Whether it runs; the dead that nobody has waited for don't."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    if sys.platform != "linux":
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(ready, seconds: float = 60.0):
    """Wait for what has to come; a machine may be slow."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


def end_all(pids: list[int]) -> None:
    """After a test that has failed: leave nothing."""
    for pid in pids:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
