from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from krepis_cli.history import OperationLog


@pytest.fixture
def seed() -> int:
    return int(os.environ["KREPIS_SEED"])


@pytest.fixture
def chance(seed: int) -> Random:
    print("seed", seed)
    return Random(seed)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def log(root: Path):
    with OperationLog(root) as opened:
        yield opened
