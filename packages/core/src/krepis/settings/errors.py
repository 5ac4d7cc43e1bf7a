"""What is wrong with settings: for the person who runs the service."""

from __future__ import annotations

from krepis.errors import KrepisError


class SettingsError(KrepisError):
    """The settings can't be used; `problems` lists everything that is wrong in all sources, each with its place."""

    def __init__(self, name: str, problems: tuple[KrepisError, ...]) -> None:
        lines = "\n".join(f"- {problem}" for problem in problems)
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__(f"the settings `{name}` can't be used, {count}:\n{lines}")
        self.problems = problems
