"""Functions of the language that Python does not have: a project that uses one has it in a module of its domain.

Each is as it stands in the project; `{package}` is the project's package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from msgspec import Struct

from krepis_generator.source import Module


class Helper(Struct, frozen=True):
    """A function of a project. `module` is that of the domain; `imports` are pairs of module and name."""

    module: str
    text: str
    imports: tuple[tuple[str, str], ...] = ()
    helpers: tuple[str, ...] = ()
    """Others of the same module that it calls, or constants that it needs."""


_TEXT = "text"
_NUMBERS = "numbers"
_LISTS = "lists"
_TIMES = "times"

_DOCS = MappingProxyType(
    {
        _TEXT: "What the domain does with text.",
        _NUMBERS: "What the domain does with numbers; exact, never with floats.",
        _LISTS: "What the domain does with lists.",
        _TIMES: "What the domain does with days and instants. All instants are in UTC; a zone is asked for by its name.",
    }
)

HELPERS: Mapping[str, Helper] = MappingProxyType(
    {
        "slugify": Helper(
            _TEXT,
            '''
def slugify(text: str) -> str:
    """Small letters and digits with single hyphens between the words; accents go. At most 100 characters."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall("[a-z0-9]+", plain))[:100].strip("-") or "untitled"
''',
            (("", "re"), ("", "unicodedata")),
        ),
        "unique_slug": Helper(
            _TEXT,
            '''
def unique_slug(slug: str, taken: Collection[str]) -> str:
    """That slug, or with the first number behind it that makes it one that is not taken."""
    candidates = (slug, *(f"{slug[:90]}-{number}" for number in range(2, len(taken) + 3)))
    return next(one for one in candidates if one not in taken)
''',
            (("collections.abc", "Collection"),),
        ),
        "matches": Helper(
            _TEXT,
            '''
def matches(text: str, pattern: str) -> bool:
    """Whether the whole text fits the pattern."""
    return re.fullmatch(pattern, text, re.ASCII) is not None
''',
            (("", "re"),),
        ),
        "divided": Helper(
            _NUMBERS,
            '''
def divided(dividend: Decimal, divisor: Decimal) -> Decimal:
    """The quotient with 12 places, rounded half to even."""
    return (dividend / divisor).quantize(Decimal("1E-12"), ROUND_HALF_EVEN)
''',
            (("decimal", "Decimal"), ("decimal", "ROUND_HALF_EVEN")),
        ),
        "average": Helper(
            _NUMBERS,
            '''
def average(numbers: Iterable[Decimal]) -> Decimal | None:
    """The sum divided by the count, with 12 places; none of none."""
    found = tuple(numbers)
    return divided(sum(found, Decimal(0)), Decimal(len(found))) if found else None
''',
            (("collections.abc", "Iterable"), ("decimal", "Decimal")),
            ("divided",),
        ),
        "distinct": Helper(
            _LISTS,
            '''
def distinct(items: Iterable[T]) -> list[T]:
    """Each once, in the order of its first place."""
    return list(dict.fromkeys(items))
''',
            (("collections.abc", "Iterable"), ("typing", "TypeVar")),
            ("T",),
        ),
        "first": Helper(
            _LISTS,
            '''
def first(items: Sequence[T]) -> T | None:
    """The first, or none."""
    return items[0] if items else None
''',
            (("collections.abc", "Sequence"), ("typing", "TypeVar")),
            ("T",),
        ),
        "last": Helper(
            _LISTS,
            '''
def last(items: Sequence[T]) -> T | None:
    """The last, or none."""
    return items[-1] if items else None
''',
            (("collections.abc", "Sequence"), ("typing", "TypeVar")),
            ("T",),
        ),
        "start_of_day": Helper(
            _TIMES,
            '''
def start_of_day(day: date, zone: str = "UTC") -> datetime:
    """The first instant of a day there, in UTC."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
''',
            (
                ("datetime", "UTC"),
                ("datetime", "date"),
                ("datetime", "datetime"),
                ("datetime", "time"),
                ("zoneinfo", "ZoneInfo"),
            ),
        ),
        "in_zone": Helper(
            _TIMES,
            '''
def in_zone(at: datetime, zone: str) -> datetime:
    """The instant as clocks there show it."""
    return at.astimezone(ZoneInfo(zone))
''',
            (("datetime", "datetime"), ("zoneinfo", "ZoneInfo")),
        ),
        "add_months": Helper(
            _TIMES,
            '''
def add_months(moment: Moment, count: int) -> Moment:
    """That many months later, or earlier; the last day of the month where there is no such day."""
    years, month = divmod(moment.month - 1 + count, 12)
    year = moment.year + years
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))
''',
            (("calendar", "monthrange"), ("datetime", "date"), ("typing", "TypeVar")),
            ("Moment",),
        ),
        "T": Helper(_LISTS, 'T = TypeVar("T")', (("typing", "TypeVar"),)),
        "Moment": Helper(
            _TIMES, 'Moment = TypeVar("Moment", bound=date)', (("typing", "TypeVar"), ("datetime", "date"))
        ),
        "EmptyPeriod": Helper(
            "period",
            """
class EmptyPeriod(Rejection):
    kind = "invalid"
    message = "the period ends before it begins"
""",
            (("krepis", "Rejection"),),
        ),
        "Period": Helper(
            "period",
            '''
class Period(Value):
    """From `start` until before `end`; never empty."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise EmptyPeriod

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end
''',
            (("krepis", "Value"), ("datetime", "datetime")),
            ("EmptyPeriod",),
        ),
        "period": Helper(
            "period",
            '''
def period(start: datetime, end: datetime) -> Period:
    """From `start` until before `end`."""
    return Period(start=start, end=end)
''',
            (("datetime", "datetime"),),
            ("Period",),
        ),
        "overlaps": Helper(
            "period",
            '''
def overlaps(one: Period, other: Period) -> bool:
    """Whether the two share an instant."""
    return one.start < other.end and other.start < one.end
''',
            (),
            ("Period",),
        ),
    }
)


def helper_modules(package: str, used: Iterable[str]) -> list[Module]:
    """The modules of the domain that hold those functions, and what they need."""
    wanted: set[str] = set()
    ahead = list(used)
    while ahead:
        name = ahead.pop()
        if name not in wanted:
            wanted.add(name)
            ahead.extend(HELPERS[name].helpers)
    modules: dict[str, Module] = {}
    for name in sorted(wanted, key=lambda one: list(HELPERS).index(one) - (1000 if _comes_first(one) else 0)):
        helper = HELPERS[name]
        path = f"src/{package}/domain/{helper.module}.py"
        module = modules.setdefault(helper.module, Module(path, _doc(helper.module)))
        for source, what in helper.imports:
            if source:
                module.use(source, what)
            else:
                module.use_module(what)
        module.add(name, helper.text)
    return [modules[name] for name in sorted(modules)]


def _comes_first(name: str) -> bool:
    return name[0].isupper()


def _doc(module: str) -> str:
    return _DOCS.get(module, "Periods of time.")
