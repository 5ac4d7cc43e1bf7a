"""Write the tables of `docs/spec-language.md` that the reader of specs itself knows: `make docs`. A test proves them fresh.

They stand between `<!-- functions -->` and `<!-- end -->`, and so do `operators`, `reasons` and `syntax`. Which syntax is
permitted is found by reading a sample of each node. With a file as argument it writes there instead; that is how the test compares.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType

from krepis_spec import SpecRefused, read_text, reasons
from krepis_spec.blocks import Function, operators, table
from krepis_spec.blocks.functions import MEANINGS

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "spec-language.md"

SAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "Constant": 'x = 9.99, True, None, "text"',
        "Name": "x = book",
        "Attribute": "x = book.title",
        "Subscript": "x = list(book.tags)[0]",
        "Call": "x = len(book.tags)",
        "Lambda": "x = sorted(Book, key=lambda b: b.title)",
        "JoinedStr": 'x = f"{count} of them"',
        "FormattedValue": 'x = f"{book.price:.2f}"',
        "UnaryOp": "x = -count",
        "BinOp": "x = book.stock + count",
        "BoolOp": "x = gift or count > 5",
        "Compare": "x = 0 < count < 10",
        "IfExp": "x = 1 if gift else 2",
        "List": "x = [1, 2]",
        "Tuple": "x = (1, book.title)",
        "Set": 'x = {"a", "b"}',
        "Dict": 'x = {"title": book.title}',
        "ListComp": "x = [b.title for b in Book if b.stock > 0]",
        "SetComp": "x = {b.title for b in Book}",
        "GeneratorExp": "x = sum(b.stock for b in Book)",
        "Assign": "x = 1",
        "AugAssign": "book.stock += count",
        "Expr": "delete(book)",
        "If": "if gift:\n    book.stock = 0",
        "For": "for b in Book:\n    b.stock = 0",
        "Return": "return",
        "Add": "x = count + 1",
        "Sub": "x = count - 1",
        "Mult": "x = count * 2",
        "Div": "x = count / 2",
        "FloorDiv": "x = count // 2",
        "Mod": "x = count % 2",
        "Pow": "x = count ** 2",
        "USub": "x = -book.price",
        "Not": "x = not gift",
        "And": "x = gift and count > 5",
        "Or": "x = gift or count == 0",
        "Eq": "x = count == 1",
        "NotEq": "x = count != 1",
        "Lt": "x = count < 1",
        "LtE": "x = count <= 1",
        "Gt": "x = count > 1",
        "GtE": "x = count >= 1",
        "Is": "x = note is None",
        "IsNot": "x = note is not None",
        "In": 'x = "a" in book.tags',
        "NotIn": 'x = "a" not in book.tags',
        "NamedExpr": "x = (y := count)",
        "DictComp": "x = {b.title: b.stock for b in Book}",
        "Await": "x = await count",
        "Yield": "x = yield count",
        "YieldFrom": "x = yield from Book",
        "Starred": "x = [*Book]",
        "Slice": "x = book.title[0:3]",
        "FunctionDef": "def f():\n    return 1",
        "AsyncFunctionDef": "async def f():\n    return 1",
        "ClassDef": "class C:\n    x = 1",
        "Delete": "del book",
        "AnnAssign": "x: int = 1",
        "AsyncFor": "async for b in Book:\n    delete(b)",
        "While": "while gift:\n    book.stock -= 1",
        "With": "with book:\n    delete(book)",
        "AsyncWith": "async with book:\n    delete(book)",
        "Match": "match count:\n    case 1:\n        delete(book)",
        "Raise": "raise ValueError",
        "Try": "try:\n    delete(book)\nexcept Error:\n    book.stock = 0",
        "TryStar": "try:\n    delete(book)\nexcept* Error:\n    book.stock = 0",
        "Assert": "assert gift",
        "Import": "import math",
        "ImportFrom": "from math import pi",
        "Global": "global count",
        "Nonlocal": "nonlocal count",
        "Pass": "pass",
        "Break": "for b in Book:\n    break",
        "Continue": "for b in Book:\n    continue",
        "MatMult": "x = count @ 2",
        "LShift": "x = count << 2",
        "RShift": "x = count >> 2",
        "BitOr": "x = count | 2",
        "BitXor": "x = count ^ 2",
        "BitAnd": "x = count & 2",
        "Invert": "x = ~count",
        "UAdd": "x = +count",
    }
)
"""A piece of a block for every node of Python's syntax that stands in one."""

FRAME = """# Samples

## Entity Book

| field | type |
|---|---|
| title | text |
| price | decimal(2) |
| stock | int |
| tags | set of text |

## Command sample

| input | type |
|---|---|
| book | Book |
| count | int |
| gift | bool |
| note | text? |

```krepis
{sample}
```
"""


def main(arguments: list[str]) -> int:
    if missing := nodes() - SAMPLES.keys():
        print(f"tools/spec_docs.py: no sample of {', '.join(sorted(missing))}", file=sys.stderr)
        return 1
    target = Path(arguments[0]) if arguments else TARGET
    target.write_text(page(TARGET.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def page(text: str) -> str:
    """The page with all its tables as they have to be."""
    tables = (
        ("functions", functions()),
        ("operators", table_in(operators)),
        ("reasons", table_in(reasons)),
        ("syntax", syntax()),
    )
    for name, rows in tables:
        made = f"<!-- {name} -->\n\n" + "\n".join(rows) + "\n\n<!-- end -->"
        text = re.sub(rf"(?s)<!-- {name} -->.*?<!-- end -->", lambda _: made, text)  # noqa: B023 - called at once
    return text


def functions() -> Iterator[str]:
    """A row for each function."""
    yield "| function | takes | gives | |"
    yield "|:--|:--|:--|:--|"
    for one in table:
        takes = [f"`{each.name}`: {MEANINGS[each.takes]}" for each in one.parameters]
        call = one.signature.rpartition(" -> ")[0]
        yield f"| `{call}` | {cell('; '.join(takes))} | {one.gives} | {cell(one.sentence)}{as_method(one)} |"


def as_method(one: Function) -> str:
    return f" Also `x.{one.name}(...)`." if one.method else ""


def table_in(module: ModuleType) -> Iterator[str]:
    """The table in the docstring of a module."""
    return (line for line in str(module.__doc__).splitlines() if line.startswith("|"))


def syntax() -> Iterator[str]:
    """The nodes that are permitted, then those that are not, with what is said of each."""
    said = {node: refusal(sample) for node, sample in SAMPLES.items()}
    yield "| permitted | as in |"
    yield "|:--|:--|"
    yield from (f"| `{node}` | {code(SAMPLES[node])} |" for node, told in said.items() if told is None)
    yield ""
    yield "| not permitted | as in | what is said |"
    yield "|:--|:--|:--|"
    yield from (f"| `{node}` | {code(SAMPLES[node])} | {cell(told)} |" for node, told in said.items() if told)


def refusal(sample: str) -> str | None:
    """What is said of a sample; `None` where nothing is."""
    try:
        read_text("sample.md", FRAME.format(sample=sample))
    except SpecRefused as refused:
        first = refused.problems[0]
        return first.message if first.hint is None else f"{first.message}; {first.hint}"
    return None


def nodes() -> frozenset[str]:
    """The names of all nodes that a block can be made of."""
    kinds = (ast.expr, ast.stmt, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
    return frozenset(one.__name__ for kind in kinds for one in kind.__subclasses__())


def code(text: str) -> str:
    return f"`{cell(text)}`"


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
