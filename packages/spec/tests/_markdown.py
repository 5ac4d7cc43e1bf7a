"""What the tests of reading share: a spec from a few lines, and what is wrong with it."""

from krepis_spec.markdown import document_of
from krepis_spec.problems import Problems, SpecRefused


def read(source):
    """The document; no problems are expected."""
    problems = Problems()
    document = document_of("shop.md", source, problems)
    assert problems.sorted() == []
    return document


def section(below, heading="## Entity Book"):
    """The one section of a spec that has these lines below its heading."""
    (found,) = read(f"# Shop\n\n{heading}\n\n{below}\n").sections
    return found


def refused(source):
    """What a person reads about the spec."""
    problems = Problems()
    document = document_of("shop.md", source, problems)
    return f"{SpecRefused('shop.md', document.lines, problems.sorted())}\n"


def messages(source):
    problems = Problems()
    document_of("shop.md", source, problems)
    return [problem.message for problem in problems.sorted()]


def source_at(document, span):
    """The characters at a place that is in one line."""
    assert span.line == span.end_line
    return document.lines[span.line - 1][span.column - 1 : span.end_column - 1]
