"""The end of a handler: what callers get."""

from __future__ import annotations

from krepis_generator import names, ports, shown
from krepis_generator.annotations import Annotations
from krepis_generator.application.loading import Loading
from krepis_generator.application.views import answer_annotation
from krepis_generator.domain.decisions import answer_class
from krepis_generator.domain.plan import Plan
from krepis_generator.repositories import Method
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Input, Operation, View
from krepis_spec.expressions import Expression
from krepis_spec.naming import snake
from krepis_spec.showing import nodes_in
from krepis_spec.types import RecordType, Type


def page_of(operation: Operation) -> Input | None:
    """The input that says which page is asked for."""
    return next((one for one in operation.inputs if isinstance(one.type, t.PageType)), None)


def answer_records(plan: Plan) -> dict[Type, str]:
    """The classes of records in an answer that the handler makes: those that show entities by views."""
    if plan.answers() != "settled":
        return {}
    values = [one.value for one in nodes_in(plan.facts.body) if isinstance(one, e.Return)]
    records = [one for value in values for one in nodes_in(value) if isinstance(one, e.Record)]
    message = names.message(plan.operation)
    found: dict[Type, str] = {}
    for number, one in enumerate(records):
        found.setdefault(one.type, f"{message}Answer{number + 1 if number else ''}")
    return dict(reversed(found.items()))


class Answers:
    """Writes what a handler answers with, and the type of it."""

    def __init__(self, plan: Plan, module: Module, loading: Loading) -> None:
        self.plan = plan
        self.operation = plan.operation
        self.blueprint = plan.blueprint
        self.module = module
        self.loading = loading
        self.records = answer_records(plan)
        self.asked: Method | None = None
        """The method that gives the whole answer."""

    def annotation(self) -> str:
        """The type of the answer; known when its lines are written."""
        answer = self.operation.answer
        annotations = Annotations(self.blueprint, self.module)
        if answer.form == "nothing":
            return "None"
        if answer.form in {"text", "html"}:
            return "str"
        if answer.view is None:
            return self._plain(answer.type, annotations)
        self.use_view(answer.view)
        if answer.form == "page":
            self.module.use("krepis.types", "Page")
            return f"Page[{answer.view}]"
        if answer.form in {"list", "csv"}:
            return f"list[{answer.view}]"
        return f"{answer.view} | None" if isinstance(answer.type, t.OptionalType) else answer.view

    def _plain(self, type: Type, annotations: Annotations) -> str:
        if self.asked is not None:
            return ports.result(self.asked, self.module, self.blueprint)
        match type:
            case RecordType() if type in self.records:
                return self.records[type]
            case RecordType():
                name = answer_class(self.plan, type)
                self.module.use(self.plan.module, name)
                return name
            case t.ListType(of=of) | t.SetType(of=of):
                return f"tuple[{self._plain(of, annotations)}, ...]"
            case t.OptionalType(of=of):
                return f"{self._plain(of, annotations)} | None"
            case _:
                return answer_annotation(type, annotations, {})

    def use_view(self, view: str) -> None:
        self.module.use(f"{self.blueprint.service.name}.application.views", view)

    def write_records(self) -> None:
        """The classes of what only this operation answers with."""
        annotations = Annotations(self.blueprint, self.module)
        for type, name in self.records.items():
            assert isinstance(type, RecordType)
            self.module.use("krepis", "Value")
            lines = [f"class {name}(Value):"]
            lines += [
                f"    {snake(field.name)}: {self._shown(field.type, annotations)}{self._renamed(field.name)}"
                for field in type.fields
            ]
            self.module.add(name, "\n".join(lines), spans=[self.operation.span])

    def _renamed(self, name: str) -> str:
        if snake(name) == name:
            return ""
        self.module.use("krepis", "field")
        return f' = field(name="{name}")'

    def _shown(self, type: Type, annotations: Annotations) -> str:
        match type:
            case t.ListType(of=t.ViewType(name=name)):
                self.use_view(name)
                return f"list[{name}]"
            case RecordType():
                return self.records[type]
            case _:
                return shown.annotation(type, annotations, self.records)

    # ------------------------------------------------------------------ the lines

    def of_question(self) -> list[str]:
        """The answer of the last question, which one statement gives."""
        last = self.plan.facts.last
        assert last is not None
        call, self.asked = self.loading.question(
            last,
            self.operation.name,
            view=self.operation.answer.view,
            page=page_of(self.operation),
            doc=self.operation.doc,
        )
        return [f"return await {call}"]

    def of_entity(self, name: e.Name, row: str, id: str) -> list[str]:
        """An entity, as its view."""
        view = self.operation.answer.view
        assert view is not None, "an entity is shown by a view"
        return self.shown_as(view, row, id)

    def shown_as(self, view: str, row: str, id: str) -> list[str]:
        """`return` with that view of a row; what it does not hold itself is read by its id."""
        known = self.blueprint.view(view)
        if not shown.needs_rows(known, self.blueprint):
            return [f"return {self._function(known)}({row})"]
        local = self.loading.local("shown")
        return [
            f"{local} = await {self._read(known, id)}",
            f"assert {local} is not None",
            f"return {local}",
        ]

    def of_decided(self, text: str) -> list[str]:
        """What the decision has made."""
        answer = self.operation.answer
        type = answer.type
        if answer.view is None:
            return [f"return {text}"]
        view = self.blueprint.view(answer.view)
        if self.plan.answers() == "row":
            return [f"return {self._function(view)}({text})"]
        if answer.form in {"list", "csv"}:
            return [f"return {self._read_all(view, text)}"]
        if isinstance(type, t.OptionalType):
            local = self.loading.local("answer")
            return [f"{local} = {text}", f"return None if {local} is None else await {self._read(view, local)}"]
        local = self.loading.local("shown")
        return [f"{local} = await {self._read(view, text)}", f"assert {local} is not None", f"return {local}"]

    def of_record(self, value: Expression) -> list[str]:
        """A record whose parts the handler shows by views."""
        return [f"return {self._part(value)}"]

    def _part(self, value: Expression) -> str:
        match value:
            case e.Record(fields=fields, type=type):
                return (
                    f"{self.records[type]}({', '.join(f'{snake(one.name)}={self._part(one.value)}' for one in fields)})"
                )
            case e.Action(action="token_for", of=user) if user is not None:
                return self.loading.token_for(user)
            case e.Construct(type=t.ViewType(name=name), arguments=(of,)):
                return self._view_of(self.blueprint.view(name), of)
            case e.Comprehension(
                element=e.Construct(type=t.ViewType(name=name), arguments=(e.Name() as row,)), clauses=clauses
            ):
                if len(clauses) == 1 and clauses[0].variables == (row.name,) and not clauses[0].conditions:
                    view = self.blueprint.view(name)
                    source = clauses[0].source
                    ids = self.loading.values.get(source.name, "") if isinstance(source, e.Name) else ""
                    return self._read_all(view, ids or self.loading.printer.text(source))
                return self.loading.printer.text(value)
            case e.Conditional(test=test, then=then, otherwise=otherwise):
                return f"{self._part(then)} if {self.loading.printer.text(test)} else {self._part(otherwise)}"
            case _:
                return self.loading.printer.field(value, value.type)

    def _view_of(self, view: View, of: Expression) -> str:
        if not shown.needs_rows(view, self.blueprint):
            return f"{self._function(view)}({self.loading.printer.row(of)})"
        ids = self.loading.printer.text(of)
        return f"({self._read_all(view, f'[{ids}]')})[0]"

    def _function(self, view: View) -> str:
        function = names.view_function(view.name)
        self.module.use(f"{self.blueprint.service.name}.application.views", function)
        return function

    def _read(self, view: View, id: str) -> str:
        viewer = shown.needs_viewer(view, self.blueprint)
        method = self.loading.repositories.view(view.name, viewer=viewer)
        more = f", {self.loading.viewer()}" if viewer else ""
        return f"{self.loading.repository(view.of)}.{method.name}(ctx, {id}{more})"

    def _read_all(self, view: View, ids: str) -> str:
        viewer = shown.needs_viewer(view, self.blueprint)
        method = self.loading.repositories.views(view.name, viewer=viewer)
        more = f", {self.loading.viewer()}" if viewer else ""
        return f"await {self.loading.repository(view.of)}.{method.name}(ctx, {ids}{more})"
