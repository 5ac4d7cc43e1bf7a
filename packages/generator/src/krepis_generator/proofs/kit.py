"""What the tests of a project share: the service on each store, and `World`, which speaks to it as its callers do."""

from __future__ import annotations

from krepis_generator import names
from krepis_generator.frame.settings import keeps_folder, settings_class, variable
from krepis_generator.frame.sign_in import grant_of
from krepis_generator.proofs import texts
from krepis_generator.proofs.given import given_method
from krepis_generator.proofs.written import module_of
from krepis_generator.source import Module, indented
from krepis_generator.sql.layout import Layout
from krepis_spec.blueprint import Blueprint, Entity

STORES = ("in_memory", "on_sqlite", "on_postgres")


def kit_modules(blueprint: Blueprint) -> list[Module]:
    """`conftest.py`, `world.py`, and a PostgreSQL for tests where the service may run on one."""
    modules = [_conftest(blueprint), _world(blueprint)]
    if blueprint.service.database != "sqlite":
        modules.append(module_of("tests/postgres_server.py", texts.POSTGRES_SERVER, {"name": blueprint.service.name}))
    return modules


def _is_tenanted(blueprint: Blueprint) -> bool:
    return any(entity.per_tenant for entity in blueprint.entities)


def stores(blueprint: Blueprint) -> tuple[str, ...]:
    """The fixtures of the databases that the service runs on."""
    match blueprint.service.database:
        case "sqlite":
            return ("in_memory", "on_sqlite")
        case "postgresql":
            return ("on_postgres",)
        case "any":
            return STORES


def fastest(blueprint: Blueprint) -> str:
    """The fixture of the store for tests that ask one store alone."""
    return "on_postgres" if blueprint.service.database == "postgresql" else "on_sqlite"


def _conftest(blueprint: Blueprint) -> Module:
    package = blueprint.service.name
    signs = blueprint.service.auth is not None
    folder = keeps_folder(blueprint)
    settings = ["database=url"]
    settings += ['data_folder=str(tmp_path / "var")'] if folder else []
    settings += ["token_key=Secret(TOKEN_KEY)"] if signs else []
    settings += ["requests_per_minute=1_000_000"]
    settings += ["password_memory_kib=64"] if signs else []
    given = {
        "package": package,
        "settings": settings_class(blueprint),
        "values": ", ".join(settings),
        "postgres": "TESTS_POSTGRES",
        "stores": ", ".join(f'"{one}"' for one in stores(blueprint)),
    }
    text = texts.CONFTEST
    text = text.replace(
        "@sqlite_fixtures@", texts.SQLITE_FIXTURES if blueprint.service.database != "postgresql" else ""
    )
    text = text.replace(
        "@postgres_fixtures@", texts.POSTGRES_FIXTURES if blueprint.service.database != "sqlite" else ""
    )
    text = text.replace("@sent@", texts.SENT if blueprint.ports else "")
    if _is_tenanted(blueprint):
        text = text.replace(
            "statement(delete(table))", 'across_tenants(statement(delete(table)), "tests begin with nothing")'
        )
        text = text.replace(
            "from krepis.sql import migrate, statement", "from krepis.sql import across_tenants, migrate, statement"
        )
    module = module_of("tests/conftest.py", text, given)
    module.use("calls", "everything")
    module.add("at", texts.AT)
    if signs:
        # `app.py` reads its settings when it is imported; without a key it would make one in the folder of the project.
        first = module.definitions
        module.definitions = []
        module.add("TOKEN_KEY", 'TOKEN_KEY = "for tests, and long enough for a key"')
        module.add("environment", f'os.environ.setdefault("{variable(blueprint, "token_key")}", TOKEN_KEY)')
        module.use_module("os")
        module.use("krepis.types", "Secret")
        module.definitions += first
    return module


def _world(blueprint: Blueprint) -> Module:
    text = texts.WORLD_TOP
    if _is_tenanted(blueprint):
        every = "statement(select(table).order_by(*table.primary_key))"
        assert every in text, "what reads every row is in the text"
        text = text.replace(every, f'across_tenants({every}, "tests look at everything")')
        text = text.replace("import Database, Sql, statement", "import Database, Sql, across_tenants, statement")
    module = module_of("tests/world.py", text, {"package": blueprint.service.name})
    user = names.user(blueprint)
    if user is not None:
        module.use(f"{blueprint.service.name}.domain.{names.one(user.name)}", user.name)
        module.add("PASSWORD", 'PASSWORD = "a word for tests"')
        module.add("Person", _person_class(blueprint, user))
    module.add("Facts", _facts(module, blueprint))
    module.add("known", texts.KNOWN)
    module.add("every", texts.EVERY)
    if _relations(blueprint):
        module.add("links", texts.LINKS)
    asking = texts.ASK if user is not None else texts.ASK_ANYBODY
    module.add("World", "\n".join([texts.WORLD_HEAD, asking, texts.WORLD, *_methods(module, blueprint, user)]))
    return module


def _facts(module: Module, blueprint: Blueprint) -> str:
    lines = ["class Facts(Struct):", '    """All that the service knows, at one moment."""', ""]
    for entity in blueprint.entities:
        module.use(f"{blueprint.service.name}.domain.{names.one(entity.name)}", entity.name)
        lines.append(f"    {names.rows(entity.name)}: dict[UUID, {entity.name}]")
    lines += [f"    {one}: dict[UUID, set[UUID]]" for one, _, _ in _relations(blueprint)]
    for entity in blueprint.entities:
        one, rows = names.one(entity.name), names.rows(entity.name)
        lines += ["", f"    def {one}(self, one: Any) -> {entity.name}:"]
        lines.append(f'        return known(self.{rows}, one, "{entity.address}")')
    return "\n".join(lines)


def _relations(blueprint: Blueprint) -> list[tuple[str, str, str]]:
    """The tables of links, with their columns."""
    layout = Layout(blueprint)
    return [
        (
            layout.child_table(entity.name, field.name),
            layout.owner_column(entity.name),
            layout.other_column(entity.name, field.name),
        )
        for entity in blueprint.entities
        for field in entity.fields
        if names.is_relation(field.type)
    ]


def _methods(module: Module, blueprint: Blueprint, user: Entity | None) -> list[str]:
    parts: list[str] = []
    if user is not None:
        parts.append(_person(module, blueprint, user))
    parts += [given_method(module, blueprint, entity) for entity in blueprint.entities]
    parts.append(_read_facts(module, blueprint))
    return [f"\n{indented(part)}" for part in parts]


def _person_class(blueprint: Blueprint, user: Entity) -> str:
    auth = blueprint.service.auth
    assert auth is not None, "who signs in has a token"
    scheme = f"{auth.scheme} " if auth.scheme else ""
    return texts.PERSON.replace("@User@", user.name).replace("@header@", f'"{auth.header}": f"{scheme}{{token}}"')


def _person(module: Module, blueprint: Blueprint, user: Entity) -> str:
    module.use("krepis.accounts", "Accounts", "Grant")
    module.use("krepis.accounts.sql_sessions", "SqlSessions")
    module.use("krepis.types", "Secret")
    one = names.one(user.name)
    tenant = ""
    if blueprint.service.tenants == "user":
        own = "tenant" if any(field.name == "tenant" for field in user.fields) else "id"
        tenant = f"    self.tenant = self.tenant or str({one}.{own})\n"
    roles = ', "roles": frozenset(roles)' if any(field.name == "roles" for field in user.fields) else ""
    return f'''\
async def person(self, name: str, roles: tuple[str, ...] = (), **fields: Any) -> Person:
    """Somebody with an account who has just signed in."""
    ctx = self.service.context()
    accounts = next(part for part in self.service.service.app.parts if isinstance(part, Accounts))
    assert accounts.passwords is not None
    password = await accounts.passwords.hash(ctx, Secret(PASSWORD))
    own = {{"email": f"{{name}}@example.org", "password": password{roles}}}
    {one} = await self.given_{one}(**(own | fields))
    memory = accounts.memory
{tenant}\

    async def signed_in(sql: Sql) -> str:
        sessions = SqlSessions(accounts.settings, memory.tokens, memory.known, sql, None)
        return (await sessions.open(ctx, {grant_of(blueprint, user, f"str({one}.id)")})).access_token

    return Person({one}, await self.write(ctx, signed_in))'''


def _read_facts(module: Module, blueprint: Blueprint) -> str:
    every: list[str] = []
    for entity in blueprint.entities:
        rows, adapter = names.rows(entity.name), f"Sql{names.port(entity.name)}"
        module.use(f"{blueprint.service.name}.adapters.sql.{rows}", adapter)
        every.append(f'{rows}=await every({adapter}(sql), ctx, await sql.all(IDS["{rows}"])),')
    relations = _relations(blueprint)
    every += [f'{table}=await links(sql, "{table}", "{own}", "{other}"),' for table, own, other in relations]
    if relations:
        module.use("collections", "defaultdict")
    return f'''\
async def facts(self) -> Facts:
    """All that the service knows now."""
    ctx = self.context()

    async def read(sql: Sql) -> Facts:
        return Facts(
{indented(chr(10).join(every), 12)}
        )

    return await self.read(ctx, read)'''
