"""A project as `krepis new` makes it, in a folder of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random

import pytest

from terminal import in_pipes

NAMES = (
    "a",
    "shop",
    "bookshop",
    "x_ray",
    "n_e_w_b_o_r_n",
    "shop2_0",
    "newborn",
    "a_name_that_is_as_long_as_it_can_ever_be",
)


@pytest.fixture(scope="session")
def name() -> str:
    """The name of the project; another one with another seed."""
    return Random(int(os.environ["KREPIS_SEED"])).choice(NAMES)


@pytest.fixture
def project(name: str, tmp_path: Path) -> Path:
    """A new project."""
    code, out, said = in_pipes("new", name, "--json", cwd=tmp_path)
    assert (code, said, json.loads(out)["project"]) == (0, "", str(tmp_path / name))
    return tmp_path / name
