"""What a block reads before it decides, and what stands in the way."""

from __future__ import annotations

import pytest

from krepis_generator.domain.plan import Plan
from krepis_spec import Blueprint, SpecRefused, read_text
from krepis_spec.facts import EACH, Facts, Lookup, Question, Reach

SPEC = """\
# Club

A club.

## Service

| setting | value |
|---|---|
| auth | email and password, bearer token, 7 days |

## Entity Team

| field | type | rules |
|---|---|---|
| name | text(1..40) | unique |
| slug | slug | from name |
| lead | Member? | |
| points | int | default 0 |
| fans | set of Member | server |

- addressed by: slug

## Entity Member

| field | type | rules |
|---|---|---|
| name | text(1..40) | unique |
| points | int | default 0 |
| boss | Member? | |

## Entity Match

| field | type | rules |
|---|---|---|
| number | int | server, sequence, unique |
| home, away | Team | |

## Access

| who | may | when |
|---|---|---|
| user | act | |

## Command act

- door: `POST /teams/{{team}}/act`
- answers: {answer}

| input | type | rules |
|---|---|---|
| name | text | |
| names | list of text | |
| member | Member | |
| other | Member? | |
| lines | list of {{team: Team, count: int}} | |

```krepis
{block}
```

## Port Till

| operation | input | answers |
|---|---|---|
| charge | amount: int | int |
"""


def _blueprint(block: str, answer: str = "nothing") -> Blueprint:
    return read_text("club.md", SPEC.format(block=block, answer=answer))


def _facts(block: str, answer: str = "nothing") -> Facts:
    blueprint = _blueprint(block, answer)
    return Plan(blueprint.operation("act"), blueprint).facts


def _touched(block: str) -> list[tuple[str, ...]]:
    return [(one.reach.root, *one.reach.steps) for one in _facts(block).decided]


def test_a_lookup_leaves_the_block_and_keeps_its_name() -> None:
    facts = _facts("found = get(Member, name=name)\nfound.points += 1")

    assert [(read.name, type(read)) for read in facts.reads] == [("found", Lookup)]
    assert len(facts.body) == 1


def test_a_lookup_in_a_loop_is_one_read_for_all_of_its_rounds() -> None:
    (read,) = _facts("for one in names:\n    found = get(Member, name=one)\n    found.points += 1").reads

    assert isinstance(read, Lookup)
    assert [loop.variables for loop in read.loops] == [("one",)]


def test_a_lookup_behind_a_condition_is_not_required() -> None:
    (read,) = _facts("if len(name) > 3:\n    found = get(Member, name=name)\n    found.points += 1").reads

    assert isinstance(read, Lookup)
    assert (read.required, len(read.guards)) == (False, 1)


def test_what_a_lookup_needs_is_worked_out_where_it_is_made() -> None:
    facts = _facts("word = name.lower()\nfound = get(Member, name=word)\nfound.points += 1")

    assert [read.name for read in facts.reads] == ["found"]


def test_the_largest_part_that_one_statement_can_answer_is_the_question() -> None:
    (read,) = _facts('require(count(m for m in Member if m.points > team.points) < 3, "too many")').reads

    assert isinstance(read, Question)
    assert [name for name, _ in read.arguments] == ["team_points"]
    assert read.name == "members_count"


def test_a_filter_that_may_be_left_out_stays_in_the_question() -> None:
    (read,) = _facts('require(any(other is None or m == other for m in Member), "nobody")').reads

    assert isinstance(read, Question)
    assert [name for name, _ in read.arguments] == ["other"]


def test_a_loop_over_all_of_them_asks_for_those_that_its_condition_names() -> None:
    facts = _facts("for m in Member:\n    if m.points > 3 and m.boss == member:\n        m.points = 0")

    (read,) = facts.reads
    assert isinstance(read, Question)
    assert [name for name, _ in read.arguments] == ["member"]


def test_members_of_a_relation_are_asked_for() -> None:
    (read,) = _facts('require(member in team.fans, "no fan")').reads

    assert isinstance(read, Question)
    assert read.name == "is_among_fans"


def test_the_last_question_is_asked_after_the_changes() -> None:
    facts = _facts("member.points = 0\nreturn [m for m in Member if m.points == 0]", "list of Member")

    assert facts.last is not None
    assert facts.reads == ()


def test_rows_are_known_by_the_ways_to_them() -> None:
    assert _touched("for one in lines:\n    one.team.points += one.count") == [("lines", EACH, "team")]


def test_another_name_for_a_row_is_the_same_way() -> None:
    assert _touched("same = member\nsame.points += 1") == [("member",)]


def test_one_of_two_rows_is_both_ways() -> None:
    assert _touched("one = member if name == 'x' else other\nif one is not None:\n    one.points += 1") == [
        ("member",),
        ("other",),
    ]


def test_a_row_behind_a_new_reference_is_the_one_that_was_assigned() -> None:
    block = "member.boss = other\nif member.boss is not None:\n    member.boss.points += 1"

    assert ("other",) in _touched(block)


def test_a_later_assignment_in_a_loop_is_known_to_an_earlier_line() -> None:
    block = (
        "for one in lines:\n"
        "    if member.boss is not None:\n"
        "        member.boss.points += one.count\n"
        "    member.boss = one.team.lead"
    )

    assert ("lines", EACH, "team", "lead") in _touched(block)


def test_what_a_new_thing_refers_to_is_what_it_was_given() -> None:
    assert ("team",) in _touched("match = create(Match, home=team, away=team)\nmatch.home.points += 1")


def test_a_caller_whose_fields_are_read_is_a_row() -> None:
    facts = _facts('require(actor.email != name, "you")')

    assert [one.reach for one in facts.decided] == [Reach("actor")]


def test_a_derived_field_that_is_unique_asks_who_has_its_like() -> None:
    (read,) = _facts("create(Team, name=name)").reads

    assert isinstance(read, Question)
    assert read.name == "taken_slugs"


LATE = (
    (
        "found = create(Member, name=name)\nagain = get(Member, name=found.name)\nagain.points = 1",
        "`get` looks for one of `Member`, and the block has changed `Member` before",
    ),
    (
        "member.name = name\nfound = find(Member, name=name)\nif found is not None:\n    found.points = 1",
        "`find` looks for one of `Member`, and the block has changed `Member` before",
    ),
    (
        'member.points = 5\nrequire(count(m for m in Member if m.points > 3) < 9, "too many")',
        "this asks about all of `Member`, and the block has changed `Member` before",
    ),
    (
        'delete(member)\nrequire(count(m for m in Member) > 0, "nobody left")',
        "this asks about all of `Member`, and the block has changed `Member` before",
    ),
    (
        "team.points = 5\nfound = find(Match, number=team.points)\nif found is not None:\n    delete(found)",
        "`find` needs `points` of Team, which the block has changed before",
    ),
    (
        'for one in names:\n    require(count(m for m in Member if m.name == one) == 1, "no")',
        "this would ask the database once for each round of a loop",
    ),
    (
        "team.points = 5\ntaken = Till.charge(amount=3)\nmember.points = taken",
        "`Till.charge` answers, and the block has changed something before",
    ),
    (
        "for one in lines:\n    one.team.points = Till.charge(amount=one.count)",
        "`Till.charge` answers, and is called in a loop or a branch",
    ),
    (
        "number = 1\nnumber = number + 1\nfound = get(Match, number=number)\ndelete(found)",
        "`get` needs `number`, which is assigned more than once",
    ),
    (
        "made = create(Member, name=name) if len(name) > 3 else member\nmade.points = 1",
        "`create` stands here where it may happen or not, or more than once",
    ),
)


@pytest.mark.parametrize(("block", "message"), LATE)
def test_what_cannot_be_read_before_is_a_mistake_of_the_spec(block: str, message: str) -> None:

    with pytest.raises(SpecRefused) as refused:
        _blueprint(block)

    assert message in str(refused.value)


def test_a_put_in_a_loop_is_no_change_to_itself() -> None:
    assert [read.name for read in _facts("for one in names:\n    put(Member, name=one, points=1)").reads]


def test_a_change_of_other_fields_is_not_in_the_way_of_a_question() -> None:
    facts = _facts('team.points = 5\nrequire(count(t for t in Team if t.name == name) < 9, "too many")')

    assert len(facts.reads) == 1
