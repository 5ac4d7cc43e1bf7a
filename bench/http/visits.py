"""What one life of a server is asked, and how its answers are looked at: one kind of visit for each kind of doors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.http import bookshop, parts
from bench.http.databases import Database
from bench.http.scenarios import Scenario, check, check_kept, script, store_first
from bench.http.servers import Server


class Visit(Protocol):
    """What the race asks of one server."""

    def check(self, scenario: Scenario) -> None:
        """Raises `Wrong` for an answer that is not as it must be."""
        ...

    def options(self, scenario: Scenario) -> list[str]:
        """What makes wrk send the scenario; what it needs is there then."""
        ...

    def settle(self) -> None:
        """Wait for the work that the answers have left behind."""
        ...

    def check_kept(self, scenario: Scenario, answered: int) -> None:
        """Raises `Wrong` when something of what was answered is not in the database."""
        ...


@dataclass(frozen=True)
class OrderVisit:
    """The doors of `README.md`: a text, an item, orders."""

    server: Server
    port: int
    database: Database
    folder: Path
    headers: dict[str, str]

    def check(self, scenario: Scenario) -> None:
        check(scenario, self.port, self.headers)
        parts.check_part(self.server, self.port, self.headers, self.folder)

    def options(self, scenario: Scenario) -> list[str]:
        first = store_first(self.port) if scenario.reads_back else []
        new_keys = self.server.part in parts.WITH_KEYS
        return script(scenario, first, self.folder, self.headers, new_keys=new_keys)

    def settle(self) -> None:
        """All is done with the answer."""

    def check_kept(self, scenario: Scenario, answered: int) -> None:
        if scenario.store != "none" and not scenario.reads_back:
            check_kept(self.database, answered)
            parts.check_audited(self.server, self.database, answered)


def visit_of(server: Server, port: int, database: Database, folder: Path) -> Visit:
    """The visit of a server that has just begun to answer."""
    if server.shop:
        return bookshop.BookshopVisit(port, database, folder)
    return OrderVisit(server, port, database, folder, parts.credentials(server, port))
