"""What the blocks of a spec say: of operations and reactions, scenarios, the seed, and the lines of `Always`."""

from __future__ import annotations

import msgspec

from krepis_spec.answers import returned_answer
from krepis_spec.blocks import Scope, expression_of, statements_of
from krepis_spec.blueprint import Always, Answer, Blueprint, Operation, Reaction, Scenario, Seed
from krepis_spec.document import Block, Section, Span
from krepis_spec.expressions import Action, Constant, Statement
from krepis_spec.naming import snake
from krepis_spec.operations import Signature
from krepis_spec.problems import Problems, did_you_mean, nearest
from krepis_spec.reasons import BY_ITSELF, Reason, concerning
from krepis_spec.rows import refuse_blocks, refuse_bullets
from krepis_spec.showing import nodes_in
from krepis_spec.surroundings import everywhere, for_callers, given_to
from krepis_spec.types import AnyType, BoolType, NothingType, PageType


def operation_of(
    signature: Signature, blueprint: Blueprint, open_to_anyone: frozenset[str] | None, problems: Problems
) -> Operation:
    """The operation with its block and with what it answers. `blueprint` has all signatures."""
    operation, section = signature.operation, signature.section
    block = _block_of(section, problems)
    if block is None:
        _check_open(signature, problems)
        return _answering(signature, None, signature.answer or Answer("nothing", NothingType()), problems)
    anyone = open_to_anyone is None or operation.name in open_to_anyone or operation.every is not None
    scope = Scope(
        blueprint=blueprint,
        mode=operation.kind,
        names={**for_callers(blueprint, known=not anyone), **given_to(operation)},
        absent=frozenset(one.name for one in operation.inputs if one.may_be_absent),
        answer=None if signature.answer is None else signature.answer.type,
    )
    body = statements_of(block, scope, problems)
    if not body:  # it could not be read; what it answers is not known
        return _answering(signature, body, signature.answer or operation.answer, problems)
    body, answer = returned_answer(body, signature.answer, section.heading, blueprint, problems)
    if operation.kind == "query" and answer.form == "nothing":
        problems.add(section.heading, "a query answers something", "end its block with `return`")
    return _answering(signature, body, answer, problems)


def reactions_of(sections: list[Section], blueprint: Blueprint, problems: Problems) -> tuple[Reaction, ...]:
    """The `## When` sections, in their order."""
    events = {one.name for one in blueprint.events}
    counts: dict[str, int] = {}
    found: list[Reaction] = []
    for section in sections:
        if section.name is None:
            continue
        event = section.name.text
        if event not in events:
            problems.add(section.name.span, f"there is no event `{event}`", did_you_mean(event, events))
            continue
        counts[event] = counts.get(event, 0) + 1
        name = f"when_{snake(event)}" + (f"_{counts[event]}" if counts[event] > 1 else "")
        scope = Scope(blueprint=blueprint, mode="reaction", names=everywhere(blueprint), fields_of=event)
        body = _only_block(section, "a reaction", scope, problems)
        found.append(Reaction(name=name, span=section.heading, event=event, body=body, doc=section.prose))
    return tuple(found)


def scenarios_of(
    sections: list[Section], blueprint: Blueprint, reasons: tuple[Reason, ...], problems: Problems
) -> tuple[Scenario, ...]:
    """The `## Scenario` sections, in their order; `reasons` are all that a refusal may have."""
    found: dict[str, Scenario] = {}
    for section in sections:
        if section.name is None:
            continue
        title = section.name.text
        name = snake(title)
        if not name:
            problems.add(section.name.span, f"`{title}` has no letters or digits", "say what is shown")
            continue
        if name in found:
            message = f"a second scenario `{title}`; the first is on line {found[name].span.line}"
            problems.add(section.name.span, message)
            continue
        scope = Scope(blueprint=blueprint, mode="scenario", names=everywhere(blueprint))
        body = _only_block(section, "a scenario", scope, problems)
        _check_reasons(body, blueprint, reasons, problems)
        found[name] = Scenario(name=name, span=section.heading, title=title, body=body, doc=section.prose)
    return tuple(found.values())


def seed_of(section: Section, blueprint: Blueprint, problems: Problems) -> Seed:
    scope = Scope(blueprint=blueprint, mode="seed", names=everywhere(blueprint))
    return Seed(_only_block(section, "the seed", scope, problems), section.heading)


def always_of(section: Section, blueprint: Blueprint, problems: Problems) -> tuple[Always, ...]:
    """One condition for each bullet."""
    refuse_blocks(section, "`Always`", problems)
    _refuse_tables(section, "`Always`", problems)
    scope = Scope(blueprint=blueprint, mode="always", names=everywhere(blueprint))
    found: list[Always] = []
    for bullet in section.bullets:
        condition = expression_of(bullet.value, scope, problems, BoolType())
        if condition is not None:
            found.append(Always(condition, bullet.value.text, bullet.span))
    if not section.bullets:
        problems.add(section.heading, "`Always` says nothing", "write `- all(b.stock >= 0 for b in Book)`")
    return tuple(found)


def _check_reasons(
    body: tuple[Statement, ...], blueprint: Blueprint, reasons: tuple[Reason, ...], problems: Problems
) -> None:
    """A refusal is expected for a reason that the operation or the server may give, or that `## Service` has a row for."""
    for one in nodes_in(body):
        if not isinstance(one, Action) or one.action != "rejected":
            continue
        operation = blueprint.operation(one.subject)
        if operation.body is None:
            continue
        known = concerning(operation, reasons)
        told = {*BY_ITSELF, *(each.error for each in blueprint.service.errors)}
        for word in one.keywords:
            reason = word.value.value if word.name == "reason" and isinstance(word.value, Constant) else None
            if not isinstance(reason, str) or snake(reason) in told or any(each.is_called(reason) for each in known):
                continue
            own = [each.message for each in known if each.kind in {"said", "invariant"}]
            codes = {*told, *(each.code for each in known)}
            near = nearest(reason, own) or nearest(reason, [code.replace("_", " ") for code in codes])
            hint = f"did you mean `{near}`?" if near else "`status=409` expects a refusal for any reason"
            problems.add(word.value.span, f"`{operation.title}` never refuses because of `{reason}`", hint)


def _check_open(signature: Signature, problems: Problems) -> None:
    """An open task says in prose what it does, and a query also what it answers."""
    section, operation = signature.section, signature.operation
    if operation.kind == "query" and signature.answer is None:
        problems.add(section.heading, "a query without a block says what it answers", "add `- answers: ...`")
    if not section.prose.strip():
        message = f"nothing says what `{operation.title}` does"
        problems.add(section.heading, message, "write a ```krepis block, or in prose what it does")


def _answering(
    signature: Signature, body: tuple[Statement, ...] | None, answer: Answer, problems: Problems
) -> Operation:
    operation = signature.operation
    door = operation.door
    if door is not None and answer.form == "nothing" and not signature.status_written:
        door = msgspec.structs.replace(door, status=204)
    elif door is not None and door.status in {204, 205} and answer.form != "nothing":
        problems.add(door.span, f"an answer with status {door.status} is empty, and this one is not")
    operation = msgspec.structs.replace(operation, answer=answer, door=door, body=body)
    _check_page(operation, problems)
    return operation


def _check_page(operation: Operation, problems: Problems) -> None:
    pages = [one for one in operation.inputs if isinstance(one.type, PageType)]
    if operation.answer.form == "page" and not pages:
        hint = "add the input `page | page(20, 100)`"
        problems.add(operation.span, "a page needs an input that says which one", hint)
    if isinstance(operation.answer.type, AnyType):
        return
    for extra in pages[1:] if operation.answer.form == "page" else pages:
        problems.add(extra.span, f"`{extra.wire}` asks for a page of nothing", "say `- answers: page of ...`")


def _only_block(section: Section, what: str, scope: Scope, problems: Problems) -> tuple[Statement, ...]:
    """What the block of a section says that has a block and nothing else."""
    refuse_bullets(section, what, problems)
    _refuse_tables(section, what, problems)
    block = _block_of(section, problems)
    if block is None:
        problems.add(section.heading, f"{what} says in a block what happens", "write a ```krepis block")
        return ()
    return statements_of(block, scope, problems)


def _block_of(section: Section, problems: Problems) -> Block | None:
    found: Block | None = None
    for block in section.blocks:
        first = Span(block.span.line, block.span.column, block.span.line, block.span.column)
        if block.language == "krepis" and found is not None:
            problems.add(first, "one block is enough; here is another")
        elif block.language == "krepis":
            found = block
        elif section.kind not in {"command", "query"}:
            problems.add(first, f"a template is for what answers `html`, and this is a {section.kind}")
    return found


def _refuse_tables(section: Section, what: str, problems: Problems) -> None:
    for table in section.tables:
        problems.add(table.span, f"{what} has no table")
