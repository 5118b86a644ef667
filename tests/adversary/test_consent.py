"""Attacks on the consent to data loss: ways to destroy rows of a live database unasked.

All attacks are one history of many heads, in one `sql/`. Each has a parent that creates tables and
a revision that changes them; the attack is the downgrade, or the upgrade, of that revision.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

import psycopg
import pytest
from projects import Project, Revision
from waiting import IS_BLOCKED, wait_for_query

from pybase.cli import VERBS, TerminalReporter, main
from pybase.core import settings
from pybase.core.errors import CheckFailedError
from pybase.migrate import deploy
from pybase.migrate.database import Database
from pybase.migrate.record import Direction
from pybase.postgres import scratch_database


@dataclass(frozen=True)
class Attack:
    """SQL of a parent and of a revision, of what the database has besides, and of its rows.

    `kept` counts the rows that must survive a refusal, `reported` is a part of the message.
    """

    name: str
    create: str
    change: str
    rows: str
    kept: str
    reported: str
    undo: str = "SELECT 1"
    before: str = ""
    """Run on the empty database."""
    scene: str = ""
    """Run once the tables are there."""
    is_upgrade: bool = False
    is_alone: bool = False
    """Whether the statement is outside a transaction."""
    is_owner: bool = False
    """Whether it is run by a role that row security applies to."""
    accepted: dict[str, str] | None = None
    has_empty_state: bool = True

    def revisions(self, number: int) -> Iterator[Revision]:
        attacked, other = (self.change, self.undo)
        up, down = (attacked, other) if self.is_upgrade else (other, attacked)
        parent, child = f"{number:011x}a", f"{number:011x}b"
        drop = "raise NotImplementedError('The test ends before.')"
        yield Revision(parent, None, executed(self.create), drop, f"Create {self.name}.")
        yield Revision(
            child, parent, executed(up, self.is_alone and self.is_upgrade),
            executed(down, self.is_alone and not self.is_upgrade), f"Change {self.name}.",
            self.accepted,
        )  # fmt: skip


def executed(sql: str, is_alone: bool = False) -> str:
    lines = [f"op.execute({part.strip()!r})" for part in sql.split(";;")]
    if is_alone:
        lines = ["with op.get_context().autocommit_block():", *(f"    {line}" for line in lines)]
    return "\n".join(lines)


T = "CREATE TABLE t (id int PRIMARY KEY, n text)"
ROW = "INSERT INTO t (id, n) VALUES (1, 'kept')"
COUNT = "SELECT count(*) FROM t"
VALUES = "SELECT count(*) FROM t WHERE n = 'kept'"
PARTS = "CREATE TABLE t (id int, n text) PARTITION BY LIST (id)"
PART = "CREATE TABLE part PARTITION OF t FOR VALUES IN (1)"
CHILD = "CREATE TABLE child (more text) INHERITS (t)"
FOREIGN = (
    "CREATE FOREIGN DATA WRAPPER w;; CREATE SERVER s FOREIGN DATA WRAPPER w;;"
    " CREATE FOREIGN TABLE f PARTITION OF t FOR VALUES IN (1) SERVER s"
)


def named(name: str) -> Attack:
    quoted = '"' + name.replace('"', '""') + '"'
    return Attack(
        f"a name like {name!r}",
        f"CREATE TABLE {quoted} (id int, {quoted} text)",
        f"ALTER TABLE {quoted} DROP COLUMN {quoted}",
        f"INSERT INTO {quoted} VALUES (1, 'kept')",
        f"SELECT count({quoted}) FROM {quoted}",
        f"{name}.{name}  1 row",
    )


# fmt: off
TABLE = (
    # --- what is dropped
    Attack("drops a table", T, "DROP TABLE t", ROW, COUNT, "t  1 row"),
    Attack("drops a column", T, "ALTER TABLE t DROP COLUMN n", ROW, VALUES, "t.n  1 row"),
    Attack("drops and creates again", T, f"DROP TABLE t;; {T}", ROW, VALUES, "t  1 row"),
    Attack("drops an unlogged table", T.replace("TABLE", "UNLOGGED TABLE"), "DROP TABLE t", ROW,
           COUNT, "t  1 row"),
    Attack("drops a table in a block", T, "DO $$ BEGIN DROP TABLE t; END $$", ROW, COUNT,
           "t  1 row"),
    Attack("drops outside a transaction", T, "DROP TABLE t", ROW, COUNT, "t  1 row",
           is_alone=True),
    Attack("drops a partition", f"{PARTS};; {PART}", "DROP TABLE part", ROW, COUNT, "part  1 row"),
    Attack("detaches and drops", f"{PARTS};; {PART}",
           "ALTER TABLE t DETACH PARTITION part;; DROP TABLE part", ROW, COUNT, "part  1 row"),
    Attack("drops with an unknown partition", PARTS, "DROP TABLE t", ROW, COUNT, "t  1 row",
           scene=PART),
    Attack("drops an inheriting table", f"{T};; {CHILD}", "DROP TABLE child",
           "INSERT INTO child VALUES (1, 'n', 'kept')", COUNT, "child  1 row"),
    Attack("drops an inheriting column", f"{T};; {CHILD}", "ALTER TABLE child DROP COLUMN more",
           "INSERT INTO child VALUES (1, 'n', 'kept')", "SELECT count(more) FROM child",
           "child.more  1 row"),
    Attack("drops an inherited column", f"{T};; {CHILD}", "ALTER TABLE t DROP COLUMN n",
           "INSERT INTO child VALUES (1, 'kept', 'more')", VALUES, "t.n  1 row"),
    Attack("drops a materialized view",
           f"{T};; CREATE MATERIALIZED VIEW m AS SELECT 1 AS one WITH NO DATA",
           "DROP MATERIALIZED VIEW m", "REFRESH MATERIALIZED VIEW m", "SELECT count(*) FROM m",
           "m  1 row", has_empty_state=False),
    Attack("drops a table with a foreign partition", f"{PARTS};; {FOREIGN}", "DROP TABLE t",
           "SELECT 1", "SELECT count(*) FROM pg_foreign_table",
           "t  unknown: it is a foreign table", has_empty_state=False),
    *map(named, ("a, b", "a.b", "a  b", "a-b", 'a"b', "a'b", "A", "100%s", "ä")),
    # --- whose table
    Attack("search path of the database", T, "DROP TABLE t", ROW.replace("t (", "app.t ("),
           "SELECT count(*) FROM app.t", "t  1 row", before="CREATE SCHEMA app;; "
           "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = app', "
           "current_database()); END $$"),
    Attack("schema of the role's name", T, "ALTER TABLE t DROP COLUMN n",
           ROW.replace("t (", "postgres.t ("), "SELECT count(n) FROM postgres.t", "t.n  1 row",
           before="CREATE SCHEMA postgres"),
    Attack("forced row security", T, "DROP TABLE t", ROW, COUNT, "t  unknown number of rows",
           scene="ALTER TABLE t ENABLE ROW LEVEL SECURITY;; ALTER TABLE t FORCE ROW LEVEL SECURITY",
           is_owner=True, has_empty_state=False),
    Attack("forced row security on values", T, "ALTER TABLE t DROP COLUMN n", ROW, COUNT,
           "t.n  unknown number of rows",
           scene="ALTER TABLE t ENABLE ROW LEVEL SECURITY;; ALTER TABLE t FORCE ROW LEVEL SECURITY",
           is_owner=True, has_empty_state=False),
    # --- what goes along
    Attack("cascade to a table that inherits", T, "DROP TABLE t CASCADE",
           "INSERT INTO other VALUES (1, 'kept')", COUNT, "other  1 row",
           scene="CREATE TABLE other () INHERITS (t)"),
    Attack("cascade from a schema", "CREATE SCHEMA app", "DROP SCHEMA app CASCADE",
           "INSERT INTO app.other VALUES (1)", "SELECT count(*) FROM app.other",
           "app.other  1 row", scene="CREATE TABLE app.other (id int)"),
    Attack("cascade from a type", "CREATE TYPE mood AS ENUM ('kept')", "DROP TYPE mood CASCADE",
           "INSERT INTO other VALUES ('kept')", "SELECT count(m) FROM other", "other.m  1 row",
           scene="CREATE TABLE other (m mood)"),
    Attack("cascade from an extension", "SELECT 1", "DROP EXTENSION plpgsql CASCADE",
           "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
           "SELECT count(*) FROM pg_proc WHERE proname = 'f'", "function f()  dropped by CASCADE"),
    Attack("cascade to a materialized view", T, "ALTER TABLE t DROP COLUMN n CASCADE",
           "INSERT INTO t VALUES (1);; REFRESH MATERIALIZED VIEW m", "SELECT count(*) FROM m",
           "m  1 row", scene="CREATE MATERIALIZED VIEW m AS SELECT n FROM t WITH NO DATA"),
    Attack("cascade to a view", T, "DROP TABLE t CASCADE", "CREATE VIEW v AS SELECT n FROM t",
           "SELECT count(*) FROM pg_views WHERE viewname = 'v'",
           "view v  dropped by CASCADE; no revision created it"),
    Attack("cascade to a foreign key", T, "DROP TABLE t CASCADE",
           "CREATE TABLE other (t int CONSTRAINT fk REFERENCES t)",
           "SELECT count(*) FROM pg_constraint WHERE conname = 'fk'",
           "constraint fk on table other  dropped by CASCADE"),
    Attack("cascade in a block", T, "DO $$ BEGIN DROP TABLE t CASCADE; END $$",
           "CREATE VIEW v AS SELECT n FROM t",
           "SELECT count(*) FROM pg_views WHERE viewname = 'v'", "view v  dropped by CASCADE"),
    Attack("cascade over views", T, "ALTER TABLE t DROP COLUMN n CASCADE",
           "CREATE VIEW v AS SELECT n FROM t;; CREATE VIEW v2 AS SELECT * FROM v",
           "SELECT count(*) FROM pg_views WHERE viewname = 'v2'", "view v2  dropped by CASCADE"),
    # --- rows of tables that stay
    Attack("truncates", T, "TRUNCATE t", ROW, COUNT, "rows of t  1 row"),
    Attack("truncates unknown partitions", PARTS, "TRUNCATE t", ROW, COUNT, "rows of t  1 row",
           scene=PART),
    Attack("truncates what refers to it", T, "TRUNCATE t CASCADE",
           f"{ROW};; INSERT INTO other VALUES (1)", "SELECT count(*) FROM other",
           "rows of other  1 row", scene="CREATE TABLE other (t int REFERENCES t)"),
    Attack("truncates in a block", T, "DO $$ BEGIN TRUNCATE t; END $$", ROW, COUNT,
           "rows of t  1 row"),
    Attack("deletes all", T, "DELETE FROM t", ROW, COUNT, "rows of t  1 row"),
    Attack("deletes by a condition", T, "DELETE FROM t AS x WHERE x.id = 1 OR x.n LIKE 'k%'", ROW,
           COUNT, "rows of t  1 row"),
    Attack("deletes with another table", f"{T};; CREATE TABLE u (id int)",
           "DELETE FROM t USING u WHERE t.id = u.id", f"{ROW};; INSERT INTO u VALUES (1)", COUNT,
           "rows of t  1 row"),
    Attack("deletes in a WITH", f"{T};; CREATE TABLE u (id int)",
           "WITH d AS (DELETE FROM t RETURNING id) INSERT INTO u SELECT id FROM d", ROW, COUNT,
           "rows of t  1 row"),
    Attack("deletes in a block", T, "DO $$ BEGIN DELETE FROM t; END $$", ROW, COUNT,
           "rows of t  1 row"),
    Attack("merges", T, "MERGE INTO t USING (SELECT 1 AS id) AS s ON s.id = t.id "
           "WHEN MATCHED THEN DELETE", ROW, COUNT, "rows of t  1 row"),
    Attack("overwrites", T, "UPDATE t SET n = 'lost'", ROW, VALUES, "values of t.n  1 row"),
    Attack("overwrites by key", T, "UPDATE t SET n = 'lost' WHERE id = 1", ROW, VALUES,
           "values of t.n  1 row"),
    Attack("overwrites on conflict", T,
           "INSERT INTO t VALUES (1, 'lost') ON CONFLICT (id) DO UPDATE SET n = excluded.n;; "
           "DELETE FROM t WHERE n = 'lost'", ROW, VALUES, "values of t.n  1 row"),
    Attack("a type that rounds", "CREATE TABLE t (id int, n numeric(8, 2))",
           "ALTER TABLE t ALTER n TYPE numeric(8, 0)", "INSERT INTO t VALUES (1, 0.25)",
           "SELECT count(*) FROM t WHERE n = 0.25", "values of t.n  1 row"),
    Attack("a type that cuts", T, "ALTER TABLE t ALTER n TYPE varchar(2) USING n::varchar(2)", ROW,
           VALUES, "values of t.n  1 row"),
    Attack("a type that computes", T, "ALTER TABLE t ALTER n TYPE int USING length(n)", ROW,
           VALUES, "values of t.n  1 row"),
    Attack("calls a function of its own",
           "CREATE FUNCTION clean() RETURNS void LANGUAGE plpgsql AS $$ BEGIN "
           "EXECUTE 'DELETE FROM ' || quote_ident('other'); "
           "EXCEPTION WHEN undefined_table THEN NULL; END $$", "SELECT clean()",
           "INSERT INTO other VALUES (1)", "SELECT count(*) FROM other",
           "what a statement finds where it runs  unknown: it depends on the database",
           scene="CREATE TABLE other (id int)", has_empty_state=False),
    Attack("composes its statement", T,
           "DO $$ BEGIN EXECUTE 'DELETE FROM ' || quote_ident('other'); "
           "EXCEPTION WHEN undefined_table THEN NULL; END $$", "INSERT INTO other VALUES (1)",
           "SELECT count(*) FROM other",
           "what a statement finds where it runs  unknown: it depends on the database",
           scene="CREATE TABLE other (id int)", has_empty_state=False),
    Attack("deletes what it has marked", f"{T[:-1]}, marked bool)",
           "UPDATE t SET marked = true WHERE marked IS NULL;; DELETE FROM t WHERE marked", ROW,
           COUNT, "rows of t  1 row"),
    Attack("fails where it is rehearsed", T, "SELECT 1 FROM only_here;; DROP TABLE t", ROW, COUNT,
           "what a statement finds where it runs  unknown: it depends on the database",
           scene="CREATE TABLE only_here (id int)", has_empty_state=False),
    # --- what only this database has
    Attack("if it exists", T, "DROP TABLE IF EXISTS other", "INSERT INTO other VALUES (1)",
           "SELECT count(*) FROM other", "other, where it is there  1 row",
           scene="CREATE TABLE other (id int)"),
    Attack("renamed if it exists", T,
           "ALTER TABLE IF EXISTS other RENAME TO old;; DROP TABLE IF EXISTS old",
           "INSERT INTO other VALUES (1)", "SELECT count(*) FROM other",
           "other, where it is there  1 row", scene="CREATE TABLE other (id int)"),
    Attack("column if it exists", T, "ALTER TABLE IF EXISTS t DROP COLUMN IF EXISTS more",
           "INSERT INTO t VALUES (1, 'n', 'kept')", "SELECT count(more) FROM t",
           "t.more, where it is there  1 row", scene="ALTER TABLE t ADD more text"),
    Attack("schema if it exists", T, "DROP SCHEMA IF EXISTS app CASCADE",
           "INSERT INTO app.other VALUES (1)", "SELECT count(*) FROM app.other",
           "app.other  1 row", scene="CREATE SCHEMA app;; CREATE TABLE app.other (id int)"),
    Attack("type if it exists", T, "DROP TYPE IF EXISTS mood CASCADE",
           "INSERT INTO other VALUES ('kept')", "SELECT count(m) FROM other", "other.m  1 row",
           scene="CREATE TYPE mood AS ENUM ('kept');; CREATE TABLE other (m mood)"),
    Attack("in a block that asks", T,
           "DO $$ BEGIN IF to_regclass('other') IS NOT NULL THEN DROP TABLE other; END IF; END $$",
           "INSERT INTO other VALUES (1)", "SELECT count(*) FROM other",
           "other, where it is there  1 row", scene="CREATE TABLE other (id int)"),
    Attack("column in a block", T,
           "DO $$ BEGIN ALTER TABLE t DROP COLUMN IF EXISTS more; END $$",
           "INSERT INTO t VALUES (1, 'n', 'kept')", "SELECT count(more) FROM t",
           "t.more, where it is there  1 row", scene="ALTER TABLE t ADD more text"),
    Attack("drops a sequence", T, "DROP SEQUENCE numbers",
           "SELECT setval('numbers', 41)", "SELECT last_value - 40 FROM numbers",
           "numbers  at 41", "CREATE SEQUENCE numbers"),
    Attack("not its own table", T, "CREATE TABLE IF NOT EXISTS other (id int);; DROP TABLE other",
           "INSERT INTO other VALUES (1)", "SELECT count(*) FROM other",
           "other, where it is there  1 row", scene="CREATE TABLE other (id int)"),
    # --- upgrades
    Attack("upgrade drops a table", T, "DROP TABLE t", ROW, COUNT, "t  1 row", T, is_upgrade=True),
    Attack("upgrade drops a column", T, "ALTER TABLE t DROP COLUMN n", ROW, VALUES, "t.n  1 row",
           "ALTER TABLE t ADD n text", is_upgrade=True),
    Attack("upgrade truncates", T, "TRUNCATE t", ROW, COUNT, "rows of t  1 row", is_upgrade=True),
    Attack("upgrade drops if it exists", T, "DROP TABLE IF EXISTS other",
           "INSERT INTO other VALUES (1)", "SELECT count(*) FROM other",
           "other, where it is there  1 row", scene="CREATE TABLE other (id int)",
           is_upgrade=True),
    Attack("upgrade truncates in a function",
           f"{T};; CREATE FUNCTION clear() RETURNS void LANGUAGE sql AS 'TRUNCATE t'",
           "SELECT clear()", ROW, COUNT, "rows of t  1 row", is_upgrade=True),
    Attack("upgrade composes a drop", T,
           "DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables "
           "WHERE tablename LIKE 'old%' LOOP EXECUTE format('DROP TABLE %I', name); END LOOP; "
           "END $$", "INSERT INTO old_rows VALUES (1)", "SELECT count(*) FROM old_rows",
           "what a statement finds where it runs  unknown: it depends on the database",
           scene="CREATE TABLE old_rows (id int)", is_upgrade=True, has_empty_state=False),
    Attack("upgrade cascades to a view", T, "DROP TABLE t CASCADE",
           "CREATE VIEW v AS SELECT n FROM t",
           "SELECT count(*) FROM pg_views WHERE viewname = 'v'", "view v  dropped by CASCADE", T,
           is_upgrade=True),
    Attack("upgrade rounds", "CREATE TABLE t (id int, n numeric(8, 2))",
           "ALTER TABLE t ALTER n TYPE numeric(8, 0)", "INSERT INTO t VALUES (1, 0.25)",
           "SELECT count(*) FROM t WHERE n = 0.25", "values of t.n  1 row", is_upgrade=True),
    Attack("upgrade accepts another column", f"{T[:-1]}, m text)",
           "ALTER TABLE t DROP COLUMN n;; ALTER TABLE t DROP COLUMN m",
           "INSERT INTO t VALUES (1, NULL, 'kept')", "SELECT count(m) FROM t", "t.m  1 row",
           is_upgrade=True, accepted={"drops-column on t": "The column n is not used."}),
)
# fmt: on

NAMES = re.compile(r"\b(t|part|u|v|v2|f|w|s|m|child|other|mood|fk|app)\b")


def distinct(attack: Attack, number: int) -> Attack:
    """The attack on names of its own: all attacks are rehearsed on one database."""
    texts = {
        field.name: NAMES.sub(rf"\1_{number}", getattr(attack, field.name))
        for field in fields(attack)
        if field.type is str and field.name != "name"
    }
    accepted = attack.accepted and {
        NAMES.sub(rf"\1_{number}", key): reason for key, reason in attack.accepted.items()
    }
    return replace(attack, **texts, accepted=accepted)


ATTACKS = [distinct(attack, number) for number, attack in enumerate(TABLE)]


@dataclass(frozen=True)
class Range:
    """All attacks as one project with its `sql/`, and databases to run them on."""

    project: Project
    server: str
    environment: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def run(self, url: str, *arguments: str) -> tuple[int, str]:
        """Run a verb as its command line does; returns exit code and output."""
        self.environment.setenv("DATABASE_URL", url)
        ini = str(self.project.root / "alembic.ini")
        code = main([*arguments, "-c", ini])
        out, err = self.capture.readouterr()
        assert "Traceback" not in err
        return code, out + err

    def migrate(self, url: str, revision: str) -> None:
        code, output = self.run(url, "migrate", revision, "--force", "hazards")
        assert code == 0, output

    @contextmanager
    def prepared(self, attack: Attack) -> Iterator[str]:
        """A database on which the attack is about to be run, without rows."""
        with scratch_database(self.server, prefix="consent") as url, owner(url, attack) as own:
            execute(own, attack.before)
            parent, child = IDS[attack.name]
            self.migrate(own, parent if attack.is_upgrade else child)
            execute(own, attack.scene)
            yield own

    def attack(self, url: str, attack: Attack, *arguments: str) -> tuple[int, str]:
        parent, child = IDS[attack.name]
        target = ("migrate", child) if attack.is_upgrade else ("downgrade", parent)
        return self.run(url, *target, "--force", "hazards", *arguments)


IDS = {
    attack.name: tuple(revision.id for revision in attack.revisions(number))
    for number, attack in enumerate(ATTACKS)
}


def execute(url: str, sql: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for part in filter(None, sql.split(";;")):
            connection.execute(part.encode())


def superuser(url: str) -> str:
    role = psycopg.conninfo.conninfo_to_dict(url)["user"]
    return url.replace(f"{role}@", "postgres@")


def count(url: str, query: str) -> int:
    with psycopg.connect(superuser(url)) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def owner(url: str, attack: Attack) -> Iterator[str]:
    """The URL for an attack: where it asks for that, of a role that is no superuser."""
    if not attack.is_owner:
        yield url
        return
    role = str(psycopg.conninfo.conninfo_to_dict(url)["dbname"]).replace("consent", "owner")
    execute(url, f'CREATE ROLE "{role}" LOGIN;; GRANT CREATE ON SCHEMA public TO "{role}"')
    try:
        yield url.replace("postgres@", f"{role}@")
    finally:
        execute(url, f'DROP OWNED BY "{role}";; DROP ROLE "{role}"')


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, server18_url: str) -> Project:
    environment = {"PYBASE_REHEARSAL_URL": server18_url}
    project = Project(tmp_path_factory.mktemp("consent"), environment).lay_out()
    for number, attack in enumerate(ATTACKS):
        for revision in attack.revisions(number):
            project.add(revision)
    project.done("sql")
    return project


@pytest.fixture
def attacks(
    written: Project,
    server18_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Range:
    monkeypatch.setenv("PYBASE_REHEARSAL_URL", server18_url)
    return Range(written, server18_url, monkeypatch, capsys)


each_attack = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)


@pytest.mark.adversary("consent")
@each_attack
def test_rows_survive_until_their_loss_is_allowed(attack: Attack, attacks: Range) -> None:
    with attacks.prepared(attack) as url:
        execute(superuser(url), attack.rows)
        before = count(url, attack.kept)
        code, output = attacks.attack(url, attack)
        assert code == 1, output
        assert "error[data-loss]" in output
        assert f"\n  {attack.reported}" in re.sub(r"(?<=\S) {2,}", "  ", output)
        assert count(url, attack.kept) == before > 0
        code, output = attacks.attack(url, attack, "--allow-data-loss")
        assert code == 0, output


@pytest.mark.parametrize(
    "attack", [a for a in ATTACKS if a.has_empty_state], ids=lambda attack: attack.name
)
def test_without_rows_no_consent_is_asked_for(attack: Attack, attacks: Range) -> None:
    with attacks.prepared(attack) as url:
        code, output = attacks.attack(url, attack)
        assert code == 0, output


# --- several steps --------------------------------------------------------------------------------


RENAMES = {
    "column": ("ALTER TABLE r RENAME n TO m", "ALTER TABLE r RENAME m TO n", "r", "m"),
    "table": ("ALTER TABLE r RENAME TO q", "ALTER TABLE q RENAME TO r", "q", "n"),
    "schema": (
        "CREATE SCHEMA app;; ALTER TABLE r SET SCHEMA app",
        "ALTER TABLE app.r SET SCHEMA public;; DROP SCHEMA app", "app.r", "n",
    ),
    "in a block": (
        "DO $$ BEGIN ALTER TABLE r RENAME n TO m; END $$", "ALTER TABLE r RENAME m TO n", "r", "m",
    ),
}  # fmt: skip


@pytest.mark.adversary("consent")
@pytest.mark.parametrize("renamed", RENAMES)
def test_rename_on_the_way_hides_no_rows(renamed: str, project: Project) -> None:
    up, down, table, column = RENAMES[renamed]
    first, second, third = "00000000000a", "00000000000b", "00000000000c"
    create = executed("CREATE TABLE r (id int)")
    add, drop = executed("ALTER TABLE r ADD n text"), executed("ALTER TABLE r DROP n")
    project.lay_out(
        Revision(first, None, create, executed("DROP TABLE r")),
        Revision(second, first, add, drop),
        Revision(third, second, executed(up), executed(down)),
    ).write_sql()
    project.done("migrate", "--force", "hazards")
    execute(project.environment["DATABASE_URL"], f"INSERT INTO {table} VALUES (1, 'kept')")
    message = project.refused("downgrade", first, "--force", "hazards", code=1)
    assert "error[data-loss]" in message
    assert f"(now {table}.{column})  1 row" in message
    assert third in project.done("current")


@pytest.mark.adversary("consent")
def test_python_that_was_not_observed_is_a_loss(project: Project) -> None:
    asks = "op.execute('SELECT 1')\nop.get_bind().execute(sa.text('SELECT now()')).scalar_one()"
    drop = "op.get_bind().execute(sa.text('SELECT now()')).scalar_one()\nop.drop_table('r')"
    project.lay_out(
        Revision("00000000000a", None, executed("CREATE TABLE r (id int)")),
        Revision("00000000000b", "00000000000a", asks, drop),
    ).run("sql")
    url = project.environment["DATABASE_URL"]
    project.done("migrate", "--force", "hazards")
    execute(url, "INSERT INTO r VALUES (1)")
    message = project.refused("downgrade", "-1", "--force", "hazards", code=1)
    assert "error[data-loss]" in message
    assert count(url, "SELECT count(*) FROM r") == 1


READS = "n = op.get_bind().execute(sa.text('SELECT count(*) FROM {t}')).scalar_one()\n"
DROP_N = "op.drop_column('{t}', 'n')"
IN_PYTHON = {
    "plain": (DROP_N, ".n  1 row"),
    "reads rows": (READS + DROP_N, ".n  1 row"),
    "table": (READS + "op.drop_table('{t}')", "  1 row"),
    "emptied": (READS + "op.execute('TRUNCATE {t}')", "  1 row"),
    "cannot be rehearsed": (f"{READS}assert n == 1\n{DROP_N}", "unknown: it was not rehearsed"),
    "fails": (
        f"op.execute('GRANT ALL ON {{t}} TO missing')\n{DROP_N}", "unknown: it was not rehearsed"
    ),
}  # fmt: skip
"""What an upgrade does with its table, and what is reported of that."""

RUN_IN_PYTHON = [
    *((name, "--python-revisions") for name in IN_PYTHON if name != "fails"),
    *((name, "--verbose") for name in IN_PYTHON if name != "plain"),
]


@pytest.fixture(scope="module")
def in_python(tmp_path_factory: pytest.TempPathFactory, server18_url: str) -> Iterator[Project]:
    """A head for each, whose table has a row."""
    with scratch_database(server18_url, prefix="python") as url:
        project = Project(
            tmp_path_factory.mktemp("python"),
            {"DATABASE_URL": url, "PYBASE_REHEARSAL_URL": server18_url},
        )
        tables = [f"t{number}" for number in range(len(IN_PYTHON))]
        create = "\n".join(executed(f"CREATE TABLE {t} (id int, n text)") for t in tables)
        revisions = [
            Revision(f"0000000000{table}", "00000000000a", body.format(t=table))
            for table, (body, _) in zip(tables, IN_PYTHON.values(), strict=True)
        ]
        project.lay_out(Revision("00000000000a", None, create), *revisions).run("sql")
        project.done("migrate", "00000000000a")
        for table in tables:
            execute(url, f"INSERT INTO {table} VALUES (1, 'kept')")
        yield project


@pytest.mark.adversary("consent")
@pytest.mark.parametrize(("name", "option"), RUN_IN_PYTHON)
def test_upgrade_in_python_asks_as_sql_does(name: str, option: str, in_python: Project) -> None:
    table, reported = f"t{[*IN_PYTHON].index(name)}", IN_PYTHON[name][1]
    target = f"0000000000{table}"
    message = in_python.refused("migrate", target, option, "--force", "hazards", code=1)
    assert "error[data-loss]" in message
    assert reported in message
    assert count(in_python.environment["DATABASE_URL"], f"SELECT count(n) FROM {table}") == 1
    assert "00000000000a" in in_python.done("current")


@pytest.mark.adversary("consent")
def test_python_without_sql_asks_too(in_python: Project) -> None:
    in_python.sql.rename(in_python.root / "kept")
    message = in_python.refused(
        "migrate", "0000000000t0", "--python-revisions", "--force", "hazards", code=1
    )
    (in_python.root / "kept").rename(in_python.sql)
    assert "error[data-loss]" in message
    assert "t0.n  1 row" in message


@pytest.mark.adversary("consent")
def test_rows_that_are_committed_before_python_gets_its_locks_are_kept(project: Project) -> None:
    url = project.environment["DATABASE_URL"]
    project.lay_out(
        Revision("00000000000a", None, executed(T)),
        Revision("00000000000b", "00000000000a", (READS + DROP_N).format(t="t")),
    ).run("sql")
    project.done("migrate", "00000000000a")
    with psycopg.connect(url) as writer:
        writer.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
        command = project.start("migrate", "--force", "hazards")
        wait_for_query(url, IS_BLOCKED)
        writer.execute(ROW)
        writer.commit()
    result = project.ended(command)
    assert (result.code, count(url, VALUES)) == (1, 1), result.text
    assert "error[data-loss]" in result.err
    assert "00000000000a" in project.done("current")
    project.done("migrate", "--force", "hazards", "--allow-data-loss")
    assert count(url, "SELECT count(*) FROM t") == 1


# --- rows that come later -------------------------------------------------------------------------


LATER = {
    "of a table": (T, "DROP TABLE t", False),
    "of a column": (T, "ALTER TABLE t DROP COLUMN n", False),
    "that are deleted": (T, "DELETE FROM t", False),
    "that are overwritten": (T, "UPDATE t SET n = 'lost' WHERE id > 0", False),
    "outside a transaction": (T, "DROP TABLE t", True),
}


@pytest.mark.adversary("consent")
@pytest.mark.parametrize("rows", LATER)
def test_rows_that_are_committed_while_it_waits_are_kept(rows: str, project: Project) -> None:
    create, undo, is_alone = LATER[rows]
    url = project.environment["DATABASE_URL"]
    project.lay_out(
        Revision("00000000000a", None, executed(create)),
        Revision("00000000000b", "00000000000a", "op.execute('SELECT 1')",
                 executed(undo, is_alone)),
    ).write_sql()  # fmt: skip
    project.done("migrate", "--force", "hazards")
    with psycopg.connect(url) as writer:
        writer.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
        command = project.start("downgrade", "-1", "--force", "hazards")
        wait_for_query(url, IS_BLOCKED)
        writer.execute(ROW)
        writer.commit()
    result = project.ended(command)
    assert result.code == 1, result.text
    assert "error[data-loss]" in result.err
    assert "Revision 00000000000b was stopped before that. Nothing was undone." in result.err
    assert count(url, VALUES) == 1
    assert "00000000000b" in project.done("current")


@pytest.mark.adversary("consent")
def test_consent_at_a_prompt_covers_what_was_listed(project: Project) -> None:
    """Rows of another table that are written after the answer are kept."""
    url = project.environment["DATABASE_URL"]
    two = "CREATE TABLE t (id int, n text);; CREATE TABLE u (id int)"
    project.lay_out(
        Revision("00000000000a"),
        Revision(
            "00000000000b", "00000000000a", executed(two), executed("DROP TABLE t;; DROP TABLE u")
        ),
    ).write_sql()
    project.done("migrate", "--force", "hazards")
    execute(url, ROW)

    def answer(question: str) -> bool:
        assert "t  1 row" in question
        execute(url, "INSERT INTO u VALUES (1)")
        return True

    configuration = settings.load(project.root / "alembic.ini")
    reporter = TerminalReporter()
    with deploy.locked(configuration, Database(url, is_embedded=False), reporter) as session:
        plan = session.plan("-1", Direction.DOWNGRADE)
        consent = deploy.confirm(session, plan, deploy.Confirmation(ask=answer))
        with pytest.raises(CheckFailedError) as raised:
            deploy.apply(session, plan, reporter, consent)
    assert raised.value.code == "data-loss"
    assert "u  1 row" in raised.value.problem
    assert "t  1 row" not in raised.value.problem
    assert count(url, COUNT) == 1


@pytest.mark.adversary("consent")
def test_yes_at_a_prompt_is_enough_for_what_was_listed(project: Project) -> None:
    """Also under another name than it will have, and where two revisions delete from a table."""
    ids = [f"{number:012x}" for number in range(1, 6)]
    delete = executed("DELETE FROM u WHERE id < 9")
    texts = (
        (executed(T), "pass"), (executed("SELECT 1"), executed("ALTER TABLE t DROP COLUMN n")),
        (executed("ALTER TABLE t RENAME TO u"), executed("ALTER TABLE u RENAME TO t")),
        ("pass", delete), ("pass", delete),
    )  # fmt: skip
    parents = [None, *ids]
    project.lay_out(
        *(Revision(ids[place], parents[place], *text) for place, text in enumerate(texts))
    ).run("sql")
    project.done("migrate", "--force", "hazards")
    execute(project.environment["DATABASE_URL"], "INSERT INTO u VALUES (1, 'gone'), (9, 'gone')")
    configuration = settings.load(project.root / "alembic.ini")
    database = Database(project.environment["DATABASE_URL"], is_embedded=False)
    questions: list[str] = []
    confirmation = deploy.Confirmation(ask=lambda question: not questions.append(question))
    with deploy.locked(configuration, database, TerminalReporter()) as session:
        plan = session.plan(ids[0], Direction.DOWNGRADE)
        consent = deploy.confirm(session, plan, confirmation)
        assert deploy.apply(session, plan, TerminalReporter(), consent) == 4
    assert "\n  rows of u      1 row\n  t.n (now u.n)  2 rows\n" in questions[0]


# --- what is no loss ------------------------------------------------------------------------------


def test_what_the_upgrades_themselves_create_is_no_loss(project: Project) -> None:
    """From nothing to head, over rows that were inserted, renamed, overwritten and dropped."""
    texts = (
        T, ROW, "ALTER TABLE t RENAME TO u", "UPDATE u SET n = 'other'", "DELETE FROM u",
        "INSERT INTO u VALUES (2, 'x')", "ALTER TABLE u DROP COLUMN n", "DROP TABLE u CASCADE",
    )  # fmt: skip
    parents = [None, *(f"{number:012x}" for number in range(1, len(texts)))]
    project.lay_out(
        *(
            Revision(f"{number + 1:012x}", parents[number], executed(text))
            for number, text in enumerate(texts)
        )
    ).run("sql")
    assert project.done("migrate", "--force", "hazards").endswith(f"{len(texts)} applied.\n")


ACCEPTED = {
    "drops-table on t": "DROP TABLE t",
    "drops-column on t": "ALTER TABLE t DROP COLUMN n",
    "truncates on t": "TRUNCATE t",
}


def test_loss_that_reviewers_accepted_is_not_asked_about(project: Project) -> None:
    accepted = dict.fromkeys(ACCEPTED, "No release reads it.")
    history = [Revision("00000000000a", None, executed(T))]
    for number, (key, sql) in enumerate(reversed(ACCEPTED.items())):
        history.append(
            Revision(
                f"00000000000{'bcdef0'[number]}", history[-1].id, executed(sql),
                accepted={key: accepted[key]},
            )
        )  # fmt: skip
    project.lay_out(*history).run("sql")
    project.done("migrate", "00000000000a", "--force", "hazards")
    execute(project.environment["DATABASE_URL"], ROW)
    project.done("migrate", "--force", "hazards")


# --- abbreviations --------------------------------------------------------------------------------


@pytest.mark.adversary("consent")
@pytest.mark.parametrize("verb", [name for name, verb in VERBS.items() if not verb.is_tool])
def test_no_argument_can_be_abbreviated(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--a` once was the consent to a loss. A shorter text may be another option in full."""
    monkeypatch.chdir(tmp_path)  # without a configuration, nothing runs
    assert main([verb, "--help"]) == 0
    options = set(re.findall(r"(?<!\S)--[a-z-]+", capsys.readouterr().out))
    for option in options:
        for short in {option[:end] for end in range(3, len(option))} - options:
            assert main([verb, short]) == 2
            assert "error" in capsys.readouterr().err
