"""Merging: what both sides changed in different lines, and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krepis_cli.history.merge import Clash, lines_of, merge

TEXTS = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"\n", b"d\r\n"]), max_size=12).map(b"".join)


@given(TEXTS, TEXTS)
def test_one_side_alone_is_taken_as_it_is(base: bytes, side: bytes):
    assert merge(base, side, base) == side
    assert merge(base, base, side) == side
    assert merge(base, side, side) == side


@given(TEXTS, TEXTS, TEXTS)
def test_both_ways_round_agree(base: bytes, one: bytes, two: bytes):
    first, second = merge(base, one, two), merge(base, two, one)
    assert isinstance(first, bytes) == isinstance(second, bytes)
    if isinstance(first, bytes):
        assert first == second


@given(TEXTS)
def test_lines_are_all_of_a_text(text: bytes):
    assert b"".join(lines_of(text)) == text
    assert all(line.endswith(b"\n") for line in lines_of(text)[:-1])


def test_a_clash_is_named_by_its_lines():
    base = b"".join(b"%d\n" % number for number in range(20))
    ours = base.replace(b"\n5\n", b"\nfive\n").replace(b"15\n16\n", b"xv\nxvi\n")
    theirs = base.replace(b"\n5\n", b"\nFIVE\n").replace(b"15\n16\n", b"XV\n")
    assert merge(base, ours, theirs) == [Clash(6, 1), Clash(16, 2)]


def test_carriage_returns_belong_to_lines():
    assert merge(b"a\r\nb\r\nc\r\n", b"A\r\nb\r\nc\r\n", b"a\r\nb\r\nC\r\n") == b"A\r\nb\r\nC\r\n"


def test_what_is_binary_is_never_merged():
    assert merge(b"\0a\nb\nc\n", b"\0A\nb\nc\n", b"\0a\nb\nC\n") == [Clash(1, 1)]


@pytest.mark.slow
def test_git_merges_the_same(tmp_path: Path, chance: Random):
    """Where both are clean they agree; git may find one more clean, or one less, where changes touch each other."""
    agreed = 0
    for _ in range(60):
        base = [b"line %d\n" % number for number in range(chance.randrange(5, 40))]
        sides = [edited(base, chance) for _ in range(2)]
        ours = merge(b"".join(base), *sides)
        for name, data in zip(("ours", "base", "theirs"), (sides[0], b"".join(base), sides[1]), strict=True):
            (tmp_path / name).write_bytes(data)
        git = subprocess.run(
            ["git", "merge-file", "-p", "ours", "base", "theirs"], cwd=tmp_path, capture_output=True, check=False
        )
        if isinstance(ours, bytes) and git.returncode == 0:
            assert ours == git.stdout
            agreed += 1
        if isinstance(ours, bytes) != (git.returncode == 0):
            assert not isinstance(ours, bytes), "we are never bolder than git"
    assert agreed > 10


def edited(lines: list[bytes], chance: Random) -> bytes:
    lines = list(lines)
    for _ in range(chance.randrange(1, 3)):
        at = chance.randrange(len(lines))
        act = chance.randrange(3)
        if act == 0:
            lines[at] = b"changed %d\n" % chance.randrange(1000)
        elif act == 1:
            lines.insert(at, b"new %d\n" % chance.randrange(1000))
        elif len(lines) > 1:
            del lines[at]
    return b"".join(lines)
