"""What a newcomer will meet: one sentence, the mend, an exit code; no traceback, no password."""

from urllib.parse import quote

import pytest
from projects import CITIES_MODEL, FORK, LINE, ONE, THREE, TWO, Project, Revision

from .conftest import ENCODED, PASSWORD, TcpServer

READERS = ("current", "pending")
DATABASE_VERBS = (("migrate",), ("downgrade", "-1"), *((verb,) for verb in READERS))


@pytest.fixture
def three(project: Project) -> Project:
    """A history of three revisions; no password of any URL may ever show."""
    project.secrets = (PASSWORD, ENCODED, "guest-secret", "w%25rd", "pä@ss")
    return project.lay_out(*LINE)


def verbs(*which: tuple[str, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("verb", which, ids=[" ".join(each) for each in which])


# --- the server -----------------------------------------------------------------------------------


@verbs(*DATABASE_VERBS)
def test_server_that_is_not_there(verb: tuple[str, ...], three: Project, free_port: int) -> None:
    url = f"postgresql://user:{ENCODED}@127.0.0.1:{free_port}/pybase"
    said = three.refused(*verb, code=3, DATABASE_URL=url)
    assert f"No server listens at that address (user@127.0.0.1:{free_port}/pybase)." in said
    assert "unset it to use the embedded server" in said


@pytest.mark.parametrize("password", ["wrong", ENCODED + "x"])
@verbs(("migrate",), ("current",))
def test_wrong_password(
    verb: tuple[str, ...], password: str, three: Project, tcp_server: TcpServer
) -> None:
    three.secrets += (password,)
    said = three.refused(*verb, code=3, DATABASE_URL=tcp_server.url(password=password))
    assert "The server refuses the password of user postgres" in said
    assert "URL-encoded" in said


def test_no_password(three: Project, tcp_server: TcpServer) -> None:
    url = f"postgresql://postgres@127.0.0.1:{tcp_server.port}/postgres"
    said = three.refused("migrate", code=3, DATABASE_URL=url)
    assert "The server asks for a password and DATABASE_URL has none" in said


def test_unknown_user(three: Project, tcp_server: TcpServer) -> None:
    """A server that asks for passwords does not tell who exists."""
    said = three.refused("migrate", code=3, DATABASE_URL=tcp_server.url(user="nobody"))
    assert "refuses the password of user nobody" in said


def test_unknown_user_of_a_server_that_asks_for_nothing(three: Project, database_url: str) -> None:
    url = database_url.replace("postgres@", "eve@")
    said = three.refused("migrate", code=3, DATABASE_URL=url)
    assert "The server has no user eve" in said
    assert "createuser eve" in said


@verbs(("migrate",), ("current",))
def test_missing_database(verb: tuple[str, ...], three: Project, tcp_server: TcpServer) -> None:
    said = three.refused(*verb, code=3, DATABASE_URL=tcp_server.url("nothing"))
    assert "The server has no database nothing" in said
    assert 'createdb "nothing"' in said


def test_no_right_to_create_tables(three: Project, guest_url: str) -> None:
    said = three.refused("migrate", code=3, DATABASE_URL=guest_url)
    assert "permission denied for schema public (guest@127.0.0.1:" in said
    assert "GRANT CREATE ON SCHEMA public" in said


def test_no_right_to_read_the_version_table(three: Project, tcp_url: str, guest_url: str) -> None:
    three.done("migrate", DATABASE_URL=tcp_url)
    said = three.refused("current", code=3, DATABASE_URL=guest_url)
    assert "permission denied for table alembic_version" in said


def test_real_standby(three: Project, standby_url: str) -> None:
    said = three.refused("migrate", code=3, DATABASE_URL=standby_url)
    assert "The server is a read-only standby (postgres@127.0.0.1:" in said
    assert "Point DATABASE_URL at the primary" in said


def test_standby_can_be_asked_where_it_is(three: Project, standby_url: str) -> None:
    out = three.done("current", DATABASE_URL=standby_url)
    assert out == "base (nothing is applied)\n"


def test_read_only_session(three: Project) -> None:
    read_only = quote("-c default_transaction_read_only=on")
    url = three.environment["DATABASE_URL"] + f"&options={read_only}"
    three.done("migrate", "+1")
    said = three.refused("migrate", code=3, DATABASE_URL=url)
    assert "default_transaction_read_only is on" in said


def test_host_that_nobody_knows(three: Project) -> None:
    said = three.refused("migrate", code=3, DATABASE_URL="postgresql://u@nowhere.invalid/d")
    assert "The server's host name is unknown (u@nowhere.invalid/d)." in said


def test_parameter_that_libpq_does_not_know(three: Project, database_url: str) -> None:
    result = three.run("migrate", DATABASE_URL=f"{database_url}&pool_size=5")
    assert result.code in (2, 3)
    assert "Traceback" not in result.text


# --- DATABASE_URL ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"postgresql://u:{PASSWORD}@h/d", "not URL-encoded"),
        (f"postgresql://u:{ENCODED}@h:port/d", "port is not a number"),
        (f"postgres:u:{ENCODED}@h/d", "is not a URL"),
        (f"mysql://u:{ENCODED}@h/d", "'mysql'"),
        (f"postgresql://u:{ENCODED}%00@h/d", "malformed"),
    ],
)
@verbs(("migrate",), ("history",))
def test_malformed_url(url: str, said: str, verb: tuple[str, ...], three: Project) -> None:
    assert said in three.refused(*verb, code=2, DATABASE_URL=url)


@pytest.mark.parametrize("arguments", [("upgrade", "head"), ("current",)])
def test_plain_alembic_tells_no_password_either(
    arguments: tuple[str, ...], three: Project, tcp_server: TcpServer
) -> None:
    """It shows a traceback for an error of ours; that must be all it shows."""
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
    said = three.refused(*verb, code=2)
    assert "999999999999" in said or "nonsense" in said
    assert "nox -s history" in said


def test_partial_id_of_two_revisions(project: Project) -> None:
    project.lay_out(ONE, Revision("aaaabbbbcccc", ONE.id))
    assert "'aaaa'" in project.refused("migrate", "aaaa", code=2)


@verbs(("migrate", "+9"), ("downgrade", "-9"), ("downgrade", "--sql", "-9"))
def test_more_steps_than_there_are(verb: tuple[str, ...], three: Project) -> None:
    said = three.refused(*verb, code=2)
    assert verb[-1].lstrip("+") in said


@verbs(("migrate",), ("migrate", "--sql"), ("downgrade", "-1", "--sql"))
def test_two_heads(verb: tuple[str, ...], three: Project) -> None:
    three.add(FORK)
    said = three.refused(*verb, code=1)
    assert THREE.name in said
    assert FORK.name in said
    assert "alembic merge" in said


@verbs(*DATABASE_VERBS, ("history", "-r", "current:head"))
def test_database_ahead_of_the_checkout(verb: tuple[str, ...], three: Project) -> None:
    three.done("migrate")
    (three.versions / f"{THREE.name}.py").unlink()
    result = three.run(*verb)
    assert result.code in (1, 2)
    assert "Traceback" not in result.text
    assert THREE.id in result.err


def test_database_ahead_is_told_what_to_do(three: Project) -> None:
    three.done("migrate")
    (three.versions / f"{THREE.name}.py").unlink()
    said = three.refused("migrate", code=1)
    assert f"The database is at revision {THREE.id}, which this checkout does not have." in said
    assert "git fetch" in said


LOADERS = (("migrate",), ("history",), ("sql",), ("check",), ("makemigration", "x"))


@verbs(*LOADERS)
def test_revision_that_cannot_be_loaded(verb: tuple[str, ...], three: Project) -> None:
    (three.versions / f"{TWO.name}.py").write_text("import nowhere_to_be_found\n")
    refusal = three.refused(*verb, code=2)
    assert "No module named 'nowhere_to_be_found'" in refusal
    assert f"{TWO.name}.py, line 1" in refusal


@pytest.mark.parametrize("code", ["def broken(:\n", "raise ValueError('what now')\n"])
def test_place_of_a_mistake_in_a_revision_is_told(code: str, three: Project) -> None:
    (three.versions / f"{TWO.name}.py").write_text(code)
    assert f"{TWO.name}.py, line 1" in three.refused("pending", code=2)


def test_revision_whose_parent_is_gone(three: Project) -> None:
    (three.versions / f"{TWO.name}.py").unlink()
    assert TWO.id in three.refused("migrate", code=2)


@pytest.mark.parametrize("upgrade", ["raise ValueError('what now')", "import nowhere"])
def test_revision_whose_own_code_fails(upgrade: str, three: Project) -> None:
    three.add(Revision(TWO.id, ONE.id, upgrade))
    said = three.refused("migrate", code=1)
    assert f"The upgrade of revision {TWO.id}" in said
    assert "1 before it stay applied." in said


def test_revision_that_cannot_be_undone(three: Project) -> None:
    why = "raise NotImplementedError('Troy is gone')"
    three.add(Revision(THREE.id, TWO.id, THREE.upgrade, why))
    three.done("migrate")
    said = three.refused("downgrade", "-1", code=1)
    assert f"The downgrade of revision {THREE.id}" in said
    assert "Troy is gone" in said


@verbs(("downgrade", "-1"), ("downgrade", "-1", "--sql"))
def test_revision_without_a_downgrade(verb: tuple[str, ...], three: Project) -> None:
    three.add(Revision(THREE.id, TWO.id, THREE.upgrade, None))
    three.done("migrate")
    said = three.refused(*verb, code=1)
    assert THREE.name in said
    assert "'downgrade'" in said


# --- the models -----------------------------------------------------------------------------------


@verbs(("migrate",), ("makemigration", "x"), ("check",), ("sql",))
def test_model_that_fails_to_import(verb: tuple[str, ...], three: Project) -> None:
    three.write("models.py", "import nowhere_to_be_found\n")
    before = three.files()
    refusal = three.refused(*verb, code=2)
    assert "No module named 'nowhere_to_be_found' (models.py, line 1)" in refusal
    assert "a model that fails to import" in refusal
    assert three.files() == before


@pytest.mark.parametrize(
    ("code", "said"), [("1/0", "ZeroDivisionError"), (CITIES_MODEL.splitlines()[-1], "already def")]
)
def test_model_with_a_mistake_in_it(code: str, said: str, three: Project) -> None:
    three.write("models.py", CITIES_MODEL + code)
    refusal = three.refused("makemigration", "x", code=2)
    assert said in refusal
    assert "(models.py, line " in refusal


def test_env_file_that_runs_no_migrations(three: Project) -> None:
    three.write("migrations/env.py", "")
    assert "env.py ends without running migrations." in three.refused("migrate", code=2)
