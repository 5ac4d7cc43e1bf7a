"""Security headers on every answer; and the pages of Krepis still work under them."""

from __future__ import annotations

import pytest
from _limited import app

from krepis import KrepisError, Service
from krepis.http.facts import Facts
from krepis.limits import SecurityHeaders, TrustedProxies
from krepis.testing import start

PROXIED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize("path", ["/greet", "/nowhere", "/docs", "/openapi.json", "/search?text=%00", "/page"])
async def test_every_answer_has_them(path: str) -> None:
    async with start(app(SecurityHeaders())) as service:
        reply = await service.get(path)
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"


async def test_only_html_has_a_policy_of_its_content() -> None:
    async with start(app(SecurityHeaders())) as service:
        assert "content-security-policy" not in (await service.get("/greet")).headers
        policy = (await service.get("/page")).headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ")
    assert policy.endswith("; frame-ancestors 'none'")


async def test_the_page_of_the_documentation_keeps_its_own_policy() -> None:
    async with start(app(SecurityHeaders())) as service:
        reply = await service.get("/docs")
    # A second policy could only take away what the page's own one allows: its script and its style, by their hashes.
    assert reply.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert "script-src &#x27;sha256-" in reply.text


async def test_https_is_to_be_kept_and_http_hears_nothing_of_it() -> None:
    async with start(app(TrustedProxies("127.0.0.1"), SecurityHeaders(hsts_subdomains=True))) as service:
        assert "strict-transport-security" not in (await service.get("/greet")).headers
        reply = await service.get("/greet", headers=PROXIED)
        assert reply.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        stranger = await service.get("/greet", headers=PROXIED, client="198.51.100.1")
        assert "strict-transport-security" not in stranger.headers


async def test_hsts_of_no_time_is_left_out() -> None:
    async with start(app(TrustedProxies("127.0.0.1"), SecurityHeaders(hsts_s=0))) as service:
        assert "strict-transport-security" not in (await service.get("/greet", headers=PROXIED)).headers


async def test_one_answer_does_not_add_to_the_next() -> None:
    async with start(app(SecurityHeaders())) as service:
        first = await service.service.doors.match("GET", "/greet")[0].start(facts(service.service))
        second = await service.service.doors.match("GET", "/greet")[0].start(facts(service.service))
    assert first.headers == second.headers


@pytest.mark.parametrize(
    "options", [{"hsts_s": -1}, {"referrer_policy": "a\r\nb: c"}, {"content_policy": "\xe9"}, {"frame_ancestors": "\n"}]
)
def test_values_that_are_none_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(KrepisError):
        SecurityHeaders(**options)  # type: ignore[arg-type]


def facts(service: Service) -> Facts:
    return Facts("GET", "/greet", (), b"", {}, b"", service.sources.monotonic())
