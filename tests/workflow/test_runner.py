"""The runner: SQL and Python steps of any history, each with its version, ledger and locks."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from projects import LINE, ONE, OWN_TABLES, THREE, TWO, Project, Revision
from waiting import IS_BLOCKED, wait_for_query, wait_until

from pybase.migrate import catalog
from pybase.postgres import database_name, scratch_database

READS = "SELECT FROM cities"
STOCK_ENV = """\
from alembic import context
from sqlalchemy import engine_from_config, pool

config = context.config


def run_migrations_offline() -> None:
    url = config.get_main_option("sqlalchemy.url")
    context.configure(url=url, literal_binds=True, dialect_opts={"paramstyle": "named"})
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    section = config.get_section(config.config_ini_section, {})
    connectable = engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)
    with connectable.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
"""
ASYNC_ENV = """\
import asyncio

from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine


def run_migrations(connection) -> None:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def run_async_migrations() -> None:
    url = "postgresql+psycopg_async://nowhere.invalid/pybase"
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run_migrations)
    await engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(run_async_migrations())
"""
ENVS = {"stock": STOCK_ENV, "async": ASYNC_ENV}


@pytest.fixture
def three(project: Project) -> Project:
    """A history of three revisions with its SQL, and a database with none of them."""
    return project.lay_out(*LINE).write_sql()


def rows(project: Project, query: str, url: str = "") -> list[Any]:
    url = url or project.environment["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def ledger(project: Project) -> list[Any]:
    return rows(project, "SELECT revision, direction FROM migration_ledger ORDER BY applied_at")


def version(project: Project, url: str = "") -> list[str]:
    query = "SELECT version_num FROM alembic_version ORDER BY 1"
    return [name for (name,) in rows(project, query, url)]


def everything(project: Project) -> tuple[str, ...]:
    """The arguments with which a downgrade to base runs, whatever it destroys."""
    name = database_name(project.environment["DATABASE_URL"])
    return ("base", "--allow-data-loss", "--database", name)


@contextmanager
def session(project: Project, *statements: str) -> Iterator[psycopg.Connection[Any]]:
    """Another session, in a transaction."""
    with psycopg.connect(project.environment["DATABASE_URL"], application_name="reader") as other:
        for statement in statements:
            other.execute(statement.encode())
        yield other


# --- what is imported -----------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["migrate", "pending", "current"])
@pytest.mark.parametrize("is_applied", [False, True])
def test_fresh_sql_needs_no_alembic_and_no_parser(
    verb: str, three: Project, *, is_applied: bool
) -> None:
    if is_applied:
        three.done("migrate")
    code = (
        f"import sys; from pybase.cli import main; main([{verb!r}]);"
        " print({'alembic', 'sqlalchemy', 'pglast', 'rich', 'sqlfluff'} & sys.modules.keys())"
    )
    result = three.python("-c", code)
    assert result.out.endswith("\nset()\n"), result.text
    assert version(three) == [THREE.id] if verb == "migrate" or is_applied else True


# --- titles and texts that imitate ours -----------------------------------------------------------


def test_title_that_begins_with_undo_is_shown_with_it(project: Project) -> None:
    undo = replace(TWO, title="Undo: the founding of Troy.")
    project.lay_out(ONE, undo).write_sql()
    title = "Undo: the founding of Troy"
    assert f"{TWO.id}  {title}\n" in project.done("pending")
    assert f"applied  {TWO.id}  {title}  (" in project.done("migrate")
    assert f"{TWO.id}  {title}" in project.done("history")
    assert project.done("current") == f"{TWO.id}  {title}  (head)\n"
    assert f"undone   {TWO.id}  {title}  (" in project.done("downgrade", "-1", "--allow-data-loss")


@pytest.mark.parametrize(
    ("steps", "state"), [(1, "Nothing was undone."), (2, "1 before it stay undone.")]
)
def test_failing_downgrade_reports_what_was_undone(
    steps: int, state: str, project: Project
) -> None:
    fails = "op.execute('ALTER TABLE cities ADD CHECK (nothing > 0)')"
    line = [ONE, replace(TWO, downgrade=fails), THREE][: steps + 1]
    project.lay_out(*line).run("sql")
    project.done("migrate", "--force", "hazards")
    message = project.refused(
        "downgrade", f"-{steps}", "--allow-data-loss", "--force", "hazards", code=1
    )
    assert "error[revision-failed]" in message
    assert f"in revision {TWO.id} (Found Troy)" in message
    assert state in message
    assert f"run nox -s downgrade -- {ONE.id}, with the same options" in message
    assert version(project) == [TWO.id]


@pytest.mark.parametrize(
    "name",
    ["n (accepted: it is small)", "n) (accepted: x", 'n" (accepted: x)', "n\n-- accepted: x"],
)
def test_name_that_imitates_an_acceptance_accepts_nothing(name: str, project: Project) -> None:
    create = f"op.create_table({name!r}, sa.Column({name!r}, sa.Integer()))"
    index = f"op.create_index('ix_n', {name!r}, [{name!r}])"
    title = "Index it (accepted: it is small)."
    project.lay_out(Revision(ONE.id, None, create), Revision(TWO.id, ONE.id, index, title=title))
    project.run("sql")
    project.done("migrate", ONE.id)
    message = project.refused("migrate", code=1)
    assert "error[checks-failed]" in message
    assert "blocking-index-build" in message
    assert version(project) == [ONE.id]


REFUSAL = "DO $$ BEGIN RAISE 'This revision has no SQL: it reads the database'; END $$"


def test_statement_that_holds_our_refusal_is_run_as_it_is(project: Project) -> None:
    quoted = REFUSAL.replace("'", "''")
    insert = f"op.execute({f'''INSERT INTO cities (name) VALUES ('{quoted};')'''!r})"
    project.lay_out(ONE, replace(TWO, upgrade=insert)).write_sql()
    code = (
        "import sys; from pybase.cli import main; main(['migrate']);"
        " print({'alembic', 'sqlalchemy'} & sys.modules.keys())"
    )
    assert project.python("-c", code).out.endswith("2 applied.\nset()\n")
    assert rows(project, "SELECT name FROM cities") == [(f"{REFUSAL};",)]


def test_statement_that_is_our_refusal_fails_as_sql_and_runs_no_python(project: Project) -> None:
    """The Python of the revision would succeed where it runs for real."""
    code = (
        f"op.execute({REFUSAL!r})\n"
        "import os\n"
        "if 'APPLIED' in os.environ:\n"
        "    raise AssertionError('the Python ran')"
    )
    project.lay_out(ONE, replace(TWO, upgrade=code)).run("sql")
    message = project.refused("migrate", "--force", "hazards", code=1, APPLIED="yes")
    assert f"PostgreSQL reports an error in revision {TWO.id}" in message
    assert "the Python ran" not in message
    assert version(project) == [ONE.id]


# --- revisions without SQL ------------------------------------------------------------------------

BACKEND = "INSERT INTO pids SELECT pg_backend_pid()"
FIRST = Revision(
    ONE.id, None,
    "op.create_table('pids', sa.Column('pid', sa.Integer()))\n"
    f"{ONE.upgrade}\nop.execute({BACKEND!r})",
    "op.drop_table('cities')\nop.drop_table('pids')",
    "Create cities.",
)  # fmt: skip
READING = Revision(
    TWO.id, ONE.id,
    "pid = op.get_bind().execute(sa.text('SELECT pg_backend_pid()')).scalar()\n"
    "op.add_column('cities', sa.Column('age', sa.Integer()))\n"
    "op.execute(f'INSERT INTO pids VALUES ({pid})')",
    "op.get_bind().execute(sa.text('SELECT now()')).scalar()\nop.drop_column('cities', 'age')",
    "Add the age of cities.",
)  # fmt: skip
LAST = replace(THREE, upgrade=f"{THREE.upgrade}\nop.execute({BACKEND!r})")


@pytest.fixture(params=["ours", *ENVS])
def mixed(project: Project, request: pytest.FixtureRequest) -> Project:
    """SQL, Python, SQL; with our env.py, and with those that `alembic init` writes."""
    project.lay_out(FIRST, READING, LAST)
    if request.param in ENVS:
        project.write("migrations/env.py", ENVS[request.param])
    project.run("sql")
    return project


def has_own_session(project: Project) -> bool:
    """Whether env.py has a driver that cannot use our session."""
    return "asyncio" in (project.root / "migrations" / "env.py").read_text("utf-8")


def test_only_the_revision_without_sql_runs_its_python(mixed: Project) -> None:
    """On the session of the others where its driver can use it, with its line in the ledger."""
    sessions = 2 if has_own_session(mixed) else 1
    assert mixed.done("migrate", "--force", "hazards").endswith("3 applied.\n")
    assert rows(mixed, "SELECT count(*), count(DISTINCT pid) FROM pids") == [(3, sessions)]
    assert ledger(mixed) == [(each.id, "upgrade") for each in (FIRST, READING, LAST)]
    with_digest = rows(mixed, "SELECT revision FROM migration_ledger WHERE digest IS NOT NULL")
    assert {revision for (revision,) in with_digest} == {FIRST.id, LAST.id}
    assert version(mixed) == [LAST.id]
    down = mixed.done("downgrade", *everything(mixed), "--force", "hazards")
    assert down.endswith("3 undone.\n")
    assert [direction for _, direction in ledger(mixed)] == ["upgrade"] * 3 + ["downgrade"] * 3
    assert version(mixed) == []
    assert rows(mixed, "SELECT to_regclass('cities')") == [(None,)]


def test_revision_without_sql_is_tried_again_for_its_locks(mixed: Project) -> None:
    mixed.done("migrate", FIRST.id)
    with session(mixed, READS) as other:
        command = mixed.start("migrate", "--force", "hazards")
        if has_own_session(mixed):
            wait_for_query(mixed.environment["DATABASE_URL"], IS_BLOCKED)
        else:
            wait_until(lambda: "Waiting for a lock: pid" in command.err)
        other.rollback()
        result = mixed.ended(command)
    assert result.code == 0, result.text
    tried_again = re.search(rf"applied  {READING.id} .*, \d+ tries\)", result.out)
    assert tried_again or has_own_session(mixed)  # that one may get it in its first try
    assert ledger(mixed) == [(each.id, "upgrade") for each in (FIRST, READING, LAST)]
    assert rows(mixed, "SELECT count(*) FROM pids") == [(3,)]


def test_code_of_a_revision_may_compute_between_its_statements(project: Project) -> None:
    """The server ends an idle transaction only where no code can be busy in it."""
    timeout = "op.get_bind().execute(sa.text('SHOW idle_in_transaction_session_timeout')).scalar()"
    comment = "op.execute(f\"COMMENT ON TABLE cities IS '{timeout}'\")"
    code = Revision(TWO.id, ONE.id, f"timeout = {timeout}\n{comment}", "pass")
    project.lay_out(ONE, code)
    project.run("sql")
    project.done("migrate", "--force", "hazards")
    assert rows(project, "SELECT obj_description('cities'::regclass)") == [("0",)]


def test_revision_without_sql_does_not_block_readers_for_long(mixed: Project) -> None:
    mixed.done("migrate", FIRST.id)
    with session(mixed, READS):
        message = mixed.refused("migrate", "--force", "hazards", "--deadline-s", "1", code=3)
    assert "error[lock-timeout]" in message
    assert f"Nothing was applied. Not applied: {READING.id}, {LAST.id}." in message
    assert version(mixed) == [FIRST.id]


def test_run_that_was_killed_in_a_revision_without_sql_is_resumed(mixed: Project) -> None:
    with session(mixed, "SELECT pg_advisory_xact_lock_shared(1)") as other:
        mixed.done("migrate", FIRST.id)
        other.execute(READS)
        command = mixed.start("migrate", "--force", "hazards")
        wait_for_query(mixed.environment["DATABASE_URL"], IS_BLOCKED)
        os.kill(command.pid, signal.SIGKILL)
        assert mixed.ended(command).code == -signal.SIGKILL
    assert version(mixed) == [FIRST.id]
    assert mixed.done("migrate", "--force", "hazards").endswith("2 applied.\n")
    assert ledger(mixed) == [(each.id, "upgrade") for each in (FIRST, READING, LAST)]
    assert rows(mixed, "SELECT count(*) FROM pids") == [(3,)]


def test_newest_revision_that_reads_the_database_is_run_alone(project: Project) -> None:
    code = "op.get_bind().execute(sa.text('SELECT now()')).scalar()\n"
    newest = replace(THREE, upgrade=code + str(THREE.upgrade))
    project.lay_out(ONE, TWO, newest).run("sql")
    assert project.done("migrate", TWO.id).endswith("2 applied.\n")
    assert project.done("migrate", "+1", "--force", "hazards").endswith("1 applied.\n")
    assert version(project) == [THREE.id]
    assert ledger(project) == [(each.id, "upgrade") for each in LINE]
    assert rows(project, "SELECT name, note FROM cities") == [("Troy", None)]
    down = project.done("downgrade", *everything(project), "--force", "hazards")
    assert down.endswith("3 undone.\n")
    assert version(project) == []
    assert rows(project, "SELECT to_regclass('cities')") == [(None,)]


# --- branches, merges and dependencies ------------------------------------------------------------


@dataclass(frozen=True)
class Dependent(Revision):
    """A revision with `depends_on`."""

    depends_on: str = ""

    @property
    def text(self) -> str:
        line = f"down_revision = {self.parents!r}\n"
        return super().text.replace(line, f"{line}depends_on = {self.depends_on!r}\n")


def table(name: str) -> tuple[str, str]:
    return f"op.create_table('{name}', sa.Column('id', sa.Integer()))", f"op.drop_table('{name}')"


LEFT = Revision(
    "bbbbbbbbbbbb", ONE.id, THREE.upgrade, THREE.downgrade, "Add note to cities."
)  # fmt: skip
RIGHT = Revision("cccccccccccc", ONE.id, *table("towns"), "Create towns.")
DEPENDENT = Dependent(
    "dddddddddddd", RIGHT.id,
    "op.execute('CREATE VIEW noted AS SELECT note FROM cities')",
    "op.execute('DROP VIEW noted')",
    "Create noted.", None, LEFT.id,
)  # fmt: skip
MERGE = Revision("eeeeeeeeeeee", (LEFT.id, DEPENDENT.id), title="Merge both branches.")
NORTH = Revision("ffffffffffff", MERGE.id, *table("north"), "Create north.")
SOUTH = Revision("999999999999", MERGE.id, *table("south"), "Create south.")
GRAPH = (ONE, LEFT, RIGHT, DEPENDENT, MERGE, NORTH, SOUTH)


@pytest.fixture
def graph(project: Project) -> Project:
    """A history that branches, merges and branches again, with a dependency between branches."""
    return project.lay_out(*GRAPH).write_sql()


@pytest.fixture
def plain_url(server18_url: str) -> Iterator[str]:
    """A second database, for plain Alembic."""
    with scratch_database(server18_url, prefix="test") as url:
        yield url


def schema(url: str) -> dict[str, str]:
    with psycopg.connect(url, autocommit=True) as connection:
        return catalog.snapshot(connection, ignore_tables=OWN_TABLES)


def require_same(graph: Project, plain_url: str) -> None:
    """Require the schema and the version rows of plain Alembic's database."""
    assert version(graph) == version(graph, plain_url)
    assert schema(graph.environment["DATABASE_URL"]) == schema(plain_url)


def applied(project: Project) -> set[str]:
    """The revisions whose last line in the ledger is an upgrade."""
    last = dict(ledger(project))
    return {revision for revision, direction in last.items() if direction == "upgrade"}


@pytest.mark.parametrize("start", [None, *GRAPH], ids=lambda each: each.id[0] if each else "base")
def test_graph_is_run_up_and_down_as_alembic_does(
    start: Revision | None, graph: Project, plain_url: str
) -> None:
    if start:
        for url in (graph.environment["DATABASE_URL"], plain_url):
            assert graph.alembic("upgrade", start.id, DATABASE_URL=url).code == 0
    before = len(ledger(graph)) if start else 0
    count = len(GRAPH) - before
    assert graph.done("migrate", "heads").endswith(f"{count} applied.\n")
    assert graph.alembic("upgrade", "heads", DATABASE_URL=plain_url).code == 0
    require_same(graph, plain_url)
    assert version(graph) == sorted([NORTH.id, SOUTH.id])
    order = [revision for revision, _ in ledger(graph)]
    assert sorted(order) == sorted(revision.id for revision in GRAPH)
    for revision in GRAPH:
        parents = revision.parents if isinstance(revision.parents, tuple) else [revision.parents]
        needed = [*filter(None, parents), *filter(None, [getattr(revision, "depends_on", None)])]
        assert all(order.index(parent) < order.index(revision.id) for parent in needed)
    assert graph.done("downgrade", *everything(graph)).endswith(f"{len(GRAPH)} undone.\n")
    assert graph.alembic("downgrade", "base", DATABASE_URL=plain_url).code == 0
    require_same(graph, plain_url)
    assert (version(graph), applied(graph)) == ([], set())


@pytest.mark.parametrize(
    "steps", [(LEFT, RIGHT, DEPENDENT, NORTH, SOUTH), (RIGHT, DEPENDENT, SOUTH, NORTH)],
    ids=["left first", "dependency pulled in"],
)  # fmt: skip
def test_each_step_leaves_the_version_rows_and_the_ledger_of_alembic(
    steps: tuple[Revision, ...], graph: Project, plain_url: str
) -> None:
    for revision in steps:
        graph.done("migrate", revision.id)
        assert graph.alembic("upgrade", revision.id, DATABASE_URL=plain_url).code == 0
        require_same(graph, plain_url)
        lines = rows(graph, "SELECT revision FROM migration_ledger", plain_url)
        assert applied(graph) == {revision for (revision,) in lines}
    for target in (MERGE.id, DEPENDENT.id, RIGHT.id, "base"):
        allowed = ("--allow-data-loss", *everything(graph)[2:])
        ours = graph.run("downgrade", target, *allowed)
        theirs = graph.alembic("downgrade", target, DATABASE_URL=plain_url)
        assert (ours.code == 0) == (theirs.code == 0), ours.text + theirs.text
        require_same(graph, plain_url)


def test_branch_is_tried_again_for_its_locks_and_resumed(graph: Project, plain_url: str) -> None:
    graph.done("migrate", RIGHT.id)
    with session(graph, READS):
        message = graph.refused("migrate", "heads", "--deadline-s", "1", code=3)
    assert f"Revision {LEFT.id} (Add note to cities) did not get its locks" in message
    assert version(graph) == [RIGHT.id]
    with session(graph, READS) as other:
        command = graph.start("migrate", "heads")
        wait_until(lambda: "Waiting for a lock: pid" in command.err)
        os.kill(command.pid, signal.SIGKILL)
        graph.ended(command)
        command = graph.start("migrate", "heads")
        wait_until(lambda: "Waiting for a lock: pid" in command.err)
        other.rollback()
        result = graph.ended(command)
    assert result.out.endswith("5 applied.\n"), result.text
    assert re.search(rf"applied  {LEFT.id} .* tries\)", result.out)
    assert graph.alembic("upgrade", "heads", DATABASE_URL=plain_url).code == 0
    require_same(graph, plain_url)
    assert len(ledger(graph)) == len(GRAPH)


def test_branch_with_a_revision_without_sql_runs_only_that_as_python(
    graph: Project, plain_url: str
) -> None:
    code = "op.get_bind().execute(sa.text('SELECT now()')).scalar()\n"
    graph.add(replace(RIGHT, upgrade=code + str(RIGHT.upgrade)))
    graph.run("sql")
    assert graph.done("migrate", "heads", "--force", "hazards").endswith("7 applied.\n")
    assert graph.alembic("upgrade", "heads", DATABASE_URL=plain_url).code == 0
    require_same(graph, plain_url)
    digests = rows(graph, "SELECT revision FROM migration_ledger WHERE digest IS NULL")
    assert digests == [(RIGHT.id,)]


# --- the version table ----------------------------------------------------------------------------

OTHER_VERSION_TABLE = """
from alembic import context

from models import metadata
from pybase.migrate import environment

_configure = context.configure
context.configure = lambda **options: _configure(
    **{**options, "version_table": "Versions", "version_table_schema": "public"}
)
environment.run(metadata)
"""


@pytest.mark.parametrize("sql", ["fresh", "stale", "missing"])
def test_database_with_another_version_table_is_not_taken_for_empty(
    sql: str, project: Project
) -> None:
    project.lay_out(*LINE).write("migrations/env.py", OTHER_VERSION_TABLE)
    assert project.alembic("upgrade", TWO.id).code == 0
    if sql != "missing":
        project.done("sql")
    if sql == "stale":
        project.add(replace(THREE, title="Add a note."))
    force = () if sql == "fresh" else ("--python-revisions",)
    assert project.done("current").startswith(TWO.id)
    assert "1 pending." in project.done("pending")
    assert project.done("migrate", *force).endswith("1 applied.\n")
    assert rows(project, 'SELECT version_num FROM "Versions"') == [(THREE.id,)]
    assert rows(project, "SELECT to_regclass('alembic_version')") == [(None,)]
    down = project.done("downgrade", *everything(project), *force)
    assert down.endswith("3 undone.\n")
    assert rows(project, 'SELECT version_num FROM "Versions"') == []


def test_version_table_that_was_renamed_after_the_sql_was_written_is_that_of_env(
    three: Project,
) -> None:
    three.write("migrations/env.py", OTHER_VERSION_TABLE)
    assert three.alembic("upgrade", TWO.id).code == 0
    assert three.done("current").startswith(TWO.id)
    assert three.done("pending").endswith("1 pending.\n")
    assert three.done("migrate").endswith("1 applied.\n")
    assert rows(three, 'SELECT version_num FROM "Versions"') == [(THREE.id,)]
    assert rows(three, "SELECT to_regclass('alembic_version')") == [(None,)]


def test_version_table_that_is_gone_is_refused(three: Project, database_url: str) -> None:
    """The ledger has revisions nevertheless."""
    three.done("migrate")
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP TABLE alembic_version")
    for verb in ("migrate", "current", "pending"):
        assert "error[version-table-missing]" in three.refused(verb, code=1)


# --- a SQL file that was edited -------------------------------------------------------------------


def test_edited_sql_file_is_run_by_alembic_on_request_only(three: Project) -> None:
    path = three.sql / f"upgrade/{TWO.name}.sql"
    path.write_text(path.read_text("utf-8").replace("Troy", "Rome"), "utf-8")
    assert "error[stale-sql]" in three.refused("migrate", code=1)
    assert f"{TWO.id}  Found Troy" in three.done("pending")
    result = three.run("migrate", "--python-revisions")
    assert result.out.endswith("3 applied.\n"), result.text
    assert "Alembic runs the revisions' Python, not sql/." in result.err
    assert rows(three, "SELECT name FROM cities") == [("Troy",)]


# --- the session ----------------------------------------------------------------------------------


def test_role_that_the_login_assumes_runs_every_revision(three: Project, database_url: str) -> None:
    """ALTER ROLE ... SET role: the tables belong to a group, whoever migrates."""
    name = database_name(database_url)
    login, owner = f"login_{name}", f"owner_{name}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in (
            f'CREATE ROLE "{owner}"',
            f'CREATE ROLE "{login}" LOGIN IN ROLE "{owner}"',
            f'ALTER ROLE "{login}" SET role = "{owner}"',
            f'GRANT CREATE, USAGE ON SCHEMA public TO "{owner}"',
        ):
            connection.execute(statement.encode())
        try:
            url = database_url.replace("postgres@", f"{login}@")
            assert three.done("migrate", DATABASE_URL=url).endswith("3 applied.\n")
            assert rows(three, "SELECT DISTINCT role FROM migration_ledger") == [(owner,)]
        finally:
            connection.execute(f'DROP OWNED BY "{owner}", "{login}"'.encode())
            connection.execute(f'DROP ROLE "{login}"'.encode())
            connection.execute(f'DROP ROLE "{owner}"'.encode())


@pytest.mark.parametrize("end", ["-- a comment", "/* a comment */", "; -- a comment", ";;"])
def test_comment_at_the_end_of_a_statement_ends_with_it(end: str, project: Project) -> None:
    text = f"INSERT INTO cities (name) VALUES ('Rome') {end}"
    project.lay_out(ONE, replace(TWO, upgrade=f"op.execute({text!r})")).run("sql")
    assert project.done("migrate", "--force", "hazards").endswith("2 applied.\n")
    assert rows(project, "SELECT name FROM cities") == [("Rome",)]
    assert ledger(project) == [(ONE.id, "upgrade"), (TWO.id, "upgrade")]
