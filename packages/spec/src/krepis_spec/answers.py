"""What operations answer: as it is written (`answers: page of Book`), or as their blocks return it.

An entity is shown by its view: `<Entity>View`, or the only one that it has; inside of a record as well. Inside of a value
it is shown as its address. `Answer.type` is what the block returns, before a view is applied; lists are `ListType`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from krepis_spec.blueprint import Answer, Blueprint
from krepis_spec.document import Span, Text
from krepis_spec.expressions import Construct, Expression, If, Name, Return, Statement
from krepis_spec.fitting import fits, items_of, joined, present, words
from krepis_spec.pieces import piece
from krepis_spec.problems import Problems
from krepis_spec.showing import has_parts, nodes_in, shown
from krepis_spec.types import (
    AnyType,
    EntityType,
    FileType,
    ListType,
    NothingType,
    OptionalType,
    RecordType,
    SetType,
    TextType,
    Type,
    ViewType,
)
from krepis_spec.typing import Known, type_of
from krepis_spec.views import view_for

_MANY = ("list", "page", "csv")


def written_answer(text: Text, known: Known, blueprint: Blueprint, problems: Problems) -> Answer:
    """What `answers:` says."""
    match text.text.casefold():
        case "nothing":
            return Answer("nothing", NothingType())
        case "text":
            return Answer("text", TextType())
        case "file":
            return Answer("file", FileType())
        case "html":
            return Answer("html", AnyType())
        case _:
            pass
    for form in _MANY:
        if text.text.startswith(f"{form} of "):
            inner = piece(text, len(form) + 4, len(text.text))
            type, view = _element(type_of(inner, known, problems), inner.span, blueprint, problems)
            return Answer(form, ListType(type), view)
    type, view = _element(type_of(text, known, problems), text.span, blueprint, problems)
    return Answer("one", type, view)


def returned_answer(
    body: tuple[Statement, ...], wanted: Answer | None, end: Span, blueprint: Blueprint, problems: Problems
) -> tuple[tuple[Statement, ...], Answer]:
    """The body with what it returns as callers see it, and the answer. `end` is where a `return` would be missing."""
    body = _each_return(body, lambda value: _seen(value, blueprint, problems))
    returns = [one for one in nodes_in(body) if isinstance(one, Return)]
    answer = wanted or _answer_of(returns, blueprint, problems)
    if answer.form == "nothing":
        for one in returns:
            if one.value is not None and not isinstance(one.value.type, NothingType | AnyType):
                problems.add(one.value.span, "this answers nothing, so nothing is returned", "leave `answers` out")
        return body, answer
    if not _ends(body) and not isinstance(answer.type, AnyType):
        problems.add(end, "the block may end without a `return`, and callers would get no answer")
    types = [_fitting(one, answer, blueprint, problems) for one in returns]
    fitting = [one for one in types if one is not None]
    if wanted is None or len(fitting) < len(returns) or not fitting:
        return body, answer
    return body, msgspec.structs.replace(answer, type=_joined(fitting) or answer.type)


def _element(type: Type, span: Span, blueprint: Blueprint, problems: Problems) -> tuple[Type, str | None]:
    """What a block returns for that type, and the view that shows it."""
    inner = present(type)
    if isinstance(inner, EntityType):
        return type, _view_of(inner, span, blueprint, problems)
    if isinstance(inner, ViewType):
        entity = EntityType(blueprint.view(inner.name).of)
        return (OptionalType(entity) if isinstance(type, OptionalType) else entity), inner.name
    return type, None


def _view_of(entity: EntityType, span: Span, blueprint: Blueprint, problems: Problems) -> str | None:
    view = view_for(entity.name, blueprint)
    if view is None:
        names = [f"`{one.name}`" for one in blueprint.views if one.of == entity.name]
        hint = f"say which of {', '.join(names)}, or call one of them `{entity.name}View`"
        problems.add(span, f"`{entity.name}` has several views", hint)
    return None if view is None else view.name


def _answer_of(returns: list[Return], blueprint: Blueprint, problems: Problems) -> Answer:
    """The answer of a block that says so itself."""
    values = [one.value for one in returns if one.value is not None]
    type = _joined([one.type for one in values])
    if not values:
        return Answer("nothing", NothingType())
    if type is None:
        found = ", ".join(dict.fromkeys(words(one.type) for one in values))
        problems.add(values[-1].span, f"the block returns different things: {found}", "add `- answers: ...`")
        return Answer("one", AnyType())
    match type:
        case NothingType():
            return Answer("nothing", type)
        case FileType():
            return Answer("file", type)
        case ListType(of=of) | SetType(of=of):
            return Answer("list", ListType(of), _shown_by(of, values[0].span, blueprint, problems))
        case OptionalType() as optional if isinstance(optional.of, EntityType | ViewType):
            message = f"this may be none, and there is no `{words(optional.of)}` to answer with"
            problems.add(values[0].span, message, "`get` refuses with 404; or add `- answers: ...?`")
            return Answer("one", AnyType())
        case _:
            return Answer("one", type, _shown_by(type, values[0].span, blueprint, problems))


def _shown_by(type: Type, span: Span, blueprint: Blueprint, problems: Problems) -> str | None:
    """The view that shows what a block returns."""
    inner = present(type)
    if isinstance(inner, ViewType):
        return inner.name
    return _view_of(inner, span, blueprint, problems) if isinstance(inner, EntityType) else None


def _fitting(one: Return, answer: Answer, blueprint: Blueprint, problems: Problems) -> Type | None:
    """The type that is returned, as the answer's; `None` where it does not fit, which is a problem."""
    if one.value is None:
        problems.add(one.span, f"this returns nothing, and the answer is {_said(answer)}")
        return None
    type = one.value.type
    if isinstance(type, AnyType) or answer.form == "html":
        return type
    wanted = _shown_type(answer.type, one.value.span, blueprint)
    if answer.form in _MANY and isinstance(type, ListType | SetType) and isinstance(wanted, ListType):
        if _element_fits(type.of, wanted.of, answer.view, blueprint):
            return ListType(type.of)
    elif answer.form not in _MANY and _element_fits(type, wanted, answer.view, blueprint):
        return type
    problems.add(one.value.span, f"this is {words(type)}, and the answer is {_said(answer)}", _hint(type, answer))
    return None


def _shown_type(type: Type, span: Span, blueprint: Blueprint) -> Type:
    """What callers see of a thing of that type; of an entity that has several views, what it is."""
    return _seen(Name(type=type, span=span, name="answer", source="local"), blueprint, Problems()).type


def _element_fits(given: Type, wanted: Type, view: str | None, blueprint: Blueprint) -> bool:
    if fits(given, wanted, blueprint):
        return True
    may_be_none = isinstance(wanted, OptionalType) or not isinstance(given, OptionalType)
    return view is not None and may_be_none and present(given) == ViewType(view)


def _hint(type: Type, answer: Answer) -> str | None:
    if isinstance(type, OptionalType) and not isinstance(answer.type, OptionalType):
        return "it may be none; `get` refuses with 404 instead"
    if isinstance(type, ListType | SetType) and answer.form == "one":
        return f"say `- answers: list of {answer.view or words(answer.type)}`"
    return None


def _said(answer: Answer) -> str:
    if answer.form in _MANY and isinstance(answer.type, ListType):
        return f"`{answer.form} of {answer.view or words(answer.type.of)}`"
    if answer.form == "one":
        return f"`{answer.view or words(answer.type)}`"
    return f"`{answer.form}`"


def _joined(types: list[Type]) -> Type | None:
    found: Type | None = types[0] if types else None
    for one in types[1:]:
        found = None if found is None else joined(found, one)
    return found


def _seen(value: Expression, blueprint: Blueprint, problems: Problems) -> Expression:
    """What is returned as callers see it. What a view shows as a whole stays as it is."""
    core = present(value.type)
    while isinstance(core, ListType | SetType):
        core = present(core.of)
    if items_of(core) is not None and isinstance(core, RecordType) and core.fields:
        problems.add(value.span, "what callers see has names", 'write `{"title": ..., "count": ...}`')
        return value
    if isinstance(core, EntityType | ViewType) or not has_parts(value.type):
        return value

    def by_view(one: Expression) -> Expression:
        assert isinstance(one.type, EntityType)
        view = _view_of(one.type, one.span, blueprint, problems)
        return one if view is None else Construct(type=ViewType(view), span=one.span, arguments=(one,))

    return shown(value, blueprint, by_view)


def _each_return(body: tuple[Statement, ...], change: Callable[[Expression], Expression]) -> tuple[Statement, ...]:
    """The body with every returned expression changed. There is no `return` inside of a `for`."""
    changed: list[Statement] = []
    for one in body:
        match one:
            case Return(value=value) if value is not None:
                changed.append(msgspec.structs.replace(one, value=change(value)))
            case If():
                branches = _each_return(one.body, change), _each_return(one.otherwise, change)
                changed.append(msgspec.structs.replace(one, body=branches[0], otherwise=branches[1]))
            case _:
                changed.append(one)
    return tuple(changed)


def _ends(body: tuple[Statement, ...]) -> bool:
    """Whether every way through the body ends with a `return`."""
    match body[-1] if body else None:
        case Return():
            return True
        case If(body=then, otherwise=otherwise):
            return _ends(then) and _ends(otherwise)
        case _:
            return False
