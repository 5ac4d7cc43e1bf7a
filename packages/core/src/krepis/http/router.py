"""Finds the door of a method and path.

Paths are compared as sent: split at `/` first and percent-decoded segment by segment after, so `%2F` is data. A literal
segment wins over a parameter; a parameter never matches an empty segment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar
from urllib.parse import unquote_to_bytes

T = TypeVar("T")

_PARAMETER = ""


class Node(Generic[T]):
    """One segment of the paths: its children by literal segment, and the one for a parameter."""

    __slots__ = ("children", "methods")

    def __init__(self) -> None:
        self.children: dict[str, Node[T]] = {}
        self.methods: dict[str, T] = {}


class Router(Generic[T]):
    """`add` all, then `match`."""

    def __init__(self) -> None:
        self._root: Node[T] = Node()
        self._literal: dict[str, dict[str, T]] = {}

    def add(self, method: str, pattern: str, target: T) -> T | None:
        """Put a target in its place; answers the one that already stands there, which then stays."""
        node = self._root
        for segment in segments(pattern):
            node = node.children.setdefault(_PARAMETER if segment.startswith("{") else segment, Node())
        if method in node.methods:
            return node.methods[method]
        node.methods[method] = target
        if "{" not in pattern:
            self._literal[pattern] = node.methods
        return None

    def match(self, path: str) -> tuple[dict[str, T], tuple[str, ...]] | None:
        """The targets by method at `path`, with the values of its parameters; `None` when there are none.

        Raises `UnicodeDecodeError` when a percent-encoded value is not UTF-8.
        """
        methods = self._literal.get(path)
        if methods is not None:
            return methods, ()
        if not path.startswith("/"):
            return None
        parts = path[1:].split("/")
        if "%" in path:
            parts = [_decoded(part) if "%" in part else part for part in parts]
        return self._walk(self._root, parts, 0, ())

    def _walk(
        self, node: Node[T], parts: list[str], at: int, values: tuple[str, ...]
    ) -> tuple[dict[str, T], tuple[str, ...]] | None:
        last = len(parts)
        while at < last:
            part = parts[at]
            literal = node.children.get(part) if part else None
            parameter = node.children.get(_PARAMETER) if part else None
            at += 1
            if literal is not None and parameter is not None:
                found = self._walk(literal, parts, at, values)
                if found is not None:
                    return found
                literal = None
            if literal is not None:
                node = literal
            elif parameter is not None:
                node = parameter
                values = (*values, part)
            else:
                return None
        return (node.methods, values) if node.methods else None

    def all(self) -> Iterator[T]:
        """Every target, in no promised order."""
        stack = [self._root]
        while stack:
            node = stack.pop()
            yield from node.methods.values()
            stack += node.children.values()


def segments(pattern: str) -> list[str]:
    """`/orders/{order}/lines` as its segments."""
    return pattern.strip("/").split("/") if pattern.strip("/") else []


def parameters(pattern: str) -> list[str]:
    """The names in braces, in order."""
    return [segment[1:-1] for segment in segments(pattern) if segment.startswith("{")]


def _decoded(part: str) -> str:
    return unquote_to_bytes(part).decode()
