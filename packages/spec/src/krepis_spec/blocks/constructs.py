"""What Python has and the language has not, in plain words."""

from __future__ import annotations

import ast


def refusal(node: ast.expr | ast.stmt) -> tuple[str, str | None]:
    """The message for a construct that is not part of the language, and what to write instead."""
    what, hint = _refused_expression(node) if isinstance(node, ast.expr) else _refused_statement(node)
    return f"{what} is not part of the language", hint


def _refused_statement(node: ast.stmt) -> tuple[str, str | None]:
    match node:
        case ast.While():
            return "`while`", "use `for` over a list"
        case ast.Import() | ast.ImportFrom():
            return "`import`", "the functions of the language are there without it"
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return "`def`", "say it in place, or in a command of its own"
        case ast.ClassDef():
            return "`class`", "a `## Value` is a class of the spec"
        case ast.Try() | ast.Raise():
            return "`try`" if isinstance(node, ast.Try) else "`raise`", '`require(condition, "reason")` rejects'
        case ast.Assert():
            return "`assert`", '`require(condition, "reason")` rejects'
        case ast.Delete():
            return "`del`", "`delete(x)` deletes an entity"
        case ast.AnnAssign():
            return "a type beside a name", "write `name = value`"
        case ast.Pass():
            return "`pass`", "leave the branch out"
        case ast.Break() | ast.Continue():
            word = "break" if isinstance(node, ast.Break) else "continue"
            return f"`{word}`", "put the condition into an `if`, or into a comprehension"
        case ast.Match():
            return "`match`", "use `if` and `elif`"
        case _:
            return _refused_rare_statement(node), None


def _refused_rare_statement(node: ast.stmt) -> str:
    match node:
        case ast.With() | ast.AsyncWith():
            return "`with`"
        case ast.AsyncFor():
            return "`async`"
        case ast.Global():
            return "`global`"
        case ast.Nonlocal():
            return "`nonlocal`"
        case _:
            return "this statement"


def _refused_expression(node: ast.expr) -> tuple[str, str | None]:
    match node:
        case ast.Lambda():
            return "`lambda` outside of `key=`", None
        case ast.DictComp():
            return "a dictionary comprehension", "make a list of records, or `group`"
        case ast.NamedExpr():
            return "`:=`", "give it a name in a line of its own"
        case ast.Await():
            return "`await`", None
        case ast.Yield() | ast.YieldFrom():
            return "`yield`", None
        case ast.Starred():
            return "`*` before a value", None
        case ast.Slice():
            return "`[from:to]`", "use `take`, `skip` or `truncate`"
        case _:
            return "this expression", None
