"""Run a reference page: its Python, in order, as one program, and everything else as `journeys.markdown` does.

What is said there about fenced blocks holds here, and this:

    python                 run, with the names of the blocks before it; `await` may stand at the top, as in
                           `python -m asyncio`. What it asserts must hold
    text output            what the Python block before it printed, `...` as in a console
    python raises=NAME     it must raise an exception of that class; its text is what was printed

The program runs in the page's own folder, so files that titled blocks wrote are there.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import sys
import types
from pathlib import Path
from typing import Any, Self

from journeys.markdown import DOCUMENTS, ROOT, Block, Deviation, Journey, matches, unplayable
from journeys.specs import REFERENCE

PAGES = tuple(
    path.relative_to(ROOT).as_posix()
    for path in sorted((ROOT / "docs").glob("*.md"))
    if path.relative_to(ROOT).as_posix() not in {*DOCUMENTS, REFERENCE}  # the blocks of the reference are specs
)


def is_program(block: Block) -> bool:
    """Whether the block is run as Python rather than written to a file."""
    return block.language == "python" and not {"title", "skip"} & set(block.options)


def problem_of(block: Block) -> str | None:
    """What is wrong with a block of a page that cannot be run; `None` if it can."""
    if is_program(block):
        unknown = set(block.options) - {"raises"}
        return f"`{unknown.pop()}` means nothing here; see tests/journeys/pages.py" if unknown else None
    return None if _is_output(block) else unplayable(block)


class Program:
    """The Python of one page, under way."""

    def __init__(self, name: str, folder: Path) -> None:
        # A real module: classes ask for theirs, and a database looks for the statements in its adapters'.
        self._module = types.ModuleType(name)
        self._journey = Journey(folder)
        self._folder = folder
        self._printed = ""

    def __enter__(self) -> Self:
        sys.modules[self._module.__name__] = self._module
        sys.path.insert(0, str(self._folder))
        return self

    def __exit__(self, *_: object) -> None:
        self._journey.__exit__(None, None, None)
        sys.path.remove(str(self._folder))
        for name in [name for name, module in sys.modules.items() if self._is_ours(module)]:
            del sys.modules[name]

    async def play(self, block: Block) -> None:
        """Do what the block says."""
        if problem := problem_of(block):
            raise Deviation(block, problem)
        if is_program(block):
            await self._run(block)
        elif _is_output(block):
            if not matches(block.text, self._printed):
                raise Deviation(block, f"the block before it printed\n{self._printed}\ninstead of\n{block.text}")
        else:
            await asyncio.to_thread(self._journey.play, block)

    async def _run(self, block: Block) -> None:
        expected = block.options.get("raises")
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                await self._execute(block)
        except Exception as error:
            if type(error).__name__ != expected:
                raise
            printed.write(str(error))
        else:
            if expected:
                raise Deviation(block, f"nothing was raised, `{expected}` was expected")
        self._printed = printed.getvalue()

    async def _execute(self, block: Block) -> None:
        source = "\n" * block.line + block.text  # so that a traceback names the line of the page
        code = compile(source, f"{self._module.__name__}.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result: Any = eval(code, vars(self._module))
        if inspect.iscoroutine(result):
            await result

    def _is_ours(self, module: types.ModuleType) -> bool:
        file = getattr(module, "__file__", None)
        return module is self._module or (file is not None and Path(file).is_relative_to(self._folder))


def _is_output(block: Block) -> bool:
    return block.info == "text output"
