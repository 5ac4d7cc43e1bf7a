"""Write `docs/cli.md` from what the verbs themselves say: `make docs`. `tests/tidy/` proves it fresh.

The page is made from the docstrings and the parsers of the verbs of core and `krepis-cli`; what other packages and plugins
add is not in it. With a file as argument it writes there instead; that is how the test compares.
"""

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from krepis import verbs

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "cli.md"
OURS = ("krepis.", "krepis_cli.")
COMMON = "options of every verb"

HEAD = """# The command line

<!-- Made by `make docs` from what the verbs say themselves; a change belongs there. -->

`krepis VERB ...`; also `python -m krepis VERB ...`. `krepis --help` lists the verbs of this installation, `krepis VERB
--help` (or `krepis help VERB`) explains one. What other packages and [plugins](plugins.md) add is not on this page.

## What all verbs have in common

{common}

They may stand before the verb, too. The answer goes to standard output, and nothing else does; what is for people
(warnings, what to do next, progress) goes to standard error. Colours and progress are for terminals, and `NO_COLOR` takes
the colours away. Characters that could steer a terminal, in names or in what others have stored, are shown as `\\x1b`.

| exit code | |
|:--|:--|
{codes}

An error has a sentence, a code that stays the same, and where there are such a place and a hint; with `--json` it is an
object with `error`, `code`, `place` and `hint`, on standard output:

```text
$ krepis rnu
krepis: there is no verb `rnu` (no_such_verb)
  hint: did you mean `krepis run`?
```

| code of the command itself | |
|:--|:--|
| `no_such_verb`, `no_such_action`, `no_such_option` | it does not exist; the hint says what may have been meant |
| `wrong_use`, `too_many_words` | a word is missing, is not of the right kind, or is one too many |
| `broken_verb` | a package declares the verb, and its module is not there |
| `not_confirmed` | there is nobody to ask: standard input is no terminal |
| `no_output` | standard output takes nothing |
| `bug` | an exception that nobody expected |

An exception that nobody expected is such an error with the code `bug`. Its traceback is kept in the cache folder, which the
hint names, and shown with `--debug` or `KREPIS_DEBUG=1`.

- **Ctrl-C**: a word on standard error, then the process ends by SIGINT itself, so that a shell and its loops see what
  happened (130). It leaves things as `kill` would.
- **A reader that left** (`krepis ... | head -1`): it ends by SIGPIPE, quietly, as other programs do (141).
- **An output that takes nothing** (closed, a full disk): the error `no_output`, exit code 1. What was done stays done.

`krepis completion` prints the script that completes verbs, actions, options, values and files in bash, zsh and fish.
The index of installed verbs and the shapes that completion asks for are kept in `$XDG_CACHE_HOME/krepis` (`~/.cache`);
losing them costs time and nothing else.
"""


def main(arguments: list[str]) -> int:
    target = Path(arguments[0]).absolute() if arguments else TARGET
    with tempfile.TemporaryDirectory() as nowhere:  # a project's krepis.toml and settings would change the defaults
        os.chdir(nowhere)
        for name in [name for name in os.environ if name.startswith("KREPIS_")]:
            del os.environ[name]
        text = page()
        os.chdir(ROOT)
    target.write_text(text, encoding="utf-8")
    return 0


def page() -> str:
    """The whole page."""
    modules = {name: module for name, module in sorted(verbs.built_in().items()) if module.startswith(OURS)}
    parts = [head(), "## The verbs", "\n".join(["| | |", "|:--|:--|", *map(row, modules, modules.values())])]
    for name, module in modules.items():
        parts += verb(name, module)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def head() -> str:
    meant = [line.removeprefix("- ") for line in str(verbs.__doc__).splitlines() if line.startswith("- `")]
    codes = [f"| `{line.split(':')[0].split()[1]}` | {line.partition(': ')[2].strip()} |" for line in meant]
    (group,) = [one for one in verbs.Parser.common()._action_groups if one.title == COMMON]  # noqa: SLF001
    return HEAD.format(codes="\n".join(codes), common=table(group._group_actions))  # noqa: SLF001


def row(name: str, module: str) -> str:
    summary = str(importlib.import_module(module).__doc__).strip().partition("\n")[0]
    return f"| [`krepis {name}`](#krepis-{name}) | {cell(summary)} |"


def verb(name: str, module: str) -> Iterator[str]:
    """The part about a verb: what its docstring says, then each of its actions."""
    parser = verbs.parser_of(name, importlib.import_module(module))
    yield f"## krepis {name}"
    for paragraph in str(parser.description).split("\n\n"):
        first, _, others = paragraph.partition("\n")
        yield f"```text\n{dedented(others)}\n```" if first == "examples:" else paragraph
    yield from words(parser)
    yield from inner(parser)


def inner(outer: argparse.ArgumentParser) -> Iterator[str]:
    """The part about each action, and about actions of it."""
    for _, meaning, parser in sorted(verbs.actions_of(outer), key=lambda action: action[0]):
        yield f"### {parser.prog}"
        yield from described(parser.description or meaning, parser)
        yield from inner(parser)


def described(said: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    if said:
        yield f"{said[0].upper()}{said[1:]}".rstrip(".") + "."
    yield from words(parser)
    if parser.epilog:
        yield f"```text\n{parser.epilog.strip()}\n```"


def words(parser: argparse.ArgumentParser) -> Iterator[str]:
    """How it is written, and a table of what can be given."""
    shown = [one for one in parser._actions if one.help != argparse.SUPPRESS and not common(parser, one)]  # noqa: SLF001
    positional = [usage(one) for one in shown if not one.option_strings]
    options = ["[OPTIONS]"] if any(one.option_strings for one in shown) else []
    yield f"`{' '.join([parser.prog, *options, *positional])}`"
    if rows := [one for one in shown if one.nargs != argparse.PARSER]:
        yield table(rows)


def table(shown: list[argparse.Action]) -> str:
    formatter = argparse.HelpFormatter("krepis")
    lines = [f"| {written(one)} | {cell(formatter._expand_help(one) if one.help else '')} |" for one in shown]  # noqa: SLF001
    return "\n".join(["| | |", "|:--|:--|", *lines])


def written(one: argparse.Action) -> str:
    if not one.option_strings:
        return f"`{metavar(one)}`"
    value = "" if one.nargs == 0 else f" {metavar(one)}"
    return ", ".join(f"`{option}{value}`" for option in one.option_strings)


def usage(one: argparse.Action) -> str:
    if one.nargs == argparse.PARSER:
        return f"{metavar(one)} ..."
    name = metavar(one)
    return {"?": f"[{name}]", "*": f"[{name} ...]", "+": f"{name} ...", None: name}.get(
        str(one.nargs or "") or None, name
    )


def metavar(one: argparse.Action) -> str:
    if one.metavar is None and one.choices is not None:
        return "{" + ",".join(map(str, one.choices)) + "}"
    return str(one.metavar or one.dest.upper())


def common(parser: argparse.ArgumentParser, one: argparse.Action) -> bool:
    """Whether every verb has it."""
    groups = [group for group in parser._action_groups if group.title == COMMON]  # noqa: SLF001
    return "--help" in one.option_strings or any(one in group._group_actions for group in groups)  # noqa: SLF001


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def dedented(text: str) -> str:
    return "\n".join(line.removeprefix("  ") for line in text.splitlines())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
