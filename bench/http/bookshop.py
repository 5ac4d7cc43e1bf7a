"""The bookshop in the race: what `krepis use` makes of `examples/bookshop.md`, beside the same doors by hand.

The project is built anew for each run of its server. Both shops begin with the same thousand books and with orders that a few callers have
placed through the doors; both must answer the same to the same requests, with the same JSON.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from bench import report
from bench.http.apps.bookshop_books import BOOKS, KINDS, STOCK, THINGS, BookFacts
from bench.http.databases import Database
from bench.http.processes import Wrong, ask
from bench.http.scenarios import Scenario, answered_json, need
from bench.http.servers import APPS, Server

SPEC = report.ROOT / "examples" / "bookshop.md"
KREPIS = Path(sys.executable).with_name("krepis")
PASSWORD_KIB = 1024  # nobody registers in what is timed; the usual 64 MiB would be all that one sees of the memory
REQUESTS_PER_MINUTE = 1_000_000  # counted, and never refused
CALLERS, FIRST_ORDERS, PREPARED_ORDERS = 10, 500, 1_000
PAGE = 20
UNKNOWN_ORDER = "00000000-0000-7000-8000-000000000000"
MAILED_S_MAX = 120.0
MAILED_LOOK_S = 0.2
SEED = 7
BY_TITLE = sorted(BOOKS, key=lambda book: book.title)


class Asked(NamedTuple):
    """One request that wrk sends."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str = ""


def prepare(server: Server, database: Database, folder: Path, python: Path) -> dict[str, str]:
    """Build the project and fill its database, where it is one; answers with the environment that the server needs."""
    own = {"BENCH_FOLDER": str(folder), "BENCH_PASSWORD_KIB": str(PASSWORD_KIB)}
    if server.shop != "generated":
        return own
    project = folder / "project"
    done([KREPIS, "use", SPEC, "--into", project, "--yes", "--no-check"], {})
    own |= {
        "PYTHONPATH": f"{project / 'src'}{os.pathsep}{APPS}",
        "BOOKSHOP_DATABASE": database.url,
        "BOOKSHOP_DATA_FOLDER": str(folder),
        "BOOKSHOP_REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE),
        "BOOKSHOP_PASSWORD_MEMORY_KIB": str(PASSWORD_KIB),
    }
    done([python, APPS / "krepis_bookshop_fill.py"], own)
    return own


def done(command: list[str | Path], environment: Mapping[str, str]) -> None:
    ran = subprocess.run(command, env={**os.environ, **environment}, check=False, capture_output=True, text=True)
    if ran.returncode:
        raise Wrong(f"`{command[0]}` ended with {ran.returncode}: {(ran.stdout + ran.stderr)[-1_500:]}")


class BookshopVisit:
    """One life of one bookshop, as its callers see it."""

    def __init__(self, port: int, database: Database, folder: Path) -> None:
        self._port = port
        self._database = database
        self._folder = folder
        self._callers = [self._registered(number) for number in range(CALLERS)]
        self._chance = random.Random(SEED)
        self._orders: list[tuple[str, Mapping[str, str]]] = []

    def check(self, scenario: Scenario) -> None:
        """All doors, whatever is asked next: what is fast in one must be right in the others."""
        self._check_shelf()
        self._check_order()
        self._check_refusals()

    def options(self, scenario: Scenario) -> list[str]:
        while len(self._orders) < FIRST_ORDERS:
            self._orders.append(self._placed())
        self._database.look_around()
        asked = {"B1": self._pages, "B2": self._searches, "B3": self._shown, "B4": self._new_orders}[scenario.key[:2]]()
        lua = self._folder / f"{scenario.key}.lua"
        lua.write_text(SCRIPT % "\n".join(line_of(one) for one in asked), encoding="utf-8")
        return ["--script", str(lua)]

    def settle(self) -> None:
        """Wait for the mails: of each order that is kept, one goes out after the answer, and it must not be for nothing."""
        end = time.monotonic() + MAILED_S_MAX
        mails = self._folder / "mail"
        while (sent := sum(1 for _ in mails.iterdir())) < (orders := self._number("SELECT count(*) FROM orders")):
            if time.monotonic() > end:
                raise Wrong(f"{orders} orders and {sent} mails, {MAILED_S_MAX:.0f} s later")
            time.sleep(MAILED_LOOK_S)

    def check_kept(self, scenario: Scenario, answered: int) -> None:
        """Each order that was answered is there with its lines, and not one copy was lost or sold twice."""
        if not scenario.posts_of_ten:
            return
        orders = self._number("SELECT count(*) FROM orders")
        need(orders >= answered, f"{answered} orders kept", orders)
        # In one statement each, so of one moment: what wrk left under way may still be stored.
        strays = "SELECT (SELECT count(*) FROM order_lines) - 2 * (SELECT count(*) FROM orders)"
        need((off := self._number(strays)) == 0, "2 lines for each order, none missing or too many", off)
        copies = "SELECT (SELECT sum(stock) FROM books) + (SELECT sum(quantity) FROM order_lines)"
        need((off := self._number(copies) - STOCK * len(BOOKS)) == 0, "as many copies as before, sold or not", off)

    def _check_shelf(self) -> None:
        for offset in (0, 980):
            page = self._ask_json(f"/books?offset={offset}")
            need(same_books(page, BY_TITLE[offset : offset + PAGE], len(BOOKS)), f"page of 20 from {offset}", page)
        for text in (KINDS[3].upper(), THINGS[4].lower(), "no such book", "100%"):
            found = [book for book in BY_TITLE if text.casefold() in book.title.casefold()]
            page = self._ask_json(f"/books?text={text.replace(' ', '+').replace('%', '%25')}&limit=7&offset=1")
            need(same_books(page, found[1:8], len(found)), f"7 books with `{text}`", page)
        cheap = [book for book in BY_TITLE if book.price <= Decimal("5.50") and "red" in book.title.casefold()]
        page = self._ask_json("/books?max_price=5.50&text=red")
        need(same_books(page, cheap[:PAGE], len(cheap)), "books that are cheap", page)

    def _check_order(self) -> None:
        id, headers = self._placed()
        order = self._ask_json(f"/orders/{id}", headers)
        again = self._ask_json(f"/orders/{id}", headers)
        need(order == again, "the same order twice", (order, again))
        status, _, body = ask(self._port, "GET", f"/orders/{id}", headers=self._other(headers))
        need(status == 403, "403 for somebody else's order", (status, body))

    def _check_refusals(self) -> None:
        headers = self._callers[0]
        wrong = {"authorization": headers["authorization"][:-9] + headers["authorization"][-9:].swapcase()}
        good, unknown = lines_of([(BOOKS[0], 1)]), json.dumps({"lines": [{"book": "9990000000000", "quantity": 1}]})
        many = json.dumps({"lines": json.loads(good)["lines"] * 51})
        refused = (
            (401, "POST", "/orders", good, {}),
            (401, "POST", "/orders", good, wrong),
            (401, "GET", f"/orders/{UNKNOWN_ORDER}", None, {}),
            (404, "GET", f"/orders/{UNKNOWN_ORDER}", None, headers),
            (404, "POST", "/orders", unknown, headers),
            (422, "POST", "/orders", lines_of([(BOOKS[0], 101)]), headers),
            (422, "POST", "/orders", '{"lines":[{"quantity":1}]}', headers),
            (422, "POST", "/orders", '{"lines":[]}', headers),
            (422, "POST", "/orders", many, headers),
            (422, "GET", "/books?limit=101", None, {}),
            (422, "GET", "/books?max_price=cheap", None, {}),
        )
        for expected, method, path, body, given in refused:
            status, _, answer = ask(self._port, method, path, body, given)
            need(status == expected, f"{expected} for {method} {path} with {body}", (status, answer))

    def _placed(self) -> tuple[str, Mapping[str, str]]:
        """An order of two random lines by a random caller: its id, and the headers of who may see it."""
        headers, wanted = self._chance.choice(self._callers), self._two_lines()
        order = answered_json(self._port, "POST", "/orders", lines_of(wanted), headers)
        id = order["id"]
        need(is_order(order, wanted), "POST /orders", order)
        shown = self._ask_json(f"/orders/{id}", headers)
        need(shown == order, f"GET /orders/{id}", (shown, order))
        return id, headers

    def _two_lines(self) -> list[tuple[BookFacts, int]]:
        return [(book, self._chance.randint(1, 5)) for book in self._chance.sample(BOOKS, 2)]

    def _registered(self, number: int) -> Mapping[str, str]:
        given = json.dumps({"email": f"caller{number}@example.org", "password": "a long word of theirs"})
        made = answered_json(self._port, "POST", "/register", given)
        need(made["roles"] == [] and set(made) == {"id", "email", "roles", "token"}, "POST /register", made)
        return {"authorization": f"Bearer {made['token']}"}

    def _other(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        return next(one for one in self._callers if one != headers)

    def _pages(self) -> list[Asked]:
        return [Asked("GET", f"/books?limit={PAGE}&offset={offset}", {}) for offset in range(0, len(BOOKS), PAGE)]

    def _searches(self) -> list[Asked]:
        return [Asked("GET", f"/books?text={word.lower()}", {}) for word in (*KINDS, *THINGS)]

    def _shown(self) -> list[Asked]:
        return [Asked("GET", f"/orders/{id}", headers) for id, headers in self._orders]

    def _new_orders(self) -> list[Asked]:
        json_body = {"Content-Type": "application/json"}
        return [
            Asked("POST", "/orders", self._chance.choice(self._callers) | json_body, lines_of(self._two_lines()))
            for _ in range(PREPARED_ORDERS)
        ]

    def _ask_json(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        return answered_json(self._port, "GET", path, headers=headers or {})

    def _number(self, query: str) -> int:
        return self._database.number(query)


def lines_of(wanted: list[tuple[BookFacts, int]]) -> str:
    """The body of an order."""
    lines = [{"book": book.isbn, "quantity": quantity} for book, quantity in wanted]
    return json.dumps({"lines": lines}, separators=(",", ":"))


def is_order(order: Any, wanted: list[tuple[BookFacts, int]]) -> bool:
    """Whether that is all that callers see of a new order, to the letter."""
    lines = [{"book": book.isbn, "quantity": count, "unit_price": str(book.price)} for book, count in wanted]
    total = str(sum(book.price * count for book, count in wanted))
    placed_at = datetime.fromisoformat(order["placed_at"])
    rest = {name: value for name, value in order.items() if name not in {"id", "customer", "placed_at"}}
    return (
        rest == {"lines": lines, "status": "placed", "total": total}
        and set(order) - set(rest) == {"id", "customer", "placed_at"}
        and abs(placed_at - datetime.now(UTC)) < timedelta(minutes=1)
    )


def same_books(page: Any, books: list[BookFacts], total: int) -> bool:
    """Whether a page has these books, to the letter; how many copies are left is another matter."""
    items = [book._asdict() | {"price": str(book.price)} for book in books]
    stocks = [item.pop("stock") for item in (*items, *page["items"])]
    return page == {"items": items, "total": total, "next": None} and all(0 < stock <= STOCK for stock in stocks)


def line_of(asked: Asked) -> str:
    """One request as Lua has it; JSON's strings are Lua's, too."""
    headers = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in asked.headers.items())
    words = (json.dumps(asked.method), json.dumps(asked.path), f"{{{headers}}}", json.dumps(asked.body))
    return f"  {{{', '.join(words)}}},"


SCRIPT = """
local asked, requests = {
%s
}, {}
function init()
  math.randomseed(7)
  for i, one in ipairs(asked) do requests[i] = wrk.format(one[1], one[2], one[3], one[4]) end
end
function request()
  return requests[math.random(#requests)]
end
"""
