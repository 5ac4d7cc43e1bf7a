"""`adapters/sql/rows.py` of a project: what its repositories share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from krepis_generator.source import Module
from krepis_spec.blueprint import Blueprint

_FUNCTIONS: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        "adding": (
            '''\
def adding(table: Table) -> Statement[Any]:
    """Insert one row; takes every column by name."""
    return statement(insert(table))''',
            (
                ("typing", "Any"),
                ("krepis.sql", "Statement"),
                ("krepis.sql", "statement"),
                ("sqlalchemy", "Table"),
                ("sqlalchemy", "insert"),
            ),
        ),
        "saving": (
            '''\
def saving(table: Table) -> Statement[Any]:
    """Replace the row with that primary key; takes every column by name, but no tenant."""
    columns = [column for column in table.c if column.name != "tenant"]
    values = {column.name: bindparam(column.name, type_=column.type) for column in columns if not column.primary_key}
    keys = [column == bindparam(column.name, type_=column.type) for column in columns if column.primary_key]
    return statement(update(table).where(*keys).values(values))''',
            (
                ("typing", "Any"),
                ("krepis.sql", "Statement"),
                ("krepis.sql", "statement"),
                ("sqlalchemy", "Table"),
                ("sqlalchemy", "bindparam"),
                ("sqlalchemy", "update"),
            ),
        ),
        "unique": (
            '''\
@contextmanager
def unique(taken: Mapping[tuple[str, ...], type[Rejection]]) -> Generator[None]:
    """Refuse in the words of the domain what is there already, also when somebody else is just adding it."""
    try:
        yield
    except UniqueViolation as violation:
        refusal = taken.get(violation.columns)
        if refusal is None:
            raise
        raise refusal from violation''',
            (
                ("collections.abc", "Generator"),
                ("collections.abc", "Mapping"),
                ("contextlib", "contextmanager"),
                ("krepis", "Rejection"),
                ("krepis.sql", "UniqueViolation"),
            ),
        ),
        "unused": (
            '''\
@contextmanager
def unused(refusal: type[Rejection]) -> Generator[None]:
    """Refuse in the words of the domain to remove what something else refers to."""
    try:
        yield
    except ForeignKeyViolation as violation:
        raise refusal from violation''',
            (
                ("collections.abc", "Generator"),
                ("contextlib", "contextmanager"),
                ("krepis", "Rejection"),
                ("krepis.sql", "ForeignKeyViolation"),
            ),
        ),
        "containing": (
            '''\
def containing(text: str) -> str:
    """The LIKE pattern for what contains the text, which may itself hold the wildcards."""
    escaped = text.casefold().replace("\\\\", "\\\\\\\\").replace("%", "\\\\%").replace("_", "\\\\_")
    return f"%{escaped}%"''',
            (),
        ),
    }
)


def rows_module(blueprint: Blueprint, repositories: Iterable[Module]) -> Module | None:
    """The functions that the repositories use; none where they use none."""
    name = f"{blueprint.service.name}.adapters.sql.rows"
    module = Module(f"src/{name.replace('.', '/')}.py", "What repositories share.")
    texts = "\n".join(definition.text for one in repositories for definition in one.definitions)
    for function, (text, imports) in _FUNCTIONS.items():
        if f"{function}(" in texts:
            module.add(function, text)
            for imported, used in imports:
                module.use(imported, used)
    return module if module.definitions else None
