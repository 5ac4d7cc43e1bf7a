"""Which words fit at a place of a command line. Asked at each press of TAB, so it imports nothing and runs no verb.

The shape of a verb (its actions, options and what they take) is kept in a file beside the index of verbs, as lines of
`PLACE KIND WORD TAKES VALUES MEANING` between tabs; only the first question about a verb loads it.
"""

from __future__ import annotations

from krepis._cli.index import environment_state, installed, keep_text, kept_text

TYPE_CHECKING = False  # that of `typing`, which takes longer than all of this
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from krepis._cli.index import Verb

    Row = tuple[str, str, str, str, str, str]

FILES = ":files"
_FORM = "krepis shape, form 1"
_BEFORE_VERBS = (
    ("--help", "show the verbs"),
    ("--version", "show the version"),
)
_COMMON = ("--json", "--quiet", "--debug")


def fitting(words: Sequence[str]) -> list[str]:
    """A line for each word that fits in place of the last one: `WORD<tab>MEANING`; or `:files`."""
    *before, last = words or [""]
    while before and before[0] in _COMMON:
        del before[0]
    if not before or before == ["help"]:
        offered = _BEFORE_VERBS if last.startswith("-") else [(verb[0], verb[2]) for verb in installed()]
        return _lines(offered, last)
    verb = next((one for one in installed() if one[0] == before[0]), None)
    return [] if verb is None else _within(shape_of(verb), before[1:], last)


def _within(shape: Sequence[Row], words: Sequence[str], last: str) -> list[str]:
    """What fits after `words` of a verb."""
    place, count, open_option, only_words = "", 0, None, False
    for word in words:
        if open_option is not None:
            if word != "=":  # bash takes `--option=value` for three words
                open_option = None
        elif word == "--" and not only_words:
            only_words = True
        elif word.startswith("-") and word != "-" and not only_words:
            open_option = next((row for row in shape if row[:3] == (place, "option", word) and row[3]), None)
        elif not count and any(row[:3] == (place, "action", word) for row in shape):
            place = f"{place} {word}".strip()
        else:
            count += 1
    here = [row for row in shape if row[0] == place]
    if open_option is not None:
        return _values(open_option, "" if last == "=" else last)
    if last.startswith("-") and not only_words:
        option, equals, typed = last.partition("=")
        given = next((row for row in here if row[1:3] == ("option", option) and row[3]), None)
        if equals:
            return [] if given is None else _values(given, typed, f"{option}=")
        return _lines([(row[2], row[5]) for row in here if row[1] == "option"], last)
    if actions := [(row[2], row[5]) for row in here if row[1] == "action"]:
        return [] if count else _lines(actions, last)
    positional = [row for row in here if row[1] == "word"]
    if count >= len(positional) and not (positional and positional[-1][3] == "*"):
        return []
    return _values(positional[min(count, len(positional) - 1)], last)


def _values(row: Row, typed: str, before: str = "") -> list[str]:
    return _lines([(before + value, "") for value in row[4].split(" ")], before + typed) if row[4] else [FILES]


def _lines(offered: Iterable[tuple[str, str]], last: str) -> list[str]:
    return [f"{word}\t{meaning}" if meaning else word for word, meaning in offered if word and word.startswith(last)]


def shape_of(verb: Verb) -> list[Row]:
    """The shape of a verb; nothing when its module fails."""
    name, _, _, file, changed = verb
    kept = f"shape-{name}"
    # A plugin has no file that would tell: what it asks for may change when an installation does.
    state = f"{_FORM} {changed} {file!r}\n{'' if file else environment_state()}"
    text = kept_text(kept, state)
    if text is None:
        from krepis._cli.shape import shape

        rows = shape(verb)
        if rows is None:  # its module fails; it may not next time
            return []
        text = "".join("\t".join(row) + "\n" for row in rows)
        keep_text(kept, state, text)
    return [_row(line) for line in text.split("\n")[:-1]]


def _row(line: str) -> Row:
    place, kind, word, takes, values, meaning = line.split("\t")
    return place, kind, word, takes, values, meaning
