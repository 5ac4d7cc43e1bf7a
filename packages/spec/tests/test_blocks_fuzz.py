"""No text raises, and every mistake has a place inside its block."""

import os
import random
import re

import msgspec
import pytest
from _bookshop import expression, statements
from _good_blocks import GOOD
from hypothesis import given
from hypothesis import strategies as st

from krepis_spec.blocks.scope import Mode
from krepis_spec.problems import Problem, Problems

SEED = int(os.environ["KREPIS_SEED"])
DAMAGED = 300
MODES: tuple[Mode, ...] = (
    "command", "query", "view", "invariant", "access", "reaction", "scenario", "seed", "always", "overlap",
)  # fmt: skip
PIECE = re.compile(r"\w+|\s+|[^\w\s]")
ODD = (
    "lambda", "None", "absent", "is", "not", "**", ":", "[", "Book", "Line", "@", "yield", "await", "async", "while", "try",
    "1e9", "'", "é", "ﬁ", "日本", "\t", "\\", "0x1F", ".5", "f'", "{x!r}", "...", ":=", "password", "bio", "group", "\n",
)  # fmt: skip


def _problems(text: str, mode: Mode) -> list[Problem]:
    problems = Problems()
    msgspec.json.encode(statements(text, mode, problems))
    return problems.sorted()


def _is_inside(problem: Problem, text: str) -> bool:
    lines = text.split("\n")
    first, last = problem.span.line - 11, problem.span.end_line - 11
    return (
        0 <= first <= last < len(lines)
        and 1 <= problem.span.column - 2 <= len(lines[first]) + 1
        and 1 <= problem.span.end_column - 2 <= len(lines[last]) + 1
        and (problem.span.line, problem.span.column) <= (problem.span.end_line, problem.span.end_column)
    )


def _damaged(number: int) -> tuple[str, Mode]:
    draw = random.Random(SEED + number)
    mode, text = draw.choice(GOOD)
    pieces = PIECE.findall(text)
    for _ in range(draw.randint(1, 5)):
        at = draw.randrange(len(pieces))
        pieces[at : at + draw.randint(0, 2)] = draw.choice([[], [draw.choice(ODD)], [draw.choice(pieces)]])
        pieces = pieces or ["x"]
    return "".join(pieces), mode if draw.random() < 0.7 else draw.choice(MODES)


@pytest.mark.parametrize("number", range(DAMAGED))
def test_the_mistakes_of_a_damaged_block_are_inside_of_it(number):
    text, mode = _damaged(number)
    print(f"seed {SEED + number}, {mode}:\n{text}")
    assert [one for one in _problems(text, mode) if not _is_inside(one, text)] == []


@given(st.text(), st.sampled_from(MODES))
def test_no_text_raises(text, mode):
    assert [one for one in _problems(text, mode) if not _is_inside(one, text)] == []


@given(st.lists(st.sampled_from([*ODD, *PIECE.findall(" ".join(text for _, text in GOOD))]), max_size=30))
def test_no_words_in_any_order_raise(words):
    text = " ".join(words)
    assert [one for one in _problems(text, "command") if not _is_inside(one, text)] == []


@given(st.text(max_size=60))
def test_no_expression_raises(text):
    problems = Problems()
    found = expression(text, "always", problems)
    assert found is not None or problems
