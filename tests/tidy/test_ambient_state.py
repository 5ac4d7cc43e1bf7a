"""No ambient state in core or an example: what a function depends on are its arguments.

The rule, precisely. Refused are

- `contextvars`, `threading.local`, the `global` statement;
- `functools.cache` and `lru_cache`: a hidden container of the module (`cached_property` lives in its object);
- a name bound, in a module or a class body, to a mutable container: a list, dict or set display or comprehension, or a
  call of one of `MUTABLE`. `MappingProxyType({...})`, `frozenset(...)`, `tuple(...)` make it immutable. `Final` does not.

Not refused: an annotated, empty display in a class with bases (`lines: list[Line] = []`), which msgspec copies for each
object; and objects of other classes, such as `doors = http.Doors()`: declarations, written while the module is loaded and
read when the app starts.
"""

import ast
from collections.abc import Iterator

import pytest

from tidy import tree
from tidy.tree import Module, sample

DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp)
MUTABLE = frozenset(
    "list dict set bytearray defaultdict deque Counter OrderedDict ChainMap WeakKeyDictionary WeakValueDictionary WeakSet "
    "ContextVar local count cycle iter Queue SimpleQueue SimpleNamespace".split()
)
CACHES = frozenset({"functools.cache", "functools.lru_cache"})
AMBIENT = {"contextvars": "`ctx`", "threading.local": "`ctx`", "_thread._local": "`ctx`"}


def ambient_state(module: Module) -> list[str]:
    """Everything in the module that outlives a call and can change."""
    return [*_ambient_imports(module), *_globals(module), *_shared_containers(module)]


def _ambient_imports(module: Module) -> Iterator[str]:
    for found in tree.imports(module):
        for name, instead in AMBIENT.items():
            if name in (found.target, found.module):
                yield module.at(found.line, f"`{name}` here; pass {instead}")
        if found.target in CACHES:
            yield module.at(found.line, f"`{found.target}` here; keep it in an object that the app owns")
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(value=ast.Name(id="threading"), attr="local"):
                yield module.at(node, "`threading.local` here; pass `ctx`")
            case ast.Attribute(value=ast.Name(id="functools"), attr=("cache" | "lru_cache") as name):
                yield module.at(node, f"`functools.{name}` here; keep it in an object that the app owns")
            case _:
                pass


def _globals(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Global):
            yield module.at(node, f"`global {', '.join(node.names)}` here; return the new value")


def _shared_containers(module: Module) -> Iterator[str]:
    for owner, statement in _loaded_statements(module.tree, module.tree.body):
        match statement:
            case (
                ast.Assign(targets=[target, *_], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value)
            ):
                if _mutable(value) and not _copied_default(owner, statement):
                    name = ast.unparse(target)
                    instead = "`MappingProxyType`, `frozenset` or a tuple"
                    yield module.at(statement, f"`{name}` is a mutable container that everyone shares; use {instead}")
            case _:
                pass


def _loaded_statements(owner: ast.AST, body: list[ast.stmt]) -> Iterator[tuple[ast.AST, ast.stmt]]:
    """The statements that run while the module is loaded, each with the module or class whose names it binds."""
    for statement in body:
        yield owner, statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            inner_owner = statement if isinstance(statement, ast.ClassDef) else owner
            for block in tree.blocks(statement):
                yield from _loaded_statements(inner_owner, block)


def _mutable(value: ast.expr) -> bool:
    match value:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name in MUTABLE
        case ast.Subscript():  # dict[str, int] is a type
            return False
        case ast.Tuple(elts=parts) | ast.BoolOp(values=parts):
            return any(map(_mutable, parts))
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
            return _mutable(one) or _mutable(other)
        case ast.NamedExpr(value=inner) | ast.Starred(value=inner):
            return _mutable(inner)
        case _:
            return isinstance(value, DISPLAYS)


def _copied_default(owner: ast.AST, statement: ast.stmt) -> bool:
    if not (isinstance(owner, ast.ClassDef) and owner.bases and isinstance(statement, ast.AnnAssign)):
        return False
    empty = statement.value is not None and ast.unparse(statement.value) in {"[]", "{}", "set()"}
    return empty and "ClassVar" not in ast.unparse(statement.annotation)


def _looked_at() -> list[Module]:
    return tree.core() + [module for name in tree.examples() for module in tree.modules(tree.example_source(name))]


def test_neither_core_nor_an_example_has_ambient_state():
    tree.refuse(finding for module in _looked_at() for finding in ambient_state(module))


@pytest.mark.parametrize(
    "text",
    [
        "import contextvars",
        "from contextvars import ContextVar",
        "from threading import local",
        "import threading\nhere = threading.local",
        "def f():\n    global count\n    count = 1",
        "from functools import lru_cache",
        "import functools\n@functools.cache\ndef f(): ...",
        "SEEN = []",
        "SEEN: dict[str, int] = {}",
        "SEEN: Final = {1, 2}",
        "SEEN = [x for x in range(3)]",
        "SEEN = dict(a=1)",
        "SEEN = collections.defaultdict(list)",
        "IDS = itertools.count()",
        "PAIR = ([], 1)",
        "ALL = (1,) + ([])",
        "if True:\n    SEEN = {}",
        "try:\n    import x\nexcept ImportError:\n    SEEN = {}",
        "class Books:\n    seen = {}",
        "class Books:\n    seen: dict[str, int] = {}",
        "class Books(Base):\n    seen: ClassVar[dict[str, int]] = {}",
        "__all__ = ['a']",
    ],
)
def test_ambient_state_is_found(text):
    assert len(ambient_state(sample(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "NAMES = MappingProxyType({'a': 1})",
        "NAMES = frozenset({1, 2})",
        "NAMES = tuple([1, 2])",
        "Names = dict[str, int]",
        "__all__ = ('a',)",
        "doors = http.Doors()",
        "def f():\n    seen = {}",
        "class Order(Value):\n    lines: list[Line] = []",
        "class Books:\n    def __init__(self):\n        self.seen = {}",
        "import threading\nlock = threading.Lock()",
    ],
)
def test_what_is_no_ambient_state_passes(text):
    assert ambient_state(sample(text)) == []
