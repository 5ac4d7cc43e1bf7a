"""Reads bullets by their keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from krepis_spec.document import Bullet, Section, Text
from krepis_spec.problems import Problems, did_you_mean


def bullets_of(
    section: Section, what: str, known: tuple[str, ...], problems: Problems, *, repeated: tuple[str, ...] = ()
) -> Mapping[str, list[Bullet]]:
    """The bullets that have a key, by their keys, all of which are there. A key that is unknown is a problem, and one that
    is there twice, unless `repeated` names it.
    """
    found: dict[str, list[Bullet]] = {key: [] for key in known}
    for bullet in section.bullets:
        if bullet.key is None:
            continue
        key = " ".join(bullet.key.text.split()).casefold()
        if key not in known:
            problems.add(bullet.key.span, f"{what} has no bullet `{bullet.key.text}`", did_you_mean(key, known))
        elif found[key] and key not in repeated:
            problems.add(bullet.key.span, f"{what} has one `{key}`; here is another")
        else:
            found[key].append(bullet)
    return found


def refuse_doubles(names: Iterable[Text], what: str, problems: Problems) -> None:
    """A problem for each name that was there before."""
    seen: dict[str, Text] = {}
    for name in names:
        first = seen.setdefault(name.text, name)
        if first is not name:
            problems.add(name.span, f"a second {what} `{name.text}`; the first is on line {first.span.line}")
