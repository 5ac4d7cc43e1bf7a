"""Rates: at the limit and one beyond; whose call it is; a table that many processes share and nobody can abuse."""

from __future__ import annotations

import multiprocessing
import os
import random
import stat
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from _hammer import hammer
from _limited import Greet, Join, Search, app

from krepis import Actor, KrepisError
from krepis._system import SystemSources
from krepis.errors import WiringError
from krepis.identity import SYSTEM
from krepis.limits import Cors, Rate, Rates, TooManyRequests, TrustedProxies, rate
from krepis.limits._buckets import SLOT_BYTES, WAYS, Buckets
from krepis.limits._table_file import HEADER_BYTES, TableFile, default_file
from krepis.limits.rates import BUCKETS_MAX, COUNT_MAX, PER_S_MAX, address_key
from krepis.testing import TestService, TestSources, start

SECOND = 1_000_000_000


async def admitted(service: TestService, count: int, path: str = "/greet", **options: object) -> int:
    replies = [await service.get(path, **options) for _ in range(count)]
    assert {reply.status for reply in replies} <= {200, 404, 429}
    return sum(reply.status != 429 for reply in replies)


def as_(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


async def test_an_address_may_ask_as_often_as_its_rate_says_and_once_more_it_may_not() -> None:
    async with start(app(Rates(per_address=rate(5, per_s=10)))) as service:
        assert await admitted(service, 5) == 5
        refused = await service.get("/greet")
        assert (refused.status, refused.json["code"]) == (429, "too_many_requests")
        assert refused.headers["retry-after"] == "2"
        assert refused.headers["ratelimit-policy"] == '"address";q=5;w=10'
        assert refused.headers["ratelimit"] == '"address";r=0;t=10'
        assert await admitted(service, 1, client="10.9.9.9") == 1


async def test_who_waits_as_told_is_let_in_and_not_before() -> None:
    sources = TestSources()
    async with start(app(Rates(per_address=rate(5, per_s=10))), sources) as service:
        await admitted(service, 6)
        sources.advance(timedelta(seconds=1.9))
        assert await admitted(service, 1) == 0
        sources.advance(timedelta(seconds=0.1))
        assert await admitted(service, 2) == 1
        sources.advance(timedelta(seconds=10))
        assert await admitted(service, 6) == 5


@pytest.mark.parametrize("count", [1, 3, 7, 100])
async def test_no_rounding_takes_the_last_call_away(count: int) -> None:
    async with start(app(Rates(per_address=rate(count, per_s=1.1)))) as service:
        assert await admitted(service, count + 3) == count


async def test_what_is_no_door_counts_too_but_health_does_not() -> None:
    async with start(app(Rates(per_address=rate(2, per_s=10)))) as service:
        assert await admitted(service, 3, "/nowhere") == 2
        assert await admitted(service, 3, "/docs") == 0
        assert await admitted(service, 3, "/health/live") == 3
        assert await admitted(service, 3, "/healthy") == 0


async def test_nothing_of_a_refused_request_is_read() -> None:
    async with start(app(Rates(per_address=rate(1, per_s=10)))) as service:
        assert (await service.post("/join", body=b"not json")).status == 415
        refused = await service.post("/join", body=b"not json")
        assert refused.status == 429


async def test_an_actor_is_counted_wherever_they_come_from() -> None:
    async with start(app(Rates(per_actor=rate(3, per_s=60)))) as service:
        for client in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
            assert (await service.get("/greet", headers=as_("ann"), client=client)).status == 200
        refused = await service.get("/greet", headers=as_("ann"), client="10.0.0.4")
        assert (refused.status, refused.headers["ratelimit-policy"]) == (429, '"actor";q=3;w=60')
        assert await admitted(service, 3, headers=as_("ben")) == 3
        refusal = await service.refused(Greet(), service.context(actor=Actor("ann")))
        assert isinstance(refusal, TooManyRequests)
        assert refusal.retry_after == 20


async def test_the_same_name_in_another_tenant_is_another_actor() -> None:
    async with start(app(Rates(per_actor=rate(1, per_s=60)))) as service:
        assert await admitted(service, 2, headers=as_("ann")) == 1
        assert await admitted(service, 2, headers=as_("ann@north")) == 1
        assert await admitted(service, 2, headers=as_("ann@south")) == 1


async def test_names_that_look_alike_when_put_together_are_two() -> None:
    async with start(app(Rates(per_actor=rate(1, per_s=60)))) as service:
        assert (await service.dispatch(Greet(), service.context(actor=Actor("b"), tenant="a"))) == "hello you"
        assert (await service.dispatch(Greet(), service.context(actor=Actor("ab")))) == "hello you"
        assert (await service.dispatch(Greet(), service.context(actor=Actor("1:ab")))) == "hello you"
        assert (await service.dispatch(Greet(), service.context(actor=Actor("\ud800\0")))) == "hello you"


async def test_neither_strangers_nor_the_service_itself_are_counted_as_actors() -> None:
    async with start(app(Rates(per_actor=rate(1, per_s=60)))) as service:
        assert await admitted(service, 5) == 5
        for _ in range(5):
            await service.dispatch(Greet(), service.context(actor=SYSTEM))


async def test_a_message_with_a_rate_of_its_own_is_not_counted_with_the_others() -> None:
    async with start(app(Rates(per_actor=rate(2, per_s=60), of={Search: rate(4, per_s=60)}))) as service:
        assert await admitted(service, 6, "/search", headers=as_("ann")) == 4
        assert await admitted(service, 6, headers=as_("ann")) == 2


async def test_a_message_may_have_a_rate_per_address_beside_the_common_one() -> None:
    limits = Rates(per_address=rate(5, per_s=60), of_address={Search: rate(2, per_s=60)})
    async with start(app(limits)) as service:
        assert await admitted(service, 4, "/search") == 2
        assert await admitted(service, 4) == 3


async def test_all_addresses_of_one_ipv6_network_are_one_caller() -> None:
    async with start(app(Rates(per_address=rate(2, per_s=60)))) as service:
        assert await admitted(service, 2, client="2001:db8:1:2::1") == 2
        assert await admitted(service, 1, client="2001:db8:1:2:ffff:ffff:ffff:ffff") == 0
        assert await admitted(service, 1, client="2001:db8:1:3::1") == 1
    async with start(app(Rates(per_address=rate(1, per_s=60), ipv6_prefix=128))) as service:
        assert await admitted(service, 1, client="2001:db8:1:2::1") == 1
        assert await admitted(service, 1, client="2001:db8:1:2::2") == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("2001:db8::1", "2001:DB8:0::2", True),
        ("", "unknown", False),
        ("x:y", "x:z", False),
        ("\udcff", "\udcfe", False),
    ],
)
def test_one_address_has_one_key(one: str, other: str, same: bool) -> None:
    assert (address_key(one, 64) == address_key(other, 64)) is same


async def test_setting_the_wall_clock_opens_and_locks_nothing() -> None:
    sources = TestSources()
    async with start(app(Rates(per_address=rate(2, per_s=60))), sources) as service:
        assert await admitted(service, 1) == 1
        sources._at -= timedelta(days=400)
        assert await admitted(service, 2) == 1
        sources._at += timedelta(days=4000)
        assert await admitted(service, 1) == 0
        sources.advance(timedelta(seconds=30))
        assert await admitted(service, 2) == 1


def test_another_clock_locks_nobody_longer_than_a_window() -> None:
    table = Buckets(bytearray(WAYS * SLOT_BYTES), 0, WAYS, b"key")
    later = 10**6 * SECOND
    assert table.take(b"ann", SECOND, 3 * SECOND, later) is None
    assert table.take(b"ann", SECOND, 3 * SECOND, 0) == (SECOND, 3 * SECOND)
    assert table.take(b"ann", SECOND, 3 * SECOND, later + SECOND) is None


def test_a_full_table_forgets_the_smallest_debt_and_never_its_own_great_one() -> None:
    """A caller who has spent everything brings a thousand addresses, and still has spent everything."""
    seed = random.randrange(2**32)
    print("seed", seed)
    table = Buckets(bytearray(64 * SLOT_BYTES), 0, 64, random.Random(seed).randbytes(16))
    limit = (SECOND, 20 * SECOND)
    for _ in range(20):
        assert table.take(b"mallory", *limit, 0) is None
    for number in range(1000):
        table.take(b"other %d" % number, *limit, 0)
    assert table.take(b"mallory", *limit, 0) is not None


def test_a_table_never_grows_and_places_without_debt_are_given_away() -> None:
    memory = bytearray(WAYS * SLOT_BYTES)
    table = Buckets(memory, 0, WAYS, b"key")
    for number in range(WAYS):
        assert table.take(b"%d" % number, SECOND, SECOND, 0) is None
    assert all(table.take(b"%d" % number, SECOND, SECOND, 0) is not None for number in range(WAYS))
    later = 10 * SECOND
    for number in range(WAYS):
        assert table.take(b"new %d" % number, SECOND, SECOND, later) is None
    assert all(table.take(b"new %d" % number, SECOND, SECOND, later) is not None for number in range(WAYS))
    assert len(memory) == WAYS * SLOT_BYTES


def test_where_a_caller_lies_follows_from_a_secret() -> None:
    places = set()
    for secret in (b"one", b"two", b"three", b"four"):
        memory = bytearray(1024 * SLOT_BYTES)
        Buckets(memory, 0, 1024, secret).take(b"ann", SECOND, SECOND, 0)
        places.add(next(at for at, byte in enumerate(memory) if byte) // (WAYS * SLOT_BYTES))
    assert len(places) > 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: rate(0, 1),
        lambda: rate(COUNT_MAX + 1, 1),
        lambda: rate(1, 0),
        lambda: rate(1, PER_S_MAX + 1),
        lambda: rate(1, float("nan")),
        lambda: Rates(buckets_max=WAYS + 1),
        lambda: Rates(buckets_max=0),
        lambda: Rates(ipv6_prefix=0),
        lambda: Rates(ipv6_prefix=129),
    ],
)
def test_what_is_no_limit_is_refused_where_it_is_written(make: object) -> None:
    with pytest.raises(KrepisError):
        make()  # type: ignore[operator]


def test_the_limits_of_limits_themselves_are_allowed() -> None:
    assert rate(COUNT_MAX, PER_S_MAX) == Rate(COUNT_MAX, PER_S_MAX)
    Rates(buckets_max=WAYS, ipv6_prefix=128)


def test_a_rate_of_a_message_that_nobody_handles_stops_the_start() -> None:
    class Nobody(Greet):
        pass

    with pytest.raises(WiringError, match="`Rates` has a rate of `Nobody`"):
        app(Rates(of={Nobody: rate(1, 1)})).check()


@pytest.mark.parametrize(
    "parts", [(Rates(), TrustedProxies("10.0.0.1")), (Rates(), Cors(origins=("*",))), (Rates(), Rates())]
)
async def test_parts_in_an_order_that_can_not_work_stop_the_start(parts: tuple[object, ...]) -> None:
    with pytest.raises(KrepisError, match=r"stands after|is there twice"):
        async with start(app(*parts)):  # type: ignore[arg-type]
            pass


async def test_the_document_says_429_where_it_can_come() -> None:
    async with start(app(Rates(of={Search: rate(1, 1)}))) as service:
        paths = (await service.get("/openapi.json")).json["paths"]
    assert "429" in paths["/search"]["get"]["responses"]
    assert "429" not in paths["/greet"]["get"]["responses"]
    async with start(app(Rates(per_address=rate(9, 1)))) as service:
        document = (await service.get("/openapi.json")).json
    assert document["paths"]["/greet"]["get"]["responses"]["429"]["$ref"].endswith("429.too_many_requests")
    assert document["components"]["responses"]["429.too_many_requests"]["headers"]["Retry-After"]["required"]


async def test_without_a_rate_nothing_stands_around_a_handler_or_a_door() -> None:
    async def start_(facts: object) -> None: ...

    limits = Rates(of={Search: rate(1, 1)})
    assert limits.door(None, start_) is start_  # type: ignore[arg-type]
    async with start(app(limits)) as service:
        assert service.service.plans[Join].run.__name__ != "counted"
        assert service.service.plans[Search].run.__name__ == "counted"


# The file


def test_processes_that_share_a_file_admit_together_what_one_would(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    workers = [spawn.Process(target=hammer, args=(str(tmp_path / "t"), 400, answers)) for _ in range(4)]
    for worker in workers:
        worker.start()
    admitted = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert sum(admitted) == 500, admitted


def test_a_restart_forgives_nothing_and_a_reboot_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t"
    for expected in (True, False):
        table = TableFile(path, 8, SystemSources())
        assert (table.buckets.take(b"ann", SECOND, SECOND, 5 * SECOND) is None) is expected
        table.close()
    monkeypatch.setattr("krepis.limits._table_file._BOOT_FILE", Path(__file__))
    table = TableFile(path, 8, SystemSources())
    assert table.buckets.take(b"ann", SECOND, SECOND, 5 * SECOND) is None
    table.close()


def test_a_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    TableFile(tmp_path / "t", 8, SystemSources()).close()
    assert stat.S_IMODE((tmp_path / "t").stat().st_mode) == 0o600
    assert (tmp_path / "t").stat().st_size == HEADER_BYTES + 8 * SLOT_BYTES


def a_link(path: Path) -> None:
    path.with_name("victim").write_bytes(b"precious")
    path.symlink_to(path.with_name("victim"))


def a_hard_link(path: Path) -> None:
    path.with_name("victim").touch(0o600)
    os.link(path.with_name("victim"), path)


def open_to_others(path: Path) -> None:
    path.touch()
    path.chmod(0o644)


def anothers(path: Path) -> None:
    path.touch(0o600)
    os.chown(path, 65534, 65534)


def something_else(path: Path) -> None:
    path.touch(0o600)
    path.write_bytes(b"precious" * 100)


def as_long_but_something_else(path: Path) -> None:
    path.touch(0o600)
    path.write_bytes(b"p" * (HEADER_BYTES + 8 * SLOT_BYTES))


def a_pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    "put",
    [
        a_link,
        a_hard_link,
        open_to_others,
        pytest.param(anothers, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")),
        something_else,
        as_long_but_something_else,
        a_pipe,
        Path.mkdir,
    ],
)
def test_a_file_that_somebody_else_has_put_there_is_refused_and_left_alone(tmp_path: Path, put: object) -> None:
    path = tmp_path / "t"
    put(path)  # type: ignore[operator]
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.is_file()}
    with pytest.raises(KrepisError, match="t`") as refused:
        TableFile(path, 8, SystemSources())
    assert "Rates(file=...)" in refused.value.hint
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.is_file()} == before


@pytest.mark.parametrize("size", [0, 1, HEADER_BYTES, HEADER_BYTES + 8 * SLOT_BYTES])
def test_a_file_whose_maker_was_killed_is_made_anew(tmp_path: Path, size: int) -> None:
    (tmp_path / "t").touch(0o600)
    (tmp_path / "t").write_bytes(bytes(size))
    table = TableFile(tmp_path / "t", 8, SystemSources())
    assert table.buckets.take(b"ann", SECOND, SECOND, 0) is None
    table.close()


def test_a_place_that_can_not_be_written_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KrepisError, match="can't hold the shared rates"):
        TableFile(tmp_path / "nowhere" / "t", 8, SystemSources())


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = default_file("club/../../etc", 8).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert default_file("club/../../etc", 8).parent == folder
    assert default_file("a", 8) != default_file("a", 16) != default_file("b", 16)
    folder.chmod(0o777)
    with pytest.raises(KrepisError, match="only this user can write"):
        default_file("club", 8)
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(KrepisError, match="only this user can write"):
        default_file("club", 8)


def test_a_process_that_keeps_the_lock_holds_nobody_up_for_long(tmp_path: Path) -> None:
    """Not killed but stopped: the others wait a moment once, and go on without the lock."""
    sources = SystemSources()
    keeper = TableFile(tmp_path / "t", 8, sources)
    other = TableFile(tmp_path / "t", 8, sources)
    assert keeper._lock.take()
    begun = sources.monotonic()
    for _ in range(50):
        other.buckets.take(b"ann", SECOND, 100 * SECOND, 0)
    assert sources.monotonic() - begun < 1.0
    assert not other._lock.take()
    keeper.close()
    other.close()


async def test_under_test_sources_each_start_counts_anew() -> None:
    for _ in range(2):
        async with start(app(Rates(per_address=rate(1, per_s=60)))) as service:
            assert await admitted(service, 2) == 1


async def test_a_named_file_outlives_the_app(tmp_path: Path) -> None:
    for expected in (1, 0):
        async with start(app(Rates(per_address=rate(1, per_s=60), file=tmp_path / "t"))) as service:
            assert await admitted(service, 2) == expected


def test_the_default_table_is_small() -> None:
    assert BUCKETS_MAX * SLOT_BYTES == 2**20
