"""From a blueprint to the files of a project: every writer is asked, the code is formatted, and what later changes need
is kept.

The same blueprint and source give the same bytes, on any machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from krepis_generator import application, domain, memory, ports, pristine, proofs, provenance, sql
from krepis_generator.formatting import Place, formatted, places
from krepis_generator.frame.whole import Frame
from krepis_generator.handlers import Rejections
from krepis_generator.helpers import with_helpers
from krepis_generator.provenance import Provenance
from krepis_generator.quotas import with_quotas
from krepis_generator.repositories import Repositories
from krepis_generator.source import File, Module
from krepis_spec.blueprint import Blueprint, to_json

LOCK = "spec.lock"
"""The folder of what was last built; it is committed with the project."""

MODE = 0o644


class Project(Struct, frozen=True):
    """The files of a project by their paths from its folder, with `/`, in the order of the alphabet; `modes` are
    theirs.
    """

    files: Mapping[str, bytes]
    modes: Mapping[str, int]
    provenance: tuple[Provenance, ...]


def build(blueprint: Blueprint, source: str) -> Project:
    """The project that a blueprint describes; `source` is the text of the spec, which stands in it, too.

    Raises `AssertionError`: a writer has made a mistake.
    """
    written = _written(blueprint, source)
    modules = [one for one in written if isinstance(one, Module)]
    texts = formatted(modules, package=blueprint.service.name)
    found: list[Provenance] = []
    for module in modules:
        found += (Provenance(module.path, place) for place in places(module, texts[module.path]))
    for file in written:
        if isinstance(file, File):
            texts[file.path] = file.text
            if file.spans:
                found.append(Provenance(file.path, Place("", 1, max(1, file.text.count("\n")), file.spans)))
    assert len(texts) == len(written), f"two writers write one file: {_doubled(written)}"
    files = {path: text.encode() for path, text in sorted(texts.items())}
    ordered = tuple(sorted(found, key=lambda one: (one.file, one.place.first, -one.place.last, one.place.name)))
    files |= {
        f"{LOCK}/blueprint.json": to_json(blueprint),
        f"{LOCK}/pristine.json": pristine.to_json(files),
        f"{LOCK}/provenance.json": provenance.to_json(blueprint.file, ordered),
    }
    return Project(dict(sorted(files.items())), dict.fromkeys(sorted(files), MODE), ordered)


def _written(blueprint: Blueprint, source: str) -> Sequence[Module | File]:
    """What all writers write. Those who ask repositories for methods come before those who write the repositories."""
    blueprint = with_quotas(blueprint)
    repositories = Repositories(blueprint)
    inner = [*domain.write(blueprint), *application.write(blueprint, repositories)]
    frame = Frame(blueprint, repositories)
    tests = proofs.write(blueprint, repositories)
    written: list[Module | File] = [
        *inner,
        ports.write(blueprint, repositories),
        *sql.write(blueprint, repositories),
        *memory.write(blueprint, repositories),
        *frame.access,
        *frame.surroundings(Rejections(blueprint).of),
        *tests,
    ]
    modules = [one for one in written if isinstance(one, Module)]
    files = [one for one in written if isinstance(one, File)]
    return [File(blueprint.file, source), *with_helpers(modules, blueprint.service.name), *files]


def _doubled(written: Sequence[Module | File]) -> str:
    paths = [one.path for one in written]
    return ", ".join(sorted({path for path in paths if paths.count(path) > 1}))
