"""A fleet of databases, or of schemas: each migrated as one is, with one outcome each."""

import json
import os
import random
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from typing import Any

import psycopg
import pytest
from projects import LINE, ONE, THREE, TWO, Project, Result, Revision
from tcp_servers import ENCODED, PASSWORD, TcpServer
from waiting import IS_BLOCKED, wait_for_query, wait_until
from warm import Command

from .test_json import documented
from .test_terminal import Screen

HEAD = THREE.id
NAMES = ("customer_1", "customer_2", "customer_3", "customer_4", "customer_5", "customer_6")
OTHER = "customers"
"""A name that customer_% would match if _ were special in it."""


@pytest.fixture(scope="module")
def server(tcp_server: TcpServer) -> Iterator[str]:
    """A server with the databases of NAMES and OTHER, without the database in the URL."""
    with _sql(tcp_server.url()) as connection:
        for name in (*NAMES, OTHER):
            connection.execute(f"CREATE DATABASE {name}".encode())
    yield tcp_server.url("").removesuffix("/")
    with _sql(tcp_server.url()) as connection:
        for name in (*NAMES, OTHER):
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


class Customers:
    """The databases of a server, and the commands on them as a fleet."""

    def __init__(self, project: Project, server: str) -> None:
        self.project, self.server = project, server
        url = server.replace(ENCODED, "${SECRET}")
        self.each = ("--fleet", f"{url}/?each=customer_%")
        project.environment |= {"SECRET": PASSWORD}
        project.secrets = (PASSWORD, ENCODED)

    def url(self, name: str) -> str:
        return f"{self.server}/{name}"

    def run(self, *arguments: str) -> Result:
        result = self.project.run(*arguments, *self.each)
        assert "Traceback" not in result.text
        return result

    def json(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """The exit code, and what the JSON has of each database."""
        result = self.run(*arguments, "--format", "json")
        return result.code, {each["name"]: each for each in json.loads(result.out)["databases"]}

    def versions(self) -> dict[str, str]:
        return {name: version(self.url(name)) for name in NAMES}


@pytest.fixture
def customers(project: Project, server: str) -> Iterator[Customers]:
    """The fleet at base, with a history of three revisions."""
    yield Customers(project.lay_out(*LINE).write_sql(), server)
    for name in (*NAMES, OTHER):
        with _sql(f"{server}/{name}") as connection:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


@contextmanager
def _sql(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def version(url: str, schema: str = "public") -> str:
    """The version of a schema, or base."""
    with _sql(url) as connection:
        table = f"{schema}.alembic_version"
        if connection.execute("SELECT to_regclass(%s)", [table]).fetchone() == (None,):
            return "base"
        rows = connection.execute(f"SELECT version_num FROM {table}".encode()).fetchall()
        return " ".join(row[0] for row in rows) or "base"


def ledger(url: str, schema: str = "public") -> list[str]:
    """The revisions that the ledger has, in order."""
    with _sql(url) as connection:
        query = f"SELECT revision FROM {schema}.migration_ledger ORDER BY applied_at"
        return [revision for (revision,) in connection.execute(query.encode())]


IN_ORDER = [revision.id for revision in LINE]


def test_fleet_goes_to_head_and_back(customers: Customers) -> None:
    code, shown = customers.json("current")
    assert {f"databases[].{key}" for key in shown["customer_1"]} < documented("a fleet")
    assert (code, [shown[name]["current"] for name in NAMES]) == (0, [[]] * 6)
    assert OTHER not in shown
    code, shown = customers.json("migrate")
    assert code == 0
    assert {f"databases[].{key}" for key in shown["customer_1"]} < documented("a fleet")
    assert {each["state"] for each in shown.values()} == {"done"}
    assert {each["changed"] for each in shown.values()} == {3}
    assert customers.versions() == dict.fromkeys(NAMES, HEAD)
    assert [ledger(customers.url(name)) for name in NAMES] == [IN_ORDER] * 6
    code, shown = customers.json("migrate")
    assert (code, {each["state"] for each in shown.values()}) == (0, {"nothing-to-do"})
    assert customers.run("pending", "--check").code == 0
    code, shown = customers.json("downgrade", TWO.id)
    assert (code, {each["changed"] for each in shown.values()}) == (0, {1})
    assert customers.versions() == dict.fromkeys(NAMES, TWO.id)
    result = customers.run("pending", "--check")
    assert (result.code, result.out.count(f"1 pending: {HEAD}")) == (1, 6)
    title = THREE.title.removesuffix(".")
    assert result.out.count(f"\n{HEAD}  {title}\n") == 1
    shown_as_json = json.loads(customers.run("pending", "--format", "json").out)
    assert shown_as_json["revisions"] == [{"revision": HEAD, "title": title}]
    assert version(customers.url(OTHER)) == "base"


# --- failures -------------------------------------------------------------------------------------


def file(customers: Customers, **urls: str) -> tuple[str, str]:
    """Write a fleet.toml whose names begin with those of the fleet, `urls` added or in their place.

    Returns the option.
    """
    url = customers.each[1].partition("?")[0]
    rows = {name: f"{url}{name}" for name in NAMES} | urls
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in rows.items())
    customers.project.write("fleet.toml", f"[databases]\n{lines}")
    return "--fleet", "fleet.toml"


def test_canary_that_fails_stops_all(customers: Customers) -> None:
    with _sql(customers.url("customer_3")) as connection:
        connection.execute("CREATE TABLE cities ()")
    code, shown = customers.json("migrate", "--canary", "customer_3")
    assert code == 1
    assert shown.pop("customer_3")["error"]["code"] == "revision-failed"
    assert {each["state"] for each in shown.values()} == {"not-begun"}
    assert customers.versions() == dict.fromkeys(NAMES, "base")


def test_each_failure_is_its_own_and_is_reported(customers: Customers, free_port: int) -> None:
    """The others go on; when the causes are gone, the same command does what is left."""
    customers.run("migrate", TWO.id)
    with ExitStack() as stack:
        lock, ahead, row = (
            stack.enter_context(_sql(customers.url(f"customer_{number}"))) for number in (2, 3, 4)
        )
        lock.execute("BEGIN; LOCK TABLE cities IN ACCESS SHARE MODE")
        ahead.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        row.execute("ALTER TABLE cities ADD COLUMN note integer")
        url = customers.each[1].partition("?")[0].replace("SECRET", "WRONG")
        elsewhere = f"postgresql://postgres:${{SECRET}}@127.0.0.1:{free_port}/customer_1"
        customers.each = file(customers, refused=f"{url}postgres", unreachable=elsewhere)
        customers.project.environment["WRONG"] = "not/the@secret"
        customers.project.secrets += ("not/the@secret", "not%2Fthe%40secret")
        code, shown = customers.json("migrate", "--deadline-s", "1")
        text = customers.run("migrate", "--deadline-s", "1")
        current_code, current = customers.json("current")
    assert (current_code, current["customer_1"]["current"]) == (1, [HEAD])
    assert current["customer_3"]["error"]["code"] == "database-ahead"
    done = {"customer_1", "customer_5", "customer_6"}
    expected = {
        "customer_2": "lock-timeout",
        "customer_3": "database-ahead",
        "customer_4": "revision-failed",
        "refused": "unreachable",
        "unreachable": "unreachable",
    }
    assert (code, text.code) == (1, 1)
    assert {name for name, each in shown.items() if each["state"] == "done"} == done
    assert {n: e["error"]["code"] for n, e in shown.items() if e["error"]} == expected
    assert {line.split()[1] for line in text.out.splitlines() if "failed " in line[:7]} == {
        *expected
    }
    assert "The URL of refused" not in text.text
    assert "fleet.toml" in shown["refused"]["error"]["hint"]
    with ExitStack() as stack:
        ahead, row = (
            stack.enter_context(_sql(customers.url(f"customer_{number}"))) for number in (3, 4)
        )
        ahead.execute(f"UPDATE alembic_version SET version_num = '{TWO.id}'".encode())
        row.execute("ALTER TABLE cities DROP COLUMN note")
    code, shown = customers.json("migrate")
    assert code == 3, "only servers are the reason now"
    assert customers.versions() == dict.fromkeys(NAMES, HEAD)
    assert [ledger(customers.url(name)) for name in NAMES] == [IN_ORDER] * 6


def test_too_many_failures_stop_what_is_not_begun(customers: Customers) -> None:
    for name in ("customer_2", "customer_4"):
        with _sql(customers.url(name)) as connection:
            connection.execute("CREATE TABLE cities ()")
    code, shown = customers.json("migrate", "--jobs", "1", "--max-failures", "1")
    states = [shown[name]["state"] for name in NAMES]
    assert (code, states) == (1, ["done", "failed", "done", "failed", "not-begun", "not-begun"])
    assert version(customers.url("customer_6")) == "base"


def test_drift_of_one_database_stops_only_that(customers: Customers) -> None:
    customers.run("migrate", TWO.id)
    with _sql(customers.url("customer_2")) as connection:
        connection.execute("ALTER TABLE cities ADD COLUMN by_hand integer")
    url = customers.each[1].partition("?")[0]
    toml = "".join(f"{name} = '{url}{name}'\n" for name in NAMES[:3])
    customers.project.write("fleet.toml", f"[databases]\n{toml}")
    customers.each = ("--fleet", "fleet.toml")
    code, shown = customers.json("migrate", "--check-drift")
    assert (code, [shown[name]["state"] for name in NAMES[:3]]) == (1, ["done", "failed", "done"])
    assert shown["customer_2"]["error"]["code"] == "checks-failed"
    assert "by_hand" in shown["customer_2"]["error"]["problem"]
    assert version(customers.url("customer_2")) == TWO.id


def test_data_are_lost_only_where_that_is_agreed(customers: Customers) -> None:
    """Of six databases, one has values in the column that the downgrade drops."""
    customers.run("migrate")
    with _sql(customers.url("customer_5")) as connection:
        connection.execute("UPDATE cities SET note = 'kept'")
    code, shown = customers.json("downgrade", TWO.id)
    failed = {name: each["error"] for name, each in shown.items() if each["error"]}
    assert (code, [*failed]) == (1, ["customer_5"])
    assert failed["customer_5"]["code"] == "data-loss"
    assert f"--fleet '{customers.each[1]}'" in failed["customer_5"]["hint"]
    assert customers.versions() == dict.fromkeys(NAMES, TWO.id) | {"customer_5": HEAD}
    assert customers.run("downgrade", TWO.id, "--allow-data-loss").code == 0
    assert customers.versions() == dict.fromkeys(NAMES, TWO.id)


def test_at_a_terminal_each_database_is_asked_about(customers: Customers) -> None:
    customers.run("migrate")
    with _sql(customers.url("customer_5")) as connection:
        connection.execute("UPDATE cities SET note = 'kept'")
    shown = Screen(customers.project, 120).show("downgrade", TWO.id, *customers.each, answer="y\n")
    assert shown.code == 0, shown.written
    assert "customer_5: The downgrade destroys data:" in "\n".join(shown.lines)
    assert "customer_4: The downgrade" not in shown.written
    assert "6 databases: 6 done." in shown.written
    assert re.search(r"\d of 6", shown.written)
    assert PASSWORD not in shown.written
    assert customers.versions() == dict.fromkeys(NAMES, TWO.id)


# --- interruptions --------------------------------------------------------------------------------


SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGKILL)


def test_killed_run_is_finished_by_the_same_command(customers: Customers) -> None:
    """Killed, or interrupted, when some number of revisions of all databases is applied."""
    seed = random.randrange(2**32)
    moments = sorted(random.Random(seed).sample(range(18), 3))
    with ExitStack() as stack:
        sessions = [stack.enter_context(_sql(customers.url(name))) for name in NAMES]
        for moment, how in zip(moments, SIGNALS, strict=True):
            most = max(moment, sum(map(_lines, sessions)))  # it has begun when there are more
            command = customers.project.start("migrate", "--jobs", "3", *customers.each)
            wait_until(partial(_is_past, most, sessions, command))
            with suppress(ProcessLookupError):  # it may have ended at that moment
                os.kill(command.pid, how)
            assert command.wait()[0] in (0, 130 if how == signal.SIGINT else -how)
    assert customers.run("migrate").code == 0, f"seed {seed}, moments {moments}"
    assert customers.versions() == dict.fromkeys(NAMES, HEAD)
    assert [ledger(customers.url(name)) for name in NAMES] == [IN_ORDER] * 6


def _is_past(count: int, sessions: list[psycopg.Connection[Any]], command: Command) -> bool:
    return sum(map(_lines, sessions)) > count or not command.is_running


def _lines(session: psycopg.Connection[Any]) -> int:
    """How many revisions a database has applied."""
    try:
        row = session.execute("SELECT count(*) FROM migration_ledger").fetchone()
    except psycopg.errors.UndefinedTable:
        return 0
    return row[0] if row else 0


ENDS = {
    "session": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
    "'pybase' AND datname = 'customer_2' AND wait_event_type = 'Lock'",
    "database": "DROP DATABASE customer_2 WITH (FORCE)",
}


@pytest.mark.parametrize("end", ENDS)
def test_end_of_one_database_is_no_other_s(end: str, customers: Customers) -> None:
    """One waits for a lock, and is ended while the others are migrated."""
    customers.run("migrate", TWO.id)
    others = [name for name in NAMES if name != "customer_2"]
    with closing(psycopg.connect(customers.url("customer_2"))) as holder:
        holder.execute("LOCK TABLE cities IN ACCESS SHARE MODE")
        command = customers.project.start("migrate", "--jobs", "2", *customers.each)
        wait_until(lambda: all(version(customers.url(name)) == HEAD for name in others))
        wait_for_query(customers.url("customer_2"), IS_BLOCKED)
        with _sql(customers.url("postgres")) as session:
            session.execute(ENDS[end].encode())
        result = customers.project.ended(command)
    assert result.code == 3, result.text
    assert re.findall(r"^failed +(\w+)", result.out, re.MULTILINE) == ["customer_2"]
    if end == "database":
        with _sql(customers.url("postgres")) as session:
            session.execute("CREATE DATABASE customer_2")
    else:
        assert version(customers.url("customer_2")) == TWO.id
    assert customers.run("migrate").code == 0
    assert [ledger(customers.url(name)) for name in NAMES] == [IN_ORDER] * 6


def test_server_that_is_killed_under_a_fleet(customers: Customers, tcp_server: TcpServer) -> None:
    """Some are done, two are in the middle, two have not begun; and when it runs again, all are."""
    customers.run("migrate", TWO.id)
    held = ("customer_3", "customer_4")
    with ExitStack() as stack:
        for name in held:
            holder = stack.enter_context(closing(psycopg.connect(customers.url(name))))
            holder.execute("LOCK TABLE cities IN ACCESS SHARE MODE")
        command = customers.project.start("migrate", "--jobs", "2", *customers.each)
        for name in held:
            wait_for_query(customers.url(name), IS_BLOCKED)
        tcp_server.stop()
        try:
            result = customers.project.ended(command)
        finally:
            tcp_server.start()
    assert result.code == 3, result.text
    assert sorted(re.findall(r"^(done|failed) +(\w+)", result.out, re.MULTILINE)) == [
        *(("done", name) for name in NAMES[:2]),
        *(("failed", name) for name in NAMES[2:]),
    ]
    assert customers.versions() == dict.fromkeys(NAMES, TWO.id) | dict.fromkeys(NAMES[:2], HEAD)
    assert customers.run("migrate").code == 0
    assert [ledger(customers.url(name)) for name in NAMES] == [IN_ORDER] * 6


# --- what Alembic has to run ----------------------------------------------------------------------

READS = Revision(
    "dddddddddddd",
    THREE.id,
    "op.get_bind().execute(sa.text('SELECT now()')).scalar()\nop.drop_column('cities', 'note')",
    "op.add_column('cities', sa.Column('note', sa.Text()))",
    accepted={"drops-column": "No release reads it.", "cannot-render": "It reads the clock."},
)


def test_revision_without_sql_runs_on_each_database(customers: Customers) -> None:
    customers.project.add(READS)
    customers.project.run("sql")
    result = customers.run("migrate", "--force", "hazards")
    assert result.code == 0, result.text
    assert customers.versions() == dict.fromkeys(NAMES, READS.id)
    assert [ledger(customers.url(name)) for name in NAMES] == [[*IN_ORDER, READS.id]] * 6


def test_env_that_prepares_its_session_is_run_on_each_database(customers: Customers) -> None:
    """It sets a role, to which the tables then belong."""
    customers.project.write("migrations/env.py", ENV_WITH_ROLE)
    with _sql(customers.url("customer_1")) as connection:
        connection.execute("DROP ROLE IF EXISTS writer; CREATE ROLE writer")
    for name in NAMES:
        with _sql(customers.url(name)) as connection:
            connection.execute("GRANT ALL ON SCHEMA public TO writer")
    result = customers.run("migrate")
    assert result.code == 0, result.text
    for name in NAMES:
        with _sql(customers.url(name)) as connection:
            query = "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'cities'"
            assert connection.execute(query).fetchall() == [("writer",)]
            connection.execute("DROP OWNED BY writer")
    with _sql(customers.url("customer_1")) as connection:
        connection.execute("DROP ROLE writer")


ENV_WITH_ROLE = """\
import sqlalchemy as sa
from alembic import context

if context.is_offline_mode():
    context.configure(dialect_name="postgresql", transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    connection = context.config.attributes.get("connection")
    if connection is None:
        connection = sa.create_engine("postgresql+psycopg://").connect()
    connection.execute(sa.text("SET ROLE writer"))
    connection.commit()
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""


FILLS = Revision(
    "dddddddddddd",
    THREE.id,
    "op.backfill('cities', set=\"note = 'old'\", where='note IS NULL', key=['name'])",
    "pass",
)


def test_backfill_fills_each_database(customers: Customers) -> None:
    customers.project.add(FILLS)
    customers.project.done("sql")
    assert customers.run("migrate", HEAD).code == 0
    with _sql(customers.url("customer_2")) as connection:
        connection.execute("DROP TABLE cities")
    code, shown = customers.json("backfill", "cities")
    failed = {name: each["error"]["code"] for name, each in shown.items() if each["error"]}
    assert (code, failed) == (1, {"customer_2": "backfill-failed"})
    assert [shown[name]["changed"] for name in NAMES] == [1, 0, 1, 1, 1, 1]
    code, shown = customers.json("backfill", "cities")
    assert [shown[name]["changed"] for name in NAMES] == [0] * 6


# --- schemas --------------------------------------------------------------------------------------

TENANTS = ("tenant_1", "tenant_2", "tenant_3")
BY_SCHEMA = ("--schemas", "tenant_%")


@pytest.fixture
def tenants(project: Project, database_url: str) -> Project:
    """A database with the schemas of TENANTS, and one whose name would match if _ were special."""
    with _sql(database_url) as connection:
        for name in (*TENANTS, "tenants", '"tenant_4 of Eve"'):
            connection.execute(f"CREATE SCHEMA {name}".encode())
    return project.lay_out(*LINE).write_sql()


def test_each_schema_has_a_history_of_its_own(tenants: Project, database_url: str) -> None:
    names = (*TENANTS, '"tenant_4 of Eve"')
    tenants.done("migrate", *BY_SCHEMA)
    assert [version(database_url, name) for name in names] == [HEAD] * 4
    assert [ledger(database_url, name) for name in names] == [IN_ORDER] * 4
    assert [version(database_url, name) for name in ("public", "tenants")] == ["base"] * 2
    assert tenants.done("migrate", *BY_SCHEMA).count("nothing to do  ") == 4
    with _sql(database_url) as connection:
        connection.execute("UPDATE tenant_2.cities SET note = 'kept'")
    result = tenants.run("downgrade", TWO.id, *BY_SCHEMA, "--format", "json")
    shown = {each["schema"]: each for each in json.loads(result.out)["databases"]}
    assert (result.code, shown["tenant_2"]["error"]["code"]) == (1, "data-loss")
    assert [version(database_url, name) for name in names] == [TWO.id, HEAD, TWO.id, TWO.id]
    assert [version(database_url, name) for name in ("public", "tenants")] == ["base"] * 2


def test_schemas_do_not_wait_for_each_other(tenants: Project, database_url: str) -> None:
    """One waits for a lock, with its migration lock held, while another is migrated."""
    tenants.done("migrate", TWO.id, *BY_SCHEMA)
    with _sql(database_url) as holder:
        holder.execute("BEGIN; LOCK TABLE tenant_1.cities IN ACCESS SHARE MODE")
        options = ("--canary", "tenant_3", "--jobs", "2")
        command = tenants.start("migrate", *BY_SCHEMA, *options)
        wait_until(lambda: version(database_url, "tenant_2") == HEAD)
        assert command.is_running
        holder.execute("COMMIT")
        assert tenants.ended(command).code == 0
    assert version(database_url, "tenant_1") == HEAD


def test_env_with_one_version_table_for_all_schemas_is_refused(tenants: Project) -> None:
    """Else all but the first would seem to be migrated already."""
    tenants.write(
        "migrations/env.py",
        ENV_WITH_ROLE.replace(
            "transaction_per_migration=True",
            "transaction_per_migration=True, version_table_schema='public'",
        ).replace('connection.execute(sa.text("SET ROLE writer"))', "pass"),
    )
    tenants.done("sql")
    assert "error[shared-version-table]" in tenants.refused("migrate", *BY_SCHEMA, code=1)


def test_env_with_a_search_path_is_refused(tenants: Project, database_url: str) -> None:
    """Else all schemas would be the one that it sets."""
    env = ENV_WITH_ROLE.replace("SET ROLE writer", "SET search_path = tenants")
    tenants.write("migrations/env.py", env)
    tenants.done("sql")
    assert "error[other-schema]" in tenants.refused("migrate", *BY_SCHEMA, code=1)
    assert [version(database_url, name) for name in (*TENANTS, "tenants")] == ["base"] * 4


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("port", "pattern", "code", "slug"),
    [("free", "customer_%", 3, "unreachable"), ("server", "kunde_%", 2, "empty-fleet")],
)
def test_url_of_no_database_is_refused(
    port: str, pattern: str, code: int, slug: str, project: Project, server: str, free_port: int
) -> None:
    project.lay_out(ONE).write_sql()
    url = f"{server}/?each={pattern}".replace(ENCODED, "${SECRET}")
    url = url if port == "server" else f"postgresql://eve@127.0.0.1:{free_port}/?each={pattern}"
    message = project.refused("current", "--fleet", url, code=code, SECRET=PASSWORD)
    assert f"error[{slug}]" in message
    assert "DATABASE_URL" not in message


LITERAL = "postgresql://eve:to-be-hidden@127.0.0.1/x"
ENTRY = "[databases]\nberlin = "
REFUSALS = {
    "literal password in the file": (f"{ENTRY}'{LITERAL}'", (), "literal-password"),
    "literal password as a parameter": (
        f"{ENTRY}'postgresql://127.0.0.1/x?password=to-be-hidden'", (), "literal-password",
    ),
    "literal password in the URL": (None, ("--fleet", f"{LITERAL}?each=a%"), "literal-password"),
    "half a password": (f"{ENTRY}'{LITERAL.replace('@', '${SET}@')}'", (), "literal-password"),
    "missing variable": (f"{ENTRY}'postgresql://${{NOT_SET}}@h/x'", (), "missing-variable"),
    "malformed URL": (f"{ENTRY}'berlin.example.org'", (), "malformed-url"),
    "unknown key": ("[database]\nx = ''", (), "unreadable-fleet"),
    "no URL": (f"{ENTRY}1", (), "unreadable-fleet"),
    "no file": (None, ("--fleet", "nowhere.toml"), "unreadable-fleet"),
    "empty file": ("[databases]", (), "empty-fleet"),
    "one database twice": (
        f"{ENTRY}'postgresql://h/x'\nparis = 'postgresql://eve@h/x'", (), "duplicate-member",
    ),
    "unknown canary": (f"canary = 'rome'\n{ENTRY}'postgresql://h/x'", (), "unknown-canary"),
    "no pattern": (None, ("--fleet", "postgresql://h/x"), "fleet-without-pattern"),
    "no job": (None, ("--fleet", "f", "--jobs", "0"), "fleet-limit"),
    "jobs of one": (None, ("--jobs", "2"), "without-fleet"),
    "SQL": (None, ("--fleet", "f", "--sql"), "not-for-fleet"),
    "drift of a schema": (None, ("--schemas", "a", "--check-drift"), "not-for-fleet"),
    "unknown target": (None, ("no_such", "--schemas", "public"), "alembic"),
    "number of steps": (None, ("+1", "--fleet", "f"), "relative-target"),
}  # fmt: skip
"""What is in fleet.toml, or the options, and the code of the error."""


def test_fleet_is_read_strictly(project: Project) -> None:
    project.lay_out(ONE).write_sql()
    project.secrets = ("to-be-hidden",)
    for case, (content, options, code) in REFUSALS.items():
        if content is not None:
            project.write("fleet.toml", content)
        arguments = options or ("--fleet", "fleet.toml")
        message = project.refused("migrate", *arguments, code=2, SET="x")
        assert f"error[{code}]" in message, case
    for verb in (("stamp", "head"), ("history",), ("distribute",)):
        message = project.refused(*verb, "--fleet", "fleet.toml", code=2)
        assert "error[takes-no-fleet]" in message, verb
