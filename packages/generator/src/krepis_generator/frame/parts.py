"""What a server has beside its handlers, in the order in which it stands around them, and whose tables that needs."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from krepis.limits.cors import HEADERS
from krepis_generator import names
from krepis_generator.quoting import text_literal
from krepis_spec.blueprint import Blueprint, Operation
from krepis_spec.types import FileType, ListType, OptionalType, Type

DAY_S = 86_400


class Part(Struct, frozen=True):
    """One line of `parts`: the code of it, what that imports, the module whose `TABLES` it needs, and the extra of
    krepis.
    """

    code: str
    imports: tuple[tuple[str, str], ...]
    tables: str | None = None
    extra: str | None = None


def parts(blueprint: Blueprint) -> tuple[Part, ...]:
    """All parts, the outermost first."""
    return tuple(_parts(blueprint))


def table_modules(blueprint: Blueprint) -> tuple[str, ...]:
    """The modules whose `TABLES` stand in the metadata of the project."""
    return tuple(sorted({part.tables for part in parts(blueprint) if part.tables is not None}))


def extras(blueprint: Blueprint) -> tuple[str, ...]:
    """The extras of krepis that the project needs."""
    return tuple(sorted({part.extra for part in parts(blueprint) if part.extra is not None}))


def scheduled(blueprint: Blueprint) -> tuple[Operation, ...]:
    """The commands that time starts."""
    return tuple(operation for operation in blueprint.operations if operation.every is not None)


def has_files(blueprint: Blueprint) -> bool:
    """Whether anything is uploaded, kept or sent as a file."""
    inputs = (one.type for operation in blueprint.operations for one in operation.inputs)
    fields = (one.type for entity in blueprint.entities for one in entity.fields)
    sent = any(operation.answer.form == "file" for operation in blueprint.operations)
    return sent or any(map(holds_file, (*inputs, *fields)))


def holds_file(type: Type) -> bool:
    """Whether a value of that type is a file, or may be, or is several."""
    match type:
        case FileType():
            return True
        case OptionalType() | ListType():
            return holds_file(type.of)
        case _:
            return False


def _parts(blueprint: Blueprint) -> Iterator[Part]:
    limits = "krepis.limits"
    yield Part(
        "*([TrustedProxies(*settings.trusted_proxies)] if settings.trusted_proxies else [])",
        ((limits, "TrustedProxies"),),
    )
    yield Part("SecurityHeaders()", ((limits, "SecurityHeaders"),))
    if blueprint.service.origins:
        yield _cors(blueprint)
    yield Part("Rates(per_address=rate(settings.requests_per_minute, per_s=60))", ((limits, "Rates"), (limits, "rate")))
    yield Part("Concurrency()", ((limits, "Concurrency"),))
    yield Part("Metrics()", (("krepis.telemetry", "Metrics"),), extra="telemetry")
    yield Part("Health(version=VERSION)", (("krepis.telemetry", "Health"),))
    if blueprint.service.auth is not None:
        user = names.user(blueprint)
        assert user is not None, "whoever signs in is an entity"
        grants = f"{user.name}Grants"
        imports = (
            ("krepis.accounts", "Accounts"),
            (f"{blueprint.service.name}.adapters.grants", grants),
        )
        yield Part(f"Accounts(accounts, grants={grants})", imports, "krepis.accounts", "accounts")
    yield _idempotency(blueprint)
    yield Part("Outbox()", (("krepis.outbox", "Outbox"),), "krepis.outbox")
    yield from _timed(blueprint)
    if has_files(blueprint):
        yield Part(
            'FileStore(FolderBlobs(f"{settings.data_folder}/files"))',
            (("krepis.files", "FileStore"), ("krepis.files", "FolderBlobs")),
            "krepis.files.tables",
            "files",
        )


def _cors(blueprint: Blueprint) -> Part:
    """Pages of other origins; where tokens have a header of their own, these may send it."""
    auth = blueprint.service.auth
    if auth is None or auth.header in HEADERS:
        return Part("Cors(origins=settings.allowed_origins)", (("krepis.limits", "Cors"),))
    headers = f"(*HEADERS, {text_literal(auth.header)})"
    return Part(
        f"Cors(origins=settings.allowed_origins, headers={headers})",
        (("krepis.limits", "Cors"), ("krepis.limits.cors", "HEADERS")),
    )


def _idempotency(blueprint: Blueprint) -> Part:
    asked = [operation for operation in blueprint.operations if operation.once_per is not None]
    messages = [names.message(operation) for operation in asked]
    imports = [(message_module(blueprint, operation), names.message(operation)) for operation in asked]
    required = f"required=({', '.join(messages)},)" if messages else ""
    return Part(f"Idempotency({required})", (("krepis.idempotency", "Idempotency"), *imports), "krepis.idempotency")


def _timed(blueprint: Blueprint) -> Iterator[Part]:
    """What starts without a caller: schedules, and jobs that an operator runs."""
    timed = scheduled(blueprint)
    if timed:
        lines = [f"every({text_literal(one.every or '')}, {names.message(one)}())" for one in timed]
        imports = [(message_module(blueprint, one), names.message(one)) for one in timed]
        modules = (("krepis.schedules", "Schedules"), ("krepis.schedules", "every"), *imports)
        yield Part(f"Schedules({', '.join(lines)})", modules, "krepis.schedules", "schedules")
    jobs = {one.name: (message_module(blueprint, one), names.message(one)) for one in timed}
    if grants_roles(blueprint):
        jobs["grant_role"] = (f"{blueprint.service.name}.application.grant_role", "GrantRole")
    if jobs:
        given = ", ".join(f"{name}={message}" for name, (_, message) in sorted(jobs.items()))
        yield Part(f"Jobs({given})", (("krepis.jobs", "Jobs"), *jobs.values()))


def grants_roles(blueprint: Blueprint) -> bool:
    """Whether there is a job with which whoever runs the server gives somebody a role."""
    user = names.user(blueprint)
    return (
        blueprint.service.auth is not None
        and bool(blueprint.service.roles)
        and user is not None
        and any(field.name == "roles" for field in user.fields)
    )


def message_module(blueprint: Blueprint, operation: Operation) -> str:
    """The module of a message and its handler."""
    return f"{blueprint.service.name}.application.{operation.name}"
