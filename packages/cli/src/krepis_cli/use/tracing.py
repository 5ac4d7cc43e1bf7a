"""The answers of `krepis why`: from code to the lines of the spec, and from a line of the spec to code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from krepis.errors import KrepisError
from krepis.verbs import WRONG_USE
from krepis_cli.use.origins import Lines, Lock, Moves, Origins, Place, lines_of, merged, places_in

NUMBER_DIGITS_MAX = 9
LISTED_MAX = 12


class Answer(NamedTuple):
    """For a program, for a person, and what a person should know besides."""

    facts: dict[str, Any]
    lines: list[str]
    remark: str


def from_code(root: Path, lock: Lock, path: str, at: str) -> Answer:
    """Which lines of the spec the definition at a line, of a name, or everything in the file comes from.

    Raises `KrepisError`: exit code 2 when there is no such place, 1 when nothing of the spec leads there.
    """
    origins = lock.origins
    text = _text(root, lock, path)
    if path not in lock.built:
        raise _nothing(f"`{path}` was not built from `{origins.spec}`; somebody has written it since")
    chosen = _chosen(lock, path, text, at)
    if not any(place.origin.spec for place in chosen):
        said = f"`{chosen[0].name}` in `{path}`" if at and chosen and chosen[0].name else f"`{path}`"
        raise _nothing(f"{said} comes from no line of `{origins.spec}`; every project has it")
    lines: list[str] = []
    for place in chosen:
        if place.origin.spec:
            comes = f"{_shown(place)} comes from {_at(origins.spec, place.origin.spec_lines)}"
            lines += ["", comes, *_quoted(lock, place.origin.spec_lines)]
    return Answer(_facts(origins, chosen), lines[1:], _remark(root, lock))


def from_spec(root: Path, lock: Lock, path: str, at: str) -> Answer:
    """What the line of the spec became, what is made of the fewest lines first. Raises `KrepisError` as `from_code`."""
    now = _text(root, lock, path)
    if not at:
        raise _wrong(f"`{path}` is the spec itself", f"ask about one of its lines: `krepis why {path}:1`")
    asked = _line(at, len(lines_of(now)), path)
    line = Moves(now, lock.text(path)).to(asked)
    if not line:
        raise _nothing(f"line {asked} of `{path}` was written after the project was built")
    found = _made_of(root, lock, (line, line))
    became = "became"
    if not found:
        found = _made_of(root, lock, _section(lines_of(lock.text(path)), line))
        became = "became nothing of its own; its section became"
    if not found:
        raise _nothing(f"nothing was made of line {asked} of `{path}`")
    found.sort(key=lambda place: (_extent(place.origin.spec_lines), place.path, place.lines))
    lines = [f"{path}:{asked} {became}", *_quoted(lock, [(line, line)]), "", *map(_shown, found)]
    return Answer(_facts(lock.origins, found), lines, _remark(root, lock))


def _section(lines: Sequence[str], line: int) -> Lines:
    """The lines of the section around one."""
    headings = [number for number, text in enumerate(lines, 1) if text.startswith("## ")]
    first = max((number for number in headings if number <= line), default=1)
    return first, min((number for number in headings if number > line), default=len(lines) + 1) - 1


def _chosen(lock: Lock, path: str, text: str, at: str) -> list[Place]:
    """The places that are meant, in the order of the file."""
    places = list(places_in(path, text, lock.origins.files.get(path, ()), lock.text(path)))
    if not at:
        named = [place for place in places if place.name]
        return sorted(named or places, key=lambda place: place.lines)
    if at.isascii() and at.isdigit():
        line = _line(at, len(lines_of(text)), path)
        around = [place for place in places if place.lines[0] <= line <= place.lines[1]]
        return sorted(around, key=lambda place: place.lines[1] - place.lines[0])[:1]
    return [_named(lock.origins, places, path, at)]


def _named(origins: Origins, places: list[Place], path: str, name: str) -> Place:
    """The definition of that name; inside a class its own name does, where only one has it."""
    whole = [place for place in places if place.name == name]
    inner = [place for place in places if place.name.rpartition(".")[2] == name]
    if whole or len(inner) == 1:
        return (whole or inner)[0]
    if (gone := next((one for one in origins.files.get(path, ()) if one.name == name), None)) is not None:
        said = f"`{name}` was built from {_at(origins.spec, gone.spec_lines)} and is not in `{path}` any more"
        raise _nothing(said if gone.spec else f"`{name}` is not in `{path}` any more")
    from krepis_spec.problems import did_you_mean

    known = sorted(place.name for place in places if place.name)
    listed = ", ".join(f"`{one}`" for one in known[:LISTED_MAX]) + (", ..." if len(known) > LISTED_MAX else "")
    raise _wrong(f"`{path}` has no `{name}` that was built", did_you_mean(name, known) or f"it has {listed}")


def _made_of(root: Path, lock: Lock, lines: Lines) -> list[Place]:
    """What comes from some of the lines."""
    return [place for path in lock.origins.files for place in _made_in(root, lock, path, lines)]


def _made_in(root: Path, lock: Lock, path: str, lines: Lines) -> list[Place]:
    """What does so in a file; the file as a whole only where nothing in it does."""
    mine = [one for one in lock.origins.files[path] if _meet(one.spec_lines, lines)]
    if not mine:
        return []
    try:
        text = (root / path).read_bytes().decode("utf-8", "replace")
    except OSError:  # it was taken away since
        return []
    places = list(places_in(path, text, mine, lock.text(path)))
    return [place for place in places if place.name] or places


def _meet(some: Iterable[Lines], others: Lines) -> bool:
    return any(first <= others[1] and others[0] <= last for first, last in some)


def _text(root: Path, lock: Lock, path: str) -> str:
    """The present text of a file."""
    try:
        return (root / path).read_bytes().decode("utf-8", "replace")
    except OSError as error:
        from krepis_spec.problems import did_you_mean

        hint = did_you_mean(path, lock.built) or ""
        raise _wrong(f"`{path}` can't be read: {error.strerror}", hint) from None


def _remark(root: Path, lock: Lock) -> str:
    """A word about a spec that is not what it was."""
    name = lock.origins.spec
    try:
        same = (root / name).read_bytes() == lock.built.get(name)
    except OSError:
        return f"`{name}` is not there any more; its lines are those of the build"
    return "" if same else f"`{name}` has changed since the project was built; its lines are those of then"


def _line(at: str, count: int, path: str) -> int:
    if not (at.isascii() and at.isdigit() and len(at) <= NUMBER_DIGITS_MAX):
        raise _wrong(f"`{at}` is no line of `{path}`", f"a number from 1 to {count}")
    if not 1 <= int(at) <= count:
        raise _wrong(f"`{path}` has no line {int(at)}", f"it has {count}")
    return int(at)


def _quoted(lock: Lock, wanted: Iterable[Lines]) -> list[str]:
    """Lines of the spec as they were when it was built, with their numbers."""
    lines = lines_of(lock.text(lock.origins.spec))
    numbers = (number for first, last in wanted for number in range(first, min(last, len(lines)) + 1))
    return [f"{number:>5} | {lines[number - 1]}".rstrip() for number in numbers]


def _facts(origins: Origins, places: Iterable[Place]) -> dict[str, Any]:
    return {
        "spec": origins.spec,
        "places": [
            {"file": place.path, "name": place.name, "lines": place.lines, "spec": place.origin.spec_lines}
            for place in places
        ],
    }


def _shown(place: Place) -> str:
    name = f"  `{place.name}`" if place.name else ""
    return f"{place.path}:{_range(place.lines)}{name}"


def _at(name: str, lines: Iterable[Lines]) -> str:
    return f"{name}:{', '.join(map(_range, lines))}"


def _range(lines: Lines) -> str:
    return str(lines[0]) if lines[0] == lines[1] else f"{lines[0]}-{lines[1]}"


def _extent(lines: Iterable[Lines]) -> int:
    return sum(last - first + 1 for first, last in merged(lines))


def _wrong(sentence: str, hint: str) -> KrepisError:
    return KrepisError(sentence, code="no_such_place", exit_code=WRONG_USE, hint=hint)


def _nothing(sentence: str, hint: str = "") -> KrepisError:
    return KrepisError(sentence, code="no_origin", hint=hint)
