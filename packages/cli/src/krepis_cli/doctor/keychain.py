"""Whether this machine keeps secrets for its user."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from krepis_cli.doctor.finding import PROGRAM_S, Finding

_SERVICES = ("org.freedesktop.secrets", "org.kde.kwalletd")


def probe(root: str) -> dict[str, Any]:
    """A backend of keyring where keyring is installed, else the keychain of the system itself."""
    return (_keyring() if find_spec("keyring") is not None else _system()).plain()


def _keyring() -> Finding:
    backend: Any = importlib.import_module("keyring").get_keyring()
    name = f"{type(backend).__module__}.{type(backend).__qualname__}"
    if ".fail" in name or ".null" in name:
        return _none(f"keyring finds no backend ({name})")
    return Finding("keychain", "ok", f"keyring with {name}", facts={"backend": name})


def _system() -> Finding:
    if sys.platform == "darwin":
        there = Path("/usr/bin/security").exists()
        return Finding("keychain", "ok", "macOS Keychain") if there else _none("macOS Keychain is not there")
    busctl = shutil.which("busctl")
    if busctl is None:
        return _none("there is no session bus to ask")
    ran = subprocess.run(  # noqa: S603 - the system's own program
        [busctl, "--user", "--no-pager", "list"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PROGRAM_S,
        check=False,
    )
    names = ran.stdout.decode("utf-8", "replace")
    found = next((service for service in _SERVICES if service in names), None)
    if found is None:
        return _none("no secret service on the session bus" if ran.returncode == 0 else "there is no session bus")
    return Finding("keychain", "ok", f"secret service {found}", facts={"backend": found})


def _none(said: str) -> Finding:
    return Finding(
        "keychain", "missing", said, "GNOME Keyring or KWallet; until then secrets come from files or variables"
    )
