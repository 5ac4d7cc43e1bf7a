"""What tests of the frame share: specs, their projects, and single modules of them run without the rest."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from krepis_generator.project import Project, build
from krepis_spec import read_text

EXAMPLES = Path(__file__).parents[3] / "examples"

TEAMS = """\
# Team board

Teams keep issues.

## Service

| setting | value |
|---|---|
| auth | email and password, scheme Token, token field accessToken, 12 hours |
| roles | admin |
| base path | /api |

## Entity Team

| field | type | rules |
|---|---|---|
| slug | slug | unique |
| lead | User | |
| members | set of User | |

- addressed by: slug

## Entity Issue

| field | type | rules |
|---|---|---|
| team | Team | |
| title | text(1..200) | |
| author | User | server |
| due | datetime | |

## Entity Comment

| field | type | rules |
|---|---|---|
| issue | Issue | |
| author | User | server |

## Access

| who | may | when |
|---|---|---|
| anyone | list teams | |
| anyone | peek at issue | `actor is not None and issue.author == actor` |
| user | read issue, quote issue | `actor in issue.team.members` |
| anyone | visit issue | `actor is not None and actor in issue.team.members` |
| anyone | weigh issue | `actor is not None and (issue.due > now or actor.email == "root@b.example")` |
| user | mute issue | `actor not in issue.team.members` |
| user | vote on issue | `any(c.author == actor for c in Comment if c.issue == issue and c.issue.team == issue.team)` |
| user | rename issue | `issue.author == actor or issue.team.lead == actor` |
| user | delete comment | `comment.author == actor or issue.author == actor` |
| user | close issue, reopen issue | `issue.author == actor` |
| user | prolong issue | `issue.due > now` |
| user | judge issue | `issue.author != actor and "admin" in actor.roles` |
| user | audit | `actor.email == "root@b.example"` |
| admin | read issue, rename issue, delete comment, sweep, read comment | |

## Query list teams

- door: `GET /teams`
- answers: list of Team

```krepis
return [t for t in Team]
```

## Query peek at issue

- door: `GET /issues/{issue}/peek`

```krepis
return issue
```

## Query read issue

- door: `GET /issues/{issue}`

```krepis
return issue
```

## Query quote issue

- door: `GET /issues/{issue}/quote`

```krepis
return issue
```

## Query visit issue

- door: `GET /issues/{issue}/visit`

```krepis
return issue
```

## Query weigh issue

- door: `GET /issues/{issue}/weigh`

```krepis
return issue
```

## Query mute issue

- door: `GET /issues/{issue}/mute`

```krepis
return issue
```

## Query vote on issue

- door: `GET /issues/{issue}/vote`

```krepis
return issue
```

## Query read comment

- door: `GET /issues/{issue}/comments/{comment}`

```krepis
return comment
```

## Command close issue

- door: `POST /issues/{issue}/close -> 204`
- answers: nothing
- once per: Idempotency-Key

```krepis
delete(issue)
```

## Command reopen issue

- door: `POST /issues/{issue}/open`

```krepis
issue.title = "open"
return issue
```

## Command prolong issue

- door: `POST /issues/{issue}/prolong`

```krepis
issue.due += days(1)
return issue
```

## Command judge issue

- door: `POST /issues/{issue}/judge`

```krepis
issue.title = "judged"
return issue
```

## Command rename issue

- door: `PATCH /issues/{issue}`

| input | type |
|---|---|
| title | text(1..200) |

```krepis
issue.title = title
return issue
```

## Command delete comment

- door: `DELETE /issues/{issue}/comments/{comment}`
- answers: nothing

```krepis
delete(comment)
```

## Command audit

- door: `POST /audit`
- answers: nothing

```krepis
require(True, "never")
```

## Command sweep

- every: day at 03:00 Europe/Berlin

```krepis
for c in Comment:
    delete(c)
```

## Port Bank

| operation | input | answers |
|---|---|---|
| charge | amount: money(EUR), key: text | {id: text, paid: bool} |
| refund | id: text | bool |
"""


@cache
def bookshop() -> Project:
    file = EXAMPLES / "bookshop.md"
    return project(file.name, file.read_text(encoding="utf-8"))


@cache
def teams() -> Project:
    return project("teams.md", TEAMS)


def project(file: str, source: str) -> Project:
    return build(read_text(file, source), source)


def text_of(made: Project, path: str) -> str:
    return made.files[path].decode()


def run(made: Project, path: str, **given: Any) -> dict[str, Any]:
    """What a module defines. What it imports from its own project comes from `given`, or is a class of that name."""
    package = path.split("/")[1]
    tree = ast.parse(text_of(made, path))
    names: dict[str, Any] = {}
    kept: list[ast.stmt] = []
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").split(".")[0] == package:
            names |= {one.name: given.get(one.name, type(one.name, (), {})) for one in statement.names}
        else:
            kept.append(statement)
    module = ModuleType(f"made_of_a_spec.{path.removesuffix('.py').replace('/', '.')}")
    sys.modules[module.__name__] = module  # krepis looks up the hints of a class in its module
    vars(module).update(names)
    exec(compile(ast.Module(kept, tree.type_ignores), path, "exec"), vars(module))
    return vars(module)
