"""A verb of core on an app of the test, in this process: it starts faster, and the app needs no folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from krepis._cli.parser import parser_of
from krepis._cli.running import console_for, showing_errors


def run_verb(module: Any, words: Sequence[str], app: Any) -> int:
    """Its exit code; what it says goes where the command would write it."""
    verb = module.__name__.rpartition(".")[2]
    console = console_for(words)
    return showing_errors(
        verb, console, lambda: module.perform(parser_of(verb, module).parse_args(list(words)), console, app)
    )
