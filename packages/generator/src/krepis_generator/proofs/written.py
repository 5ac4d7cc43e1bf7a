"""Modules that are the same in every project but for its names: written as text, with the imports where Python has them."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from krepis_generator.source import Module


def module_of(path: str, text: str, names: Mapping[str, str]) -> Module:
    """The module that the text says; `@name@` in it stands for a name."""
    for name, value in names.items():
        text = text.replace(f"@{name}@", value)
    tree = ast.parse(text)
    module = Module(path, ast.get_docstring(tree, clean=True) or "")
    lines = text.split("\n")
    end = 0
    for statement in tree.body:
        first, end = end, statement.end_lineno or statement.lineno
        match statement:
            case ast.Import(names=imported):
                for one in imported:
                    module.use_module(one.name)
            case ast.ImportFrom(module=source, names=imported):
                module.use(source or "", *(one.name for one in imported))
            case ast.Expr(value=ast.Constant()) if statement is tree.body[0]:
                pass
            case _:
                module.add(_name(statement), "\n".join(lines[first:end]).strip("\n"))
    return module


def _name(statement: ast.stmt) -> str:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return statement.name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return ""
