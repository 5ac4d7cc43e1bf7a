"""The `krepis` script. Core owns it and the verbs that a server needs in production; other packages add theirs.

A verb is a module with `add_arguments(parser)` and `main(args) -> int`; its docstring is its help. Other packages name
theirs in the entry point group `krepis.verbs`; which ones are installed is read once and kept in a cached index, so
that neither `--help` nor a verb of core waits for the whole environment to be searched.

Exit codes: 0 done, 1 the answer is no, 2 wrong use, 3 something is open.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType, ModuleType

from krepis import __version__
from krepis._cli.index import installed_verbs
from krepis.errors import KrepisError

CORE_VERBS: Mapping[str, str] = MappingProxyType(
    {
        "audit": "krepis._cli.audit",
        "config": "krepis._cli.config",
        "db": "krepis._cli.db",
        "events": "krepis._cli.events",
        "job": "krepis._cli.job",
        "run": "krepis._cli.run",
    }
)

DONE, NO, WRONG_USE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and answer with its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return DONE if words else WRONG_USE
    if words[0] in ("-V", "--version"):
        print(f"krepis {__version__}")
        return DONE
    verb, rest = words[0], words[1:]
    verbs = CORE_VERBS if verb in CORE_VERBS else {**installed_verbs(), **CORE_VERBS}
    if verb not in verbs:
        near = difflib.get_close_matches(verb, verbs, 1)
        hint = f"did you mean `krepis {near[0]}`?" if near else "`krepis --help` lists the verbs"
        return _failed(KrepisError(f"there is no verb `{verb}`", hint=hint), WRONG_USE)
    try:
        module = importlib.import_module(verbs[verb])
        args = _parser(verb, module).parse_args(rest)
        return int(module.main(args))
    except KrepisError as error:
        return _failed(error, NO)
    except BrokenPipeError:
        return NO
    except KeyboardInterrupt:
        return NO


def _parser(verb: str, module: ModuleType) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"krepis {verb}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    return parser


def _overview() -> str:
    verbs = {**installed_verbs(), **CORE_VERBS}
    lines = [f"krepis {__version__}: layered Python services, from the spec to the server", "", "verbs:"]
    lines += [f"  {verb:<10} {_summary(module)}" for verb, module in sorted(verbs.items())]
    lines += ["", "`krepis VERB --help` explains a verb, with an example."]
    return "\n".join(lines)


def _summary(module: str) -> str:
    """The first line of a verb's docstring, read without running the verb."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    with open(spec.origin, encoding="utf-8") as source:  # noqa: PTH123 - pathlib costs its import at every start
        return source.readline().strip().strip('"').rstrip(".")


def _failed(error: KrepisError, code: int) -> int:
    print(f"krepis: {error}", file=sys.stderr)
    return code
