"""From a spec to its blueprint. All mistakes are told at once, and there is no blueprint while there is one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePath

import msgspec

from krepis_spec.access import open_to_anyone, rules_of
from krepis_spec.accounts import built_in, refuse_taken_doors, rules_for, with_user
from krepis_spec.blueprint import Blueprint, Operation, Rule
from krepis_spec.bodies import always_of, operation_of, reactions_of, scenarios_of, seed_of
from krepis_spec.document import Document, Kind, Section
from krepis_spec.entities import completed, entities_of, events_of, ports_of, values_of
from krepis_spec.facts import problems_of
from krepis_spec.load import promises_of
from krepis_spec.markdown import document_of, source_of
from krepis_spec.operations import Signature, signatures_of
from krepis_spec.problems import Problems, SpecRefused
from krepis_spec.reasons import reasons_of, refuse_contradictions
from krepis_spec.service import service_of
from krepis_spec.surroundings import USER, things_of
from krepis_spec.typing import Known
from krepis_spec.views import outlines_of, views_of

_Sections = Mapping[Kind, list[Section]]


def read(path: Path) -> Blueprint:
    """The blueprint of a spec. Raises `SpecRefused` with all that is wrong with it, and `KrepisError` for a file that can't
    be read.
    """
    return read_text(str(path), source_of(path))


def read_text(file: str, source: str) -> Blueprint:
    """The blueprint of that text; `file` is what messages call it. Raises `SpecRefused`."""
    problems = Problems()
    document = document_of(file, source, problems)
    digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
    blueprint = _blueprint(document, digest, problems)
    if not problems:  # how a block is built is a question for one that has been understood
        for one in problems_of(blueprint):
            problems.add(one.span, one.message, one.hint)
    if problems:
        raise SpecRefused(file, document.lines, problems.sorted())
    return blueprint


def _blueprint(document: Document, digest: str, problems: Problems) -> Blueprint:
    """What could be understood; right if there is no problem."""
    sections: dict[Kind, list[Section]] = {}
    for section in document.sections:
        sections.setdefault(section.kind, []).append(section)
    blueprint = _things(document, digest, problems)
    signatures = signatures_of(document, things_of(blueprint), problems)
    added = built_in(document, signatures, blueprint)
    refuse_taken_doors(added, signatures, problems)
    blueprint = _with_operations(blueprint, tuple(one.operation for one in signatures), added)
    # Views link to doors, and all that comes behind reads what views show.
    blueprint = msgspec.structs.replace(blueprint, views=views_of(document, blueprint, problems))
    blueprint = _with_access(blueprint, sections, added, problems)
    blueprint = _with_bodies(blueprint, sections, signatures, added, problems)
    return _with_proofs(blueprint, sections, problems)


def _things(document: Document, digest: str, problems: Problems) -> Blueprint:
    """Everything that operations speak of; the views without their fields."""
    service = service_of(document, problems)
    named = {
        kind: frozenset(one.name.text for one in document.sections if one.kind == kind and one.name is not None)
        for kind in ("value", "entity")
    }
    user = frozenset({USER} if service.auth is not None else ())
    known = Known(named["value"], named["entity"] | user)
    blueprint = Blueprint(
        file=PurePath(document.file).name,
        digest=digest,
        service=service,
        values=values_of(document, known, problems),
        entities=with_user(entities_of(document, known, problems), service, document, problems),
        events=events_of(document, known, problems),
        ports=ports_of(document, known, problems),
    )
    blueprint = msgspec.structs.replace(blueprint, views=outlines_of(document, blueprint, problems))
    return completed(blueprint, document, problems)


def _with_operations(blueprint: Blueprint, own: tuple[Operation, ...], added: tuple[Operation, ...]) -> Blueprint:
    return msgspec.structs.replace(blueprint, operations=(*own, *added))


def _with_access(
    blueprint: Blueprint, sections: _Sections, added: tuple[Operation, ...], problems: Problems
) -> Blueprint:
    section = _only(sections, "access")
    if section is None:
        return blueprint
    rules: tuple[Rule, ...] = rules_of(section, blueprint, problems)
    return msgspec.structs.replace(blueprint, access=(*rules, *rules_for(added, rules, section.heading)))


def _with_bodies(
    blueprint: Blueprint,
    sections: _Sections,
    signatures: tuple[Signature, ...],
    added: tuple[Operation, ...],
    problems: Problems,
) -> Blueprint:
    anyone = open_to_anyone(_only(sections, "access"))
    operations = tuple(operation_of(one, blueprint, anyone, problems) for one in signatures)
    reactions = reactions_of(sections.get("when", []), blueprint, problems)
    return _with_operations(msgspec.structs.replace(blueprint, reactions=reactions), operations, added)


def _with_proofs(blueprint: Blueprint, sections: _Sections, problems: Problems) -> Blueprint:
    """What is there from the start, and what is shown to hold."""
    seed, always, load = (_only(sections, kind) for kind in ("seed", "always", "load"))
    titles = [one.title for one in blueprint.operations]
    reasons = reasons_of(blueprint)
    refuse_contradictions(reasons, problems)
    return msgspec.structs.replace(
        blueprint,
        seed=None if seed is None else seed_of(seed, blueprint, problems),
        scenarios=scenarios_of(sections.get("scenario", []), blueprint, reasons, problems),
        always=() if always is None else always_of(always, blueprint, problems),
        load=() if load is None else promises_of(load, titles, problems),
    )


def _only(sections: _Sections, kind: Kind) -> Section | None:
    """The section of a kind that stands once; a second one is a mistake that reading the document tells."""
    found = sections.get(kind, [])
    return found[0] if found else None
