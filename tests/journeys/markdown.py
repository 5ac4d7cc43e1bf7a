"""Play a Markdown document: do in a temporary folder what it tells its reader to do, in order, and compare.

The info string of a fenced block says what the block is:

    python title=src/shop/app.py     a file to write; any language, with `append` behind it: lines to add to the file
    sh                               commands to run; each must succeed
    sh background                    a server to start; it has ended the one before it, as a reader's Ctrl-C would.
                                     The journey goes on when its port answers
    console                          commands behind `$ `, each followed by what it prints. `...` stands for any text in
                                     a line, alone in a line for any lines. `exit=1`: the last command ends so
    text, json, http                 an illustration: nothing to do
    ... skip="why"                   shown, but not played

- A reader has one terminal, so `cd` holds for the blocks that follow; exported variables do not.
- The documents say port 8000. Each journey takes a free one instead and says 8000 again in what it compares.
- `make TARGET` is not run (it may be what runs this): the target must exist. `pip install PACKAGE` is not run either:
  the environment has our packages and what is pinned, and the package must be among them.
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
# What the reader is shown first; those that exist are played.
DOCUMENTS = tuple(name for name in ("README.md", "docs/tutorial.md", "docs/use.md") if (ROOT / name).is_file())

OURS = frozenset({"krepis"})
PORT_SHOWN = "8000"
ILLUSTRATIONS = frozenset({"text", "json", "http"})
COMMAND_SECONDS_MAX = 60
START_SECONDS_MAX = 20
STOP_SECONDS_MAX = 10
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Block:
    """One fenced block: where it begins, what it is, and what it says."""

    line: int
    info: str
    text: str

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]

    @property
    def options(self) -> dict[str, str]:
        """`title=x background` as `{"title": "x", "background": ""}`."""
        pairs = (word.partition("=") for word in shlex.split(self.info)[1:])
        return {key: value for key, _, value in pairs}


class Deviation(AssertionError):
    """The document says one thing, and another happened."""

    def __init__(self, block: Block, what: str) -> None:
        super().__init__(f"line {block.line}: {what}")


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a document, in order."""
    fences = (token for token in MarkdownIt().parse(text) if token.type == "fence")
    return [Block((token.map or [0])[0] + 1, token.info.strip(), token.content) for token in fences]


def unplayable(block: Block) -> str | None:
    """What is wrong with a block that cannot be played; `None` if it can."""
    known = {"title", "append", "background", "exit", "skip"}
    if unknown := set(block.options) - known:
        return f"`{unknown.pop()}` means nothing to the runner; see tests/journeys/markdown.py"
    if "skip" in block.options:
        return None if block.options["skip"] else '`skip` needs its reason: skip="why"'
    if "title" in block.options:
        return None if block.options["title"] else "`title` needs the path of the file: title=src/x.py"
    if block.language in {"sh", "console"} | ILLUSTRATIONS:
        return None
    return f"a `{block.language}` block is not run: give it `title=PATH`, or make it `sh`, `console` or `text`"


class Journey:
    """A reader at work: a folder, a terminal in it, and at most one server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._place = folder
        self._port = str(_free_port())
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_server()

    def play(self, block: Block) -> None:
        """Do what the block says."""
        if problem := unplayable(block):
            raise Deviation(block, problem)
        options = block.options
        if "skip" in options:
            return
        if "title" in options:
            self._write(block)
        elif "background" in options:
            self._start_server(block)
        elif block.language == "sh":
            self._run(block, block.text, exit_code=0)
        elif block.language == "console":
            self._converse(block)

    def _write(self, block: Block) -> None:
        path = self._place / block.options["title"]
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if "append" in block.options else "w", encoding="utf-8") as file:
            file.write(self._with_own_port(block.text))

    def _converse(self, block: Block) -> None:
        exchanges = list(_exchanges(block))
        for number, (command, expected) in enumerate(exchanges, 1):
            last = number == len(exchanges)
            exit_code = int(block.options.get("exit", "0")) if last else 0
            printed = self._run(block, command, exit_code=exit_code)
            if printed is not None and not matches(expected, printed):
                raise Deviation(block, f"`{command}` printed\n{printed}\ninstead of\n{expected}")

    def _run(self, block: Block, command: str, *, exit_code: int) -> str | None:
        """What it printed; `None` if it is of those that are not run."""
        if _taken_for_done(block, command):
            return None
        with tempfile.NamedTemporaryFile("r", encoding="utf-8") as place:
            script = f"trap 'pwd > {shlex.quote(place.name)}' EXIT\n{self._with_own_port(command)}"
            try:
                done = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", script],
                    cwd=self._place,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    timeout=COMMAND_SECONDS_MAX,
                    check=False,
                )
            except subprocess.TimeoutExpired as late:
                raise Deviation(block, f"`{command.strip()}` did not end in {COMMAND_SECONDS_MAX} s") from late
            self._place = Path(place.read().strip() or self._place)
        printed = self._with_shown_port(done.stdout.decode("utf-8", "replace"))
        if done.returncode != exit_code:
            raise Deviation(block, f"`{command.strip()}` ended with {done.returncode}, not {exit_code}:\n{printed}")
        return printed

    def _start_server(self, block: Block) -> None:
        self._stop_server()
        command = self._with_own_port(block.text.strip())
        if command.startswith("krepis run") and "--port" not in command:
            command += f" --port {self._port}"  # the default is 8000, which is somebody else's here
        with (self.folder / "server.log").open("wb") as log:
            self._server = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self._place,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_for_server(block)

    def _wait_for_server(self, block: Block) -> None:
        assert self._server is not None
        end = time.monotonic() + START_SECONDS_MAX
        while not _answers(self._port):
            if self._server.poll() is not None or time.monotonic() > end:
                said = (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")
                raise Deviation(block, f"`{block.text.strip()}` does not listen on {PORT_SHOWN}:\n{said}")
            time.sleep(POLL_SECONDS)

    def _stop_server(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        try:
            os.killpg(server.pid, signal.SIGINT)
            server.wait(STOP_SECONDS_MAX)
        except ProcessLookupError:
            server.wait()
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()

    def _with_own_port(self, text: str) -> str:
        return re.sub(rf"\b{PORT_SHOWN}\b", self._port, text)

    def _with_shown_port(self, text: str) -> str:
        return re.sub(rf"\b{self._port}\b", PORT_SHOWN, text)


def matches(expected: str, printed: str) -> bool:
    """Whether it printed this, `...` standing for any text in a line, and alone for any lines."""
    pattern = ""
    for line in expected.strip().splitlines():
        if line.strip() == "...":
            pattern += r"(?:[^\n]*\n)*"
        else:
            pattern += ".*".join(re.escape(part) for part in line.rstrip().split("...")) + r"\n"
    seen = "".join(f"{line.rstrip()}\n" for line in printed.strip().splitlines())
    return re.fullmatch(pattern, seen) is not None


def _exchanges(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a console, each with what is shown below it."""
    command, shown = "", ""
    for line in block.text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:], ""
        elif not command:
            raise Deviation(block, "a console begins with `$ ` and a command")
        elif command.endswith("\\"):
            command += f"\n{line}"
        else:
            shown += f"{line}\n"
    if command:
        yield command, shown


def _taken_for_done(block: Block, command: str) -> bool:
    """Check the lines that are not run. A block is all of one kind, so that nothing in it is run in half."""
    whole = command.replace("\\\n", " ")
    lines = [line for line in map(str.strip, whole.splitlines()) if line and not line.startswith("#")]
    done = [_is_done_already(block, line) for line in lines]
    if any(done) and not all(done):
        raise Deviation(block, "`make` and `pip install` are not run: give them a block of their own")
    return bool(lines) and all(done)


def _is_done_already(block: Block, line: str) -> bool:
    if not line.startswith(("make ", "pip install ")):
        return False  # only these are read as words; a shell's own grammar is the shell's
    match shlex.split(line, comments=True):
        case ["make", *targets]:
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            for target in targets:
                if not re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE):
                    raise Deviation(block, f"there is no `make {target}`")
            return True
        case ["pip", "install", *packages]:
            pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
            for package in packages:
                name = re.split(r"[^\w.-]", package)[0]
                if name not in OURS and not re.search(rf"^{re.escape(name)}==", pinned, re.MULTILINE | re.IGNORECASE):
                    raise Deviation(block, f"`{package}` is neither ours nor pinned")
            return True
        case _:
            return False


def _environment() -> dict[str, str]:
    """The reader's: our environment's programs first, and nothing that a test run has set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "KREPIS"))}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: str) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", int(port))) == 0
