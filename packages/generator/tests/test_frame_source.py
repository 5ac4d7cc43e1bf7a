"""Code is written in modules, and text of a spec can't leave its quotes."""

import ast
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krepis_generator.quoting import (
    docstring,
    fstring_part,
    markdown_line,
    markdown_prose,
    pattern_literal,
    text_literal,
    toml_text,
)
from krepis_generator.source import Module
from krepis_spec.document import Span

ANY_TEXT = st.text() | st.text(st.sampled_from("\"\\'{}\n\t $#`ab\u202e"))


@given(ANY_TEXT)
def test_a_literal_is_the_text(text):
    assert ast.literal_eval(text_literal(text)) == text


@given(ANY_TEXT)
def test_a_pattern_is_the_pattern(pattern):
    assert ast.literal_eval(pattern_literal(pattern)) == pattern


@given(ANY_TEXT)
def test_an_f_string_has_no_value_but_its_own(text):
    written = f'f"{fstring_part(text)}{{1}}"'
    assert eval(written) == f"{text}1"


@given(ANY_TEXT, st.sampled_from((0, 4, 8)))
def test_a_docstring_has_the_words_and_nothing_behind_them(text, indent):
    written = docstring(text, indent)
    words = ast.literal_eval(written) if written else ""
    assert words.split() == text.split()


@given(ANY_TEXT)
def test_what_toml_reads_is_the_text(text):
    kept = text.encode("utf-8", "ignore").decode()
    assert tomllib.loads(f"name = {toml_text(kept)}") == {"name": kept}


@given(ANY_TEXT)
def test_a_line_of_markdown_stays_one_line(text):
    assert "\n" not in markdown_line(text)


def test_a_fence_in_prose_does_not_swallow_the_page():
    assert markdown_prose("one\n```sh\ntwo\n<!-- three") == "one\n\\```sh\ntwo\n\\<!-- three"


def test_what_turns_a_line_around_is_seen():
    assert docstring("a \u202e b") == '"""a \\u202e b"""'


def test_a_short_promise_has_one_line():
    assert docstring("The stock goes down\nwith the order.") == '"""The stock goes down with the order."""'


def test_a_long_promise_is_wrapped_and_its_quotes_stand_alone():
    lines = docstring("word " * 60, 4).split("\n")
    assert max(map(len, lines)) <= 120 - 4 + 4
    assert lines[-1] == '    """'


def test_a_list_stays_a_list():
    assert docstring("What it does:\n\n- one\n- two", 4) == '"""What it does:\n\n    - one\n    - two\n    """'


def test_a_pattern_in_a_docstring_is_read_as_it_was_written():
    assert docstring(r"Thirteen digits: \d{13}.") == r'r"""Thirteen digits: \d{13}."""'


def test_imports_are_collected_and_lines_that_look_alike_stand_together():
    module = Module("src/shop/book.py", "Books.")
    module.use("typing", "Annotated")
    module.use("typing", "Annotated", "Any")
    module.use_module("json")
    module.add("A", "A = 1")
    module.add("B", "B = 2")
    module.add("Book", "class Book:\n    pass")
    assert module.render() == (
        '"""Books."""\n\nimport json\nfrom typing import Annotated, Any\n\nA = 1\nB = 2\n\nclass Book:\n    pass\n'
    )


def test_a_module_does_not_import_itself():
    module = Module("src/shop/domain/book.py")
    module.use("shop.domain.book", "Book")
    assert module.render() == "\n"


def test_code_that_does_not_parse_is_our_mistake_and_named():
    module = Module("src/shop/book.py", "Books.")
    with pytest.raises(AssertionError, match=r"`Book` in src/shop/book.py"):
        module.add("Book", "class Book", spans=[Span(1, 1, 1, 2)])
