"""Let the shell complete `krepis`: verbs, their actions, options and values, and files.

examples:
  eval "$(krepis completion bash)"                                  for this shell; or in ~/.bashrc
  krepis completion bash > ~/.local/share/bash-completion/completions/krepis
  krepis completion zsh > ~/.zfunc/_krepis                          a folder of $fpath, before `compinit`
  krepis completion fish > ~/.config/fish/completions/krepis.fish

What is printed asks the `krepis` that is first in PATH at each completion, so it need not be made anew when a package
adds verbs. `krepis completion words -- WORD ...` is that question: the words after `krepis` up to the cursor; the answer
is a line for each word that fits, with its meaning after a tab, or `:files` where the shell shall complete file names.
"""

from __future__ import annotations

import argparse

from krepis._cli.shells import SCRIPTS
from krepis.verbs import DONE, Console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb's arguments."""
    actions = parser.add_subparsers(dest="shell", required=True, metavar="SHELL")
    for shell, _ in SCRIPTS:
        here = "krepis completion fish | source" if shell == "fish" else f'eval "$(krepis completion {shell})"'
        actions.add_parser(shell, help=f"the script for {shell}", epilog=f"example: {here}")
    words = actions.add_parser("words", help="what fits here: the question that these scripts ask")
    words.add_argument("word", nargs="*", metavar="WORD", help="the words after `krepis`, up to the cursor")


def main(args: argparse.Namespace, console: Console) -> int:
    """Print it; answers with the exit code."""
    if args.shell == "words":
        from krepis._cli.completing import fitting

        lines = fitting(args.word)
        console.answer({"words": [line.partition("\t")[0] for line in lines]}, lines)
        return DONE
    script = dict(SCRIPTS)[args.shell]
    console.answer({"script": script}, script.rstrip("\n"))
    return DONE
