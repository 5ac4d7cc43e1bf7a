"""What a project says about its interpreter, and what is made of files that are broken or hostile."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krepis_cli.interpreters import Project
from krepis_cli.interpreters.judging import problems_of


def plant(root: Path, **files: str | bytes) -> Path:
    names = {"toml": "krepis.toml", "pyproject": "pyproject.toml", "version": ".python-version"}
    root.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / names[name]).write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def test_everything_that_is_said_is_read(tmp_path):
    root = plant(
        tmp_path,
        toml='app = "shop.app:app"\npython = "env/bin/python"\n',
        pyproject='[project]\nname = "shop"\nrequires-python = ">=3.11,<4"\ndependencies = ["krepis", "msgspec>=0.18"]\n',
        version="# ours\n3.12.1\n\ncpython-3.11  # or this\n",
    )
    inner = root / "src/shop"
    inner.mkdir(parents=True)
    assert Project.around(inner) == Project(
        root=root,
        top=root,
        app="shop.app:app",
        python="env/bin/python",
        versions=("3.12.1", "cpython-3.11"),
        requires=">=3.11,<4",
        dependencies=("krepis", "msgspec>=0.18"),
    )
    assert Project.around(inner).module == "shop"


def test_a_folder_without_anything_is_a_project_that_says_nothing(tmp_path):
    assert Project.around(tmp_path) == Project(root=tmp_path, top=tmp_path)


def test_what_lies_above_counts_up_to_the_top_of_the_repository_and_no_further(tmp_path):
    plant(tmp_path, version="3.9")
    (tmp_path / "repository/.git").mkdir(parents=True)
    root = plant(tmp_path / "repository/servers/shop", toml="")
    assert Project.around(root).versions == ()
    plant(tmp_path / "repository", version="3.12")
    assert Project.around(root).versions == ("3.12",)
    assert Project.around(root).folders() == [root, root.parent, root.parent.parent]


def test_without_a_repository_nothing_above_counts(tmp_path):
    plant(tmp_path, version="3.9")
    assert Project.around(plant(tmp_path / "shop", toml="")).versions == ()


@pytest.mark.parametrize(
    ("files", "remark"),
    [
        ({"toml": "app = "}, "krepis.toml can't be read"),
        ({"toml": b"app = '\xff'"}, "krepis.toml can't be read"),
        ({"toml": "#" * (1 << 20) + "\n"}, "is larger than 1048576 bytes"),
        ({"toml": "app = 1"}, "`app` in krepis.toml is no text"),
        ({"toml": "python = [1]"}, "`python` in krepis.toml is no text"),
        ({"toml": 'python = "a\\u0000b"'}, "`python` in krepis.toml is no text"),
        ({"toml": "", "pyproject": "[[["}, "pyproject.toml can't be read"),
        (
            {"toml": "", "pyproject": "[project]\nrequires-python = 3.11"},
            "`requires-python` in pyproject.toml is no text",
        ),
        ({"toml": "", "pyproject": "[project]\nrequires-python = 'soon'"}, "is no version specifier"),
        ({"toml": "", "pyproject": "[project]\ndependencies = 'krepis'"}, "is no list of texts"),
        ({"toml": "", "pyproject": "[project]\ndependencies = ['krepis @@ ?', 'a b']"}, "is no requirement"),
        ({"toml": "", "version": "3.11\n" * 1000}, "it is larger than 4096 bytes"),
        ({"toml": "", "version": b"3.11\n\xff\xfe"}, "can't be read"),
        ({"toml": "", "version": "../../evil"}, "`../../evil` is no version"),
        ({"toml": "", "version": "\x1b[31m3.11"}, "`\\x1b[31m3.11` is no version"),
        ({"toml": "", "version": "9" * 65}, "is no version"),
    ],
)
def test_what_cannot_be_understood_is_a_remark_and_stops_nothing(tmp_path, files, remark):
    project = Project.around(plant(tmp_path / "shop", **files))
    assert project.root == tmp_path / "shop"
    assert remark in "\n".join(problems_of(project))


def test_a_folder_in_the_place_of_each_file_stops_nothing(tmp_path):
    for name in ("krepis.toml", "pyproject.toml", ".python-version"):
        (tmp_path / name).mkdir()
    assert Project.around(tmp_path).root == tmp_path


@given(st.binary(max_size=200))
def test_no_bytes_in_these_files_stop_the_search(tmp_path_factory, raw):
    root = plant(tmp_path_factory.mktemp("shop"), toml=raw, pyproject=raw, version=raw)
    problems_of(Project.around(root))


def test_ten_random_words_are_either_words_or_remarks(tmp_path):
    chance = random.Random(int(os.environ["KREPIS_SEED"]))
    words = ["".join(chance.choices('3.1-cpython/\\ \t$*"', k=6)).strip() or "3" for _ in range(10)]
    project = Project.around(plant(tmp_path, toml="", version="\n".join(words)))
    assert all(word in words and "/" not in word and " " not in word for word in project.versions)
