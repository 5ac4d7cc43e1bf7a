"""Single modules of the frame, run: the settings, the doors, the key, the recording fakes, the accounts."""

import ast
import json
from types import SimpleNamespace
from uuid import UUID

import pytest
from frame_kit import TEAMS, bookshop, project, run, teams

from krepis import Command, NotFound, Query, Rejection, Value
from krepis.accounts import SessionTokens
from krepis.settings import read_settings
from krepis.types import Secret

ANN = UUID(int=1)
SHOP = "src/bookshop"


def settings(made, package, name):
    return run(made, f"src/{package}/settings.py")[name]


def test_the_defaults_of_the_settings_are_settings():
    kind = settings(bookshop(), "bookshop", "BookshopSettings")
    assert read_settings(kind, environment={}, toml="").database == "sqlite:///var/bookshop.db"


def test_the_settings_are_read_where_the_project_says():
    kind = settings(bookshop(), "bookshop", "BookshopSettings")
    toml = bookshop().files["krepis.toml"].decode()
    assert read_settings(kind, environment={"BOOKSHOP_DATABASE": "x"}, toml=toml).database == "x"


def test_the_table_of_a_service_of_two_words_is_the_one_that_its_settings_read():
    kind = settings(teams(), "team_board", "TeamBoardSettings")
    toml = teams().files["krepis.toml"].decode().replace("sqlite:///var/team_board.db", "here")
    assert read_settings(kind, environment={}, toml=toml).database == "here"


def test_a_name_that_krepis_would_split_elsewhere_keeps_its_prefix():
    made = project("teams.md", TEAMS.replace("# Team board", "# Team 2 board"))
    kind = settings(made, "team_2_board", "Team2BoardSettings")
    assert read_settings(kind, environment={"TEAM_2_BOARD_DATABASE": "x"}, toml="").database == "x"


PAGES = "| base path | /api |\n| allowed origins | https://shop.example.org |"
OPEN_PAGES = TEAMS.replace("| base path | /api |", PAGES).replace("scheme Token", "token in header X-Token")


def test_pages_of_other_origins_are_a_setting_with_the_default_of_the_spec():
    made = project("teams.md", OPEN_PAGES)
    kind = settings(made, "team_board", "TeamBoardSettings")
    assert read_settings(kind, environment={}, toml="").allowed_origins == ["https://shop.example.org"]


def test_pages_of_other_origins_may_send_the_header_of_the_token():
    app = project("teams.md", OPEN_PAGES).files["src/team_board/app.py"].decode()
    assert 'Cors(origins=settings.allowed_origins, headers=(*HEADERS, "x-token")),\n        Rates(' in app


class AnyQuery(Query[int]):
    pass


class AnyCommand(Command[int]):
    pass


QUERIES = ("Show", "Search", "Current", "List", "Peek", "Read")


def stand_in(name):
    base = NotFound if name.startswith("NoSuch") else AnyQuery if name.startswith(QUERIES) else AnyCommand
    return type(name, (base,), {})


def doors_of(made, package):
    path = f"src/{package}/adapters/http.py"
    imports = (node for node in ast.parse(made.files[path]).body if isinstance(node, ast.ImportFrom))
    given = {one.name: stand_in(one.name) for node in imports for one in node.names}
    declared = run(made, path, **given)["doors"]
    return declared, {f"{door.method} {door.pattern}": door for door in declared.declared}


def test_every_operation_with_a_door_has_one():
    _, doors = doors_of(bookshop(), "bookshop")
    assert list(doors) == [
        "POST /register",
        "POST /login",
        "GET /me",
        "PUT /me/password",
        "POST /orders",
        "POST /orders/{order}/cancel",
        "POST /books/{book}/stock",
        "GET /orders/{order}",
        "GET /books",
    ]


def test_a_door_has_the_status_of_its_spec():
    _, doors = doors_of(bookshop(), "bookshop")
    assert (doors["POST /orders"].status, doors["GET /orders/{order}"].status) == (201, 200)


def test_a_door_says_that_what_its_path_names_may_be_missing():
    _, doors = doors_of(bookshop(), "bookshop")
    assert [one.__name__ for one in doors["GET /orders/{order}"].rejects][:1] == ["NoSuchOrder"]


def test_the_address_of_who_logs_in_comes_from_the_connection():
    _, doors = doors_of(bookshop(), "bookshop")
    assert doors["POST /login"].sources["client"].place == "client"


def test_the_scheme_of_the_token_is_that_of_the_spec():
    declared, doors = doors_of(teams(), "team_board")
    assert [(one.header, one.prefix) for one in declared.credentials] == [("authorization", "Token")]
    assert "GET /api/teams" in doors


SHAPED = TEAMS.replace(
    "| base path | /api |",
    '| base path | /api |\n| errors | `{"errors": "$fields"}` |\n\n'
    "| error | status |\n|---|---|\n| no such issue | 410 |",
)


def test_errors_have_the_shape_and_the_status_of_the_spec():
    declared, _ = doors_of(project("teams.md", SHAPED), "team_board")
    assert declared.errors.template == {"errors": "$fields"}
    assert declared.errors.statuses["no_such_issue"] == 410


def test_whoever_changes_a_versioned_thing_says_which_version_they_have_seen():
    source = TEAMS.replace("| due | datetime | |\n", "| due | datetime | |\n\n- versioned\n")
    _, doors = doors_of(project("teams.md", source), "team_board")
    assert doors["PATCH /api/issues/{issue}"].if_match == "version"
    assert doors["POST /api/issues/{issue}/judge"].if_match is None


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path):
    kept_key = run(bookshop(), f"{SHOP}/adapters/token_key.py")["kept_key"]
    first = kept_key(tmp_path / "var")
    assert len(first) >= 32
    assert kept_key(tmp_path / "var") == first
    assert [file.stat().st_mode & 0o777 for file in (tmp_path / "var").iterdir()] == [0o600]


async def test_a_call_that_is_made_again_is_recorded_once(tmp_path):
    mail = run(bookshop(), f"{SHOP}/adapters/mail.py")["RecordedMail"](tmp_path)
    ctx = SimpleNamespace(idempotency_key="k")
    for _ in range(2):
        await mail.send(ctx, to="a@b.example", subject="s", text="t")
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text()) == {"operation": "send", "to": "a@b.example", "subject": "s", "text": "t"}


async def test_a_fake_that_is_asked_for_something_answers_plainly(tmp_path):
    names = run(teams(), "src/team_board/adapters/bank.py", BankChargeAnswer=dict)
    bank = names["RecordedBank"](tmp_path)
    ctx = SimpleNamespace(idempotency_key="k")
    assert await bank.charge(ctx, amount=1, key="x") == {"id": "", "paid": True}
    assert await bank.refund(ctx, id="x") is True


class User(Value):
    id: UUID
    email: str
    password: str
    roles: frozenset[str] = frozenset()


class UserView(Value):
    id: UUID
    email: str
    roles: frozenset[str]


class NoSuchUser(NotFound):
    message = "there is no user `{user}`"


class UserEmailTaken(Rejection):
    message = "there is a user with this email already"


class Users:
    def __init__(self, *users):
        self.users = {user.email: user for user in users}

    async def find(self, ctx, id):
        return next((user for user in self.users.values() if user.id == id), None)

    async def find_by_email(self, ctx, email):
        return self.users.get(email)

    async def add(self, ctx, user):
        self.users[user.email] = user

    save = add


class Desk:
    """Passwords, logins and sessions: a hash is the password backwards."""

    def __init__(self):
        self.closed = []
        self.checked = []

    async def hash(self, ctx, password):
        return password.reveal()[::-1]

    async def check(self, ctx, *, account, password, stored, client):
        self.checked.append((account, stored, client))

    async def open(self, ctx, grant):
        return SessionTokens(access_token=f"token of {grant.subject}", refresh_token="", expires_in=1)

    async def close_all(self, ctx, subject, *, but):
        self.closed.append((subject, but))


CTX = SimpleNamespace(new_id=lambda: ANN)
SESSIONS = run(
    bookshop(),
    f"{SHOP}/application/sessions.py",
    UserView=UserView,
    User=User,
    user_view=lambda user: UserView(id=user.id, email=user.email, roles=user.roles),
)


def account(name, **given):
    return run(
        bookshop(),
        f"{SHOP}/application/{name}.py",
        User=User,
        UserView=UserView,
        NoSuchUser=NoSuchUser,
        SignedIn=SESSIONS["SignedIn"],
        let_in=SESSIONS["let_in"],
        UserEmailTaken=UserEmailTaken,
        **given,
    )


async def test_who_registers_is_signed_in_and_kept_with_the_hash_alone():
    names, users, desk = account("register"), Users(), Desk()
    command = names["Register"](email="a@b.example", password=Secret("secret-1"))
    answer = await names["register"](CTX, command, users=users, passwords=desk, sessions=desk)
    assert answer.token == f"token of {ANN}"
    assert users.users["a@b.example"] == User(id=ANN, email="a@b.example", password="1-terces")


async def test_an_address_is_registered_once():
    names, desk = account("register"), Desk()
    users = Users(User(id=ANN, email="a@b.example", password="x"))
    command = names["Register"](email="a@b.example", password=Secret("secret-1"))
    with pytest.raises(UserEmailTaken):
        await names["register"](CTX, command, users=users, passwords=desk, sessions=desk)


async def test_a_login_is_checked_for_names_that_nobody_has_too():
    names, desk = account("login"), Desk()
    command = names["Login"](email="no@b.example", password=Secret("x"), client="192.0.2.1")
    with pytest.raises(AssertionError):  # the desk of this test refuses nobody
        await names["login"](CTX, command, users=Users(), logins=desk, sessions=desk)
    assert desk.checked == [("no@b.example", None, "192.0.2.1")]


async def test_a_new_password_ends_every_other_session():
    names, desk = account("change_password", caller=lambda ctx: ANN), Desk()
    names["session_of"] = lambda ctx: "this one"
    users = Users(User(id=ANN, email="a@b.example", password="old"))
    command = names["ChangePassword"](password=Secret("dlo"), new_password=Secret("secret-2"))
    sent = {"users": users, "logins": desk, "passwords": desk, "sessions": desk}
    assert await names["change_password"](CTX, command, **sent) is None
    assert users.users["a@b.example"].password == "2-terces"
    assert desk.closed == [(str(ANN), "this one")]


async def test_whoever_is_gone_is_not_shown():
    names = account("current_user", caller=lambda ctx: ANN, user_view=lambda user: user)
    with pytest.raises(NoSuchUser):
        await names["current_user"](CTX, names["CurrentUser"](), users=Users())


async def test_a_role_that_is_given_twice_is_given_once():
    names = account("grant_role", UserRole=str)
    users = Users(User(id=ANN, email="a@b.example", password="x"))
    for _ in range(2):
        await names["grant_role"](CTX, names["GrantRole"](email="a@b.example", role="staff"), users=users)
    assert users.users["a@b.example"].roles == {"staff"}


async def test_whoever_lost_a_role_is_let_in_without_it():
    grants = run(bookshop(), f"{SHOP}/adapters/grants.py")["UserGrants"]
    users = Users(User(id=ANN, email="a@b.example", password="x", roles=frozenset({"staff"})))
    assert (await grants(users).find(CTX, str(ANN))).roles == {"staff"}
    await users.save(CTX, User(id=ANN, email="a@b.example", password="x"))
    assert (await grants(users).find(CTX, str(ANN))).roles == frozenset()


async def test_where_accounts_are_tenants_everybody_is_let_in_as_one():
    made = project("teams.md", TEAMS.replace("| base path | /api |", "| tenants | by user |"))
    grants = run(made, "src/team_board/adapters/grants.py")["UserGrants"]
    users = Users(User(id=ANN, email="a@b.example", password="x"))
    assert (await grants(users).find(CTX, str(ANN))).tenant == str(ANN)


def test_the_token_of_an_answer_shows_nowhere_else():
    answer = SESSIONS["SignedIn"](id=ANN, email="a@b.example", roles=frozenset(), token="secret")
    assert "secret" not in repr(answer)
