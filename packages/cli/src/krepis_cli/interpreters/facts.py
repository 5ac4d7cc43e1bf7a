"""What an interpreter says of itself. This file is sent to it: the standard library alone, nothing newer than 3.8."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OLDEST = (3, 11)
"""Older ones can't import Krepis, and are not asked to."""


def facts(module: str, distributions: list[str]) -> dict[str, Any]:
    """The interpreter, and what it finds: Krepis, the package `module`, the versions of `distributions`."""
    version, problem = _krepis()
    return {
        "version": list(sys.version_info[:3]),
        "implementation": sys.implementation.name,
        "executable": sys.executable,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "machine": platform.machine(),
        "krepis": version,
        "krepis_problem": problem,
        "module": bool(module) and _is_there(module),
        "distributions": {name: _version(name) for name in distributions},
        "markers": _markers(),
    }


def _krepis() -> tuple[str | None, str]:
    if not _is_there("krepis"):
        return None, ""
    if sys.version_info < OLDEST:
        return None, "this Python is too old for it"
    try:
        return str(importlib.import_module("krepis").__version__), ""
    except BaseException as error:  # noqa: BLE001 - a broken installation may raise anything
        return None, f"{type(error).__name__}: {error}"[:500]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _version(name: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(name)
    except Exception:  # noqa: BLE001 - not there, or its description is broken, which is the same for us
        return None


def _markers() -> dict[str, str]:
    """The environment in which markers of requirements are judged (PEP 508)."""
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": ".".join(str(part) for part in sys.implementation.version[:3]),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(str(part) for part in sys.version_info[:2]),
        "sys_platform": sys.platform,
        "extra": "",
    }
