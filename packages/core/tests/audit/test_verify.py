"""Any single edit of the chain is found, and the first broken place is named."""

import asyncio
import os
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from _audited_bank import Pay, an_app, broken, in_unit, kept, serving, settled, verdict
from _verb import run_verb
from msgspec import json
from sqlalchemy import text

from krepis import KrepisError
from krepis._cli import audit as verb
from krepis.audit import Anchor, Audit
from krepis.audit.chain import Hashing, read_anchor
from krepis.audit.verify import _Walk
from krepis.context import Actor
from krepis.sql import statement

SEED = int(os.environ["KREPIS_SEED"])
COUNT = 12
KEYS = [None, "k" * 32]


async def filled(service: Any, count: int = COUNT) -> None:
    for n in range(count):
        ctx = service.context(actor=Actor(f"actor{n % 3}"), tenant="north" if n % 2 else None)
        await service.dispatch(ctx, Pay(to=f"to{n}"))
    await settled(service, count)


async def edited(service: Any, *texts: str) -> None:
    async def work(sql: Any) -> None:
        for one in texts:
            await sql.run(statement(text(one)))

    await in_unit(service, work)


def hexed(chance: Random) -> str:
    return "".join(chance.choice("0123456789abcdef") for _ in range(64))


def single_edits(chance: Random) -> Iterator[tuple[str, tuple[str, ...], int, set[str]]]:
    """An edit's name, its statements, the first number that is not as it was, and the kinds that it may be called."""
    n = chance.randrange(1, COUNT)
    other = chance.choice([m for m in range(1, COUNT + 1) if m != n])
    first, second = sorted((n, other))
    where = f"WHERE number = {n}"
    change = "UPDATE krepis_audit SET"
    yield "the message", (f'{change} entry = replace(entry, \'"to":"to\', \'"to":"xo\') {where}',), n, {"changed"}
    yield "a blank in the entry", (f"{change} entry = entry || ' ' {where}",), n, {"changed"}
    yield "no json in the entry", (f"{change} entry = 'x' {where}",), n, {"changed"}
    yield "the actor", (f"{change} actor = 'eve' {where}",), n, {"changed"}
    yield "no actor", (f"{change} actor = NULL {where}",), n, {"changed"}
    yield "the command", (f"{change} command = 'Other' {where}",), n, {"changed"}
    yield "the tenant", (f"{change} tenant = 'east' {where}",), n, {"changed"}
    yield "the instant", (f"{change} at = '2001-01-01T00:00:00.000000Z' {where}",), n, {"changed"}
    yield "the hash", (f"{change} hash = '{hexed(chance)}' {where}",), n, {"changed"}
    yield "the hash before", (f"{change} previous = '{hexed(chance)}' {where}",), n, {"changed"}
    yield "one removed", (f"DELETE FROM krepis_audit {where}",), n, {"removed"}
    yield "several removed", (f"DELETE FROM krepis_audit WHERE number BETWEEN {n} AND {COUNT - 1}",), n, {"removed"}
    yield "the last removed", (f"DELETE FROM krepis_audit WHERE number = {COUNT}",), COUNT, {"truncated"}
    yield "the end removed", (f"DELETE FROM krepis_audit WHERE number >= {n}",), n, {"truncated"}
    yield "all removed", ("DELETE FROM krepis_audit",), 1, {"truncated"}
    yield "one moved far", (f"{change} number = 1000 {where}",), n, {"moved"}
    yield "one moved to the front", (f"{change} number = 0 {where}",), 0, {"inserted"}
    swap = (
        f"{change} number = -1 WHERE number = {first}",
        f"{change} number = {first} WHERE number = {second}",
        f"{change} number = {second} WHERE number = -1",
    )
    yield "two swapped", swap, first, {"moved"}
    copied = (
        "INSERT INTO krepis_audit SELECT {to}, at, command, actor, tenant, entry, previous, hash FROM krepis_audit "
        f"{where}"
    )
    yield "one copied to the end", (copied.format(to=COUNT + 1),), COUNT + 1, {"moved"}
    yield "one copied to the front", (copied.format(to=0),), 0, {"inserted"}
    room = [f"{change} number = {m + 1} WHERE number = {m}" for m in range(COUNT, n, -1)]
    yield "one copied between", (*room, copied.format(to=n + 1)), n + 1, {"moved"}
    shut = [f"{change} number = {m - 1} WHERE number = {m}" for m in range(n + 1, COUNT + 1)]
    yield "one removed and the gap closed", (f"DELETE FROM krepis_audit {where}", *shut), n, {"moved"}
    yield "the head's number", ("UPDATE krepis_audit_head SET number = number - 1",), COUNT, {"inserted"}
    yield "the head's hash", (f"UPDATE krepis_audit_head SET hash = '{hexed(chance)}'",), COUNT, {"changed"}
    yield "no head", ("DELETE FROM krepis_audit_head",), COUNT, {"removed"}


@pytest.mark.parametrize("key", KEYS, ids=["plain", "keyed"])
@pytest.mark.parametrize("seed", [SEED])
async def test_any_single_edit_is_found_and_its_place_is_named(url, key, seed):
    chance = Random(seed)
    audit = Audit(key=key)
    async with serving(url, audit) as service:
        await filled(service)
        for name, texts, number, kinds in single_edits(chance):
            said = await broken_by(service, audit, texts)
            assert said is not None, name
            assert (said.number, said.kind in kinds) == (number, True), f"{name}: {said}"
        assert (await verdict(service, audit)).broken is None


class Undo(Exception):
    pass


async def broken_by(service: Any, audit: Audit, texts: tuple[str, ...]) -> Any:
    """What is broken first by edits in a unit of work, which is then rolled back."""
    found: list[Any] = []

    async def work(sql: Any) -> None:
        for one in texts:
            await sql.run(statement(text(one)))
        found.append((await _Walk(sql, audit.hashing, ()).verdict()).broken)
        raise Undo

    with pytest.raises(Undo):
        await in_unit(service, work)
    return found[0]


@pytest.mark.parametrize("seed", [SEED])
async def test_any_changed_character_is_found(seed):
    chance = Random(seed)
    audit = Audit()
    async with serving("sqlite://", audit) as service:
        await filled(service)
        rows = await kept(service)
        for _ in range(100):
            row = chance.choice(rows)
            column = chance.choice(["entry", "previous", "hash", "command", "actor"])
            value = getattr(row, column)
            at = chance.randrange(len(value))
            changed = value[:at] + chr((ord(value[at]) + chance.randrange(1, 90)) % 0x7F or 33) + value[at + 1 :]
            if changed == value:
                continue
            text = f"UPDATE krepis_audit SET {column} = '{changed.replace(chr(39), chr(39) * 2)}' WHERE number = {row.number}"
            said = await broken_by(service, audit, (text.replace(":", r"\:"),))
            assert said is not None, text
            assert said.number == row.number


async def test_a_forged_chain_needs_the_key(url):
    audit = Audit(key="k" * 32)
    async with serving(url, audit) as service:
        await filled(service, 3)
        last = (await kept(service))[-1]
        forged = Hashing(None).link(3, last.previous, last.entry)
        await edited(service, f"UPDATE krepis_audit SET hash = '{forged}' WHERE number = 3")
        said = await broken(service, audit)
        assert (said.number, said.kind) == (3, "changed")


async def test_an_anchor_tells_of_an_end_that_was_taken_away_with_its_head(url):
    audit = Audit()
    async with serving(url, audit) as service:
        await filled(service)
        anchor = (await verdict(service, audit)).head
        row = (await kept(service))[5]
        await edited(
            service,
            "DELETE FROM krepis_audit WHERE number > 6",
            f"UPDATE krepis_audit_head SET number = 6, hash = '{row.hash}'",
        )
        assert (await verdict(service, audit)).broken is None, "without an anchor nothing is left that could tell"
        said = await broken(service, audit, anchor)
        assert (said.number, said.kind) == (7, "truncated")


async def test_an_anchor_tells_of_a_chain_that_was_made_anew(url):
    audit = Audit()
    async with serving(url, audit) as service:
        await filled(service, 3)
        anchor = (await verdict(service, audit)).head
        row = (await kept(service))[-1]
        entry = row.entry.replace("to2", "eve")
        digest = audit.hashing.link(3, row.previous, entry)
        await edited(
            service,
            f"UPDATE krepis_audit SET entry = replace(entry, 'to2', 'eve'), hash = '{digest}' WHERE number = 3",
            f"UPDATE krepis_audit_head SET hash = '{digest}'",
        )
        assert (await verdict(service, audit)).broken is None
        assert (await broken(service, audit, anchor)).number == 3


async def test_of_two_anchors_of_one_number_both_are_looked_at(url):
    audit = Audit()
    async with serving(url, audit) as service:
        await filled(service, 3)
        good = (await verdict(service, audit)).head
        assert good is not None
        bad = Anchor(good.number, "0" * 64)
        for anchors in ((good, bad), (bad, good)):
            assert (await broken(service, audit, *anchors)).number == good.number
        assert (await verdict(service, audit, good, good)).broken is None


@pytest.mark.parametrize(
    "written", ["", "x", "1", f"1:{'a' * 63}", f"-1:{'a' * 64}", f"1:{'g' * 64}", f"²:{'a' * 64}", "9" * 99]
)
def test_what_is_no_anchor_is_refused(written):
    with pytest.raises(KrepisError, match="is no anchor"):
        read_anchor(written)


def test_an_anchor_is_read_as_it_is_printed():
    anchor = Anchor(7, "a" * 64)
    assert read_anchor(f" {anchor}\n") == anchor


def asked(url: str, *words: str) -> int:
    return run_verb(verb, words, an_app(url))


def test_the_verb_verifies_lists_exports_and_anchors(shared_url, capsys):
    async def fill() -> None:
        async with serving(shared_url) as service:
            await filled(service, 5)

    async def spoil() -> None:
        async with serving(shared_url, fresh=False) as service:
            await edited(service, "DELETE FROM krepis_audit WHERE number = 2")

    asyncio.run(fill())
    assert asked(shared_url, "verify") == 0
    assert capsys.readouterr().out == "5 entries, none changed; 0 wait for their number\n"
    assert asked(shared_url, "anchor") == 0
    anchor = capsys.readouterr().out.strip()
    assert read_anchor(anchor).number == 5
    assert asked(shared_url, "verify", "--anchor", anchor) == 0
    assert asked(shared_url, "verify", "--anchor", "nonsense") == 1
    assert "is no anchor" in capsys.readouterr().err
    assert asked(shared_url, "list", "--actor", "actor0", "--limit", "1") == 0
    listed = capsys.readouterr().out
    assert listed.count("\n") == 1
    assert '"actor0" tenant="north"  Pay {' in listed
    assert "hunter2" not in listed
    assert asked(shared_url, "export", "--after", "3") == 0
    assert [json.decode(line)["number"] for line in capsys.readouterr().out.splitlines()] == [4, 5]
    asyncio.run(spoil())
    assert asked(shared_url, "verify", "--json") == 1
    said = json.decode(capsys.readouterr().out)
    assert said["broken"] == {"number": 2, "kind": "removed", "sentence": "2 is missing"}
    assert asked(shared_url, "verify") == 1
    assert capsys.readouterr().out.startswith("broken at 2 (removed): 2 is missing\n")
    assert asked(shared_url, "anchor") == 1


def test_an_app_without_an_audit_log_is_told_so(capsys):
    from krepis import App

    assert run_verb(verb, ["verify"], App("shop", handlers=())) == 2
    assert capsys.readouterr().err.startswith("krepis: the app `shop` has no audit log (no_audit_log)\n")
