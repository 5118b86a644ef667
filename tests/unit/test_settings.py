"""DATABASE_URL: every spelling that is accepted, every mistake that is named, no secret printed."""

from pathlib import Path

import psycopg
import pytest

from pybase.core.errors import UsageError
from pybase.core.settings import database_url, load
from pybase.core.urls import SCHEMES, parse_url

SECRET = "correcthorse"


def refusal(raw: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_url(raw)
    return str(caught.value)


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    path = tmp_path / "alembic.ini"
    path.touch()
    return path


@pytest.mark.parametrize("driver", SCHEMES)
def test_every_spelling_of_the_scheme_means_libpq(driver: str) -> None:
    assert parse_url(f"{driver}://u:p@h:1/d?application_name=x") == (
        "postgresql://u:p@h:1/d?application_name=x"
    )


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "/pybase",
        "localhost/pybase",
        "localhost:5432/pybase",
        "user@localhost/pybase",
        "user:@localhost/pybase",
        "user:a#b:c@localhost/pybase",
        "user:password@[::1]:5432/pybase",
        "user:password@one:1,two:2/pybase",
        "user:password@%2Frun%2Fpostgresql/pybase",
        "postgres@/pybase?host=/tmp/a%20b&port=5432",
        "/pybase?user=u%40v&password=p%25",
        "host/data%20base",
    ],
)
def test_url_that_libpq_reads_is_left_as_it_is(rest: str) -> None:
    url = f"postgresql://{rest}"
    psycopg.conninfo.conninfo_to_dict(url)
    assert parse_url(url) == url


@pytest.mark.parametrize(
    ("encoded", "password"),
    [
        ("a%40b", "a@b"),
        ("a%2Fb", "a/b"),
        ("a%25b", "a%b"),
        ("a%23b", "a#b"),
        ("a%3Ab", "a:b"),
        ("a%3Fb", "a?b"),
        ("a%20b", "a b"),
        ("%2540", "%40"),
        ("p%C3%A4ss", "päss"),
    ],
)
def test_encoded_password_reaches_libpq(encoded: str, password: str) -> None:
    url = parse_url(f"postgresql://u:{encoded}@h:1/d")
    assert psycopg.conninfo.conninfo_to_dict(url) == {
        "user": "u", "password": password, "host": "h", "port": "1", "dbname": "d",
    }  # fmt: skip


@pytest.mark.parametrize(
    "password",
    [
        f"{SECRET}@x", f"@{SECRET}", f"{SECRET}@", f"a/{SECRET}", f"{SECRET}/x", f"a%{SECRET}",
        f"{SECRET}%", f"{SECRET}%4", f"a#/{SECRET}", f"{SECRET}?x", f"a/b@{SECRET}", f"1/{SECRET}",
    ],
)  # fmt: skip
def test_unencoded_password_is_refused_and_never_quoted(password: str) -> None:
    message = refusal(f"postgresql://u:{password}@h:1/d")
    assert "URL-encoded" in message
    assert SECRET not in message


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@h:port/d",
        f"postgresql://u:{SECRET}@h:1:2/d",
        f"postgresql://h:{SECRET}/d",
        f"postgresql:u:{SECRET}@h/d",
        f"u:{SECRET}@h/d",
        f"POSTGRESQL//{SECRET}",
        f"://u:{SECRET}@h/d",
        f"postgresql+{SECRET.upper()}://h/d",
    ],
)
def test_malformed_url_is_refused_and_never_quoted(url: str) -> None:
    message = refusal(url)
    assert "DATABASE_URL" in message
    assert SECRET not in message.lower()


@pytest.mark.parametrize("backend", ["mysql", "sqlite", "mysql+pymysql", "oracle", "mssql"])
def test_other_backend_is_refused_by_name(backend: str) -> None:
    message = refusal(f"{backend}://u:{SECRET}@h/d")
    assert repr(backend) in message
    assert "PostgreSQL" in message
    assert SECRET not in message


@pytest.mark.parametrize("driver", ["postgresql+psycopg9", "postgres+"])
def test_other_driver_is_refused_by_name(driver: str) -> None:
    assert repr(driver) in refusal(f"{driver}://h/d")


def test_ssl_of_asyncpg_becomes_sslmode() -> None:
    url = parse_url("postgresql+asyncpg://h/d?a=b&ssl=require")
    assert url == "postgresql://h/d?a=b&sslmode=require"


def test_blanks_around_the_url_are_dropped() -> None:
    assert parse_url(" postgresql://h/d\n") == "postgresql://h/d"


def test_no_url_means_the_embedded_server(ini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert database_url(load(ini)) is None


def test_dotenv_is_read_when_the_variable_is_unset(
    ini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    ini.with_name(".env").write_text("# mine\nexport DATABASE_URL='postgres://u:a%25b@h/d'\n")
    assert database_url(load(ini)) == "postgresql://u:a%25b@h/d"


def test_variable_wins_over_dotenv(ini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://one/d")
    ini.with_name(".env").write_text("DATABASE_URL=postgresql://other/d\n")
    assert database_url(load(ini)) == "postgresql://one/d"


def test_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no Alembic configuration at .*other\.ini"):
        load(tmp_path / "other.ini")


@pytest.mark.parametrize(
    ("table", "code", "value"),
    [
        ("sqll = 'x'", "unknown-setting", "[tool.pybase] has no setting called 'sqll'"),
        ("postgres = '16'", "invalid-setting", "postgres is '16'"),
        ("postgres = true", "invalid-setting", "postgres is True"),
        ("= 1", "invalid-toml", "cannot be read as TOML"),
        ("migrate = 1", "invalid-setting", "migrate is 1"),
        ("scratch_idle_s = 0", "invalid-setting", "scratch_idle_s is 0"),
        ("scratch_idle_s = '15 min'", "invalid-setting", "scratch_idle_s is '15 min'"),
        ("[tool.pybase.migrate]\nlock_timeout = 1", "unknown-setting", "[tool.pybase.migrate]"),
        ("[tool.pybase.migrate]\ndeadline_s = '1 s'", "invalid-setting", "deadline_s is '1 s'"),
    ],
)
def test_wrong_option_is_named(table: str, code: str, value: str, ini: Path) -> None:
    ini.with_name("pyproject.toml").write_text(f"[tool.pybase]\n{table}\n")
    with pytest.raises(UsageError) as caught:
        load(ini)
    assert caught.value.code == code
    assert value in caught.value.problem


def test_options_of_the_project_are_used(ini: Path) -> None:
    ini.with_name("pyproject.toml").write_text("[tool.pybase]\nsql = 'db/sql'\npostgres = 16\n")
    settings = load(ini)
    assert (settings.sql, settings.options.postgres) == (ini.parent / "db/sql", 16)


def test_options_of_migrate_have_a_table_of_their_own(ini: Path) -> None:
    ini.with_name("pyproject.toml").write_text("[tool.pybase.migrate]\ndeadline_s = 60\n")
    options = load(ini).options.migrate
    assert (options.deadline_s, options.lock_timeout_ms) == (60, 50)


def test_state_folder_is_ignored_by_git(ini: Path) -> None:
    assert (load(ini).prepare_state() / ".gitignore").read_text() == "*\n"
