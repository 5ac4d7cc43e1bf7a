"""Every step that the documents show works as shown."""

import os
import re
from functools import cache

import pytest

from journeys.markdown import DOCUMENTS, ROOT, Journey, blocks
from journeys.pages import PAGES, Program


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_step_works_as_shown(document, tmp_path):
    if document == "docs/use.md" and not os.environ.get("KREPIS_LONG"):
        pytest.skip("`make long`: it runs all checks of a project; `make demo` does so, too")
    with Journey(tmp_path) as journey:
        for block in blocks((ROOT / document).read_text(encoding="utf-8")):
            journey.play(block)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
async def test_every_piece_of_a_page_works_as_shown(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = page.removeprefix("docs/").removesuffix(".md").replace("/", "_")
    with Program(f"page_{name.lower()}", tmp_path) as program:
        for block in blocks((ROOT / page).read_text(encoding="utf-8")):
            await program.play(block)


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_exists(page):
    named = set(re.findall(r"`(test_\w+)`", (ROOT / page).read_text(encoding="utf-8")))
    assert named - _tests() == set()


def test_the_map_of_core_has_every_module():
    core = ROOT / "packages/core/src/krepis"
    files = (file.relative_to(core).with_suffix("") for file in core.rglob("*.py") if file.name != "__init__.py")
    modules = {".".join(file.parts) for file in files if file.parts[0] != "_proto"}
    shown = re.findall(r"`([\w.]+)`", (ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    assert modules - set(shown) == set()


@cache
def _tests():
    """The names of all tests of the repository."""
    folders = ("packages", "examples", "tests")
    files = (file for folder in folders for file in (ROOT / folder).rglob("test_*.py"))
    return {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8"))}
