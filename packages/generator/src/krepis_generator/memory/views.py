"""`adapters/memory/views.py` of a project: the views that show more than one row holds."""

from __future__ import annotations

from krepis_generator import names, shown
from krepis_generator.memory.printing import MemoryPrinter
from krepis_generator.source import Module
from krepis_spec.blueprint import Blueprint


def views_module(blueprint: Blueprint) -> Module | None:
    """The functions of such views; none where there is none."""
    package = blueprint.service.name
    module = Module(f"src/{package}/adapters/memory/views.py", "What callers see of rows in memory.")
    for view in blueprint.views:
        if not shown.needs_rows(view, blueprint):
            continue
        one, function = names.one(view.of), names.view_function(view.name)
        records = shown.record_names(view, blueprint)
        module.use("krepis.testing", "MemoryUnit")
        module.use(f"{package}.domain.{one}", view.of)
        module.use(f"{package}.application.views", view.name, *records.values())
        printer = MemoryPrinter(module, blueprint, "unit", records)
        printer.about(view.of, one)
        given: list[str] = []
        for field in view.fields:
            printer.hold(field.value)
            given.append(f"{shown.attribute(field.name)}={printer.field(field.value, field.value.type)}")
        viewer = ""
        if shown.needs_viewer(view, blueprint):
            module.use("uuid", "UUID")
            viewer = ", viewer: UUID | None"
        module.add(
            function,
            f"def {function}(unit: MemoryUnit, {one}: {view.of}{viewer}) -> {view.name}:\n"
            f"    return {view.name}({', '.join(given)})",
            spans=[view.span],
        )
    return module if module.definitions else None
