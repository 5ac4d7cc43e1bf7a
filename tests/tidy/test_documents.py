"""What people read is true: links lead somewhere, and every command and every piece of code that is shown is run.

Shown code is run by `tests/journeys/`, for the documents in `journeys.markdown.DOCUMENTS`. A block that no runner knows
is refused here, so that nothing in them is a promise only.
"""

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from journeys.markdown import DOCUMENTS, blocks, unplayable
from tidy import tree


def broken_links(path: str, text: str, root: Path) -> list[str]:
    """Links within the repository that lead to no file, or to no heading of it."""
    findings: list[str] = []
    for line, target in _links(text):
        if re.match(r"[a-z][a-z0-9+.-]*:|//", target):
            continue  # elsewhere: no test may need the network
        file, _, anchor = target.partition("#")
        place = root / Path(path).parent / file if file else root / path
        if not place.exists():
            findings.append(f"{path}:{line}: `{target}` leads to no file")
        elif anchor and place.suffix == ".md" and anchor not in _anchors(place.read_text(encoding="utf-8")):
            findings.append(f"{path}:{line}: `{target}` leads to no heading")
    return findings


def _links(text: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for token in MarkdownIt().enable("table").parse(text):
        line = (token.map or [0])[0] + 1
        for child in token.children or []:
            target = child.attrGet("href") or child.attrGet("src")
            if target:
                found.append((line, str(target)))
    return found


def _anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to headings."""
    tokens = MarkdownIt().enable("table").parse(text)
    titles = [tokens[index + 1].content for index, token in enumerate(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


DOCS = [path for path in tree.files() if path.endswith(".md")]


@pytest.mark.parametrize("path", DOCS)
def test_links_lead_somewhere(path):
    tree.refuse(broken_links(path, (tree.ROOT / path).read_text(encoding="utf-8"), tree.ROOT))


@pytest.mark.parametrize("path", DOCUMENTS)
def test_everything_shown_is_run(path):
    shown = blocks((tree.ROOT / path).read_text(encoding="utf-8"))
    tree.refuse(f"{path}:{block.line}: {problem}" for block in shown if (problem := unplayable(block)))


def test_there_is_a_readme_to_look_at():
    assert "README.md" in DOCUMENTS


@pytest.mark.parametrize(
    "text", ["[a](missing.md)", "![a](missing.png)", "[a](there.md#no-such)", "[a](#no-such)", "[a][b]\n\n[b]: no.md"]
)
def test_a_broken_link_is_found(tmp_path, text):
    (tmp_path / "there.md").write_text("# A `small` title\n")
    (tmp_path / "x.md").write_text(text)
    assert len(broken_links("x.md", text, tmp_path)) == 1


@pytest.mark.parametrize(
    "text", ["[a](there.md)", "[a](there.md#a-small-title)", "[a](https://example.org)", "`[a](missing.md)`"]
)
def test_a_link_that_leads_somewhere_passes(tmp_path, text):
    (tmp_path / "there.md").write_text("# A `small` title\n")
    assert broken_links("x.md", text, tmp_path) == []


@pytest.mark.parametrize("info", ["", "bash", "shell", "py", "python", "toml", "sh title", "sh skip", "ruby"])
def test_a_block_that_no_runner_knows_is_found(info):
    (block,) = blocks(f"```{info}\necho\n```\n")
    assert unplayable(block)


@pytest.mark.parametrize(
    "info",
    [
        "sh",
        "sh background",
        "console",
        "console exit=1",
        "python title=x.py",
        "toml title=a/b.toml",
        "text",
        "json",
        'sh skip="needs the network"',
    ],
)
def test_a_block_that_a_runner_knows_passes(info):
    (block,) = blocks(f"```{info}\n$ true\n```\n")
    assert unplayable(block) is None
