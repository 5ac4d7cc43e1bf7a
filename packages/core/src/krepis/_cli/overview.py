"""What `krepis --help` shows. Imports nothing that an interpreter has not loaded anyhow."""

from __future__ import annotations

from krepis import __version__
from krepis._cli.index import installed
from krepis._cli.printable import printable


def overview() -> str:
    """Every verb with its first line."""
    verbs = [(verb[0], printable(verb[2])) for verb in installed()]
    wide = max(len(name) for name, _ in verbs)
    return "\n".join(
        [
            f"krepis {__version__}: layered Python services, from the spec to the server",
            "",
            "usage: krepis VERB ...",
            "",
            "verbs:",
            *(f"  {name:<{wide}}  {summary}" for name, summary in verbs),
            "",
            "`krepis VERB --help` explains a verb, with examples. Each takes `--json`, `--quiet` and `--debug`.",
            "Exit codes: 0 done, 1 the answer is no, 2 wrong use, 3 something is open.",
        ]
    )
