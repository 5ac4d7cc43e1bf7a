"""`application/finders.py` of a project: what messages are about, found once, for the policy and for the handler."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from krepis_generator import names
from krepis_generator.annotations import Annotations
from krepis_generator.frame.judging import Far, Known
from krepis_generator.frame.parts import message_module
from krepis_generator.frame.things import Place, Thing, Things, in_path, places_of
from krepis_generator.quoting import docstring
from krepis_generator.repositories import Repositories
from krepis_generator.source import Module
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Operation
from krepis_spec.document import Span
from krepis_spec.naming import class_name
from krepis_spec.types import Type

INLINE_MAX = 3
"""A union of more messages gets a name of its own."""


class Finders:
    """Writes the finders. `far` has what rules look at that look further than one entity."""

    def __init__(self, blueprint: Blueprint, repositories: Repositories, far: Sequence[Far]) -> None:
        self._blueprint = blueprint
        self._repositories = repositories
        self._far = far
        self._package = blueprint.service.name
        self.module = Module(
            f"src/{self._package}/application/finders.py",
            "What messages are about: found once, for the policy and for the handler.",
        )
        self.names: list[tuple[str, str]] = []
        """Each finder, as the module and the name in it."""

    def write(self) -> list[Module]:
        """The module; none where no message is about anything."""
        self.module.use("krepis", "Context")
        for thing, operations in self._groups().items():
            self._near(thing, operations)
        for far in self._far:
            self._about(far)
        return [self.module] if self.names else []

    def _groups(self) -> dict[Thing, list[Operation]]:
        groups: dict[Thing, list[Operation]] = {}
        things = Things(self._blueprint)
        for operation in self._blueprint.operations:
            thing = things.of(operation)
            if thing is not None:
                groups.setdefault(thing, []).append(operation)
        return groups

    def _near(self, thing: Thing, operations: list[Operation]) -> None:
        function = f"{thing.name}_of"
        others = [place for place in thing.path if place.name != thing.name]
        if any(name == function for _, name in self.names):
            function += "_" + "_".join(place.name for place in others or thing.path)
        spans = [place.span for one in operations for place in in_path(one) if place.name == thing.name]
        message = f"message: {self._messages(function, thing, operations)}"
        given = f"ctx: Context, {message}, *, {self._ports({place.entity for place in thing.path})}"
        lines = [f"async def {function}({given}) -> {thing.entity}:"]
        for place in thing.path:
            lines += self._found(place)
        self.module.use(f"{self._package}.domain.{names.one(thing.entity)}", thing.entity)
        self._add(function, [*lines, f"    return {thing.name}"], spans)

    def _ports(self, entities: Collection[str]) -> str:
        """The arguments of the repositories that are asked."""
        for entity in entities:
            self.module.use(f"{self._package}.application.ports", names.port(entity))
        return ", ".join(f"{names.rows(one)}: {names.port(one)}" for one in sorted(entities))

    def _messages(self, function: str, thing: Thing | None, operations: Sequence[Operation]) -> str:
        """The union of the messages that a finder is for."""
        for one in operations:
            self.module.use(message_module(self._blueprint, one), names.message(one))
        messages = sorted(names.message(one) for one in operations)
        union = " | ".join(messages)
        if len(messages) <= INLINE_MAX:
            return union
        alias = f"{class_name(thing.name if thing is not None else function)}Message"
        if any(one.name == alias for one in self.module.definitions):
            alias = f"{class_name(function)}Message"
        self.module.add(alias, f"{alias} = (\n    {union}\n)", apart=True)
        return alias

    def _found(self, place: Place) -> list[str]:
        """The lines that find an entity that the path names, or refuse."""
        entity, name = place.entity, place.name
        method = self._repositories.find_by(entity, self._blueprint.entity(entity).address)
        missing = names.missing(entity)
        self.module.use(f"{self._package}.domain.{names.one(entity)}", missing)
        elsewhere = "".join(f" or {name}.{other} != {other}.id" for other in place.within)
        return [
            f"    {name} = await {names.rows(entity)}.{method.name}(ctx, message.{name})",
            f"    if {name} is None{elsewhere}:",
            f"        raise {missing}({names.one(entity)}=message.{name})",
        ]

    def _about(self, far: Far) -> None:
        written = Annotations(self._blueprint, self.module)
        self.module.use("krepis", "Value")
        fields = [f"    {one.name}: {self._type(one, written)}" for one in far.known]
        spans = [operation.span for operation in far.operations]
        promise = docstring(_promise(far.operations), 4)
        self.module.add(
            far.about, "\n".join([f"class {far.about}(Value):", f"    {promise}", "", *fields]), spans=spans
        )
        ports = self._ports({entity for one in far.known for entity in self._asks(one)})
        message = f"message: {self._messages(far.function, None, far.operations)}"
        given = ", ".join(["ctx: Context", message, *(["*", ports] if ports else [])])
        lines = [f"async def {far.function}({given}) -> {far.about}:"]
        places = {place.name: place for place in places_of(self._blueprint, far.operations[0])}
        for one in far.known:
            lines += self._found(places[one.name]) if one.form == "path" else self._lines(one)
        values = ", ".join(f"{one.name}={self._value(one)}" for one in far.known)
        self._add(far.function, [*lines, f"    return {far.about}({values})"], spans)

    def _type(self, known: Known, written: Annotations) -> str:
        inner, optional = _plain(known.type)
        if isinstance(inner, t.EntityType):
            self.module.use(f"{self._package}.domain.{names.one(inner.name)}", inner.name)
            return f"{inner.name} | None" if optional else inner.name
        if known.form == "tenant":
            return "str | None"
        return written.domain(known.type)

    def _asks(self, known: Known) -> list[str]:
        """The entities whose repositories are asked for this."""
        if known.form == "select":
            return [known.code]
        inner, _ = _plain(known.type)
        return [inner.name] if isinstance(inner, t.EntityType) else []

    def _lines(self, known: Known) -> list[str]:
        inner, _ = _plain(known.type)
        match known.form:
            case "row":
                assert isinstance(inner, t.EntityType), "a row is one of an entity"
                self._repositories.find(inner.name)
                return [
                    f"    {known.name} = await {names.rows(inner.name)}.find(ctx, {known.code})",
                    f'    assert {known.name} is not None, "what refers to it keeps it"',
                ]
            case "actor":
                assert isinstance(inner, t.EntityType), "who calls is an entity"
                return self._caller(known, inner.name)
            case "select":
                return self._question(known)
            case _:
                return []

    def _question(self, known: Known) -> list[str]:
        """A fact that a repository is asked for; of nobody, it is not so."""
        assert known.method is not None, "a question has a method"
        self.module.use(f"{self._package}.application.callers", "caller")
        given = "".join(f", {name}={code}" for name, code in known.given)
        asked = f"await {names.rows(known.code)}.{known.method.name}(ctx{given})"
        if known.may_be_nobody:
            self.module.use("krepis.identity", "SYSTEM")
            asked = f"ctx.actor not in (None, SYSTEM) and {asked}"
        return [f"    {known.name} = {asked}"]

    def _caller(self, known: Known, user: str) -> list[str]:
        """The user who calls; the service itself is none."""
        self._repositories.find(user)
        self.module.use(f"{self._package}.application.callers", "caller")
        found = f"await {names.rows(user)}.find(ctx, caller(ctx))"
        if isinstance(known.type, t.OptionalType):
            self.module.use("krepis.identity", "SYSTEM")
            return [f"    {known.name} = None if ctx.actor in (None, SYSTEM) else {found}"]
        self.module.use("krepis.access", "NotSignedIn")
        return [f"    {known.name} = {found}", f"    if {known.name} is None:", "        raise NotSignedIn"]

    def _value(self, known: Known) -> str:
        return {"now": "ctx.now()", "tenant": "ctx.tenant"}.get(known.form, known.name)

    def _add(self, function: str, lines: list[str], spans: Sequence[Span]) -> None:
        self.module.add(function, "\n".join(lines), spans=spans)
        self.names.append((f"{self._package}.application.finders", function))


def _plain(type: Type) -> tuple[Type, bool]:
    return (type.of, True) if isinstance(type, t.OptionalType) else (type, False)


def _promise(operations: Sequence[Operation]) -> str:
    told = [f"`{operation.title}`" for operation in operations]
    return f"What is looked at before {', '.join(told[:-1])}{' and ' if told[1:] else ''}{told[-1]}."
