"""Settings from all sources: which one wins, what each says when it is wrong, and what is never shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krepis import KrepisError, Value
from krepis.settings import Settings, SettingsError, read_settings, reading_of
from krepis.settings.files import VALUE_BYTES_MAX
from krepis.settings.toml import TOML_BYTES_MAX
from krepis.types import Secret, between, length, secret_length

PASSWORD = "correct-horse-battery"


class Mail(Value):
    host: str = "localhost"
    port: Annotated[int, between(1, 65535)] = 25
    password: Secret | None = None


class ShopSettings(Settings):
    database: str = "sqlite:///shop.db"
    key: Annotated[Secret, secret_length(8, 64)] = Secret("for development")
    days: Annotated[int, between(1, 90)] = 28
    pause_s: float = 0.5
    price: Decimal = Decimal("9.90")
    every: timedelta = timedelta(hours=1)
    mode: Literal["fast", "safe"] = "safe"
    debug: bool = False
    hosts: Annotated[list[str], length(0, 3)] = []
    ports: list[int] = []
    old_keys: list[Secret] = []
    limits: dict[str, int] = {}
    mail: Mail = Mail(host="mx.example.org")
    backup: Mail | None = None


def shop(environment: dict[str, str] | None = None, toml: str = "") -> ShopSettings:
    return read_settings(ShopSettings, environment=environment or {}, toml=toml)


def problems(environment: dict[str, str] | None = None, toml: str = "") -> list[str]:
    reading = reading_of(ShopSettings, environment=environment or {}, toml=toml)
    return [str(problem) for problem in reading.problems]


def origins(environment: dict[str, str] | None = None, toml: str = "") -> dict[str, str]:
    reading = reading_of(ShopSettings, environment=environment or {}, toml=toml)
    return {row.name: row.origin for row in reading.rows}


def test_without_any_source_there_are_defaults() -> None:
    assert shop() == ShopSettings()


def test_krepis_toml_comes_after_the_defaults() -> None:
    assert shop(toml="[shop]\ndays = 5").days == 5


def test_the_environment_comes_after_krepis_toml() -> None:
    assert shop({"SHOP_DAYS": "7"}, "[shop]\ndays = 5").days == 7


def test_a_file_comes_after_krepis_toml(tmp_path: Path) -> None:
    (tmp_path / "days").write_text("7\n", encoding="utf-8")
    assert shop({"SHOP_DAYS_FILE": str(tmp_path / "days")}, "[shop]\ndays = 5").days == 7


@given(
    toml=st.none() | st.integers(1, 90),
    variable=st.none() | st.integers(1, 90),
)
def test_the_last_source_that_says_something_wins(toml: int | None, variable: int | None) -> None:
    text = "" if toml is None else f"[shop]\ndays = {toml}"
    environment = {} if variable is None else {"SHOP_DAYS": str(variable)}
    expected = next(value for value in (variable, toml, 28) if value is not None)
    assert shop(environment, text).days == expected


def test_both_a_variable_and_its_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "days").write_text("7", encoding="utf-8")
    (said,) = problems({"SHOP_DAYS": "7", "SHOP_DAYS_FILE": str(tmp_path / "days")})
    assert said == "environment SHOP_DAYS_FILE: `SHOP_DAYS` is set, too\n  hint: set one of them"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("DATABASE", "", ""),
        ("DATABASE", " with spaces ", " with spaces "),
        ("PAUSE_S", "2", 2.0),
        ("PAUSE_S", "1e-3", 0.001),
        ("PRICE", "10.50", Decimal("10.50")),
        ("EVERY", "PT30S", timedelta(seconds=30)),
        ("MODE", "fast", "fast"),
        ("DEBUG", "true", True),
        ("HOSTS", "a, b,c", ["a", "b", "c"]),
        ("HOSTS", "", []),
        ("HOSTS", '["a,b"]', ["a,b"]),
        ("PORTS", "1,2", [1, 2]),
        ("LIMITS", '{"a": 1}', {"a": 1}),
    ],
)
def test_a_text_is_read_as_the_type_says(name: str, text: str, value: Any) -> None:
    assert getattr(shop({f"SHOP_{name}": text}), name.lower()) == value


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("pause_s = 2", "pause_s", 2.0),
        ('price = "10.50"', "price", Decimal("10.50")),
        ('hosts = ["a", "b"]', "hosts", ["a", "b"]),
        ("limits = {a = 1}", "limits", {"a": 1}),
        ("debug = true", "debug", True),
    ],
)
def test_toml_has_its_own_types(line: str, name: str, value: Any) -> None:
    assert getattr(shop(toml=f"[shop]\n{line}"), name) == value


def test_a_group_that_is_given_in_part_keeps_the_rest_of_its_default() -> None:
    settings = shop({"SHOP_MAIL__PASSWORD": PASSWORD}, "[shop.mail]\nport = 2525")
    assert settings.mail == Mail(host="mx.example.org", port=2525, password=Secret(PASSWORD))


def test_a_group_that_may_be_absent_is_there_when_a_part_of_it_is_given() -> None:
    assert shop().backup is None
    assert shop({"SHOP_BACKUP__PORT": "26"}).backup == Mail(port=26)


def test_every_problem_of_all_sources_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        shop(
            {"SHOP_DAYS": "many", "SHOP_DEBUG_FILE": str(tmp_path / "none"), "SHOP_MODUS": "fast", "SHOP_MAIL": "x"},
            "[shop]\ndays = 500\nhosts = [1]\n\n[shop.mail]\nprot = 1\n[shopp]\n",
        )
    assert str(raised.value) == (
        f"""the settings `ShopSettings` can't be used, 8 problems:
- krepis.toml:7: `shopp` is not known here; did you mean `shop`?
  hint: settings stand in the table `[shop]`
- krepis.toml:2: `days`: `500` is not between 1 and 90
  hint: `days` takes a whole number
- krepis.toml:3: `hosts[0]`: the number `1` was given, text was expected
  hint: `hosts` takes an array
- krepis.toml:6: `mail.prot` is not known here; did you mean `port`?
  hint: there are `host`, `port`, `password`
- environment SHOP_DAYS: `days`: `many` is not a whole number
  hint: `days` takes a whole number
- environment SHOP_DEBUG_FILE: `{tmp_path / "none"}` can't be read: No such file or directory
  hint: mount the secret there, or name another file
- environment SHOP_MAIL: `mail` is a group of settings, and no value
  hint: set `SHOP_MAIL__HOST`, `SHOP_MAIL__PORT`, `SHOP_MAIL__PASSWORD`
- environment: `SHOP_MODUS` is not known here; did you mean `SHOP_MODE`?
  hint: `krepis config show` lists all names; take it away if it is no setting"""
    )


def test_a_missing_setting_says_how_it_is_set() -> None:
    class NeedySettings(Settings):
        key: Secret
        name: str

    reading = reading_of(NeedySettings, environment={}, toml="")
    assert [str(problem) for problem in reading.problems] == [
        (
            "`key` is missing; it takes text\n"
            "  hint: set `NEEDY_KEY`, or `NEEDY_KEY_FILE` to the path of a file that holds it"
        ),
        "`name` is missing; it takes text\n  hint: set `NEEDY_NAME`, or `name` in `[needy]` of krepis.toml",
    ]


def test_values_that_do_not_fit_together_are_refused() -> None:
    class RangeSettings(Settings):
        low: int = 1
        high: int = 2

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError(f"`low` ({self.low}) is above `high` ({self.high})")

    with pytest.raises(SettingsError, match=r"`low` \(5\) is above `high` \(2\)"):
        read_settings(RangeSettings, environment={"RANGE_LOW": "5"}, toml="")


def test_it_is_known_where_each_value_comes_from(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(PASSWORD, encoding="utf-8")
    file = str(tmp_path / "key")
    found = origins({"SHOP_MODE": "fast", "SHOP_KEY_FILE": file}, "app = 'a:b'\n[shop]\n\ndays = 3\nmail.port = 4\n")
    assert found["days"] == "krepis.toml:4"
    assert found["mail.port"] == "krepis.toml:5"
    assert found["mode"] == "environment SHOP_MODE"
    assert found["key"] == f"file {file} (SHOP_KEY_FILE)"
    assert found["database"] == "default"


# files


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"abcdefgh", "abcdefgh"),
        (b"abcdefgh\n", "abcdefgh"),
        (b"abcdefgh\r\n", "abcdefgh"),
        (b"abcdefgh\n\n", "abcdefgh\n"),
    ],
)
def test_one_newline_at_the_end_of_a_file_is_dropped(tmp_path: Path, raw: bytes, value: str) -> None:
    (tmp_path / "key").write_bytes(raw)
    assert shop({"SHOP_KEY_FILE": str(tmp_path / "key")}).key.reveal() == value


def test_a_value_of_the_largest_size_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    file = tmp_path / "database"
    file.write_bytes(b"x" * VALUE_BYTES_MAX)
    assert len(shop({"SHOP_DATABASE_FILE": str(file)}).database) == VALUE_BYTES_MAX
    file.write_bytes(b"x" * (VALUE_BYTES_MAX + 1))
    assert "is larger than 65536 bytes" in problems({"SHOP_DATABASE_FILE": str(file)})[0]
    assert shop({"SHOP_DATABASE": "x" * VALUE_BYTES_MAX}).database
    assert "is larger than 65536 bytes" in problems({"SHOP_DATABASE": "x" * (VALUE_BYTES_MAX + 1)})[0]


@pytest.mark.parametrize("kind", ["empty", "folder", "pipe", "nul", "latin", "missing"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "secret"
    if kind == "folder":
        file.mkdir()
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "latin":
        file.write_bytes(b"gehe\xf6m-" + PASSWORD.encode())
    path = {"empty": "", "nul": "a\0b"}.get(kind, str(file))
    (said,) = problems({"SHOP_KEY_FILE": path})
    assert said.startswith("environment SHOP_KEY_FILE: ")
    assert "hint: " in said
    assert PASSWORD not in said


@pytest.fixture
def not_root() -> Iterator[None]:
    """Root may read everything, so a test about what may not be read is somebody else meanwhile."""
    before = os.geteuid()
    os.seteuid(before or 65534)
    yield
    os.seteuid(before)


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, not_root: None) -> None:
    file = tmp_path / "secret"
    with suppress(PermissionError):  # the folder itself is root's where the tests run as root
        file.write_text(PASSWORD, encoding="utf-8")
        file.chmod(0)
    assert "let the user that the server runs as read it" in problems({"SHOP_KEY_FILE": str(file)})[0]


# krepis.toml


def test_the_project_is_found_from_each_of_its_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "krepis.toml").write_text("[shop]\ndays = 3\n", encoding="utf-8")
    (tmp_path / "src" / "shop").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "src" / "shop")
    assert read_settings(ShopSettings, environment={}).days == 3


def test_the_machines_environment_is_read_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DAYS", "9")
    assert read_settings(ShopSettings, toml="").days == 9


@pytest.mark.parametrize(
    "raw",
    [b"[shop", b"\xff\xfe", b"[shop]\ndays=1\ndays=2", b"x = " + b"[" * 5000, b"#" * (TOML_BYTES_MAX + 1)],
)
def test_a_krepis_toml_that_can_not_be_read_says_so_beside_everything_else(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "krepis.toml").write_bytes(raw)
    reading = reading_of(ShopSettings, environment={"SHOP_DAYS": "no"}, toml=tmp_path / "krepis.toml")
    assert len(reading.problems) == 2
    assert str(tmp_path / "krepis.toml") in str(reading.problems[0])


@pytest.mark.parametrize(
    "text",
    ["shop = 1", "[shop]\nmail = 1", "[shop]\ndays = [1]", "[shop]\ndays = 1.0", "[shop]\npause_s = inf",
     "[shop]\npause_s = nan", "[shop]\ndays = 2000-01-01", '[shop]\ndatabase = "a\\u0000b"', "[[shop]]\ndays=1",
     "[shop]\ndays = 99999999999999999999999", "[shop.limits]\na.b = 1", '[shop]\n"da\\nys" = 1'],
)  # fmt: skip
def test_what_does_not_fit_in_krepis_toml_is_one_problem_with_its_line(text: str) -> None:
    (said,) = problems(toml=text)
    assert said.startswith(("krepis.toml:1: ", "krepis.toml:2: "))
    assert len(said.splitlines()) == 2


# names


def test_variables_that_kubernetes_makes_for_a_service_of_that_name_are_no_settings() -> None:
    shop(
        {
            "SHOP_SERVICE_HOST": "10.0.0.7",
            "SHOP_SERVICE_PORT": "80",
            "SHOP_SERVICE_PORT_HTTP": "80",
            "SHOP_PORT": "tcp://10.0.0.7:80",
            "SHOP_PORT_80_TCP": "tcp://10.0.0.7:80",
            "SHOP_PORT_80_TCP_ADDR": "10.0.0.7",
            "SHOP_DB_SERVICE_HOST": "10.0.0.8",
        }
    )
    assert problems({"SHOP_PORT": "80"}) != []


def test_other_variables_are_nobodys_business() -> None:
    assert shop({"SHOPPING": "1", "PATH": "/bin", "shop_days": "x", "OTHER_DAYS": "x"}) == ShopSettings()


def test_the_prefix_comes_from_the_class_or_is_given() -> None:
    class CityLibrarySettings(Settings):
        days: int = 1

    class Named(Settings):
        PREFIX: ClassVar[str] = "LIB"
        SECTION: ClassVar[str] = "books"
        days: int = 1

    assert read_settings(CityLibrarySettings, environment={"CITY_LIBRARY_DAYS": "2"}, toml="").days == 2
    assert read_settings(Named, environment={"LIB_DAYS": "2"}, toml="").days == 2
    assert read_settings(Named, environment={}, toml="[books]\ndays = 3").days == 3


def test_a_class_whose_names_could_mean_two_things_is_refused() -> None:
    class AmbiguousSettings(Settings):
        key: str = ""
        key_file: str = ""

    class DoubleSettings(Settings):
        a__b: str = ""

    class UpperSettings(Settings):
        Key: str = ""

    class RunSettings(Settings):
        key: str = ""

    class LegionSettings(Settings):
        key: str = ""

    class OddSettings(Settings):
        PREFIX: ClassVar[str] = "a-b"

    for kind in (AmbiguousSettings, DoubleSettings, UpperSettings, RunSettings, LegionSettings, OddSettings):
        with pytest.raises(KrepisError, match="hint: "):
            read_settings(kind, environment={}, toml="")


# secrets


def test_a_secret_is_shown_nowhere() -> None:
    environment = {"SHOP_KEY": PASSWORD, "SHOP_MAIL__PASSWORD": PASSWORD, "SHOP_OLD_KEYS": f"{PASSWORD},{PASSWORD}"}
    reading = reading_of(ShopSettings, environment=environment, toml="")
    assert reading.settings is not None
    assert reading.settings.key.reveal() == PASSWORD
    assert PASSWORD not in repr(reading)
    assert {row.value for row in reading.rows if row.name in ("key", "mail.password")} == {"***"}


@pytest.mark.parametrize(
    ("environment", "toml"),
    [
        ({"SHOP_KEY": PASSWORD * 9}, ""),
        ({"SHOP_KEY": PASSWORD + "\udcff"}, ""),
        ({"SHOP_OLD_KEYS": '["' + PASSWORD}, ""),
        ({"SHOP_OLD_KEYS": '[{"a": "' + PASSWORD + '"}]'}, ""),
        ({"SHOP_DAYS": f"postgresql://shop:{PASSWORD}@db/shop"}, ""),
        ({}, f'[shop]\nkey = ["{PASSWORD}"]'),
        ({}, f'[shop]\nkey = {{a = "{PASSWORD}"}}'),
        ({}, f'[shop]\nold_keys = "{PASSWORD}"'),
        ({}, f'[shop]\nmail = "{PASSWORD}"'),
        ({}, f'[shop]\ndays = "postgresql://shop:{PASSWORD}@db/shop"'),
        ({}, f'[shop]\nkey = "{PASSWORD}'),
    ],
)
def test_no_problem_repeats_a_secret(environment: dict[str, str], toml: str) -> None:
    said = problems(environment, toml)
    assert said
    assert PASSWORD not in "".join(said)


@pytest.mark.parametrize("password", ["pw", "p@w", "p/w", "p:w#?"])
def test_the_password_in_an_address_is_not_shown(password: str) -> None:
    address = f"postgresql://shop:{password}@db/shop"
    reading = reading_of(ShopSettings, environment={"SHOP_DATABASE": address}, toml="")
    assert {row.name: row.value for row in reading.rows}["database"] == "postgresql://shop:***@db/shop"
    assert reading.settings is not None
    assert reading.settings.database == address


# whatever comes


def test_text_can_not_end_a_value_early() -> None:
    assert problems({"SHOP_LIMITS": '{}, "value": {"a": 1}'})


@pytest.mark.parametrize("seed", range(64 if os.environ.get("KREPIS_LONG") else 3))
def test_any_bytes_are_either_settings_or_problems(seed: int) -> None:
    print(f"seed {seed}")
    random = Random(seed)
    names = [row.variable for row in reading_of(ShopSettings, environment={}, toml="").rows if row.variable]
    pieces = ["[shop]", "\n", "days", "=", '"', "'", "{", "}", "[", "]", "1", "tcp", ",", ".", "true", "#", '"""', "\\"]
    for _ in range(40):
        raw = random.randbytes(random.randrange(12))
        text = random.choice([raw.decode("utf-8", "surrogateescape"), "".join(random.choices(pieces, k=8))])
        name = random.choice([*names, f"SHOP_{random.choice(names)}", "SHOP_", "SHOP_DAYS_FILE_FILE"])
        reading = reading_of(ShopSettings, environment={name: text}, toml="".join(random.choices(pieces, k=12)))
        assert (reading.settings is None) == bool(reading.problems)
        assert all(len(str(problem).splitlines()) == 2 for problem in reading.problems)


@given(
    st.dictionaries(st.sampled_from(["DAYS", "PAUSE_S", "DEBUG", "HOSTS", "LIMITS", "KEY", "MAIL__PORT"]), st.text())
)
def test_any_text_is_either_settings_or_a_problem_for_its_variable(texts: dict[str, str]) -> None:
    environment = {f"SHOP_{name}": text for name, text in texts.items()}
    reading = reading_of(ShopSettings, environment=environment, toml="")
    wrong = {row.variable for row in reading.rows if not row.right}
    assert wrong == {name for name in environment if any(f" {name}: " in str(one) for one in reading.problems)}
