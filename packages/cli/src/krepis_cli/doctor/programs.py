"""Things that Krepis does without, and is better with: native code, a Rust toolchain, completion in the shell."""

from __future__ import annotations

import importlib
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from krepis_cli.doctor.finding import Finding, first_line

_SHELLS = ("bash", "zsh", "fish")
STARTUP_BYTES_MAX = 1 << 20


def native(root: str) -> dict[str, Any]:
    """The native module of this command, really loaded: one for another machine is there and broken."""
    name = "native"
    if find_spec("krepis_native") is None:
        return Finding(
            name, "missing", "krepis_native is not installed", "none: the Python engine does the same"
        ).plain()
    try:
        module = importlib.import_module("krepis_native")
    except Exception as error:  # noqa: BLE001 - a broken extension may raise anything
        said = f"krepis_native can't be loaded: {type(error).__name__}: {error}"
        return Finding(name, "broken", said, "install it again for this Python").plain()
    version = str(getattr(module, "__version__", "of an unknown version"))
    return Finding(name, "ok", f"krepis_native {version}", facts={"version": version}).plain()


def cargo(root: str) -> dict[str, Any]:
    """The Rust toolchain, for native code of one's own."""
    program = shutil.which("cargo")
    if program is None:
        said, remedy = "cargo is not in PATH", "rustup, if you want to build native code yourself"
        return Finding("cargo", "missing", said, remedy).plain()
    version = first_line([program, "--version"])
    if version is None:
        return Finding("cargo", "broken", f"`{program}` does not run", "`rustup update` may mend it").plain()
    return Finding("cargo", "ok", f"{version} at {program}", facts={"version": version}).plain()


def completion(root: str) -> dict[str, Any]:
    """Whether a file that the user's shell reads at its start mentions the completion of Krepis."""
    name = "completion"
    shell = Path(os.environ.get("SHELL", "")).name
    if shell not in _SHELLS:
        said = f"no completion for the shell `{shell}`" if shell else "SHELL is not set"
        return Finding(name, "missing", said, "bash, zsh and fish are known: `krepis completion --help`").plain()
    if any(_mentions(file) for file in _startup_files(shell)):
        return Finding(name, "ok", f"for {shell}", facts={"shell": shell}).plain()
    remedy = f"`krepis completion {shell} --help` says where its script goes"
    return Finding(name, "missing", f"not set up for {shell}", remedy, facts={"shell": shell}).plain()


def _startup_files(shell: str) -> list[Path]:
    home = Path(os.environ.get("HOME") or "/nonexistent")
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    zsh = Path(os.environ.get("ZDOTDIR") or home)
    return {
        "bash": [home / ".bashrc", home / ".bash_profile", home / ".bash_completion", *_in(data / "bash-completion")],
        "zsh": [zsh / ".zshrc", zsh / ".zfunc/_krepis", home / ".zfunc/_krepis"],
        "fish": [config / "fish/config.fish", config / "fish/completions/krepis.fish"],
    }[shell]


def _in(folder: Path) -> list[Path]:
    return [folder / "completions/krepis", folder / "completions/krepis.bash"]


def _mentions(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            text = opened.read(STARTUP_BYTES_MAX)
    except OSError:
        return False
    return b"krepis completion" in text
