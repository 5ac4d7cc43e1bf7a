"""Pages by cursor in memory: those behind the place that the cursor names."""

from __future__ import annotations

from krepis_generator import ports
from krepis_generator.annotations import Annotations
from krepis_generator.memory.printing import MemoryPrinter
from krepis_generator.repositories import Method
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec.expressions import Expression


def cursor_lines(
    module: Module, method: Method, printer: MemoryPrinter, node: Expression, page: str, shown_as: str
) -> list[str]:
    """What follows `found = ...`. The place of a row is what it is sorted by, and its id."""
    module.use("krepis.types", "Page", "read_cursor", "write_cursor")
    module.use("uuid", "UUID")
    keys = _keys(node)
    written = Annotations(printer.blueprint, module)
    types = ", ".join([*(written.domain(body.type) for body, _ in keys), "UUID"])
    before = dict(printer.names)
    for _, name in keys:
        printer.names[name] = "row"
    place = ", ".join([*(printer.text(body) for body, _ in keys), "row.id"])
    printer.names = before
    found, places, behind, start, items, rest = (
        ports.local_name(method, name) for name in ("found", "places", "behind", "start", "items", "last")
    )
    return [
        f"{places} = [({place}{'' if keys else ','}) for row in {found}]",
        f"{behind} = read_cursor({page}.cursor, tuple[{types}])",
        f"{start} = 0 if {behind} is None else {places}.index({behind}) + 1",
        f"{items} = {found}[{start} : {start} + {page}.limit]",
        f"{rest} = write_cursor({places}[{start} + {page}.limit - 1]) if {start} + {page}.limit < len({found}) else None",
        f"return Page(items=[{shown_as} for row in {items}], next={rest})",
    ]


def _keys(node: Expression) -> list[tuple[Expression, str]]:
    if not isinstance(node, e.Call) or node.function != "sorted":
        return []
    key = next((one.value for one in node.keywords if one.name == "key"), None)
    if not isinstance(key, e.Lambda):
        return []
    parts = key.body.items if isinstance(key.body, e.Collection) else (key.body,)
    return [(part.of if isinstance(part, e.Negative) else part, key.parameter) for part in parts]
