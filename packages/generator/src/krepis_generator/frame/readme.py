"""`README.md` of a project: what the service is, where what stands, how it is run."""

from __future__ import annotations

from krepis_generator.frame.parts import grants_roles
from krepis_generator.frame.settings import variable
from krepis_generator.quoting import markdown_line, markdown_prose
from krepis_generator.source import File
from krepis_spec.blueprint import Blueprint, Operation


def readme(blueprint: Blueprint) -> File:
    service = blueprint.service
    purpose = markdown_prose(service.purpose)
    pieces = [
        f"# {markdown_line(service.title)}",
        purpose,
        _map(blueprint),
        _doors(blueprint),
        _running(blueprint),
        _changing(blueprint),
    ]
    return File("README.md", "\n\n".join(piece for piece in pieces if piece) + "\n", (service.span,))


def _map(blueprint: Blueprint) -> str:
    root = f"src/{blueprint.service.name}"
    return "\n".join(
        [
            f"[{blueprint.file}]({blueprint.file}) says what the service does. The code, read top-down:",
            "",
            f"- `{root}/application/`: what it can do, one module per use case; `ports.py` is all that it",
            "  needs of the world",
            f"- `{root}/domain/`: what it knows and decides: immutable values and pure functions, no I/O, no clock",
            f"- `{root}/adapters/`: `http.py` (the doors), `sql/` (tables, repositories, migrations), `memory/`",
            "  (the same without a database)",
            f"- `{root}/app.py`: the only place where ports and adapters meet",
            f"- `{root}/settings.py`: what whoever runs it can decide (`krepis config show`)",
            "- `tests/`: the rules of the domain, the contract that every adapter keeps, scenarios through the doors",
        ]
    )


def _doors(blueprint: Blueprint) -> str:
    base = blueprint.service.base_path
    rows = [
        f"| `{one.door.method} {base}{one.door.path}` | {markdown_line(_summary(one))} |"
        for one in blueprint.operations
        if one.door is not None
    ]
    return "\n".join(["| door | does |", "|:--|:--|", *rows]) if rows else ""


def _summary(operation: Operation) -> str:
    first = operation.doc.strip().split("\n\n")[0].strip()
    return first or operation.title


def _running(blueprint: Blueprint) -> str:
    page = f"http://127.0.0.1:8000{blueprint.service.base_path}/docs"
    lines = ["```sh", "pip install --editable . --group dev"]
    if blueprint.service.database == "postgresql":
        lines.append("krepis db upgrade     # bring the database to where the code is")
    lines += [
        f"krepis run            # serve it; {page} is a page to try it",
        "pytest                # all tests",
        "```",
    ]
    after = [*_databases(blueprint), *_roles(blueprint)]
    after.append(
        "`docker compose up` builds an image and runs it, with a database of its own where the service has one."
    )
    return "\n\n".join(["\n".join(lines), *after])


def _databases(blueprint: Blueprint) -> list[str]:
    if blueprint.service.database == "postgresql":
        return []
    first = "The first start makes a database in a file."
    if blueprint.service.database == "sqlite":
        return [first]
    url = f"{variable(blueprint, 'database')}=postgresql://user@host/{blueprint.service.name}"
    other = f'`{url}` puts the service on PostgreSQL\n(`pip install "krepis[postgres]"`), after `krepis db upgrade`.'
    return [f"{first}\n{other}"]


def _roles(blueprint: Blueprint) -> list[str]:
    if not grants_roles(blueprint):
        return []
    roles = blueprint.service.roles
    named = " or ".join(f"`{role}`" for role in roles)
    command = f"krepis job run grant_role email=ADDRESS role={roles[0]}"
    return [f"Who may act as {named} is said by whoever runs the service:\n`{command}`."]


def _changing(blueprint: Blueprint) -> str:
    return "\n".join(
        [
            "A change of the tables is a migration: edit `adapters/sql/tables.py`, then",
            '`krepis db new "what changes"`. What `krepis` writes into this folder can be taken back (`krepis undo`), and',
            f"`krepis why FILE:LINE` names the lines of {blueprint.file} that a definition comes from.",
        ]
    )
