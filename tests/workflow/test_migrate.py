"""migrate, downgrade, current, history and pending, as they are typed."""

import re

import psycopg
import pytest
from projects import FORK, LINE, ONE, THREE, TWO, Project, Revision
from waiting import wait_until

PYTHON = "--python-revisions"


@pytest.fixture
def three(project: Project) -> Project:
    """A history of three revisions with its SQL, and a database with none."""
    return project.lay_out(*LINE).write_sql()


def version(project: Project) -> str | None:
    """What the version table of the project's database says; None before the first upgrade."""
    with psycopg.connect(project.environment["DATABASE_URL"]) as connection:
        if not tables(project) & {"alembic_version"}:
            return None
        row = connection.execute("SELECT string_agg(version_num, ' ') FROM alembic_version")
        return row.fetchall()[0][0] or "base"


def tables(project: Project) -> set[str]:
    with psycopg.connect(project.environment["DATABASE_URL"]) as connection:
        found = connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r'"
                                   " AND relnamespace = 'public'::regnamespace")  # fmt: skip
        return {name for (name,) in found}


def agreed(project: Project) -> tuple[str, ...]:
    """What makes a downgrade go on whatever it destroys."""
    name = psycopg.conninfo.conninfo_to_dict(project.environment["DATABASE_URL"])["dbname"]
    return ("--allow-data-loss", "--database", str(name))


# --- migrate ------------------------------------------------------------------------------------


def test_migrate_upgrades_to_head_and_reports_each_revision(three: Project) -> None:
    lines = three.done("migrate").splitlines()
    assert version(three) == THREE.id
    assert [line.split()[:2] for line in lines[:3]] == [["applied", each.id] for each in LINE]
    assert lines[3] == "3 applied."


def test_migrate_again_has_nothing_to_do_and_takes_one_session(three: Project) -> None:
    three.done("migrate")
    with psycopg.connect(three.environment["DATABASE_URL"], autocommit=True) as observer:
        before = sessions(observer)
        assert three.done("migrate") == "Nothing to do: the database is up to date.\n"
        assert sessions(observer) - before == 1


def sessions(observer: psycopg.Connection) -> int:
    """The sessions that the database has had: a backend counts its own before it is gone."""
    alone = "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()"
    wait_until(lambda: observer.execute(alone).fetchone() == (True,))
    had = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
    return int(observer.execute(had).fetchall()[0][0])


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        ("+1", ONE.id),
        ("+2", TWO.id),
        (TWO.id, TWO.id),
        (TWO.id[:4], TWO.id),
        (f"{ONE.id}+1", TWO.id),
        ("head", THREE.id),
        ("heads", THREE.id),
        ("head-1", TWO.id),
    ],
)
def test_migrate_stops_where_it_is_told(target: str, reached: str, three: Project) -> None:
    three.done("migrate", target)
    assert version(three) == reached


def test_migrate_goes_on_where_it_stopped(three: Project) -> None:
    three.done("migrate", "+1")
    three.done("migrate", "+1")
    assert version(three) == TWO.id


def test_database_is_named_and_its_password_is_not(project: Project, tcp_url: str) -> None:
    result = project.lay_out(*LINE).write_sql().run("migrate", DATABASE_URL=tcp_url)
    assert result.code == 0
    assert "postgres@127.0.0.1:" in result.err
    assert "from DATABASE_URL" in result.err
    assert "w%25rd" not in result.text


def test_failed_revision_is_undone_and_those_before_it_stay(project: Project) -> None:
    broken = Revision(THREE.id, TWO.id, f"{THREE.upgrade}\nop.execute('SELECT 1/0')")
    message = project.lay_out(ONE, TWO, broken).refused("migrate", PYTHON, code=1)
    assert f"in revision {THREE.id}" in message
    assert "division by zero" in message
    assert "2 before it stay applied." in message
    assert version(project) == TWO.id


def test_failed_revision_is_run_again_once_it_is_mended(project: Project) -> None:
    broken = Revision(THREE.id, TWO.id, "op.execute('SELECT 1/0')")
    project.lay_out(ONE, TWO, broken).refused("migrate", PYTHON, code=1)
    project.add(THREE)
    assert project.done("migrate", PYTHON).endswith("1 applied.\n")


def test_value_that_a_statement_met_is_not_told_as_a_parameter(project: Project) -> None:
    """SQLAlchemy quotes parameters in its errors; one may be somebody's secret."""
    code = "op.get_bind().execute(sa.text('SELECT CAST(:v AS integer) / 0'), {'v': 4711})"
    message = project.lay_out(Revision(ONE.id, None, code)).refused("migrate", PYTHON, code=1)
    assert "4711" not in message


# --- migrate --sql, downgrade --sql -------------------------------------------------------------

NO_DATABASE = {"DATABASE_URL": "postgresql://127.0.0.1:1/none"}


def sql(project: Project, *arguments: str) -> list[str]:
    """The versions that the printed SQL moves to, in order; printing it needs no database."""
    text = project.done(*arguments, "--sql", **NO_DATABASE)
    return [
        line.split("'")[1]
        for line in text.splitlines()
        if line.startswith(("VALUES (", "SET version_num")) or line.startswith("DELETE FROM a")
        if "'" in line
    ] + (["base"] if "DELETE FROM alembic_version" in text else [])


@pytest.mark.parametrize(
    ("arguments", "versions"),
    [
        (("migrate",), [ONE.id, TWO.id, THREE.id]),
        (("migrate", TWO.id[:4]), [ONE.id, TWO.id]),
        (("migrate", "+1"), [ONE.id]),
        (("migrate", f"{ONE.id}:{THREE.id}"), [TWO.id, THREE.id]),
        (("migrate", f"{TWO.id[:4]}:head"), [THREE.id]),
        (("migrate", f"{ONE.id}:+1"), [TWO.id]),
        (("downgrade", "-1"), [TWO.id]),
        (("downgrade", "-2"), [TWO.id, ONE.id]),
        (("downgrade", ONE.id), [TWO.id, ONE.id]),
        (("downgrade", "base"), [TWO.id, ONE.id, "base"]),
        (("downgrade", f"{TWO.id}:{ONE.id[:4]}"), [ONE.id]),
        (("downgrade", f"{TWO.id}:-1"), [ONE.id]),
        (("downgrade", f"{TWO.id}:base"), [ONE.id, "base"]),
    ],
)
def test_sql_of_a_path_is_printed_without_a_database(
    arguments: tuple[str, ...], versions: list[str], three: Project
) -> None:
    assert sql(three, *arguments) == versions


def test_flag_may_stand_before_the_target(three: Project) -> None:
    assert three.done("downgrade", "--sql", "-1") == three.done("downgrade", "-1", "--sql")


def statements(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("--")]


def test_printed_sql_is_what_the_files_hold(three: Project) -> None:
    three.write_sql()
    files = [(three.sql / f"upgrade/{each.name}.sql").read_text() for each in LINE]
    printed = three.done("migrate", "--sql", **NO_DATABASE)
    assert statements(printed) == statements("\n".join(files))


def test_printed_sql_names_the_revision_that_has_none(project: Project) -> None:
    broken = Revision(TWO.id, ONE.id, "op.get_bind().execute(sa.text('SELECT now()')).scalar()")
    project.lay_out(ONE, broken)
    result = project.run("migrate", "--sql", **NO_DATABASE)
    assert (result.code, result.out) == (1, "")
    assert f"Revision {TWO.id}" in result.err
    assert "Traceback" not in result.err


# --- downgrade ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        ("-1", TWO.id),
        ("-2", ONE.id),
        (ONE.id, ONE.id),
        (ONE.id[:4], ONE.id),
        (f"{TWO.id}-1", ONE.id),
        ("base", "base"),
    ],
)
def test_downgrade_stops_where_it_is_told(target: str, reached: str, three: Project) -> None:
    three.done("migrate")
    three.done("downgrade", target, *agreed(three))
    assert version(three) == reached


def test_downgrade_to_base_leaves_the_two_tables_of_the_workflow(three: Project) -> None:
    three.done("migrate")
    assert three.done("downgrade", "base", *agreed(three)).endswith("3 undone.\n")
    assert tables(three) == {"alembic_version", "migration_ledger"}


def test_downgrade_of_nothing_has_nothing_to_do(three: Project) -> None:
    three.done("migrate")
    three.done("downgrade", "base", *agreed(three))
    assert "Nothing to do" in three.done("downgrade", "base")


def test_downgrade_has_no_default(three: Project) -> None:
    three.done("migrate")
    message = three.refused("downgrade", code=2)
    assert "target" in message
    assert version(three) == THREE.id


def test_upgrade_and_downgrade_and_upgrade_lead_to_the_same_place(three: Project) -> None:
    three.done("migrate")
    three.done("downgrade", "base", *agreed(three))
    three.done("migrate")
    assert version(three) == THREE.id


# --- current, history, pending ------------------------------------------------------------------


def test_current_of_a_new_database_is_base(three: Project) -> None:
    assert three.done("current") == "base (nothing is applied)\n"


def test_looking_leaves_nothing_in_the_database(three: Project) -> None:
    for verb in ("current", "pending", "history"):
        three.done(verb)
    assert tables(three) == set()


def test_current_tells_the_revision_and_whether_it_is_the_head(three: Project) -> None:
    three.done("migrate", "+1")
    assert three.done("current") == f"{ONE.id}  Create cities\n"
    three.done("migrate")
    assert three.done("current") == f"{THREE.id}  Add note to cities  (head)\n"


def test_history_is_newest_first_with_marks(three: Project) -> None:
    three.done("migrate", TWO.id)
    when = r"applied \d{4}-\d\d-\d\d \d\d:\d\d UTC by postgres"
    lines = [
        rf"{THREE.id}  Add note to cities  \(head\)",
        rf"{TWO.id}  Found Troy          \(current, {when}\)",
        rf"{ONE.id}  Create cities       \({when}\)",
    ]
    assert re.fullmatch("\n".join(lines) + "\n", three.done("history"))


def test_history_needs_no_server(three: Project) -> None:
    assert len(three.done("history", **NO_DATABASE).splitlines()) == 3


@pytest.mark.parametrize(
    ("rev_range", "shown"),
    [
        ("current:head", [THREE.id, TWO.id]),
        (":current", [TWO.id, ONE.id]),
        (f"{ONE.id[:4]}:{TWO.id[:4]}", [TWO.id, ONE.id]),
        (f":{ONE.id}", [ONE.id]),
        ("-1:", [THREE.id, TWO.id]),
    ],
)
def test_history_shows_a_range_as_alembic_does(
    rev_range: str, shown: list[str], three: Project
) -> None:
    three.done("migrate", TWO.id)
    ours = three.done("history", f"-r{rev_range}")
    assert [line.split()[0] for line in ours.splitlines()] == shown
    theirs = three.alembic("history", f"-r{rev_range}").out
    assert [line.split(" -> ")[1].split()[0].rstrip(",") for line in theirs.splitlines()] == shown


def test_range_without_a_colon_is_a_usage_error(three: Project) -> None:
    assert "'head' has no colon" in three.refused("history", "-r", "head", code=2)


def test_pending_shows_what_migrate_would_do(three: Project) -> None:
    three.done("migrate", "+1")
    assert [line for line in three.done("pending").splitlines() if line[:1].isalnum()] == [
        f"{TWO.id}  Found Troy",
        f"{THREE.id}  Add note to cities",
        "2 pending.",
    ]
    three.done("migrate")
    assert three.done("pending") == "Nothing to do: the database is up to date.\n"


def test_history_marks_branches_merges_and_all_heads(project: Project) -> None:
    project.lay_out(*LINE, FORK)
    marks = {line.split()[0]: line for line in project.done("history").splitlines()}
    assert "(branch point)" in marks[TWO.id]
    assert "(head)" in marks[THREE.id]
    assert "(head)" in marks[FORK.id]


# --- any configuration --------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["before", "behind"])
def test_configuration_may_be_named_from_elsewhere(place: str, three: Project) -> None:
    config = ("--config", str(three.root / "alembic.ini"))
    arguments = (*config, "pending") if place == "before" else ("pending", *config)
    elsewhere = Project(three.root / "migrations", three.environment)
    assert elsewhere.done(*arguments, PYTHONPATH=str(three.root)).endswith("3 pending.\n")


def test_missing_configuration_is_a_usage_error(three: Project) -> None:
    assert "nowhere.ini" in three.refused("history", "-c", "nowhere.ini", code=2)


@pytest.mark.parametrize("arguments", [(), ("migrat",), ("migrate", "a", "b"), ("sql", "--chekc")])
def test_misuse_exits_with_2_and_names_the_help(arguments: tuple[str, ...], three: Project) -> None:
    message = three.refused(*arguments, code=2)
    assert message.startswith("error[invalid-argument]:")
    assert "--help" in message


def test_dotenv_of_the_project_is_read(three: Project, database_url: str) -> None:
    three.write(".env", f"DATABASE_URL={database_url}\n")
    del three.environment["DATABASE_URL"]
    assert three.done("migrate").endswith("3 applied.\n")
    three.environment["DATABASE_URL"] = database_url
    assert version(three) == THREE.id
