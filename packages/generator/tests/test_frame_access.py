"""Who may do what: rules as pure functions, and finders of what they look at."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from frame_kit import bookshop, run, teams, text_of

from krepis import Actor, NotFound
from krepis.access import NotSignedIn

ANN, BOB = UUID(int=1), UUID(int=2)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = "src/team_board/application/policy.py"
FINDERS = "src/team_board/application/finders.py"


def actor(id: UUID, *roles: str) -> Actor:
    return Actor(str(id), roles=frozenset(roles))


def about(**known):
    return SimpleNamespace(**known)


def test_a_rule_of_ones_own_is_named_after_what_one_is():
    is_customer = run(bookshop(), "src/bookshop/application/policy.py")["is_customer"]
    assert is_customer(actor(ANN), about(customer=ANN))
    assert not is_customer(actor(ANN), about(customer=BOB))


@pytest.mark.parametrize(
    ("function", "caller", "thing", "allowed"),
    [
        ("may_peek_at_issue", None, about(author=ANN), False),
        ("may_peek_at_issue", actor(ANN), about(author=ANN), True),
        ("may_peek_at_issue", actor(BOB), about(author=ANN), False),
        ("is_member", actor(BOB), about(is_member=True), True),
        ("is_member", actor(BOB), about(is_member=False), False),
        ("may_mute_issue", actor(BOB), about(is_member=True), False),
        ("may_mute_issue", actor(BOB), about(is_member=False), True),
        ("may_weigh_issue", None, about(actor=None, issue=about(due=NOON), now=NOON - timedelta(1)), False),
        ("may_weigh_issue", actor(ANN), about(actor=about(email=""), issue=about(due=NOON), now=NOON), False),
        (
            "may_weigh_issue",
            actor(ANN),
            about(actor=about(email="root@b.example"), issue=about(due=NOON), now=NOON),
            True,
        ),
        ("may_vote_on_issue", actor(BOB), about(vote_on_issue_allowed=True), True),
        ("may_rename_issue", actor(ANN), about(issue=about(author=ANN), issue_team=about(lead=BOB)), True),
        ("may_rename_issue", actor(BOB), about(issue=about(author=ANN), issue_team=about(lead=BOB)), True),
        ("may_rename_issue", actor(BOB), about(issue=about(author=ANN), issue_team=about(lead=ANN)), False),
        ("may_delete_comment", actor(ANN), about(comment=about(author=BOB), issue=about(author=ANN)), True),
        ("may_delete_comment", actor(ANN), about(comment=about(author=BOB), issue=about(author=BOB)), False),
        ("is_author", actor(ANN), about(author=ANN), True),
        ("may_prolong_issue", actor(ANN), about(issue=about(due=NOON), now=NOON - timedelta(1)), True),
        ("may_prolong_issue", actor(ANN), about(issue=about(due=NOON), now=NOON), False),
        ("may_audit", actor(ANN), about(actor=about(email="root@b.example")), True),
        ("may_audit", actor(ANN), about(actor=about(email="ann@b.example")), False),
        ("may_judge_issue", actor(BOB, "admin"), about(author=ANN), True),
        ("may_judge_issue", actor(BOB), about(author=ANN), False),
        ("may_judge_issue", actor(ANN, "admin"), about(author=ANN), False),
    ],
)
def test_a_condition_decides_as_it_is_written(function, caller, thing, allowed):
    assert run(teams(), POLICY)[function](caller, thing) is allowed


def test_every_row_is_a_line_of_the_policy():
    policy = text_of(teams(), POLICY).partition("policy = ")[2]
    assert [line.strip() for line in policy.splitlines()[1:-1]] == [
        "may(anyone, ListTeams),",
        "may(anyone, PeekAtIssue, when=may_peek_at_issue),",
        "may(user, ReadIssue, QuoteIssue, when=is_member),",
        "may(anyone, VisitIssue, when=may_visit_issue),",
        "may(anyone, WeighIssue, when=may_weigh_issue),",
        "may(user, MuteIssue, when=may_mute_issue),",
        "may(user, VoteOnIssue, when=may_vote_on_issue),",
        "may(user, RenameIssue, when=may_rename_issue),",
        "may(user, DeleteComment, when=may_delete_comment),",
        "may(user, CloseIssue, ReopenIssue, when=is_author),",
        "may(user, ProlongIssue, when=may_prolong_issue),",
        "may(user, JudgeIssue, when=may_judge_issue),",
        "may(user, Audit, when=may_audit),",
        "may(ADMIN, ReadIssue, RenameIssue, DeleteComment, Sweep, ReadComment),",
        "may(anyone, Register, Login),",
        "may(user, CurrentUser, ChangePassword),",
    ]


def test_a_service_without_rules_has_no_policy():
    assert "policy" not in text_of(_open(), "src/notes/app.py")
    assert "src/notes/application/policy.py" not in _open().files


def _open():
    from frame_kit import project

    source = (
        "# Notes\n\nNotes.\n\n## Entity Note\n\n| field | type |\n|---|---|\n| text | text |\n\n## Query all notes\n\n"
    )
    source += "- door: `GET /notes`\n- answers: list of Note\n\n```krepis\nreturn [n for n in Note]\n```\n"
    return project("notes.md", source)


class NoSuchBook(NotFound):
    message = "there is no book `{book}`"


class Books:
    def __init__(self, **books):
        self.books = books

    async def find_by_isbn(self, ctx, isbn):
        return self.books.get(isbn)


async def test_a_finder_finds_by_the_address():
    names = run(bookshop(), "src/bookshop/application/finders.py", NoSuchBook=NoSuchBook)
    found = await names["book_of"](None, SimpleNamespace(book="x"), books=Books(x="Dune"))
    assert found == "Dune"


async def test_a_finder_refuses_what_is_not_there():
    names = run(bookshop(), "src/bookshop/application/finders.py", NoSuchBook=NoSuchBook)
    with pytest.raises(NoSuchBook, match="no book `y`"):
        await names["book_of"](None, SimpleNamespace(book="y"), books=Books(x="Dune"))


class Rows:
    """A repository that has one row, whatever is asked."""

    def __init__(self, row):
        self.row = row

    async def find(self, ctx, id):
        return self.row

    async def is_member(self, ctx, *, team, member):
        return (team, member) == (8, BOB)

    async def vote_on_issue_allowed(self, ctx, **given):
        return given == {"actor": BOB, "issue": 7, "issue_team": 8}


async def test_a_rule_that_looks_further_gets_all_that_it_looks_at():
    names = run(teams(), FINDERS)
    issue, team = SimpleNamespace(id=7, team=8), SimpleNamespace(id=8)
    found = await names["about_rename_issue"](None, SimpleNamespace(issue=7), issues=Rows(issue), teams=Rows(team))
    assert (found.issue, found.issue_team) == (issue, team)


ISSUE = SimpleNamespace(id=7, team=8)


async def test_a_question_to_a_relation_is_asked_of_the_database():
    names = run(teams(), FINDERS, caller=lambda ctx: BOB)
    found = await names["about_issue"](None, SimpleNamespace(issue=7), issues=Rows(ISSUE), teams=Rows(None))
    assert found.is_member is True


async def test_nobody_is_in_a_relation():
    names = run(teams(), FINDERS)
    ctx = SimpleNamespace(actor=None)
    sent = {"issues": Rows(ISSUE), "teams": Rows(None), "users": Rows(None)}
    assert (await names["about_visit_issue"](ctx, SimpleNamespace(issue=7), **sent)).is_member is False


async def test_a_question_about_all_of_an_entity_is_given_what_it_is_about():
    names = run(teams(), FINDERS, caller=lambda ctx: BOB)
    sent = {"issues": Rows(ISSUE), "comments": Rows(None)}
    assert (await names["about_vote_on_issue"](None, SimpleNamespace(issue=7), **sent)).vote_on_issue_allowed is True


def test_operations_with_the_same_rules_share_what_is_looked_at():
    assert "message: QuoteIssue | ReadIssue, *" in text_of(teams(), FINDERS)


class NoSuchComment(NotFound):
    message = "there is no comment `{comment}`"


@pytest.mark.parametrize("finder", ["comment_of", "about_comment"])
async def test_what_belongs_to_something_else_is_not_there(finder):
    names = run(teams(), FINDERS, NoSuchComment=NoSuchComment)
    sent = {"issues": Rows(ISSUE), "comments": Rows(SimpleNamespace(id=9, issue=6))}
    with pytest.raises(NoSuchComment):
        await names[finder](None, SimpleNamespace(issue=7, comment=9), **sent)


async def test_what_belongs_to_what_the_path_names_is_found():
    comment = SimpleNamespace(id=9, issue=7)
    sent = {"issues": Rows(ISSUE), "comments": Rows(comment)}
    assert await run(teams(), FINDERS)["comment_of"](None, SimpleNamespace(issue=7, comment=9), **sent) is comment


async def test_the_time_that_a_rule_sees_is_that_of_the_message():
    names = run(teams(), FINDERS)
    ctx = SimpleNamespace(now=lambda: NOON)
    found = await names["about_prolong_issue"](ctx, SimpleNamespace(issue=7), issues=Rows(SimpleNamespace(id=7)))
    assert found.now == NOON


async def test_whoever_a_rule_looks_at_is_read_once_for_it():
    ann = SimpleNamespace(email="ann@b.example")
    names = run(teams(), FINDERS, caller=lambda ctx: ANN)
    assert (await names["about_audit"](None, None, users=Rows(ann))).actor is ann


async def test_whoever_is_gone_is_nobody_to_a_rule():
    names = run(teams(), FINDERS, caller=lambda ctx: ANN)
    with pytest.raises(NotSignedIn):
        await names["about_audit"](None, None, users=Rows(None))
