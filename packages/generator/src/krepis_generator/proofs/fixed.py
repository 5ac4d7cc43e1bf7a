"""Tests that every project has: its parts fit together, its layers, its migrations, its OpenAPI document."""

from __future__ import annotations

from krepis_generator.frame.parts import grants_roles
from krepis_generator.frame.settings import keeps_folder, variable
from krepis_generator.proofs import fixed_texts as texts
from krepis_generator.proofs.accounts import account, body_of, path_of
from krepis_generator.proofs.asking import envelope
from krepis_generator.proofs.kit import stores
from krepis_generator.proofs.written import module_of
from krepis_generator.quoting import text_literal
from krepis_generator.source import File, Module
from krepis_spec.blueprint import Auth, Blueprint, Operation


def fixed_modules(blueprint: Blueprint) -> list[Module | File]:
    """All of them."""
    package = blueprint.service.name
    given = {"package": package}
    modules: list[Module | File] = [
        module_of("tests/test_app.py", texts.APP, given),
        module_of("tests/test_architecture.py", texts.ARCHITECTURE, given),
        _migrations(blueprint),
        *_contract(blueprint),
    ]
    if blueprint.service.auth is not None:
        modules.append(module_of("tests/adapters/test_token_key.py", texts.KEPT_KEY, given))
    return modules


def _migrations(blueprint: Blueprint) -> Module:
    kept = [one for one in stores(blueprint) if one != "in_memory"]
    given = {"package": blueprint.service.name, "stores": ", ".join(f'"{one}"' for one in kept), "back": kept[0]}
    first = texts.FIRST_START if blueprint.service.database != "postgresql" else ""
    return module_of("tests/test_migrations.py", texts.MIGRATIONS.replace("@first@", first), given)


def _contract(blueprint: Blueprint) -> list[Module | File]:
    """Schemathesis against the served service; a registered account where callers can make one."""
    if blueprint.service.database == "postgresql":
        return []
    service = blueprint.service
    environment = [
        f'"{variable(blueprint, "database")}": f"sqlite:///{{folder}}/{service.name}.db"',
        f'"{variable(blueprint, "requests_per_minute")}": "1000000"',
    ]
    if keeps_folder(blueprint):
        environment.append(f'"{variable(blueprint, "data_folder")}": str(folder)')
    if service.auth is not None:
        environment.append(f'"{variable(blueprint, "password_memory_kib")}": "64"')
    given = {
        "package": service.name,
        "environment": ", ".join(environment),
        "examples": "TESTS_EXAMPLES",
        "seed": "TESTS_SEED",
        "base_path": service.base_path,
    }
    contract = module_of("tests/test_contract.py", texts.CONTRACT, given | {"headers": "()"})
    register = next((one for one in blueprint.operations if one.builtin == "register"), None)
    if register is not None and service.auth is not None:
        contract = module_of(
            "tests/test_contract.py", texts.CONTRACT, given | {"headers": "signed_in(origin, environment)"}
        )
        _sign_in(contract, blueprint, register, service.auth)
    return [
        contract,
        module_of("tests/schemathesis_hooks.py", texts.HOOKS, given),
        File("tests/schemathesis.toml", texts.SCHEMATHESIS),
    ]


def _sign_in(module: Module, blueprint: Blueprint, register: Operation, auth: Auth) -> None:
    """Somebody registers, and gets all roles, so that schemathesis sees behind the doors."""
    module.use_module("json")
    module.use_module("urllib.request")
    module.add("ACCOUNT", f"ACCOUNT = {account(blueprint, register)}")
    grants = grants_roles(blueprint)
    if grants:
        module.add("ROLES", f"ROLES = ({', '.join(map(text_literal, blueprint.service.roles))},)")
    given = {
        "grants": texts.GRANT.strip("\n") if grants else "",
        "register": path_of(blueprint, register),
        "body": body_of(register, "ACCOUNT"),
        "envelope": envelope(register, blueprint),
        "token": auth.token,
        "header": auth.header.title(),  # as schemathesis takes it away, to see whether anybody gets in
        "scheme": f"{auth.scheme} " if auth.scheme else "",
    }
    text = texts.SIGNED_IN
    for name, value in given.items():
        text = text.replace(f"@{name}@", value)
    module.add("signed_in", text)
