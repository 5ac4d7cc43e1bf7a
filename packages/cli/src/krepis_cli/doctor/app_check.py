"""Sent to the project's interpreter: Krepis is installed there, `krepis_cli` is not.

It imports the app and resolves its wiring, as `krepis run` does before it serves, and asks after its database.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

HEADER = b"SQLite format 3\0"


def check(app: str) -> dict[str, Any]:
    """What the app is made of. Raises `KrepisError` (`WiringError`), and whatever the project raises."""
    found = _app(app)
    graph, _ = found.check()
    return {"name": found.name, "handlers": len(graph.handlers), "store": found.store is not None}


def database(app: str) -> dict[str, Any]:
    """Its database: `name` without password, `state`, `problem`, `remedy`; `name` is empty where it has none."""
    store = _app(app).store
    if getattr(store, "url", None) is None:
        return {"name": "", "state": "ok", "problem": "", "remedy": ""}
    state, problem, remedy = _file(store) if store.is_sqlite else asyncio.run(_open(store))
    return {"name": str(store.name), "state": state, "problem": problem, "remedy": remedy}


def _app(app: str) -> Any:
    from krepis.app import App
    from krepis.errors import KrepisError

    module, _, name = app.partition(":")
    found = getattr(importlib.import_module(module), name, None)
    if not isinstance(found, App):
        raise KrepisError(f"`{app}` is no krepis App", hint='`app = "MODULE:APP"` in krepis.toml names it')
    return found


def _file(store: Any) -> tuple[str, str, str]:
    """Looked at without opening it: that would make the file, or change it."""
    if store.path is None:
        return "ok", "", ""
    try:
        with store.path.open("rb") as opened:
            head = opened.read(len(HEADER))
    except FileNotFoundError:
        return "missing", "there is no such file yet", "`krepis db upgrade` makes it"
    except OSError as error:
        return "broken", f"it can't be read: {error.strerror}", "let yourself read it"
    if head and head != HEADER:
        return "broken", "it is no database of SQLite", "is it the right file?"
    return "ok", "", ""


async def _open(store: Any) -> tuple[str, str, str]:
    from krepis.errors import KrepisError, Rejection

    try:
        await store.open()
    except KrepisError as error:
        return "broken", str(error.args[0]), error.hint
    except (Rejection, OSError) as error:
        return "broken", str(error) or type(error).__name__, "start it, or correct the setting that names it"
    finally:
        await store.close()
    return "ok", "", ""
