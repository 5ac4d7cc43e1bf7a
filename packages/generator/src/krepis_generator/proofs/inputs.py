"""`tests/test_inputs.py`: every limit of every input at its door, and what no caller decides; `tests/test_strangers.py`: ways around."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from krepis_generator.proofs import values
from krepis_generator.proofs.access import let_in
from krepis_generator.proofs.kit import fastest
from krepis_generator.proofs.requests import ITEM, Way, is_known_secret, key, request, scene_of, with_doors
from krepis_generator.proofs.scene import Scene
from krepis_generator.python.printer import plain
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module, indented
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Operation
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type

_URL = """
@pytest.fixture
def url(@store@):
    return @store@
"""

_BEYOND = """
@pytest.mark.parametrize("door", BEYOND)
async def test_inputs_beyond_their_limits_are_refused(world, at, door):
    caller, changes = BEYOND[door]
    before = await world.rows()
    replies = [await asked(world, at, door, caller, **change) for change in changes(at)]
    assert [reply.status for reply in replies] == [422] * len(replies)
    assert await world.rows() == before
"""

_WITHIN = """
@pytest.mark.parametrize("door", WITHIN)
async def test_inputs_at_their_limits_are_taken(world, at, door):
    caller, changes = WITHIN[door]
    replies = [await asked(world, at, door, caller, **change) for change in changes(at)]
    assert [reply.status for reply in replies if reply.status == 422 or reply.status >= 500] == []
"""

_UNKNOWN = """
@pytest.mark.parametrize("door", UNKNOWN)
async def test_what_nobody_asks_for_is_refused(world, at, door):
    caller, more = UNKNOWN[door]
    json = CALLS[door](at)[2].get("json", {})
    replies = [await asked(world, at, door, caller, json=@with_more@) for name, value in more.items()]
    assert [reply.status for reply in replies] == [422] * len(more)
"""

_WITH_MORE = '''
def with_more(json, name, value):
    """The body with one more member, inside of its envelope, if it has one."""
    inner = next(iter(json.values()), None) if len(json) == 1 else None
    if isinstance(inner, dict):
        return {next(iter(json)): {**inner, name: value}}
    return {**json, name: value}
'''

_ODD = """
@pytest.mark.parametrize("door", TEXTS)
async def test_odd_text_breaks_nothing(world, at, door):
    caller, changes = TEXTS[door]
    replies = [await asked(world, at, door, caller, **change) for text in ODD for change in changes(at, text)]
    assert [reply.status for reply in replies if reply.status >= 500] == []
"""

ODD = r"""ODD = ("' OR 1=1 --", "%", "_", "\\\\", "{{7*7}}", "<b>", "\U0001f600", "e\u0301", "\u202e")"""

_SECRETS = """
@pytest.mark.parametrize(("door", "caller"), CALLERS)
async def test_no_answer_tells_a_secret(world, at, door, caller):
    reply = await asked(world, at, door, caller)
    assert reply.status < 500
    assert not any(secret in reply.text for secret in ("argon2", PASSWORD))
"""

_MISSING = """
async def test_what_is_not_there_is_not_found(world, at):
    before = await world.rows()
    replies = [await asked(world, at, door, caller, path=path) for door, caller, path in missing(at)]
    assert [reply.status for reply in replies] == [404] * len(replies)
    assert await world.rows() == before
"""

NO_ID = "00000000-0000-7000-8000-000000000000"


def input_modules(blueprint: Blueprint) -> list[Module]:
    """Both modules; what has no case is left out."""
    return [module for module in (_inputs(blueprint), _strangers(blueprint)) if module is not None]


def _inputs(blueprint: Blueprint) -> Module | None:
    scene = scene_of(blueprint)
    tables: dict[str, list[str]] = {"BEYOND": [], "WITHIN": [], "UNKNOWN": []}
    for operation in with_doors(blueprint):
        caller = let_in(blueprint, operation, scene)
        if caller is None or operation.input_form != "json":
            continue
        beyond, within = _at_limits(blueprint, operation, scene)
        if beyond:
            tables["BEYOND"].append(_row(blueprint, operation, caller, f"lambda at: [{', '.join(beyond)}]"))
        if within and _takes(operation):
            tables["WITHIN"].append(_row(blueprint, operation, caller, f"lambda at: [{', '.join(within)}]"))
        more = [f"{name}: {value}" for name, value in _not_asked_for(blueprint, operation)]
        if more:
            tables["UNKNOWN"].append(_row(blueprint, operation, caller, f"{{{', '.join(more)}}}"))
    tests = zip(tables.items(), (_BEYOND, _WITHIN, _UNKNOWN), strict=True)
    there = [(name, rows, text) for (name, rows), text in tests if rows]
    return _module(blueprint, "tests/test_inputs.py", "What doors take, and what they refuse.", there)


def _at_limits(blueprint: Blueprint, operation: Operation, scene: Scene) -> tuple[list[str], list[str]]:
    """Changes of the request beyond a limit, and at one."""
    beyond: list[str] = []
    within: list[str] = []
    for way, type in _leaves(operation):
        if isinstance(type, t.SecretType) and is_known_secret(operation, way[0]):
            continue  # what is asked of new ones was not asked then
        found = values.beyond(type, way[-1], blueprint)
        beyond += [_changed(blueprint, operation, scene, way, type, one.value) for one in found]
        within += [
            _changed(blueprint, operation, scene, way, type, value) for value in values.inside(type, way[-1], blueprint)
        ]
    beyond += [f'{{"query": {{{given}}}}}' for given in _pages_beyond(operation)]
    return beyond, within


def _row(blueprint: Blueprint, operation: Operation, caller: str, code: str) -> str:
    return f"{key(operation, blueprint)}: ({text_literal(caller)}, {code}),"


def _strangers(blueprint: Blueprint) -> Module | None:
    scene = scene_of(blueprint)
    texts: list[str] = []
    callers: list[str] = []
    missing: list[str] = []
    for operation in with_doors(blueprint):
        caller = let_in(blueprint, operation, scene)
        if caller is None:
            continue
        head = f"{key(operation, blueprint)}, {text_literal(caller)}"
        callers.append(f"({head}),")
        changes = [
            _coded(blueprint, operation, scene, way, "text")
            for way, type in _leaves(operation)
            if isinstance(plain(type), t.TextType)
        ]
        if changes:
            texts.append(_row(blueprint, operation, caller, f"lambda at, text: [{', '.join(changes)}]"))
        missing += [f"({head}, {path})," for path in _nowhere(blueprint, operation, scene)]
    secrets = [("CALLERS", callers, _SECRETS)] if blueprint.service.auth is not None else []
    tests = [*secrets, ("missing", missing, _MISSING), ("TEXTS", texts, _ODD)]
    there = [one for one in tests if one[1]]
    return _module(blueprint, "tests/test_strangers.py", "Who tries to get around the rules gets nowhere.", there)


def _module(blueprint: Blueprint, path: str, doc: str, tests: list[tuple[str, list[str], str]]) -> Module | None:
    if not tests:
        return None
    module = Module(path, doc)
    module.use_module("pytest")
    module.use("calls", "CALLS", "asked")
    if blueprint.service.auth is not None:
        module.use("world", "PASSWORD")
    for name, rows, _ in tests:
        lines = indented("\n".join(rows))
        match name:
            case "missing":
                module.add(name, f"def missing(at):\n    return [\n{indented(lines)}\n    ]")
            case "CALLERS":
                module.add(name, f"{name} = [\n{lines}\n]")
            case _:
                module.add(name, f"{name} = {{\n{lines}\n}}", apart=True)
        if name == "TEXTS":
            module.add("ODD", ODD)
    module.add("url", _URL.replace("@store@", fastest(blueprint)))
    enveloped = any(one.envelope is not None for one in blueprint.operations)
    if enveloped and any(name == "UNKNOWN" for name, _, _ in tests):
        module.add("with_more", _WITH_MORE)
    with_more = "with_more(json, name, value)" if enveloped else "{**json, name: value}"
    for _, _, text in tests:
        module.add("test", text.replace("@with_more@", with_more))
    return module


def _leaves(operation: Operation) -> Iterator[tuple[Way, Type]]:
    """Each single value that a caller gives in the query or the body."""
    for one in operation.inputs:
        if one.place != "path" and not isinstance(one.type, t.PageType):
            yield from _inner((one.name,), one.type)


def _inner(way: Way, type: Type) -> Iterator[tuple[Way, Type]]:
    match plain(type):
        case t.RecordType(fields=fields):
            for one in fields:
                yield from _inner((*way, one.name), one.type)
        case t.ListType(of=t.RecordType() as of):
            yield from _inner((*way, ITEM), of)
        case t.EntityType() | t.ListType() | t.SetType():
            pass
        case inner:
            yield way, inner


def _takes(operation: Operation) -> bool:
    """Whether no rule of the block answers with the status of a broken limit."""
    nodes = nodes_in(operation.body or ())
    return not any(isinstance(node, e.Require) and node.status == 422 for node in nodes)


def _changed(blueprint: Blueprint, operation: Operation, scene: Scene, way: Way, type: Type, value: Any) -> str:
    if isinstance(value, str) and len(value) > 20 and len(set(value)) == 1:
        code = f"{text_literal(value[0])} * {len(value)}"
    else:
        code = values.repr_of(values.sent(value, type))
    return _coded(blueprint, operation, scene, way, code)


def _coded(blueprint: Blueprint, operation: Operation, scene: Scene, way: Way, code: str) -> str:
    made = request(blueprint, operation, scene, {way: code})
    return f"{{{', '.join(f'{text_literal(name)}: {given}' for name, given in made.request)}}}"


def _pages_beyond(operation: Operation) -> Iterator[str]:
    for one in operation.inputs:
        if isinstance(one.type, t.PageType):
            yield '"limit": 0'
            yield f'"limit": {one.type.max + 1}'
            if not one.type.cursor:
                yield '"offset": -1'


def _not_asked_for(blueprint: Blueprint, operation: Operation) -> Iterator[tuple[str, str]]:
    """Names that are no inputs: fields of what the command makes or changes that the server alone decides."""
    assert operation.door is not None
    if operation.kind != "command" or not any(one.place == "body" for one in operation.inputs):
        return
    known = {one.wire for one in operation.inputs}
    answer = operation.answer.type
    fields = blueprint.entity(answer.name).fields if isinstance(answer, t.EntityType) else ()
    yield '"no_such_input"', "1"
    for field in fields:
        value = values.plausible(plain(field.type), field.name, blueprint)
        sent = values.sent(value, field.type)
        if field.name not in known and isinstance(sent, str | int | bool | list):
            yield text_literal(field.name), values.repr_of(sent)


def _nowhere(blueprint: Blueprint, operation: Operation, scene: Scene) -> Iterator[str]:
    """The path with an address that nothing has, for each entity in it."""
    for one in operation.inputs:
        if one.place == "path" and isinstance(one.type, t.EntityType):
            entity = blueprint.entity(one.type.name)
            field = next((field for field in entity.fields if field.name == entity.address), None)
            code = text_literal(NO_ID) if field is None else _no_address(field.type)
            if code is not None:
                yield request(blueprint, operation, scene, {(one.name,): code}).path


def _no_address(type: Type) -> str | None:
    match type:
        case t.TextType():
            return text_literal(values.text(type, "nobody", at=3))
        case t.IntType():
            return '"999999"'
        case _:
            return None
