"""A spec as it is written: sections with their prose, tables, bullets and blocks, each with its place. No meaning yet."""

from __future__ import annotations

from typing import Literal

# `gc=False` here, in types, expressions and blueprints: what is frozen and holds only what was there before it is in no cycle, and
# there is so much of it that looking for cycles would take a quarter of the time that a spec takes to read.
from msgspec import Struct

Kind = Literal[
    "service",
    "value",
    "entity",
    "access",
    "view",
    "command",
    "query",
    "event",
    "when",
    "port",
    "seed",
    "scenario",
    "always",
    "load",
]


class Span(Struct, frozen=True, order=True, gc=False):
    """A place in the spec. Lines and columns count from 1, columns in code points; the end is behind the last one."""

    line: int
    column: int
    end_line: int
    end_column: int


class Text(Struct, frozen=True, gc=False):
    """A piece of the spec, without the space around it and without the backticks that may enclose all of it."""

    text: str
    span: Span


class Row(Struct, frozen=True, gc=False):
    """One row of a table; it has as many cells as the table has columns."""

    cells: tuple[Text, ...]
    span: Span


class Table(Struct, frozen=True):
    header: tuple[Text, ...]
    rows: tuple[Row, ...]
    span: Span


class Bullet(Struct, frozen=True):
    """`- key: value`. A bullet without a key (as in `## Always`) has all of its text in `value` and `key` is `None`."""

    key: Text | None
    value: Text
    span: Span


class Block(Struct, frozen=True):
    """A fenced block. `span` covers its content; line `span.line` of the spec is the first line of `text`, and
    `span.column` the column at which its lines begin.
    """

    language: str
    text: str
    span: Span


class Section(Struct, frozen=True):
    """A `##` heading and all that is below it. `name` is what stands behind the kind in the heading: `place order`;
    `None` where there is nothing. The name of a view is split: `of` is the entity.
    """

    kind: Kind
    name: Text | None
    of: Text | None
    heading: Span
    prose: str
    tables: tuple[Table, ...]
    bullets: tuple[Bullet, ...]
    blocks: tuple[Block, ...]
    span: Span


class Document(Struct, frozen=True):
    """A whole spec. `name` is its title, empty where there is none; `purpose` is the prose below the title."""

    file: str
    lines: tuple[str, ...]
    name: Text
    purpose: str
    sections: tuple[Section, ...]
