"""What an operation does beside the files, such as the migration of a database: named, recorded, resumed, taken back."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from krepis.errors import KrepisError


class Step(Protocol):
    """An object at the top of a module, named `module:object`. Both ways may be asked for again after a crash, in whatever
    state the first try has left; each has to bring about its result from there. What they raise is a failure of the step.
    """

    def forward(self, root: Path, arguments: Mapping[str, Any]) -> None:
        """Do it to the project under `root`."""
        ...

    def backward(self, root: Path, arguments: Mapping[str, Any]) -> None:
        """Take it back."""
        ...


class StepFailed(KrepisError):
    """A step could not be done."""


def named(name: str) -> Step:
    """The step of a name. Raises `StepFailed`."""
    module, _, attribute = name.partition(":")
    try:
        step = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise StepFailed(
            f"the step `{name}` can't be loaded: {error}", hint="is the package that it comes from installed?"
        ) from error
    if not (callable(getattr(step, "forward", None)) and callable(getattr(step, "backward", None))):
        raise StepFailed(f"`{name}` is no step: it needs `forward` and `backward`")
    return cast(Step, step)


def run(name: str, arguments: Mapping[str, Any], root: Path, *, back: bool) -> None:
    """Do it or take it back. Raises `StepFailed`, whatever the step raises."""
    step = named(name)
    try:
        (step.backward if back else step.forward)(root, arguments)
    except Exception as error:
        way = "taken back" if back else "done"
        raise StepFailed(f"the step `{name}` could not be {way}: {error}") from error
