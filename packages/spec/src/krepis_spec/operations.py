"""The signatures of commands and queries: their doors, inputs and settings; everything but what their blocks say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

from krepis_spec.answers import written_answer
from krepis_spec.blueprint import Answer, Door, Input, Operation, Quota
from krepis_spec.document import Block, Bullet, Document, Section, Span, Text
from krepis_spec.doors import door_of, shape_of
from krepis_spec.fitting import present, words
from krepis_spec.inputs import inputs_of
from krepis_spec.keyed import bullets_of
from krepis_spec.naming import class_name, is_usable, snake
from krepis_spec.problems import Problems, did_you_mean
from krepis_spec.schedules import schedule_of
from krepis_spec.surroundings import Things
from krepis_spec.types import AnyType, ListType, OptionalType, RecordType, SetType, TextType, ValueType

_Form = Literal["json", "csv", "form", "text"]
_Period = Literal["minute", "hour", "day", "week", "month", "year"]
_Per = Literal["actor", "tenant", "service"]

MODULES = frozenset(("callers", "finders", "grant_role", "policy", "ports", "sessions", "views"))
"""What stands beside the operations in a project's `application/`."""
_BULLETS = ("door", "answers", "input in", "input as", "every", "at most", "once per")
_FORMS: tuple[_Form, ...] = ("csv", "form", "text")
_PERIODS: tuple[_Period, ...] = get_args(_Period)
_PERS: tuple[_Per, ...] = get_args(_Per)
_QUOTA = re.compile(r"([1-9]\d{0,8}) per (\w+)(?: per (\w+))?", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)


class Signature(Struct, frozen=True):
    """An operation without its body. `answer` is `None` where the block says what is answered."""

    section: Section
    operation: Operation
    answer: Answer | None
    status_written: bool

    def block(self, language: str) -> Block | None:
        return next((one for one in self.section.blocks if one.language == language), None)


def signatures_of(document: Document, things: Things, problems: Problems) -> tuple[Signature, ...]:
    """The signatures of all commands and queries."""
    found: list[Signature] = []
    for section in document.sections:
        if section.kind in {"command", "query"} and section.name is not None:
            signature = _Reader(section, things, problems).signature(section.name)
            if signature is not None:
                found.append(signature)
    _refuse_twins(found, problems)
    return tuple({one.operation.name: one for one in reversed(found)}.values())[::-1]


def _refuse_twins(found: list[Signature], problems: Problems) -> None:
    """No two operations have one name, or one door."""
    names: dict[str, Operation] = {}
    doors: dict[tuple[str, str], Operation] = {}
    for signature in found:
        one = signature.operation
        first = names.setdefault(one.name, one)
        if first is not one:
            message = f"`{one.title}` is the name of the {first.kind} on line {first.span.line} already"
            problems.add(one.span, message)
        if one.door is not None and (other := doors.setdefault(shape_of(one.door), one)) is not one:
            message = f"`{one.door.method} {one.door.path}` is the door of `{other.title}` already"
            problems.add(one.door.span, message)


class _Reader(Struct, frozen=True):
    """Reads one section."""

    section: Section
    things: Things
    problems: Problems

    def signature(self, title: Text) -> Signature | None:
        section, what = self.section, f"a {self.section.kind}"
        name = snake(title.text)
        if not re.match("[a-z]", name) or not is_usable(name):
            self.problems.add(title.span, f"`{title.text}` cannot be the name of {what}", "a good one: `place order`")
            return None
        if name in MODULES:
            message = f"`{title.text}` is the name of a module that every project has"
            self.problems.add(title.span, message, f"say what is done: `show {title.text}`")
        thing = self.things.classes.get(class_name(title.text))
        if thing is not None:
            self.problems.add(title.span, f"`{class_name(title.text)}` is the name of {thing} already")
        bullets = bullets_of(section, what, _BULLETS, self.problems, repeated=("at most",))
        door, status_written = self._door(bullets)
        inputs = inputs_of(section, door, self.things, self.problems)
        answer = self._answer(bullets)
        form = self._form(bullets, inputs)
        operation = Operation(
            name=name,
            span=section.heading,
            kind="command" if section.kind == "command" else "query",
            title=title.text,
            answer=answer or Answer("one", AnyType()),
            doc=section.prose,
            door=door,
            inputs=inputs,
            envelope=self._envelope(bullets, inputs, form),
            input_form=form,
            every=self._every(bullets, inputs),
            quotas=tuple(quota for one in bullets["at most"] if (quota := self._quota(one.value)) is not None),
            once_per=self._once_per(bullets, door),
        )
        return Signature(section, operation, answer, status_written)

    def _door(self, bullets: Mapping[str, list[Bullet]]) -> tuple[Door | None, bool]:
        for bullet in bullets["door"]:
            read = door_of(bullet.value, self.problems)
            if read is not None and self.section.kind == "query" and read[0].method not in {"GET", "POST"}:
                span = read[0].span
                self.problems.add(span, f"a query changes nothing, so its door is no `{read[0].method}`", "use `GET`")
            if read is not None and self.section.kind == "command" and read[0].method == "GET":
                self.problems.add(read[0].span, "a command changes something, so its door is no `GET`", "use `POST`")
            if read is not None:
                return read
        return None, False

    def _answer(self, bullets: Mapping[str, list[Bullet]]) -> Answer | None:
        templates = [one for one in self.section.blocks if one.language == "jinja"]
        answer = next(
            (
                written_answer(one.value, self.things.known, self.things.blueprint, self.problems)
                for one in bullets["answers"]
            ),
            None,
        )
        if answer is None or answer.form != "html":
            for one in templates:
                message = "a template is for what answers `html`"
                self.problems.add(_first_line(one), message, "add `- answers: html`")
            return answer
        for one in templates[1:]:
            self.problems.add(_first_line(one), "one template is enough for an answer; here is another")
        if not templates:
            hint = "add a ```jinja block"
            self.problems.add(bullets["answers"][0].span, "an answer of `html` needs its template", hint)
        return Answer("html", AnyType(), template=templates[0].text if templates else "")

    def _form(self, bullets: Mapping[str, list[Bullet]], inputs: tuple[Input, ...]) -> _Form:
        for bullet in bullets["input as"]:
            written = bullet.value
            form: _Form | None = next((one for one in _FORMS if one == written.text.casefold()), None)
            if form is not None:
                self._check_form(form, [one for one in inputs if one.place == "body"], written.span)
                return form
            self.problems.add(
                written.span, f"`{written.text}` is no form of an input", did_you_mean(written.text, _FORMS)
            )
        return "json"

    def _check_form(self, form: _Form, body: list[Input], span: Span) -> None:
        if form == "text" and not (len(body) == 1 and isinstance(body[0].type, TextType)):
            self.problems.add(span, "a body of text is one input of type `text`")
        elif form == "csv" and not (len(body) == 1 and _is_rows(body[0])):
            hint = "for example `rows | list of {isbn: text, title: text}`"
            self.problems.add(span, "a body of CSV is one input that lists records", hint)
        for one in body:
            if form == "form" and isinstance(_item(one), RecordType | ValueType | ListType | SetType):
                self.problems.add(one.span, f"{words(one.type)} does not fit into a form")

    def _envelope(self, bullets: Mapping[str, list[Bullet]], inputs: tuple[Input, ...], form: _Form) -> str | None:
        for bullet in bullets["input in"]:
            name = bullet.value
            if not _NAME.fullmatch(name.text):
                self.problems.add(name.span, f"`{name.text}` is no name", "letters, digits, `_` and `-`")
            elif form != "json" or not any(one.place == "body" for one in inputs):
                self.problems.add(name.span, "there is no JSON body to put into an envelope")
            else:
                return name.text
        return None

    def _every(self, bullets: Mapping[str, list[Bullet]], inputs: tuple[Input, ...]) -> str | None:
        for bullet in bullets["every"]:
            if self.section.kind == "query":
                self.problems.add(bullet.span, "a query changes nothing, so it has no schedule")
            asked = [one for one in inputs if one.default is None and not isinstance(one.type, OptionalType)]
            if asked:
                message = f"nobody gives `{asked[0].wire}` to what runs by itself"
                self.problems.add(bullet.span, message, "give it a default, or make it optional")
            return schedule_of(bullet.value, self.problems)
        return None

    def _quota(self, text: Text) -> Quota | None:
        found = _QUOTA.fullmatch(" ".join(text.text.split()))
        if found is None:
            self.problems.add(text.span, f"`{text.text}` is no quota", "write `3 per month per actor`")
            return None
        period: _Period | None = next((one for one in _PERIODS if one == found[2]), None)
        per: _Per | None = next((one for one in _PERS if one == (found[3] or "service")), None)
        service = self.things.blueprint.service
        if period is None:
            self.problems.add(text.span, f"`{found[2]}` is no period of a quota", did_you_mean(found[2], _PERIODS))
        elif per is None:
            self.problems.add(text.span, f"a quota is not counted per `{found[3]}`", did_you_mean(found[3], _PERS))
        elif per == "actor" and service.auth is None:
            self.problems.add(text.span, "there are no actors, since the service has no `auth`")
        elif per == "tenant" and service.tenants is None:
            self.problems.add(text.span, "there are no tenants, since the service has no `tenants`")
        else:
            return Quota(int(found[1]), period, per, text.span)
        return None

    def _once_per(self, bullets: Mapping[str, list[Bullet]], door: Door | None) -> str | None:
        for bullet in bullets["once per"]:
            header = bullet.value
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", header.text, re.ASCII):
                self.problems.add(header.span, f"`{header.text}` is no header", "for example `Idempotency-Key`")
            elif self.section.kind == "query" or door is None:
                self.problems.add(bullet.span, "`once per` is for commands that have a door")
            else:
                return header.text
        return None


def _is_rows(one: Input) -> bool:
    return isinstance(one.type, ListType) and isinstance(one.type.of, RecordType)


def _item(one: Input) -> object:
    type = present(one.type)
    return present(type.of) if isinstance(type, ListType | SetType) else type


def _first_line(block: Block) -> Span:
    return Span(block.span.line, block.span.column, block.span.line, block.span.column)
