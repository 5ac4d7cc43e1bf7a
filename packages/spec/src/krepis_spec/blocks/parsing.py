"""From the text of a block to Python's own syntax tree, and from its nodes back to places in the spec.

Python's parser takes anything up to its own limits; ours come first, so that no text ends in a traceback: a block has at most
`TEXT_MAX` characters, and nothing in it nests deeper than `NESTING_MAX`.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Generator
from contextlib import contextmanager

from krepis_spec.document import Span
from krepis_spec.problems import Problems

TEXT_MAX = 50_000
NESTING_MAX = 100

Located = ast.expr | ast.stmt | ast.arg | ast.keyword | ast.ExceptHandler | ast.alias


class Places:
    """Where the nodes of one text are in the spec. Python counts columns in bytes; a spec counts code points."""

    def __init__(self, text: str, span: Span) -> None:
        self.whole = span
        self._lines = text.split("\n")
        self._encoded = [None if line.isascii() else line.encode(errors="surrogatepass") for line in self._lines]
        # A bullet that was joined from several lines has lost its columns.
        self._pinned = span if len(self._lines) == 1 and span.end_line > span.line else None

    def of(self, node: Located) -> Span:
        """The place of that node."""
        if self._pinned is not None:
            return self._pinned
        end_line = node.end_lineno or node.lineno
        end = node.col_offset + 1 if node.end_col_offset is None else node.end_col_offset
        return self._between(
            node.lineno, self._characters(node.lineno, node.col_offset), end_line, self._characters(end_line, end)
        )

    def at(self, line: int, column: int) -> Span:
        """One character; both counted from 1 inside the text. What lies outside is moved to the nearest end."""
        if self._pinned is not None:
            return self._pinned
        line = min(max(line, 1), len(self._lines))
        width = len(self._lines[line - 1])
        column = min(max(column, 1), width + 1)
        return self._between(line, column - 1, line, min(column, width))

    def source(self, node: Located) -> str:
        """The text of that node; its first line, if there are several."""
        line = self._lines[node.lineno - 1]
        start = self._characters(node.lineno, node.col_offset)
        if node.end_lineno != node.lineno or node.end_col_offset is None:
            return line[start:]
        return line[start : self._characters(node.lineno, node.end_col_offset)]

    @contextmanager
    def pinned(self, span: Span) -> Generator[None]:
        """While it lasts, every node is at `span`: for nodes whose own place Python does not know."""
        before, self._pinned = self._pinned, self._pinned or span
        try:
            yield
        finally:
            self._pinned = before

    def _characters(self, line: int, byte: int) -> int:
        encoded = self._encoded[line - 1]
        return byte if encoded is None else len(encoded[:byte].decode(errors="replace"))

    def _between(self, line: int, start: int, end_line: int, end: int) -> Span:
        first, left = self.whole.line, self.whole.column
        return Span(first + line - 1, left + start, first + end_line - 1, left + end)


def statements_in(text: str, places: Places, problems: Problems) -> list[ast.stmt]:
    """The statements of a block; none after a mistake."""
    tree = _parsed(text, "exec", places, problems)
    body = tree.body if isinstance(tree, ast.Module) else []
    if tree is not None and not body:
        problems.add(places.at(1, 1), "nothing stands here but comments")
    return body


def expression_in(text: str, places: Places, problems: Problems) -> ast.expr | None:
    """The one expression of a text; `None` after a mistake."""
    tree = _parsed(text, "eval", places, problems)
    return tree.body if isinstance(tree, ast.Expression) else None


def _parsed(text: str, mode: str, places: Places, problems: Problems) -> ast.AST | None:
    if not _is_clean(text, places, problems):
        return None
    try:
        with warnings.catch_warnings():
            # Python warns of `"\d"` and `0or`: both are mistakes here.
            warnings.simplefilter("error")
            tree = ast.parse(text, mode=mode)
    except SyntaxError as error:
        _refuse(error, places, problems)
        return None
    except (RecursionError, MemoryError):
        problems.add(places.whole, f"this nests too deep; {NESTING_MAX} levels are allowed")
        return None
    except ValueError as error:
        problems.add(places.whole, f"this cannot be read: {error}")
        return None
    deep = _too_deep(tree)
    if deep is not None:
        problems.add(
            places.of(deep), f"this nests too deep; {NESTING_MAX} levels are allowed", "give a part a name first"
        )
        return None
    return tree


def _is_clean(text: str, places: Places, problems: Problems) -> bool:
    if not text.strip():
        problems.add(places.at(1, 1), "nothing stands here")
        return False
    if len(text) > TEXT_MAX:
        problems.add(places.at(1, 1), f"this has {len(text)} characters; {TEXT_MAX} are allowed")
        return False
    for number, line in enumerate(text.split("\n"), start=1):
        for column, character in enumerate(line, start=1):
            if (character < " " and character != "\t") or character == "\x7f" or "\ud800" <= character <= "\udfff":
                problems.add(places.at(number, column), f"the character U+{ord(character):04X} cannot stand here")
                return False
    return True


def _refuse(error: SyntaxError, places: Places, problems: Problems) -> None:
    message = error.msg
    message = message[:1].lower() + message[1:] if message[1:2].islower() else message
    problems.add(places.at(error.lineno or 1, error.offset or 1), f"this is not Python: {message}")


def _too_deep(tree: ast.AST) -> Located | None:
    """A node below the limit. Not by recursion: that has a limit of its own."""
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        depth += 1
        if depth > NESTING_MAX:
            for node in level:
                if isinstance(node, Located):
                    return node
    return None
