"""Errors of a first use: code, sentence, hint, exit code; no traceback, no password."""

from urllib.parse import quote

import psycopg
import pytest
from projects import CITIES_MODEL, FORK, LINE, ONE, THREE, TWO, Project, Revision
from tcp_servers import ENCODED, PASSWORD, TcpServer

READERS = ("current", "pending")
PYTHON = "--python-revisions"
DATABASE_VERBS = (("migrate",), ("downgrade", "-1"), *((verb,) for verb in READERS))


@pytest.fixture
def three(project: Project) -> Project:
    """A history of three revisions; no password of any URL may be printed."""
    project.secrets = (PASSWORD, ENCODED, "guest-secret", "w%25rd", "pä@ss")
    return project.lay_out(*LINE).write_sql()


def verbs(*which: tuple[str, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("verb", which, ids=[" ".join(arguments) for arguments in which])


# --- the server -----------------------------------------------------------------------------------


@verbs(*DATABASE_VERBS)
def test_unreachable_server(verb: tuple[str, ...], three: Project, free_port: int) -> None:
    url = f"postgresql://user:{ENCODED}@127.0.0.1:{free_port}/pybase"
    message = three.refused(*verb, code=3, DATABASE_URL=url)
    assert f"No server listens at that address (user@127.0.0.1:{free_port}/pybase)." in message
    assert "unset it to use the embedded server" in message


@pytest.mark.parametrize("password", ["wrong", ENCODED + "x"])
@verbs(("migrate",), ("current",))
def test_wrong_password(
    verb: tuple[str, ...], password: str, three: Project, tcp_server: TcpServer
) -> None:
    three.secrets += (password,)
    message = three.refused(*verb, code=3, DATABASE_URL=tcp_server.url(password=password))
    assert "The server refuses the password of user postgres" in message
    assert "URL-encoded" in message


def test_no_password(three: Project, tcp_server: TcpServer) -> None:
    url = f"postgresql://postgres@127.0.0.1:{tcp_server.port}/postgres"
    message = three.refused("migrate", code=3, DATABASE_URL=url)
    assert "The server asks for a password and DATABASE_URL has none" in message


def test_database_that_is_closed_to_the_user(three: Project, tcp_url: str, guest_url: str) -> None:
    name = tcp_url.rpartition("/")[2]
    with psycopg.connect(tcp_url, autocommit=True) as connection:
        connection.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC".encode())
    message = three.refused("migrate", code=3, DATABASE_URL=guest_url)
    assert "error[unreachable]" in message
    assert f'GRANT CONNECT ON DATABASE "{name}"' in message


def test_unknown_user(three: Project, tcp_server: TcpServer) -> None:
    """A server that requires passwords does not reveal which users exist."""
    message = three.refused("migrate", code=3, DATABASE_URL=tcp_server.url(user="nobody"))
    assert "refuses the password of user nobody" in message


def test_unknown_user_of_a_server_without_passwords(three: Project, database_url: str) -> None:
    url = database_url.replace("postgres@", "eve@")
    message = three.refused("migrate", code=3, DATABASE_URL=url)
    assert "The server has no user eve" in message
    assert "createuser eve" in message


@verbs(("migrate",), ("current",))
def test_missing_database(verb: tuple[str, ...], three: Project, tcp_server: TcpServer) -> None:
    message = three.refused(*verb, code=3, DATABASE_URL=tcp_server.url("nothing"))
    assert "The server has no database nothing" in message
    assert 'createdb "nothing"' in message


def test_no_right_to_create_tables(three: Project, guest_url: str) -> None:
    message = three.refused("migrate", PYTHON, code=3, DATABASE_URL=guest_url)
    assert "permission denied for schema public (guest@127.0.0.1:" in message
    assert "GRANT USAGE, CREATE ON SCHEMA public" in message


def test_no_right_to_read_the_version_table(three: Project, tcp_url: str, guest_url: str) -> None:
    three.done("migrate", DATABASE_URL=tcp_url)
    message = three.refused("current", code=3, DATABASE_URL=guest_url)
    assert "permission denied for table alembic_version" in message


def test_real_standby(three: Project, standby_url: str) -> None:
    message = three.refused("migrate", code=3, DATABASE_URL=standby_url)
    assert "The server is a read-only standby (postgres@127.0.0.1:" in message
    assert "Point DATABASE_URL at the primary" in message


def test_standby_shows_its_revision(three: Project, standby_url: str) -> None:
    out = three.done("current", DATABASE_URL=standby_url)
    assert out == "base (nothing is applied)\n"


def test_read_only_session(three: Project) -> None:
    read_only = quote("-c default_transaction_read_only=on")
    url = three.environment["DATABASE_URL"] + f"&options={read_only}"
    three.done("migrate", "+1")
    message = three.refused("migrate", code=3, DATABASE_URL=url)
    assert "default_transaction_read_only is on" in message


def test_unknown_host(three: Project) -> None:
    message = three.refused("migrate", code=3, DATABASE_URL="postgresql://u@nowhere.invalid/d")
    assert "The server's host name is unknown (u@nowhere.invalid/d)." in message


def test_parameter_unknown_to_libpq(three: Project, database_url: str) -> None:
    result = three.run("migrate", DATABASE_URL=f"{database_url}&pool_size=5")
    assert result.code in (2, 3)
    assert "Traceback" not in result.text


# --- DATABASE_URL ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"postgresql://u:{PASSWORD}@h/d", "error[malformed-url]: DATABASE_URL is malformed"),
        (f"postgresql://u:{ENCODED}@h:port/d", "error[malformed-url]: DATABASE_URL is malformed"),
        (f"postgres:u:{ENCODED}@h/d", "error[malformed-url]: DATABASE_URL is not a URL"),
        (f"mysql://u:{ENCODED}@h/d", "error[unsupported-backend]: DATABASE_URL names"),
        (f"postgresql://u:{ENCODED}%00@h/d", "malformed"),
    ],
)
@verbs(("migrate",), ("history",))
def test_malformed_url(url: str, message: str, verb: tuple[str, ...], three: Project) -> None:
    assert message in three.refused(*verb, code=2, DATABASE_URL=url)


@pytest.mark.parametrize("arguments", [("upgrade", "head"), ("current",)])
def test_plain_alembic_prints_no_password(
    arguments: tuple[str, ...], three: Project, tcp_server: TcpServer
) -> None:
    """It prints a traceback for an error of PyBase, without the password."""
    for url in (tcp_server.url("nothing"), f"postgresql://u:{PASSWORD}@h/d"):
        assert three.alembic(*arguments, DATABASE_URL=url).code != 0


# --- the history ----------------------------------------------------------------------------------


@verbs(
    ("migrate", "999999999999"),
    ("migrate", "nonsense"),
    ("migrate", "--sql", "999999999999"),
    ("migrate", "--sql", "999999999999:head"),
    ("downgrade", "999999999999"),
    ("downgrade", "--sql", "999999999999"),
    ("history", "-r", "999999999999:head"),
)
def test_unknown_revision(verb: tuple[str, ...], three: Project) -> None:
    three.done("migrate")
    message = three.refused(*verb, code=2)
    assert "999999999999" in message or "nonsense" in message
    assert "nox -s history" in message


def test_partial_id_of_two_revisions(project: Project) -> None:
    project.lay_out(ONE, Revision("aaaabbbbcccc", ONE.id))
    assert "'aaaa'" in project.refused("migrate", "aaaa", PYTHON, code=2)


@verbs(("migrate", "+9"), ("downgrade", "-9"), ("downgrade", "--sql", "-9"))
def test_more_steps_than_revisions(verb: tuple[str, ...], three: Project) -> None:
    message = three.refused(*verb, code=2)
    assert verb[-1].lstrip("+") in message


@verbs(("migrate", PYTHON), ("migrate", "--sql"), ("downgrade", "-1", "--sql"))
def test_two_heads(verb: tuple[str, ...], three: Project) -> None:
    three.add(FORK)
    message = three.refused(*verb, code=1)
    assert THREE.name in message
    assert FORK.name in message
    assert "alembic merge" in message


@verbs(*DATABASE_VERBS, ("history", "-r", "current:head"))
def test_database_ahead_of_the_checkout(verb: tuple[str, ...], three: Project) -> None:
    three.done("migrate")
    (three.versions / f"{THREE.name}.py").unlink()
    result = three.run(*verb)
    assert result.code in (1, 2)
    assert "Traceback" not in result.text
    assert THREE.id in result.err


def test_database_ahead_of_the_checkout_has_a_hint(three: Project) -> None:
    three.done("migrate")
    (three.versions / f"{THREE.name}.py").unlink()
    message = three.refused("migrate", PYTHON, code=1)
    assert f"The database is at revision {THREE.id}, which this checkout does not have." in message
    assert "git fetch" in message


LOADERS = (("migrate", PYTHON), ("history",), ("sql",), ("check",), ("makemigration", "x"))


@verbs(*LOADERS)
def test_revision_that_cannot_be_loaded(verb: tuple[str, ...], three: Project) -> None:
    (three.versions / f"{TWO.name}.py").write_text("import nowhere_to_be_found\n")
    refusal = three.refused(*verb, code=2)
    assert "No module named 'nowhere_to_be_found'" in refusal
    assert f"{TWO.name}.py cannot be loaded" in refusal
    assert "(line 1)" in refusal


@pytest.mark.parametrize("code", ["def broken(:\n", "raise ValueError('what now')\n"])
def test_line_of_a_mistake_in_a_revision_is_named(code: str, three: Project) -> None:
    (three.versions / f"{TWO.name}.py").write_text(code)
    refusal = three.refused("pending", code=2)
    assert f"{TWO.name}.py cannot be loaded" in refusal
    assert "(line 1)" in refusal


def test_revision_whose_parent_is_missing(three: Project) -> None:
    (three.versions / f"{TWO.name}.py").unlink()
    assert TWO.id in three.refused("migrate", PYTHON, code=2)


@pytest.mark.parametrize("upgrade", ["raise ValueError('what now')", "import nowhere"])
def test_revision_whose_own_code_fails(upgrade: str, three: Project) -> None:
    three.add(Revision(TWO.id, ONE.id, upgrade))
    message = three.refused("migrate", PYTHON, code=1)
    assert f"The upgrade of revision {TWO.id}" in message
    assert "1 before it stay applied." in message


def test_revision_that_cannot_be_undone(three: Project) -> None:
    why = "raise NotImplementedError('Troy is gone')"
    three.add(Revision(THREE.id, TWO.id, THREE.upgrade, why))
    three.done("migrate", PYTHON)
    message = three.refused("downgrade", "-1", PYTHON, code=1)
    assert "error[irreversible]" in message
    assert f"Revision {THREE.id}" in message
    assert "Troy is gone" in message


@verbs(("downgrade", "-1", PYTHON), ("downgrade", "-1", "--sql"))
def test_revision_without_a_downgrade(verb: tuple[str, ...], three: Project) -> None:
    three.add(Revision(THREE.id, TWO.id, THREE.upgrade, None))
    three.done("migrate", PYTHON)
    message = three.refused(*verb, code=1)
    assert THREE.name in message
    assert "'downgrade'" in message


# --- the models -----------------------------------------------------------------------------------


@verbs(("migrate", PYTHON), ("makemigration", "x"), ("check",), ("sql",))
def test_model_that_fails_to_import(verb: tuple[str, ...], three: Project) -> None:
    three.write("models.py", "import nowhere_to_be_found\n")
    before = three.files()
    refusal = three.refused(*verb, code=2)
    assert "No module named 'nowhere_to_be_found' (models.py, line 1)" in refusal
    assert "a model that fails to import" in refusal
    assert three.files() == before


@pytest.mark.parametrize(
    ("code", "message"),
    [("1/0", "ZeroDivisionError"), (CITIES_MODEL.splitlines()[-1], "already def")],
)
def test_model_with_a_mistake_in_it(code: str, message: str, three: Project) -> None:
    three.write("models.py", CITIES_MODEL + code)
    refusal = three.refused("makemigration", "x", code=2)
    assert message in refusal
    assert "(models.py, line " in refusal


ONLINE_ONLY = "if not context.is_offline_mode():\n    import nowhere"


@pytest.mark.parametrize("env", ["", f"from alembic import context\n{ONLINE_ONLY}"])
@pytest.mark.parametrize("verb", [("sql",), ("migrate", PYTHON)], ids=" ".join)
def test_env_file_that_runs_no_migrations(verb: tuple[str, ...], env: str, three: Project) -> None:
    three.write("migrations/env.py", env)
    refusal = three.refused(*verb, code=2)
    assert (
        "error[env-without-migrations]: env.py ends without running migrations in offl" in refusal
    )
    assert "is_offline_mode() is true" in refusal
