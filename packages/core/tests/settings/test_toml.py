"""The line of each key in a TOML text, which `tomllib` does not tell."""

from __future__ import annotations

import tomllib
from random import Random
from typing import Any

import pytest

from krepis.settings.toml import key_lines

TEXT = '''# a comment = 1
app = "x"

[ "a b" . c ]   # ]
d = """
[no]
e = 1 \\
"""
f = [
  1, # ]
  "]", [
  2],
]
g.h = {x = 1, y = "]"}
[[rows]]
z = 'x'  # "
w = \'\'\'
no = 1\'\'\'\'\'
[rows.sub]
"q=1" = 1
[last] # yes'''


def test_every_key_has_its_line() -> None:
    tomllib.loads(TEXT)
    assert dict(key_lines(TEXT)) == {
        ("app",): 2,
        ("a b",): 4,
        ("a b", "c"): 4,
        ("a b", "c", "d"): 5,
        ("a b", "c", "f"): 9,
        ("a b", "c", "g"): 14,
        ("a b", "c", "g", "h"): 14,
        ("rows",): 15,
        ("rows", "z"): 16,
        ("rows", "w"): 17,
        ("rows", "sub"): 19,
        ("rows", "sub", "q=1"): 20,
        ("last",): 21,
    }


VALUES = ("1", "true", '"a # b"', "'['", '"""\n[x]\n"""', "'''\na = 1'''", "[\n1,\n# ]\n2]", "{a = [1], b = '}'}", '""')
BREAKS = ("\n", "\n\n", " # ] = \n", "\n# [x]\n", "\t\n")


@pytest.mark.parametrize("seed", range(10))
def test_keys_that_are_put_on_known_lines_are_found_there(seed: int) -> None:
    print(f"seed {seed}")
    random = Random(seed)
    text, expected = "", {}
    table: tuple[str, ...] = ()
    for number in range(40):
        if random.random() < 0.2:
            table = (f"t{number}",)
            expected[table] = text.count("\n") + 1
            text += f"[{table[0]}]" + random.choice(BREAKS)
        key = random.choice([f"k{number}", f'"k {number}"', f"'k]{number}'"])
        expected[(*table, key.strip("\"'"))] = text.count("\n") + 1
        text += f"{key} = {random.choice(VALUES)}" + random.choice(BREAKS)
    parsed: dict[str, Any] = tomllib.loads(text)
    assert dict(key_lines(text)) == expected
    assert len(parsed) == sum(len(path) == 1 for path in expected)
