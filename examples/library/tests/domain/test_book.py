import pytest

from library.domain.book import Book, BookRevised, revise, search_text

DUNE = Book(isbn="9780441013593", title="Dune", author="Frank Herbert", published=1965)


def test_a_revision_counts_the_version():
    revised = revise(DUNE, seen=1, title="Dune", author="F. Herbert", published=1965)
    assert (revised.author, revised.version) == ("F. Herbert", 2)


def test_a_revision_of_another_version_than_the_one_seen_is_refused():
    with pytest.raises(BookRevised):
        revise(DUNE, seen=2, title="Dune", author="F. Herbert", published=1965)


def test_a_search_finds_letters_of_either_case_in_every_script():
    book = Book(isbn="9783150000014", title="ÜBER die Straße", author="ΑΡΙΣΤΟΤΕΛΗΣ")
    assert "über die strasse" in search_text(book)
    assert "αριστοτελησ" in search_text(book)
