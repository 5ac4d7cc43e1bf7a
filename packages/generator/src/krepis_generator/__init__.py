"""Writes the server that a blueprint describes: the files of a project, and the lines of the spec each of them comes
from.

Nothing is loaded until it is asked for, so that a command that builds nothing waits for none of it.
"""

TYPE_CHECKING = False  # that of `typing`, which takes longer than all of this module
if TYPE_CHECKING:
    from krepis_generator.project import Project, build
    from krepis_generator.provenance import Provenance

__all__ = ("Project", "Provenance", "build")

_PLACES = (
    ("krepis_generator.project", ("Project", "build")),
    ("krepis_generator.provenance", ("Provenance",)),
)

if not TYPE_CHECKING:  # a type checker would take it to mean that there is every name

    def __getattr__(name: str) -> object:
        for place, names in _PLACES:
            if name in names:
                value = getattr(__import__(place, fromlist=(name,)), name)
                globals()[name] = value  # the next one finds it without asking
                return value
        raise AttributeError(f"module `krepis_generator` has no `{name}`", name=name, obj=None)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
