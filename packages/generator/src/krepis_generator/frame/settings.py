"""`settings.py` of a project: what whoever runs it can decide."""

from __future__ import annotations

import re

from krepis_generator.frame.parts import has_files
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module
from krepis_spec.blueprint import Blueprint
from krepis_spec.naming import class_name


def settings_class(blueprint: Blueprint) -> str:
    """`BookshopSettings`."""
    return f"{class_name(blueprint.service.name)}Settings"


def variable(blueprint: Blueprint, name: str) -> str:
    """The environment variable of a setting: `BOOKSHOP_DATABASE`."""
    return f"{blueprint.service.name.upper()}_{name.upper()}"


def database_url(blueprint: Blueprint) -> str:
    """Where a trial keeps its data: a file, or the server of this machine where the service needs PostgreSQL."""
    name = blueprint.service.name
    return f"postgresql:///{name}" if blueprint.service.database == "postgresql" else f"sqlite:///var/{name}.db"


def keeps_folder(blueprint: Blueprint) -> bool:
    """Whether the service keeps anything beside its database."""
    return blueprint.service.auth is not None or bool(blueprint.ports) or has_files(blueprint)


def settings_module(blueprint: Blueprint) -> Module:
    service = blueprint.service
    prefix = service.name.upper()
    module = Module(
        f"src/{service.name}/settings.py",
        "What whoever runs the service can decide. `krepis config show` lists it with where each value comes from.",
        spans=[service.span],
    )
    module.use("typing", "Annotated", "ClassVar")
    module.use("krepis", "field")
    module.use("krepis.settings", "Settings")
    module.use("krepis.types", "Secret", "between", "secret_length")
    promise = (
        f"From `krepis.toml` (`[{service.name}]`), the environment (`{prefix}_...`) and files (`{prefix}_..._FILE`)."
    )
    lines = [f"class {settings_class(blueprint)}(Settings):"]
    lines += _promise(promise, signs=service.auth is not None)
    lines.append("")
    if _derived_prefix(settings_class(blueprint)) != prefix:
        lines += [f'    PREFIX: ClassVar[str] = "{prefix}"', ""]
    lines.append(f"    database: str = {text_literal(database_url(blueprint))}")
    if keeps_folder(blueprint):
        lines.append('    data_folder: str = "var"')
    if service.auth is not None:
        lines.append("    token_key: Annotated[Secret, secret_length(32, 512)] | None = None")
    lines.append("    trusted_proxies: list[str] = field(default_factory=list)")
    if service.origins:
        origins = ", ".join(map(text_literal, service.origins))
        lines.append(f"    allowed_origins: list[str] = field(default_factory=lambda: [{origins}])")
    lines.append("    requests_per_minute: Annotated[int, between(1, 1_000_000)] = 600")
    if service.auth is not None:
        lines.append("    password_memory_kib: Annotated[int, between(32, 1_048_576)] = 65_536")
    module.add(settings_class(blueprint), "\n".join(lines), spans=[service.span])
    return module


def _derived_prefix(name: str) -> str:
    """What krepis makes of the class when it names no prefix."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removesuffix("Settings")).upper()


def _promise(promise: str, *, signs: bool) -> list[str]:
    if not signs:
        return [f'    """{promise}"""']
    return [
        f'    """{promise}',
        "",
        "    `token_key` signs the tokens of callers; without one, a key is made at the first start and kept in",
        "    `data_folder`.",
        '    """',
    ]
