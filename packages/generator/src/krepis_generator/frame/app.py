"""`app.py` of a project: the composition root, where every port meets its adapter."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from krepis_generator import names
from krepis_generator.frame.parts import DAY_S, grants_roles, parts
from krepis_generator.frame.settings import settings_class
from krepis_generator.handlers import calling_reactions
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module, indented
from krepis_spec.blueprint import Auth, Blueprint
from krepis_spec.document import Span

VERSION = "0.1.0"

_NAMES = frozenset(
    ("app", "bind", "build", "database", "doors", "every", "hs256", "metadata", "parts", "policy", "rate")
)
_ADAPTERS = frozenset(("grants", "http", "memory", "sql", "token_key"))


class Wiring(Struct, frozen=True):
    """What the app is made of, each as the module and the name in it."""

    handlers: tuple[tuple[str, str], ...]
    reactions: tuple[tuple[str, str], ...]
    finders: tuple[tuple[str, str], ...]
    entities: tuple[str, ...]
    """Those that have a repository."""


def wiring(blueprint: Blueprint, *, finders: Sequence[tuple[str, str]], entities: Sequence[str]) -> Wiring:
    """The handlers and reactions that a blueprint asks for, in the order of the alphabet."""
    package = f"{blueprint.service.name}.application"
    handlers = [one.name for one in blueprint.operations]
    if grants_roles(blueprint):
        handlers.append("grant_role")
    own = [(f"{package}.{one.name}", one.name) for one in blueprint.reactions]
    return Wiring(
        tuple((f"{package}.{name}", name) for name in sorted(handlers)),
        tuple(sorted([*own, *calling_reactions(blueprint)], key=lambda one: one[1])),
        tuple(sorted(finders, key=lambda one: one[1])),
        tuple(sorted(entities)),
    )


def app_module(blueprint: Blueprint, wired: Wiring) -> Module:
    package = blueprint.service.name
    module = Module(
        f"src/{package}/app.py",
        "The composition root: the only place where a port and its adapter meet.",
        spans=[blueprint.service.span],
    )
    module.add("VERSION", f'VERSION = "{VERSION}"')
    module.add("MIGRATIONS", f'MIGRATIONS = "{package}:adapters/sql/migrations"')
    auth = blueprint.service.auth
    if auth is not None:
        module.add("TOKEN_LIFETIME_S", f"TOKEN_LIFETIME_S = {_seconds(auth)}")
    for name, given in (("HANDLERS", wired.handlers), ("FINDERS", wired.finders), ("REACTIONS", wired.reactions)):
        if given:
            module.add(name, f"{name} = (\n{_lines([_local(one) for _, one in given])}\n)", apart=True)
            for imported, one in given:
                module.use(imported, one if _local(one) == one else f"{one} as {_local(one)}")
    _bindings(module, package, wired)
    _parts(module, blueprint)
    _build(module, blueprint, wired)
    module.add("database", _database(module, blueprint))
    module.use("krepis.settings", "read_settings")
    module.add("app", f"app = build(read_settings({settings_class(blueprint)}))")
    return module


def _local(handler: str) -> str:
    """The name of a handler here; `rate` is something else."""
    return f"handle_{handler}" if handler in _NAMES else handler


def recorded(port: str) -> str:
    """The recording fake of an outbound port."""
    return f"Recorded{port}"


def recorded_module(port: str) -> str:
    """The module of it, below `adapters`; a port that is called like another adapter makes room for that."""
    name = names.one(port)
    return f"recorded_{name}" if name in _ADAPTERS else name


def _bindings(module: Module, package: str, wired: Wiring) -> None:
    lines: list[str] = []
    for entity in wired.entities:
        port, adapter = names.port(entity, writes=True), f"Sql{names.port(entity)}"
        module.use(f"{package}.application.ports", port)
        module.use(f"{package}.adapters.sql.{names.rows(entity)}", adapter)
        lines.append(f"bind({port}, {adapter})")
    if lines:
        module.use("krepis", "bind")
        module.add("ON_SQL", f"ON_SQL = (\n{_lines(lines)}\n)", apart=True)


def _parts(module: Module, blueprint: Blueprint) -> None:
    settings = settings_class(blueprint)
    module.use("krepis.part", "Part")
    module.use(f"{blueprint.service.name}.settings", settings)
    lines = [f"def parts(settings: {settings}) -> tuple[Part, ...]:"]
    lines.append('    """What the service has beside its handlers; the first is the outermost."""')
    if blueprint.service.auth is not None:
        lines.append(indented(_accounts(module, blueprint)))
    spans: list[Span] = []
    lines.append("    return (")
    for part in parts(blueprint):
        for imported, name in part.imports:
            module.use(imported, name)
        lines.append(f"        {part.code},")
    lines.append("    )")
    spans.append(blueprint.service.span)
    module.add("parts", "\n".join(lines), spans=spans)


def _accounts(module: Module, blueprint: Blueprint) -> str:
    package = blueprint.service.name
    module.use("pathlib", "Path")
    module.use("krepis.accounts", "AccountSettings", "Hashing", "hs256")
    module.use(f"{package}.adapters.token_key", "kept_key")
    return f"""\
accounts = AccountSettings(
    keys=(hs256("1", settings.token_key or kept_key(Path(settings.data_folder))),),
    issuer={text_literal(package)},
    access_s=TOKEN_LIFETIME_S,
    idle_s=TOKEN_LIFETIME_S,
    session_s=TOKEN_LIFETIME_S,
    hashing=Hashing(memory_kib=settings.password_memory_kib),
)"""


def _build(module: Module, blueprint: Blueprint, wired: Wiring) -> None:
    package, settings = blueprint.service.name, settings_class(blueprint)
    module.use("krepis", "App")
    module.use(f"{package}.adapters.http", "doors")
    lines = [
        f"def build(settings: {settings}) -> App:",
        '    """The service as these settings have it."""',
        "    return App(",
    ]
    lines += [f'        "{package}",', f"        handlers={'HANDLERS' if wired.handlers else '()'},"]
    if wired.reactions:
        lines.append("        reactions=REACTIONS,")
    if wired.finders:
        lines.append("        finders=FINDERS,")
    if blueprint.access is not None:
        module.use(f"{package}.application.policy", "policy")
        lines.append("        policy=policy,")
    adapters = _adapters(module, blueprint, wired)
    if adapters:
        lines.append(f"        adapters={adapters},")
    lines += [
        "        doors=doors,",
        "        store=database(settings.database),",
        "        parts=parts(settings),",
        "    )",
    ]
    module.add("build", "\n".join(lines), spans=[blueprint.service.span])


def _adapters(module: Module, blueprint: Blueprint, wired: Wiring) -> str:
    package = blueprint.service.name
    outbound: list[str] = []
    for port in blueprint.ports:
        adapter = recorded(port.name)
        module.use("pathlib", "Path")
        module.use("krepis", "bind")
        module.use(f"{package}.application.ports", port.name)
        module.use(f"{package}.adapters.{recorded_module(port.name)}", adapter)
        folder = f'Path(settings.data_folder) / "{names.one(port.name)}"'
        outbound.append(f'bind({port.name}, lambda: {adapter}({folder}), scope="app")')
    if not outbound:
        return "ON_SQL" if wired.entities else ""
    return f"({', '.join([*(['*ON_SQL'] if wired.entities else []), *outbound])},)"


def _database(module: Module, blueprint: Blueprint) -> str:
    package = blueprint.service.name
    module.use("krepis.sql", "Database")
    module.use(f"{package}.adapters.sql.tables", "metadata")
    new = "" if blueprint.service.database == "postgresql" else ", make_new=True"
    return f'''\
def database(url: str) -> Database:
    """The service's database at that url."""
    return Database(url, metadata=metadata, migrations=MIGRATIONS{new})'''


def _seconds(auth: Auth) -> str:
    days, rest = divmod(auth.token_seconds, DAY_S)
    return f"{days} * 86_400.0" if rest == 0 else f"{auth.token_seconds:_}.0"


def _lines(items: Sequence[str]) -> str:
    return "\n".join(f"    {item}," for item in items)
