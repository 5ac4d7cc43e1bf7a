"""Who calls, through proxies that are ours, that are not, and that lie."""

from __future__ import annotations

import random

import pytest
from _limited import app

from krepis import KrepisError
from krepis.http.facts import Answer, Facts, empty
from krepis.limits import Rates, TrustedProxies, rate
from krepis.limits.proxies import ADDRESSES_REMEMBERED_MAX, HOPS_MAX
from krepis.testing import start

OURS = ("10.0.0.0/8", "fd00::/8")
PEER = "10.0.0.2"


async def seen(part: TrustedProxies, peer: str, **headers: str) -> tuple[str, str]:
    facts = Facts("GET", "/", (), b"", {}, b"", 0.0, client=peer)
    facts.headers = {name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()}

    async def inside(facts: Facts) -> Answer:
        return empty(204)

    await part.door(None, inside)(facts)
    return facts.client, facts.scheme


@pytest.mark.parametrize(
    ("peer", "written", "client"),
    [
        (PEER, "203.0.113.9", "203.0.113.9"),
        (PEER, "6.6.6.6, 203.0.113.9, 10.0.0.7", "203.0.113.9"),
        (PEER, "6.6.6.6,203.0.113.9", "203.0.113.9"),
        (PEER, "10.0.0.9, 10.0.0.7", "10.0.0.9"),
        (PEER, "", PEER),
        (PEER, ",", PEER),
        (PEER, "203.0.113.9,", PEER),
        (PEER, "unknown", PEER),
        (PEER, "203.0.113.9, unknown, 10.0.0.7", "10.0.0.7"),
        (PEER, "203.0.113.9, 10.0.0.7.evil", PEER),
        (PEER, "203.0.113.9:4711", "203.0.113.9"),
        (PEER, "[2001:db8::1]:4711", "2001:db8::1"),
        (PEER, "[2001:db8::1]", "2001:db8::1"),
        (PEER, "2001:DB8::1", "2001:db8::1"),
        (PEER, "::ffff:203.0.113.9", "203.0.113.9"),
        (PEER, "203.0.113.9, ::ffff:10.0.0.3", "203.0.113.9"),
        (PEER, "[2001:db8::1]x", PEER),
        (PEER, "[2001:db8::1", PEER),
        (PEER, "203.0.113.9:port", PEER),
        (PEER, "fe80::1%eth0", PEER),
        (PEER, "0x7f.1", PEER),
        (PEER, "010.0.0.1", PEER),
        (PEER, "\u00b2\u00b3.0.0.1", PEER),
        (PEER, "203.0.113.9\r\nx: y", PEER),
        ("fd00::2", "203.0.113.9", "203.0.113.9"),
        ("::ffff:10.0.0.2", "203.0.113.9", "203.0.113.9"),
        ("198.51.100.1", "203.0.113.9", "198.51.100.1"),
        ("", "203.0.113.9", ""),
        ("nonsense", "203.0.113.9", "nonsense"),
    ],
)
async def test_the_nearest_address_that_is_not_ours_is_the_caller(peer: str, written: str, client: str) -> None:
    assert (await seen(TrustedProxies(*OURS), peer, x_forwarded_for=written))[0] == client


@pytest.mark.parametrize(
    ("written", "client", "scheme"),
    [
        ("for=203.0.113.9", "203.0.113.9", "http"),
        ("for=203.0.113.9;proto=https;by=10.0.0.1", "203.0.113.9", "https"),
        ('For="[2001:db8:cafe::17]:4711"; PROTO=HTTPS', "2001:db8:cafe::17", "https"),
        ('for=6.6.6.6, for="203.0.113.9:80";proto=https , for=10.0.0.7;proto=http', "203.0.113.9", "https"),
        ("for=_hidden", PEER, "http"),
        ("for=unknown", PEER, "http"),
        ("proto=https", PEER, "http"),
        ('for="203.0.113.9, for=10.0.0.7', PEER, "http"),
        ('for="203\\.0.113.9"', "203.0.113.9", "http"),
        ('for="a,for=6.6.6.6",for=203.0.113.9', "203.0.113.9", "http"),
        ("for=203.0.113.9 for=6.6.6.6", PEER, "http"),
        ("=;,", PEER, "http"),
        ("for=203.0.113.9;proto=gopher", "203.0.113.9", "http"),
    ],
)
async def test_forwarded_is_read_as_its_standard_says(written: str, client: str, scheme: str) -> None:
    part = TrustedProxies(*OURS, header="forwarded")
    assert await seen(part, PEER, forwarded=written, x_forwarded_for="6.6.6.6") == (client, scheme)


async def test_the_header_that_the_proxies_do_not_write_is_not_read() -> None:
    assert (await seen(TrustedProxies(*OURS), PEER, forwarded="for=6.6.6.6"))[0] == PEER


@pytest.mark.parametrize(
    ("protos", "scheme"),
    [
        ("https", "https"),
        ("HTTPS", "https"),
        ("https, http", "https"),
        ("https, https, http", "http"),
        ("ws", "http"),
        ("", "http"),
        ("https\x00", "http"),
    ],
)
async def test_the_scheme_is_that_of_the_callers_hop(protos: str, scheme: str) -> None:
    part = TrustedProxies(*OURS)
    assert (await seen(part, PEER, x_forwarded_for="203.0.113.9, 10.0.0.7", x_forwarded_proto=protos))[1] == scheme


async def test_a_scheme_of_a_stranger_is_not_believed() -> None:
    client = "198.51.100.1"
    assert await seen(TrustedProxies(*OURS), client, x_forwarded_for="1.1.1.1", x_forwarded_proto="https") == (
        client,
        "http",
    )


async def test_so_many_hops_are_looked_at_and_not_one_more() -> None:
    ours = ", ".join(["10.0.0.7"] * (HOPS_MAX - 1))
    assert (await seen(TrustedProxies(*OURS), PEER, x_forwarded_for=f"203.0.113.9, {ours}"))[0] == "203.0.113.9"
    assert (await seen(TrustedProxies(*OURS), PEER, x_forwarded_for=f"203.0.113.9, 10.0.0.8, {ours}"))[0] == "10.0.0.8"
    forwarded = TrustedProxies(*OURS, header="forwarded", hops_max=1)
    assert (await seen(forwarded, PEER, forwarded="for=203.0.113.9, for=10.0.0.8"))[0] == "10.0.0.8"


async def test_a_peer_on_a_unix_socket_is_trusted_by_name() -> None:
    assert (await seen(TrustedProxies("unix"), "", x_forwarded_for="203.0.113.9"))[0] == "203.0.113.9"
    assert (await seen(TrustedProxies("unix"), PEER, x_forwarded_for="203.0.113.9"))[0] == PEER


async def test_any_bytes_at_all_leave_an_address() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    parts = (TrustedProxies(*OURS), TrustedProxies(*OURS, header="forwarded"))
    pieces = (
        "10.0.0.7",
        "203.0.113.9",
        "for=",
        ",",
        ";",
        '"',
        "\\",
        "[",
        "]",
        ":",
        "proto=https",
        " ",
        "\xff",
        "::",
        "=",
    )
    for _ in range(2000):
        text = "".join(chance.choice(pieces) for _ in range(chance.randint(0, 12)))
        for part in parts:
            client, scheme = await seen(part, PEER, x_forwarded_for=text, forwarded=text, x_forwarded_proto=text)
            assert all(letter in "0123456789abcdef.:" for letter in client), text
            assert scheme in ("http", "https")


async def test_a_long_header_takes_no_long_time() -> None:
    for text in ("," * 60_000, 'for="' + "\\a" * 30_000, "for=a;" * 10_000, "a" * 60_000):
        for part in (TrustedProxies(*OURS), TrustedProxies(*OURS, header="forwarded")):
            assert (await seen(part, PEER, x_forwarded_for=text, forwarded=text))[0] == PEER


async def test_remembered_addresses_are_bounded() -> None:
    part = TrustedProxies(*OURS)
    for number in range(ADDRESSES_REMEMBERED_MAX + 1):
        assert part.trusts(f"10.0.{number // 256}.{number % 256}")
    assert len(part._seen) == 1
    assert part.trusts(PEER)
    assert not part.trusts("192.0.2.1")


async def test_what_stands_inside_sees_the_caller_and_not_the_proxy() -> None:
    async with start(app(TrustedProxies(*OURS), Rates(per_address=rate(1, 60)))) as service:
        for client, status in (("203.0.113.1", 200), ("203.0.113.2", 200), ("203.0.113.1", 429)):
            headers = {"X-Forwarded-For": f"{random.getrandbits(32)}, {client}"}
            assert (await service.get("/greet", headers=headers, client=PEER)).status == status


@pytest.mark.parametrize("networks", [(), ("10.0.0.1/8",), ("everyone",), ("10.0.0.0/33",), ("",)])
def test_what_is_no_network_is_refused(networks: tuple[str, ...]) -> None:
    with pytest.raises(KrepisError):
        TrustedProxies(*networks)


@pytest.mark.parametrize("options", [{"header": "x-real-ip"}, {"hops_max": 0}])
def test_other_mistakes_are_refused_too(options: dict[str, object]) -> None:
    with pytest.raises(KrepisError):
        TrustedProxies("10.0.0.1", **options)  # type: ignore[arg-type]
