"""Reads specs: from Markdown to a checked blueprint and a plan. It writes nothing.

Nothing is loaded until it is asked for, so that a command that does not read specs waits for none of it.
"""

TYPE_CHECKING = False  # that of `typing`, which takes longer than all of this module
if TYPE_CHECKING:
    from krepis_spec.blueprint import Blueprint, from_json, schema, to_json
    from krepis_spec.plan import Plan, plan_of
    from krepis_spec.problems import Problem, SpecRefused
    from krepis_spec.reading import read, read_text

__all__ = (
    "Blueprint",
    "Plan",
    "Problem",
    "SpecRefused",
    "from_json",
    "plan_of",
    "read",
    "read_text",
    "schema",
    "to_json",
)

_PLACES = (
    ("krepis_spec.blueprint", ("Blueprint", "from_json", "schema", "to_json")),
    ("krepis_spec.plan", ("Plan", "plan_of")),
    ("krepis_spec.problems", ("Problem", "SpecRefused")),
    ("krepis_spec.reading", ("read", "read_text")),
)

if not TYPE_CHECKING:  # a type checker would take it to mean that there is every name

    def __getattr__(name: str) -> object:
        for place, names in _PLACES:
            if name in names:
                value = getattr(__import__(place, fromlist=(name,)), name)
                globals()[name] = value  # the next one finds it without asking
                return value
        raise AttributeError(f"module `krepis_spec` has no `{name}`", name=name, obj=None)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
