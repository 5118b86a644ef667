"""Whose server: libpq's variables, empty and ambiguous URLs, poisoned clusters, foreign folders."""

import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace
from postgres.helpers import clusters_folder
from projects import ROOT, Project, Revision
from psycopg.pq import Conninfo
from tcp_servers import ENCODED, TcpServer, new_folder, unused_port

from pybase.cli import TerminalReporter
from pybase.core import settings as configuration
from pybase.core.errors import DatabaseError, PybaseError, UsageError
from pybase.core.settings import Settings, database_url, rehearsal_url
from pybase.migrate import deploy, sqlfiles
from pybase.migrate.database import (
    Database,
    connect,
    embedded,
    find_database,
)
from pybase.migrate.record import Direction
from pybase.migrate.revisions import read
from pybase.postgres import (
    Cluster,
    connect_scratch,
    locate,
    pristine,
    scratch_cluster,
    scratch_database,
    shared_objects,
)
from pybase.postgres._paths import lock_file

pytestmark = pytest.mark.adversary("server")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

EVENTS = Revision(
    "aaaaaaaaaaaa",
    None,
    r'''op.execute(r"""CREATE TABLE events (
    id bigint CONSTRAINT pk_events PRIMARY KEY,
    at timestamptz NOT NULL CONSTRAINT ck_events_at CHECK (at > '04/05/2026 02:30'),
    ratio float8 DEFAULT 0.1, wait interval DEFAULT '-1 day -02:00', path text DEFAULT 'a\tb'
)""")''',
    "op.drop_table('events')",
    "Create events.",
)
FIRST = Revision(
    "bbbbbbbbbbbb",
    EVENTS.id,
    "op.execute(\"INSERT INTO events (id, at) VALUES (1, '05/06/2026 02:30')\")",
    'op.execute("DELETE FROM events WHERE id = 1")',
    "Insert an event.",
)
HISTORY = (EVENTS, FIRST)
"""What it makes depends on time zone, style of dates, search_path and the syntax of strings."""


@pytest.fixture(scope="module")
def place(servers_folder: Path) -> Iterator[Path]:
    """A folder that the servers' user can reach; the clusters below it are destroyed."""
    with clusters_folder(servers_folder, "server-") as folder:
        yield folder


@pytest.fixture(scope="module")
def checkout(place: Path) -> Project:
    """A project without DATABASE_URL and PYBASE_REHEARSAL_URL: all its servers are embedded."""
    project = laid_out(place / "checkout", *HISTORY)
    project.done("sql")
    return project


def laid_out(folder: Path, *revisions: Revision) -> Project:
    """Return a project whose env.py imports nothing that a test run may have imported."""
    project = Project(folder).lay_out(*revisions).on(18)
    project.write("migrations/env.py", _ENV)
    return project


_ENV = "from pybase.migrate import environment\n\nenvironment.run(None)\n"


@pytest.fixture
def options(checkout: Project, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of that project, in this process."""
    for name in list(os.environ):
        if name.startswith(("PG", "DATABASE_URL", "PYBASE_")):
            monkeypatch.delenv(name)
    return configuration.load(checkout.root / "alembic.ini")


def leased(options: Settings) -> AbstractContextManager[Cluster]:
    """The scratch server that rehearsals of the project use."""
    return pristine(options.root, options.options.postgres, options.options.scratch_idle_s)


def generated(options: Settings) -> dict[str, str]:
    """Render and rehearse without the cache; return every generated file."""
    shutil.rmtree(options.state / "cache", ignore_errors=True)
    return sqlfiles.files(options, sqlfiles.build(read(options)))


def committed(project: Project) -> dict[str, str]:
    files = project.files()
    return {name[4:]: text for name, text in files.items() if name.startswith("sql/")}


def run(options: Settings, target: str, direction: Direction) -> str:
    """Migrate the user's database, and return the data directory of its server."""
    database = find_database(options)
    with deploy.locked(options, database, TerminalReporter()) as locked:
        consent = deploy.Consent(to_all=True)
        deploy.apply(locked, locked.plan(target, direction), TerminalReporter(), consent)
        return value(locked.connection, "SHOW data_directory")


def value(connection: psycopg.Connection[Any], query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    return "" if row is None else str(row[0])


def test_database_outlives_a_change_of_the_configured_version(options: Settings) -> None:
    data = run(options, "head", Direction.UPGRADE)
    other = replace(options, options=replace(options.options, postgres=16))
    with connect(find_database(other), autocommit=True) as connection:
        assert value(connection, "SHOW data_directory") == data
        assert connection.info.server_version // 10_000 == 18


# --- libpq's variables --------------------------------------------------------------------------

VARIABLES = {
    "PGAPPNAME": "postgres",
    "PGCHANNELBINDING": "require",
    "PGCLIENTENCODING": "LATIN1",
    "PGCONNECT_TIMEOUT": "-1",
    "PGDATABASE": "elsewhere",
    "PGDATESTYLE": "German",
    "PGGEQO": "off",
    "PGGSSDELEGATION": "1",
    "PGGSSENCMODE": "require",
    "PGGSSLIB": "gssapi",
    "PGHOST": "127.0.0.1",
    "PGHOSTADDR": "127.0.0.1",
    "PGKRBSRVNAME": "other",
    "PGLOADBALANCEHOSTS": "random",
    "PGLOCALEDIR": "/nowhere",
    "PGMAXPROTOCOLVERSION": "3.0",
    "PGMINPROTOCOLVERSION": "3.2",
    "PGOPTIONS": "-c search_path=pg_catalog -c standard_conforming_strings=off",
    "PGPASSFILE": "/nowhere",
    "PGPASSWORD": "secret",
    "PGPORT": "1",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGREQUIREPEER": "stranger",
    "PGSERVICE": "elsewhere",
    "PGSERVICEFILE": "/nowhere",
    "PGSSLCERT": "/nowhere",
    "PGSSLCERTMODE": "require",
    "PGSSLCOMPRESSION": "1",
    "PGSSLCRL": "/nowhere",
    "PGSSLCRLDIR": "/nowhere",
    "PGSSLKEY": "/nowhere",
    "PGSSLMAXPROTOCOLVERSION": "TLSv1",
    "PGSSLMINPROTOCOLVERSION": "TLSv1.3",
    "PGSSLMODE": "verify-full",
    "PGSSLNEGOTIATION": "direct",
    "PGSSLROOTCERT": "/nowhere",
    "PGSSLSNI": "0",
    "PGSYSCONFDIR": "/nowhere",
    "PGTARGETSESSIONATTRS": "standby",
    "PGTZ": "Asia/Tokyo",
    "PGUSER": "stranger",
}
BITING = {
    "PGCHANNELBINDING", "PGCLIENTENCODING", "PGDATESTYLE", "PGGEQO", "PGHOSTADDR", "PGOPTIONS",
    "PGREQUIREAUTH", "PGREQUIREPEER", "PGSERVICE", "PGTARGETSESSIONATTRS", "PGTZ",
}  # fmt: skip
"""Those that change a connection by URL to a socket, or prevent it."""


def test_every_variable_of_this_libpq_is_tried() -> None:
    known = {option.envvar.decode() for option in Conninfo.get_defaults() if option.envvar}
    assert known <= VARIABLES.keys()


ATTEMPTS = {
    **{name: {name} for name in VARIABLES if not name.startswith(("PGSSL", "PGGSS"))},
    "PGSSL": {name for name in VARIABLES if name.startswith("PGSSL")},
    "PGGSS": {name for name in VARIABLES if name.startswith("PGGSS")},
}
"""Each by itself, and together those that a connection to a socket does not use."""


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_variable_does_not_reach_our_servers(
    attempt: str, checkout: Project, options: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = str(embedded(options).data)
    variables = {name: VARIABLES[name] for name in ATTEMPTS[attempt]}
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert run(options, "head", Direction.UPGRADE) == expected
    assert run(options, "base", Direction.DOWNGRADE) == expected
    assert generated(options) == committed(checkout)
    assert variables.items() <= os.environ.items(), "the user's own code still has it"


_SESSION = "SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings WHERE source = 'client'"


@pytest.mark.parametrize("variable", sorted(BITING))
def test_variable_bites_where_nothing_protects(
    variable: str, options: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without this, the values above could be harmless."""
    url = find_database(options).url
    with psycopg.connect(url) as connection:
        expected = value(connection, _SESSION)
    monkeypatch.setenv(variable, VARIABLES[variable])
    try:
        with psycopg.connect(url) as connection:
            assert value(connection, _SESSION) != expected
    except psycopg.OperationalError:
        pass


@pytest.fixture(scope="module")
def foreign(place: Path) -> Iterator[str]:
    """The loopback address of a foreign server, which listens at the port of ours."""
    host = f"127.{os.getpid() // 250 % 250 + 1}.{os.getpid() % 250 + 1}.1"
    try:
        socket.create_server((host, 0)).close()
    except OSError:
        pytest.skip("needs a second loopback address")
    server = TcpServer(new_folder(place / "foreign"), 5432)
    server.run("initdb", "-U", "postgres", "-A", "trust", "--no-sync", "-D", "data")
    options = f"-c listen_addresses={host} -c fsync=off -c unix_socket_directories="
    server.run("pg_ctl", "-D", "data", "-l", "log", "-w", "-s", "-o", options, "start")
    with psycopg.connect(f"postgresql://postgres@{host}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE pybase ENCODING 'UTF8' TEMPLATE template0")
    yield host
    server.run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "-s", "stop")


FOREIGN: dict[str, dict[str, str]] = {
    "PGHOSTADDR": {"PGHOSTADDR": "{host}"},
    "PGSERVICE": {"PGSERVICE": "foreign", "PGSERVICEFILE": "service"},
    "PGSYSCONFDIR": {"PGSERVICE": "foreign", "PGSYSCONFDIR": "."},
}


@pytest.mark.parametrize("way", FOREIGN)
def test_downgrade_leaves_a_foreign_server_alone(way: str, checkout: Project, foreign: str) -> None:
    for name in ("service", "pg_service.conf"):
        checkout.write(name, f"[foreign]\nhostaddr={foreign}\n")
    variables = {name: text.format(host=foreign) for name, text in FOREIGN[way].items()}
    url = f"postgresql://postgres@{foreign}/pybase"
    checkout.done("migrate", DATABASE_URL=url)
    checkout.done("migrate")
    checkout.done("downgrade", "base", "--allow-data-loss", **variables)
    with psycopg.connect(url) as connection:
        assert value(connection, "SELECT count(*) FROM events") == "1"
    assert "2 applied" in checkout.done("migrate", **variables)


def test_psql_reaches_the_embedded_server(checkout: Project) -> None:
    everything = {name: text for name, text in VARIABLES.items() if name != "PGSYSCONFDIR"}
    shown = checkout.python("-m", "pybase", "db", "psql", "-Atc", "SHOW timezone", **everything)
    assert (shown.code, shown.out) == (0, "UTC\n")


# --- another server in our place ----------------------------------------------------------------


def test_server_in_place_of_ours_is_refused(place: Path) -> None:
    ours, other = (scratch_cluster(place / name) for name in ("ours", "other"))
    ours.ensure_running()
    other.ensure_running()
    address = ours.socket / ".s.PGSQL.5432"
    address.unlink()
    address.symlink_to(other.socket / address.name)
    for attempt in (ours.ensure_running, ours.is_running, lambda: connect_scratch(ours.url())):
        with pytest.raises(DatabaseError) as refusal:
            attempt()
        assert refusal.value.code == "foreign-server"
    assert other.is_running()


def test_only_one_module_opens_connections() -> None:
    """A connection that is opened elsewhere would be open to the variables."""
    opening = re.compile(r"psycopg\.connect\(|psycopg\.Connection(?:\[\w+\])?\.connect\(")
    modules = [p for p in (ROOT / "pybase").rglob("*.py") if opening.search(p.read_text("utf-8"))]
    assert [path.relative_to(ROOT).as_posix() for path in modules] == [
        "pybase/postgres/_connect.py"
    ]


# --- settings of roles and databases ------------------------------------------------------------

SETTINGS = {
    "TimeZone": "Asia/Tokyo",
    "DateStyle": "German, DMY",
    "IntervalStyle": "sql_standard",
    "extra_float_digits": "-5",
    "search_path": "pg_catalog",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
    "bytea_output": "escape",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "quote_all_identifiers": "on",
    "row_security": "off",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "xmloption": "document",
}


@pytest.fixture(scope="module")
def given(place: Path) -> Cluster:
    """A server for PYBASE_REHEARSAL_URL."""
    cluster = scratch_cluster(place / "given")
    cluster.ensure_running()
    return cluster


@pytest.mark.parametrize("setting", SETTINGS)
def test_setting_of_a_role_changes_no_byte(
    setting: str,
    given: Cluster,
    checkout: Project,
    options: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYBASE_REHEARSAL_URL", given.url())
    with connect_scratch(given.url(), autocommit=True) as connection:
        connection.execute(f"ALTER ROLE postgres SET {setting} = '{SETTINGS[setting]}'".encode())
        try:
            assert generated(options) == committed(checkout)
        finally:
            connection.execute("ALTER ROLE postgres RESET ALL")


# --- empty URLs ---------------------------------------------------------------------------------

EMPTY: dict[str, tuple[str | None, str | None]] = {
    "empty": ("", None),
    "blank": ("  ", None),
    "newline": ("\n", None),
    "empty-over-dotenv": ("", "DATABASE_URL=postgresql://h/d"),
    "dotenv-empty": (None, "DATABASE_URL="),
    "dotenv-quotes": (None, "DATABASE_URL=''"),
    "dotenv-blank": (None, 'DATABASE_URL="  "'),
    "dotenv-export": (None, "export DATABASE_URL="),
    "dotenv-no-value": (None, "DATABASE_URL"),
    "dotenv-missing-secret": (None, "DATABASE_URL=${THE_SECRET_THAT_IS_MISSING}"),
}
"""The variable, and the content of .env."""


@pytest.mark.parametrize("case", EMPTY)
def test_empty_url_is_not_the_embedded_server(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable, dotenv = EMPTY[case]
    (tmp_path / "alembic.ini").touch()
    monkeypatch.delenv("DATABASE_URL", raising=False)
    if variable is not None:
        monkeypatch.setenv("DATABASE_URL", variable)
    if dotenv is not None:
        (tmp_path / ".env").write_text(f"{dotenv}\n", "utf-8")
    with pytest.raises(UsageError, match="DATABASE_URL is set, but empty") as refusal:
        database_url(configuration.load(tmp_path / "alembic.ini"))
    assert refusal.value.code == "empty-url"


@pytest.mark.parametrize("raw", ["", " ", "\t\n"])
def test_empty_rehearsal_url_is_not_the_embedded_server(
    raw: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYBASE_REHEARSAL_URL", raw)
    with pytest.raises(UsageError, match="PYBASE_REHEARSAL_URL is set, but empty") as refusal:
        rehearsal_url()
    assert refusal.value.code == "empty-url"


@pytest.mark.parametrize("verb", [("migrate",), ("downgrade", "base"), ("current",), ("pending",)])
def test_verb_refuses_an_empty_url(verb: tuple[str, ...], tmp_path: Path) -> None:
    project = Project(tmp_path).lay_out()
    assert "hint: Set it to a URL, or unset it" in project.refused(*verb, code=2, DATABASE_URL=" ")
    assert not (tmp_path / ".pybase").exists(), "no server was started"


# --- several hosts ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def standby(tcp_server: TcpServer, worker_id: str) -> Iterator[TcpServer]:
    """A streaming standby of the server that requires a password."""
    folder = new_folder(tcp_server.directory.with_name(f"second-{worker_id}"))
    server = TcpServer(folder, unused_port())
    server.run("pg_basebackup", "-d", tcp_server.url(), "-D", "data", "-R", "-c", "fast")
    server.start()
    yield server
    server.run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "-s", "stop")
    shutil.rmtree(folder)


HOSTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "primary-first": ("127.0.0.1:{p},127.0.0.1:{s}", "", {}),
    "standby-first": ("127.0.0.1:{s},127.0.0.1:{p}", "", {}),
    "random": ("127.0.0.1:{s},127.0.0.1:{p}", "load_balance_hosts=random", {}),
    "random-variable": ("127.0.0.1:{s},127.0.0.1:{p}", "", {"PGLOADBALANCEHOSTS": "random"}),
    "any-of-both": (
        "127.0.0.1:{s},127.0.0.1:{p}",
        "target_session_attrs=any&load_balance_hosts=random",
        {},
    ),
    "query": ("", "host=127.0.0.1,127.0.0.1&port={s},{p}", {}),
    "hostaddr": ("", "hostaddr=127.0.0.1,127.0.0.1&port={s},{p}", {}),
    "variables": ("", "", {"PGHOST": "127.0.0.1,127.0.0.1", "PGPORT": "{s},{p}"}),
}
"""Hosts of the URL, its query, variables; {p} is the port of the primary, {s} of the standby."""


@pytest.mark.parametrize("case", HOSTS)
def test_all_connections_are_made_to_one_primary(
    case: str,
    options: Settings,
    tcp_server: TcpServer,
    tcp_url: str,
    standby: TcpServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hosts, query, variables = HOSTS[case]
    ports = {"p": str(tcp_server.port), "s": str(standby.port)}
    for name, text in variables.items():
        monkeypatch.setenv(name, text.format(**ports))
    name = tcp_url.rpartition("/")[2]
    raw = f"postgresql://postgres:{ENCODED}@{hosts}/{name}?{query}".format(**ports)
    for _ in range(4):
        database = Database(raw, is_embedded=False)
        with deploy.locked(options, database, TerminalReporter()) as locked:
            with connect(database) as third:
                connections = (locked.lock.connection, locked.connection, third)
                reached = {connection.info.port for connection in connections}
                ports_of_work = locked.connection.info.get_parameters()["port"]
        assert reached == {tcp_server.port} or (case == "any-of-both" and len(reached) == 1)
        assert ports_of_work in map(str, reached), "what env.py would connect to"


def test_without_a_primary_the_reason_is_named(standby: TcpServer) -> None:
    hosts = f"127.0.0.1:{standby.port},127.0.0.1:{standby.port}"
    database = Database(f"postgresql://postgres:{ENCODED}@{hosts}/postgres", is_embedded=False)
    with pytest.raises(DatabaseError, match="None of the servers there can be used") as refusal:
        connect(database)
    assert refusal.value.code == "unreachable"


# --- a poisoned scratch cluster -----------------------------------------------------------------

POISONS = {
    "role": ("CREATE ROLE app", "DROP ROLE app"),
    "role-setting": ("ALTER ROLE postgres SET work_mem = '1MB'", "ALTER ROLE postgres RESET ALL"),
    "all-roles": ("ALTER ROLE ALL SET work_mem = '1MB'", "ALTER ROLE ALL RESET ALL"),
    "role-limit": (
        "ALTER ROLE postgres CONNECTION LIMIT 0",
        "ALTER ROLE postgres CONNECTION LIMIT -1",
    ),
    "member": ("GRANT pg_monitor TO pg_read_all_data", "REVOKE pg_monitor FROM pg_read_all_data"),
    "system": ("ALTER SYSTEM SET work_mem = '1MB'", "ALTER SYSTEM RESET ALL"),
    "database": ("CREATE DATABASE other", "DROP DATABASE other"),
    "database-setting": (
        "ALTER DATABASE template1 SET work_mem = '1MB'",
        "ALTER DATABASE template1 RESET ALL",
    ),
    "database-limit": (
        "ALTER DATABASE template1 CONNECTION LIMIT 1",
        "ALTER DATABASE template1 CONNECTION LIMIT -1",
    ),
    "database-name": (
        "ALTER DATABASE template1 RENAME TO mine",
        "ALTER DATABASE mine RENAME TO template1",
    ),
    "parameter": (
        "GRANT SET ON PARAMETER log_statement TO pg_monitor",
        "REVOKE SET ON PARAMETER log_statement FROM pg_monitor",
    ),
    "slot": (
        "SELECT pg_create_physical_replication_slot('mine')",
        "SELECT pg_drop_replication_slot('mine')",
    ),
    "origin": (
        "SELECT pg_replication_origin_create('mine')",
        "SELECT pg_replication_origin_drop('mine')",
    ),
    "subscription": (
        "CREATE SUBSCRIPTION mine CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)",
        "ALTER SUBSCRIPTION mine SET (slot_name = NONE)",
    ),
}
"""What a revision does outside its database, and what undoes that."""


@pytest.mark.parametrize("way", POISONS)
def test_what_a_revision_leaves_is_noticed(way: str, given: Cluster) -> None:
    poison, undo = POISONS[way]
    with scratch_database(given.url()) as url, connect_scratch(url, autocommit=True) as connection:
        before = shared_objects(given.url())
        connection.execute(poison.encode())
        assert shared_objects(given.url()) - before
        connection.execute(undo.encode())
        if way == "subscription":
            connection.execute("DROP SUBSCRIPTION mine")
        assert shared_objects(given.url()) == before


REPLACED = {
    "role": "CREATE ROLE app",
    "undroppable": "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I IS_TEMPLATE true',"
    " current_database()); END $$",
    "locked-out": "ALTER ROLE postgres NOLOGIN",
}


@pytest.mark.parametrize("way", REPLACED)
def test_changed_scratch_cluster_is_replaced(way: str, options: Settings) -> None:
    with leased(options) as cluster, scratch_database(cluster.url()) as url:
        with connect_scratch(url, autocommit=True) as connection:
            connection.execute(REPLACED[way].encode())
        with leased(options):
            assert way == "locked-out" or shared_objects(cluster.url()), "not while it is in use"
    with leased(options) as cluster:
        assert shared_objects(cluster.url()) == set()


def test_history_with_roles_is_rehearsed_alike_each_time(place: Path, options: Settings) -> None:
    """CREATE ROLE is not idempotent: a second rehearsal would report that it fails."""
    roles = Revision(
        "cccccccccccc",
        FIRST.id,
        "op.execute('CREATE ROLE app')\nop.execute('GRANT SELECT ON events TO app')",
        "op.execute('DROP OWNED BY app')\nop.execute('DROP ROLE app')",
        "Add a role.",
    )
    project = laid_out(place / "roles", *HISTORY, roles)
    own = configuration.load(project.root / "alembic.ini")
    first = generated(own)
    assert "already exists" not in "".join(first.values())
    assert generated(own) == first
    assert "is fresh" not in project.done("sql")
    project.done("check")


def test_given_server_is_reported_to_be_changed(
    place: Path, given: Cluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is another's server: other programs may use the role by now."""
    roles = Revision(EVENTS.id, None, "op.execute('CREATE ROLE app')")
    project = laid_out(place / "reported", roles)
    monkeypatch.setenv("PYBASE_REHEARSAL_URL", given.url())
    try:
        generated(configuration.load(project.root / "alembic.ini"))
        assert "PYBASE_REHEARSAL_URL outside their scratch database: role app" in caplog.text
    finally:
        with connect_scratch(given.url(), autocommit=True) as connection:
            connection.execute("DROP ROLE IF EXISTS app")


ENDINGS = {
    "stop": (("db", "stop"), True),
    "reset": (("db", "reset", "--yes"), False),
    "prune": (("db", "prune"), False),
}
"""A command that ends the scratch server, and whether it keeps the data."""


@pytest.mark.parametrize("way", ENDINGS)
def test_db_shows_and_ends_the_scratch_server(
    way: str, place: Path, checkout: Project, options: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, keeps_data = ENDINGS[way]
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / f"cache-{way}"))
    with leased(options) as scratch:
        assert f", used by {checkout.root}\n" in checkout.done("db", "status")
        if way == "prune":
            assert "is in use" in checkout.done(*command)
            assert scratch.is_running()
    assert f"{scratch.directory}  (" in checkout.done("db", "status")
    checkout.done(*command)
    assert not scratch.is_running()
    assert scratch.data.exists() is keeps_data


def test_db_leaves_the_scratch_server_of_another_project_running(
    place: Path, checkout: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache-other"))
    with pristine(place / "other", 18, 900) as scratch:
        for action in ("stop", "reset --yes", "prune"):
            result = checkout.run("db", *action.split())
            assert (result.code, scratch.is_running()) == (0, True), result.text
            assert ("is left running" in result.err) == (action != "prune")


# --- owners -------------------------------------------------------------------------------------


@as_root
def test_root_leaves_a_user_only_files_of_the_user(place: Path) -> None:
    owner = pwd.getpwnam("nobody")
    project = laid_out(place / "users", *HISTORY)
    for path in (project.root, *project.root.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    for verb in (("sql",), ("migrate",), ("review",), ("makemigration", "--empty", "Nothing.")):
        project.done(*verb)
    strangers = [path for path in project.root.rglob("*") if path.lstat().st_uid != owner.pw_uid]
    assert strangers == []


def test_lock_files_are_closed_to_others(options: Settings) -> None:
    with leased(options) as cluster:
        locks = [cluster.directory / name for name in ("lock", "lease", "watch")]
    assert {path.stat().st_mode & 0o777 for path in locks} == {0o600}


@as_root
@pytest.mark.parametrize("kind", ["file", "link"])
def test_lock_of_a_stranger_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    if kind == "file":
        path.touch()
    else:
        path.symlink_to("/etc/hostname")
    os.chown(path, 12345, 12345, follow_symlinks=False)
    with pytest.raises(DatabaseError) as refusal:
        lock_file(tmp_path)
    assert refusal.value.code == "foreign-lock"


FOLDERS = (".pybase", ".pybase/postgres", ".pybase/postgres/data", ".pybase/postgres-scratch")


@as_root
@pytest.mark.parametrize("kind", ["folder", "link", "link-to-folder"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_of_a_stranger_is_refused(folder: str, kind: str, tmp_path: Path) -> None:
    stranger, path = tmp_path / "stranger", tmp_path / "checkout" / folder
    stranger.mkdir()
    path.parent.mkdir(parents=True)
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(stranger)
    os.chown(stranger if kind == "link-to-folder" else path, 12345, 12345, follow_symlinks=False)
    with pytest.raises(PybaseError) as refusal:
        locate(tmp_path / "checkout")
    assert refusal.value.code == "foreign-folder"


def test_socket_folder_is_not_a_link(place: Path) -> None:
    cluster = scratch_cluster(place / "linked")
    cluster.directory.mkdir()
    (place / "target").mkdir()
    (cluster.directory / "socket").symlink_to(place / "target")
    with pytest.raises(DatabaseError) as refusal:
        cluster.ensure_running()
    assert refusal.value.code == "foreign-folder"
    assert subprocess.run(["ls", place / "target"], capture_output=True, check=True).stdout == b""
