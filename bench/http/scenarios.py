"""What is asked, what must be answered, and what wrk sends.

A server's answers are checked before and after each timed run; `Wrong` says what was off.
"""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench.http.databases import Database
from bench.http.processes import Wrong, ask
from bench.http.servers import Server

TAGS = ["alpha", "beta", "gamma", "delta", "omega"]
LINES = [{"sku": f"SKU-{i:04d}", "quantity": i, "price_cents": 1000 + 10 * i} for i in range(1, 6)]
ORDER = {"customer": "Ada Lovelace", "lines": LINES}
TOTAL_CENTS = sum(line["quantity"] * line["price_cents"] for line in LINES)
BODY = json.dumps(ORDER, separators=(",", ":"))
BAD_BODIES = {
    "quantity 0": json.dumps({"customer": "a", "lines": [{**LINES[0], "quantity": 0}]}),
    "quantity a word": json.dumps({"customer": "a", "lines": [{**LINES[0], "quantity": "many"}]}),
    "sku missing": json.dumps({"customer": "a", "lines": [{"quantity": 1, "price_cents": 1}]}),
    "lines missing": json.dumps({"customer": "a"}),
    "broken JSON": '{"customer":',
}
STORED_FIRST = 500  # orders that a scenario with reads finds there; all are asked for, at random
UNKNOWN_ID = {int: "999999999", str: "00000000-0000-7000-8000-000000000000"}


@dataclass(frozen=True)
class Scenario:
    key: str
    title: str
    store: str
    posts_of_ten: int  # how many of ten requests are POST /orders
    path: str = "/orders"
    race: str = "servers"  # or "parts" (of Krepis), or "bookshop" (one that is generated, one by hand)

    def is_for(self, server: Server) -> bool:
        return (self.store, self.race) == (server.store, server.race)

    @property
    def reads_back(self) -> bool:
        return self.store != "none" and self.posts_of_ten < 10


SCENARIOS = {
    scenario.key: scenario
    for scenario in (
        Scenario("S1", "plain text", "none", 0, "/"),
        Scenario("S2", "path and query, validated, to JSON", "none", 0, "/items/42?q=hello"),
        Scenario("S3", "POST of a nested validated body", "none", 10),
        Scenario("S4", "POST of an order with five lines, stored in SQLite", "sqlite", 10),
        Scenario("S4G", "an order with five lines read back from SQLite", "sqlite", 0),
        Scenario("S4M", "one order stored in SQLite, nine read", "sqlite", 1),
        Scenario("S5", "POST of an order with five lines, stored in PostgreSQL", "postgresql", 10),
        Scenario("S5G", "an order with five lines read back from PostgreSQL", "postgresql", 0),
        Scenario("P", "S3 with a part of Krepis on", "none", 10, race="parts"),
        Scenario("PW", "S4 with a part of Krepis on that writes, too", "sqlite", 10, race="parts"),
        Scenario("S5M", "one order stored in PostgreSQL, nine read", "postgresql", 1),
        *(
            Scenario(f"{key}{letter}", f"bookshop on {name}: {title}", store, posts, path, race="bookshop")
            for letter, name, store in (("", "SQLite", "sqlite"), ("P", "PostgreSQL", "postgresql"))
            for key, title, posts, path in (
                ("B1", "a page of 20 of 1,000 books, and how many there are", 0, "/books"),
                ("B2", "the books whose title has a word", 0, "/books"),
                ("B3", "an order of two lines, shown to its customer", 0, "/orders"),
                ("B4", "an order of two lines placed, stock down, mail sent", 10, "/orders"),
            )
        ),
    )
}
NOTHING: Mapping[str, str] = MappingProxyType({})
BOOKSHOP = tuple(key for key, scenario in SCENARIOS.items() if scenario.race == "bookshop")
USUAL = ("S1", "S2", "S3", "S4", "S4G", "S5", "S5G")


def check(scenario: Scenario, port: int, headers: Mapping[str, str] = NOTHING) -> None:
    if scenario.key == "S1":
        check_text(port)
    elif scenario.key == "S2":
        check_item(port)
    else:
        check_order(port, headers, stored=scenario.store != "none")


def check_text(port: int) -> None:
    status, kind, body = ask(port, "GET", "/")
    need(status == 200 and body == b"ok" and kind.startswith("text/plain"), "GET /", (status, kind, body))


def check_item(port: int) -> None:
    for id, q in ((42, "hello"), (7, "x")):
        item = answered_json(port, "GET", f"/items/{id}?q={q}")
        need(item == {"id": id, "q": q, "tags": TAGS} and type(item["id"]) is int, "GET /items", item)
    need_refused(port, "GET", "/items/abc?q=x", "an id that is no number")
    need_refused(port, "GET", "/items/5", "q missing")


def check_order(port: int, headers: Mapping[str, str], *, stored: bool) -> None:
    summary = answered_json(port, "POST", "/orders", BODY, headers)
    id = summary.pop("id", None)
    need(summary == {"lines": len(LINES), "total_cents": TOTAL_CENTS}, "POST /orders", summary)
    for what, body in BAD_BODIES.items():
        need_refused(port, "POST", "/orders", what, body, headers)
    if stored:
        order = answered_json(port, "GET", f"/orders/{id}", headers=headers)
        need(order == {"id": id, "total_cents": TOTAL_CENTS, **ORDER}, f"GET /orders/{id}", order)
        need_refused(port, "GET", f"/orders/{UNKNOWN_ID[type(id)]}", "an order that is not there", headers=headers)


def check_kept(database: Database, answered: int) -> None:
    """Each order that was answered is in the database, with all its lines."""
    orders = database.number("SELECT count(*) FROM orders")
    need(orders >= answered, f"{answered} orders kept", orders)
    # In one statement, so of one moment: what wrk left under way may still be stored.
    strays = f"SELECT (SELECT count(*) FROM order_lines) - {len(LINES)} * (SELECT count(*) FROM orders)"
    need((off := database.number(strays)) == 0, f"{len(LINES)} lines for each order, none missing or too many", off)


def store_first(port: int) -> list[int | str]:
    """Orders to read back; their ids."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    ids = []
    for _ in range(STORED_FIRST):
        connection.request("POST", "/orders", body=BODY, headers={"Content-Type": "application/json"})
        ids.append(json.loads(connection.getresponse().read())["id"])
    connection.close()
    return ids


def script(
    scenario: Scenario,
    ids: list[int | str],
    folder: Path,
    headers: Mapping[str, str] = NOTHING,
    *,
    new_keys: bool = False,
) -> list[str]:
    """The options that make wrk send this scenario; with `new_keys`, each request with an idempotency key of its own."""
    if scenario.store == "none" and not scenario.posts_of_ten:
        return []
    lua = folder / f"{scenario.key}.lua"
    posts = POSTS + "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in headers.items())
    posts += NEW_KEYS if new_keys else ""
    lua.write_text(READS_AND_POSTS % reads_and_posts(scenario, ids) if scenario.reads_back else posts, encoding="utf-8")
    return ["--script", str(lua)]


def reads_and_posts(scenario: Scenario, ids: list[int | str]) -> dict[str, object]:
    return {"ids": ",".join(json.dumps(str(id)) for id in ids), "posts": scenario.posts_of_ten}


POSTS = f"""
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[{BODY}]]
"""

NEW_KEYS = """
local count, run = 0, io.open("/proc/sys/kernel/random/uuid"):read()
function request()
  count = count + 1
  wrk.headers["Idempotency-Key"] = run .. "-" .. count
  return wrk.format()
end
"""

READS_AND_POSTS = (
    """
local ids, requests, turn = {%(ids)s}, {}, 0
function init()
  math.randomseed(7)
  for i, id in ipairs(ids) do requests[i] = wrk.format("GET", "/orders/" .. id) end
  post = wrk.format("POST", "/orders", {["Content-Type"] = "application/json"}, [["""
    + BODY
    + """]])
end
function request()
  turn = (turn + 1) %% 10
  if turn < %(posts)d then return post end
  return requests[math.random(#requests)]
end
"""
)


def answered_json(
    port: int, method: str, path: str, body: str | None = None, headers: Mapping[str, str] = NOTHING
) -> Any:
    status, kind, answer = ask(port, method, path, body, headers)
    need(status in {200, 201} and kind.startswith("application/json"), f"{method} {path}", (status, kind, answer))
    return json.loads(answer)


def need_refused(
    port: int, method: str, path: str, what: str, body: str | None = None, headers: Mapping[str, str] = NOTHING
) -> None:
    status, _, answer = ask(port, method, path, body, headers)
    need(400 <= status < 500 and status != 401, f"4xx for {method} {path}, {what}", (status, answer))


def need(ok: bool, what: str, got: object) -> None:  # noqa: FBT001 - reads as a sentence
    if not ok:
        raise Wrong(f"{what}: not as wanted: `{got!r}`")
