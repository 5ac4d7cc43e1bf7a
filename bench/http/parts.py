"""Parts of Krepis in the race: what requests carry when one is on, and how one sees that it is."""

import json
import time
from pathlib import Path
from typing import Any

from bench.http.databases import Database
from bench.http.processes import ask
from bench.http.scenarios import BODY, answered_json, need
from bench.http.servers import Server

WITH_ACCOUNTS = ("token", "api-key", "rate-actor", "all")
WITH_KEYS = ("idempotency", "all")
WITH_SPANS = ("spans", "all")
WITH_METRICS = ("metrics", "all")
WITH_LOG = ("access-log", "all")
COUNTED = {"rate-address": ("GET", "/items/1?q=x"), "rate-actor": ("GET", "/items/1?q=x"), "all": ("POST", "/keys")}
EXPORTED_S_MAX = 10.0


def credentials(server: Server, port: int) -> dict[str, str]:
    """The headers by which a server with accounts knows its caller."""
    if server.part not in WITH_ACCOUNTS:
        return {}
    token = {"Authorization": f"Bearer {posted(port, '/session')['access_token']}"}
    return {"X-Api-Key": posted(port, "/keys", token)["key"]} if server.part == "api-key" else token


def check_part(server: Server, port: int, headers: dict[str, str], folder: Path) -> None:
    """The part is on, as its users would see it."""
    if server.part in WITH_ACCOUNTS:
        for wrong in ({}, {name: f"{value[:-9]}{value[-9:].swapcase()}" for name, value in headers.items()}):
            status, _, body = ask(port, "POST", "/orders", BODY, wrong)
            need(status == 401, f"401 with the credential `{wrong}`", (status, body))
    if server.part in COUNTED:
        method, path = COUNTED[server.part]
        seen = [ask(port, method, path, "{}" if method == "POST" else None, headers)[0] for _ in range(2)]
        need(seen[-1] == 429, "429 for whoever asks too often", seen)
    if server.part in WITH_KEYS:
        once = headers | {"Idempotency-Key": f"one-and-the-same-{time.monotonic_ns()}"}
        first, second = (answered_json(port, "POST", "/orders", BODY, once) for _ in range(2))
        need(first == second, "the same answer to the same key", (first, second))
    if server.part in WITH_METRICS:
        status, _, page = ask(port, "GET", "/metrics")
        need(status == 200 and b'krepis_http_requests_total{method="POST",route="/orders"' in page, "metrics", status)
    if server.part in WITH_LOG:
        need('"event":"request"' in (folder / "log").read_text(encoding="utf-8"), "lines of the access log", "none")
    if server.part in WITH_SPANS:
        need(spans_exported(port), "spans that were exported", "none")


def check_audited(server: Server, database: Database, answered: int) -> None:
    """Each command that was answered has its entry, numbered or about to be."""
    if server.part not in ("audit", "all"):
        return
    query = "SELECT (SELECT count(*) FROM krepis_audit) + (SELECT count(*) FROM krepis_audit_pending)"
    need((entries := database.number(query)) >= answered, f"{answered} entries in the audit log", entries)


def posted(port: int, path: str, headers: dict[str, str] | None = None) -> Any:
    status, _, body = ask(port, "POST", path, "{}", headers or {})
    need(status == 200, f"POST {path}", (status, body))
    return json.loads(body)


def spans_exported(port: int) -> bool:
    """A batch goes out when it is full, or after some seconds."""
    end = time.monotonic() + EXPORTED_S_MAX
    while time.monotonic() < end:
        if answered_json(port, "GET", "/spans") > 0:
            return True
        time.sleep(0.1)
    return False
