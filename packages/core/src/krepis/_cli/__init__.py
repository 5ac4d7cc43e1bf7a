"""The `krepis` script. Core owns it and the verbs that a server needs in production; other packages add theirs.

What a verb is stands in `krepis.verbs`. Other packages name theirs in the entry point group `krepis.verbs`; which ones
are installed is read once and kept in an index (`krepis._cli.index`), so that neither `--help` nor a verb waits for the
whole environment to be searched. This module is loaded at every start and imports nothing: `--version` and `--help` are
answered with what an interpreter has loaded anyhow.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # that of `typing`, which takes longer than all of this module
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and answer with its exit code. Ends the process by the signal where Ctrl-C or a broken pipe ends it."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        text = _answered(words)
        if text is None:
            from krepis._cli.running import run

            return run(words)
        if sys.stdout is None:  # it was closed before we began; `print` would say nothing
            raise OSError(9, "it is closed")
        print(text, end="\n" if text else "", flush=True)
    except KeyboardInterrupt:
        from krepis._cli.ending import stopped

        return stopped()
    except OSError as problem:
        from krepis._cli.ending import unwritten

        return unwritten(problem)
    return 0


def _answered(words: list[str]) -> str | None:
    """What needs no verb: the version, the overview."""
    if words in (["--version"], ["-V"]):
        from krepis import __version__

        return f"krepis {__version__}"
    if words in (["--help"], ["-h"], ["help"]):
        from krepis._cli.overview import overview

        return overview()
    if words[:3] == ["completion", "words", "--"]:  # at each press of TAB
        from krepis._cli.completing import fitting

        return "\n".join(fitting(words[3:]))
    if words in (["completion", "bash"], ["completion", "zsh"], ["completion", "fish"]):  # at the start of each shell
        from krepis._cli.shells import SCRIPTS

        return dict(SCRIPTS)[words[1]].rstrip("\n")
    return None
