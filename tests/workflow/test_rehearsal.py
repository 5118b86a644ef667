"""The rehearsal: what a reviewer reads, in the same bytes each time, for any text in a revision."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import psycopg
import pytest
from projects import LINE, ONE, Project, Revision

from pybase.migrate import catalog, sqlfiles
from pybase.migrate.sql import hidden_character
from pybase.migrate.sql.grammar import split
from pybase.postgres import find_bin, scratch_cluster

Compose: TypeAlias = Callable[[Project], dict[str, str]]


@pytest.fixture
def compose(server18_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compose:
    """Renders and rehearses a project in this process; returns the files of its `sql/`."""
    monkeypatch.setenv("PYBASE_REHEARSAL_URL", server18_url)
    monkeypatch.syspath_prepend(tmp_path)

    def files(project: Project) -> dict[str, str]:
        history = project.history()
        return sqlfiles.files(history.settings, sqlfiles.build(history))

    return files


def table(name: str, columns: str = "id bigint PRIMARY KEY, n integer, note text") -> Revision:
    """The first revision of a history, which makes one table."""
    up, down = f"CREATE TABLE {name} ({columns})", f"DROP TABLE {name}"
    return Revision("aaaaaaaaaaaa", None, f"op.execute({up!r})", f"op.execute({down!r})")


def after(upgrade: str, downgrade: str = "pass") -> Revision:
    """The second revision, of one statement each way."""
    return Revision(
        "bbbbbbbbbbbb", "aaaaaaaaaaaa", f"op.execute({upgrade!r})", f"op.execute({downgrade!r})"
    )


def header(files: dict[str, str], revision: Revision, way: str = "upgrade") -> str:
    return files[f"{way}/{revision.name}.sql"].partition("\n\n")[0]


# --- what a reviewer reads ----------------------------------------------------------------------


def alone(call: str) -> str:
    return f"with op.get_context().autocommit_block():\n    {call}"


HISTORY = (
    Revision(
        "000000000001",
        None,
        """
        op.create_table(
            "shops",
            sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
            sa.Column("name", sa.String(50), nullable=False),
            sa.Column("rank", sa.Integer()),
            sa.Column("colour", sa.Text()),
            sa.PrimaryKeyConstraint("id", name="pk_shops"),
        )
        op.create_table(
            "sales",
            sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
            sa.Column("shop_id", sa.BigInteger()),
            sa.PrimaryKeyConstraint("id", name="pk_sales"),
        )
        """,
        'op.drop_table("sales")\nop.drop_table("shops")',
        "Create shops and sales.",
    ),
    Revision(
        "000000000002",
        "000000000001",
        'op.create_table("tags", sa.Column("name", sa.Text(), nullable=False))',
        'op.drop_table("tags")',
        "Create tags.",
    ),
    Revision(
        "000000000003",
        "000000000002",
        'op.add_column("shops", sa.Column("note", sa.Text()))',
        'op.drop_column("shops", "note")',
        "Add note to shops.",
    ),
    Revision(
        "000000000004",
        "000000000003",
        'op.drop_column("shops", "colour")',
        'op.add_column("shops", sa.Column("colour", sa.Text()))',
        "Drop the colour of shops.",
        {"drops-column on shops": "no reader since 2026-10, see issue 12"},
    ),
    Revision(
        "000000000005",
        "000000000004",
        alone(
            'op.create_index("ix_sales_shop_id", "sales", ["shop_id"],'
            " postgresql_concurrently=True)"
        ),
        alone('op.drop_index("ix_sales_shop_id", postgresql_concurrently=True, if_exists=True)'),
        "Index sales by shop.",
    ),
    Revision(
        "000000000006",
        "000000000005",
        'op.create_index("ix_shops_name", "shops", ["name"])',
        'op.drop_index("ix_shops_name", "shops")',
        "Index shops by name.",
    ),
    Revision(
        "000000000007",
        "000000000006",
        'op.create_foreign_key("fk_sales_shop_id", "sales", "shops", ["shop_id"], ["id"])',
        'op.drop_constraint("fk_sales_shop_id", "sales")',
        "Tie sales to shops.",
    ),
    Revision(
        "000000000008",
        "000000000007",
        'op.alter_column("shops", "rank", type_=sa.BigInteger())',
        'op.alter_column("shops", "rank", type_=sa.Integer())',
        "Widen the rank of shops.",
    ),
    Revision(
        "000000000009",
        "000000000008",
        "op.execute(\"UPDATE shops SET note = '' WHERE note IS NULL\")",
        'raise NotImplementedError("Empty notes cannot be told from missing ones.")',
        "Fill in notes.",
    ),
    Revision(
        "00000000000a",
        "000000000009",
        'if not sa.inspect(op.get_bind()).has_table("audits"):\n'
        '    op.create_table("audits", sa.Column("id", sa.Uuid(), primary_key=True))',
        'op.drop_table("audits")',
        "Create audits unless they are there.",
    ),
    Revision(
        "00000000000b",
        "00000000000a",
        'op.add_column("audits", sa.Column("at", sa.DateTime(timezone=True)))',
        'op.drop_column("audits", "at")',
        "Date the audits.",
    ),
    Revision(
        "00000000000c",
        "00000000000b",
        'op.drop_column("shops", "nothing")',
        "pass",
        "Drop what is not there.",
    ),
    Revision(
        "00000000000d",
        "00000000000c",
        'op.alter_column("shops", "name", nullable=True)',
        'op.alter_column("shops", "name", nullable=False)',
        "Let a shop have no name.",
    ),
)
"""One of each: harmless, blocking, lossy, irreversible, without SQL, failing."""

GOLDEN = {
    ("upgrade", "000000000002"): """\
-- Create tags
--
-- revision  000000000002, after 000000000001; one transaction

BEGIN;

SET LOCAL lock_timeout = '2s';

CREATE TABLE tags (
    name TEXT NOT NULL
);
""",
    ("upgrade", "000000000003"): """\
-- Add note to shops
--
-- revision  000000000003, after 000000000002; one transaction
-- shops     ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

ALTER TABLE shops ADD COLUMN note TEXT;
""",
    ("upgrade", "000000000004"): """\
-- Drop the colour of shops
--
-- revision  000000000004, after 000000000003; one transaction
-- shops     ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- loses     shops.colour
-- hazards   drops-column on shops.colour (accepted: no reader since 2026-10, see issue 12)

BEGIN;

SET LOCAL lock_timeout = '2s';

-- drops-column: the data of shops.colour are deleted, and code that still selects it fails.
-- accepted: no reader since 2026-10, see issue 12
ALTER TABLE shops DROP COLUMN colour;
""",
    ("upgrade", "000000000005"): """\
-- Index sales by shop
--
-- revision  000000000005, after 000000000004; no transaction
-- sales     SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL

CREATE INDEX CONCURRENTLY ix_sales_shop_id ON sales (shop_id);
""",
    ("upgrade", "000000000006"): """\
-- Index shops by name
--
-- revision  000000000006, after 000000000005; one transaction
-- shops     SHARE: blocks writes; scanned
-- hazards   blocking-index-build on shops.ix_shops_name

BEGIN;

SET LOCAL lock_timeout = '2s';

-- blocking-index-build: SHARE lock on shops: writers wait until the index is built.
CREATE INDEX ix_shops_name ON shops (name);
""",
    ("upgrade", "000000000007"): """\
-- Tie sales to shops
--
-- revision  000000000007, after 000000000006; one transaction
-- sales     SHARE ROW EXCLUSIVE: blocks writes; scanned
-- shops     SHARE ROW EXCLUSIVE: blocks writes; scanned
-- hazards   validates-constraint on sales.fk_sales_shop_id

BEGIN;

SET LOCAL lock_timeout = '2s';

-- validates-constraint: SHARE ROW EXCLUSIVE lock or stronger on sales: writers wait while every row
-- is checked.
ALTER TABLE sales ADD CONSTRAINT fk_sales_shop_id FOREIGN KEY (shop_id) REFERENCES shops (id);
""",
    ("upgrade", "000000000008"): """\
-- Widen the rank of shops
--
-- revision  000000000008, after 000000000007; one transaction
-- shops     ACCESS EXCLUSIVE: blocks reads and writes; rewritten
-- hazards   rewrites-table on shops

BEGIN;

SET LOCAL lock_timeout = '2s';

-- rewrites-table: ACCESS EXCLUSIVE lock on shops: readers and writers wait while the table is
-- rewritten.
ALTER TABLE shops ALTER COLUMN rank TYPE BIGINT;
""",
    ("upgrade", "000000000009"): """\
-- Fill in notes
--
-- revision  000000000009, after 000000000008; one transaction
-- shops     ROW EXCLUSIVE: blocks nothing; scanned; rows changed
-- hazards   unbatched-data-change on shops

BEGIN;

SET LOCAL lock_timeout = '2s';

-- unbatched-data-change: one transaction works through all of shops; row locks, and vacuum, wait
-- for its end.
UPDATE shops SET note = '' WHERE note IS NULL;
""",
    ("upgrade", "00000000000a"): """\
-- Create audits unless they are there
--
-- revision  00000000000a, after 000000000009; one transaction; rendered on a scratch database

BEGIN;

SET LOCAL lock_timeout = '2s';

CREATE TABLE audits (
    id UUID NOT NULL,
    PRIMARY KEY (id)
);
""",
    ("upgrade", "00000000000b"): """\
-- Date the audits
--
-- revision  00000000000b, after 00000000000a; one transaction
-- audits    ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

ALTER TABLE audits ADD COLUMN at TIMESTAMP WITH TIME ZONE;
""",
    ("upgrade", "00000000000c"): """\
-- Drop what is not there
--
-- revision  00000000000c, after 00000000000b; one transaction
-- hazards   rehearsal-failed on shops

BEGIN;

SET LOCAL lock_timeout = '2s';

-- rehearsal-failed: it fails on a database at the revision before: column "nothing" of relation
-- "shops" does not exist.
ALTER TABLE shops DROP COLUMN nothing;
""",
    ("upgrade", "00000000000d"): """\
-- Let a shop have no name
--
-- revision  00000000000d, after 00000000000c; one transaction
-- shops     ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

ALTER TABLE shops ALTER COLUMN name DROP NOT NULL;
""",
    ("downgrade", "000000000003"): """\
-- Undo: Add note to shops
--
-- revision  000000000003, back to 000000000002; one transaction
-- shops     ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- loses     shops.note

BEGIN;

SET LOCAL lock_timeout = '2s';

ALTER TABLE shops DROP COLUMN note;
""",
    ("downgrade", "000000000004"): """\
-- Undo: Drop the colour of shops
--
-- revision  000000000004, back to 000000000003; one transaction
-- shops     ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

ALTER TABLE shops ADD COLUMN colour TEXT;
""",
    ("downgrade", "000000000005"): """\
-- Undo: Index sales by shop
--
-- revision  000000000005, back to 000000000004; no transaction
-- sales     SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL

DROP INDEX CONCURRENTLY IF EXISTS ix_sales_shop_id;
""",
    ("downgrade", "000000000006"): """\
-- Undo: Index shops by name
--
-- revision  000000000006, back to 000000000005; one transaction
-- shops     ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- hazards   blocking-index-drop on shops.ix_shops_name

BEGIN;

SET LOCAL lock_timeout = '2s';

-- blocking-index-drop: ACCESS EXCLUSIVE lock on shops: readers and writers wait, behind whatever
-- the drop itself waits for.
DROP INDEX ix_shops_name;
""",
    ("downgrade", "000000000007"): """\
-- Undo: Tie sales to shops
--
-- revision  000000000007, back to 000000000006; one transaction
-- sales     ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- shops     ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan

BEGIN;

SET LOCAL lock_timeout = '2s';

ALTER TABLE sales DROP CONSTRAINT fk_sales_shop_id;
""",
    ("downgrade", "000000000008"): """\
-- Undo: Widen the rank of shops
--
-- revision  000000000008, back to 000000000007; one transaction
-- shops     ACCESS EXCLUSIVE: blocks reads and writes; rewritten
-- hazards   rewrites-table on shops

BEGIN;

SET LOCAL lock_timeout = '2s';

-- rewrites-table: ACCESS EXCLUSIVE lock on shops: readers and writers wait while the table is
-- rewritten.
ALTER TABLE shops ALTER COLUMN rank TYPE INTEGER;
""",
    ("downgrade", "000000000009"): """\
-- Undo: Fill in notes
--
-- revision  000000000009, back to 000000000008; cannot be undone
""",
    ("downgrade", "00000000000b"): """\
-- Undo: Date the audits
--
-- revision  00000000000b, back to 00000000000a; one transaction
-- audits    ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan
-- loses     audits.at

BEGIN;

SET LOCAL lock_timeout = '2s';

ALTER TABLE audits DROP COLUMN at;
""",
    ("downgrade", "00000000000d"): """\
-- Undo: Let a shop have no name
--
-- revision  00000000000d, back to 00000000000c; one transaction
-- shops     ACCESS EXCLUSIVE: blocks reads and writes; scanned
-- hazards   sets-not-null on shops.name

BEGIN;

SET LOCAL lock_timeout = '2s';

-- sets-not-null: ACCESS EXCLUSIVE lock on shops: readers and writers wait while every row is read.
ALTER TABLE shops ALTER COLUMN name SET NOT NULL;
""",
}
"""The start of the file of a direction, before the version moves or psql is stopped."""

CHECK = re.compile(
    r"(SET default_transaction_read_only = on;\n\n)?DO \$\$ DECLARE present .*?END \$\$;\n\n",
    re.DOTALL,
)
"""What psql runs first."""


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory, server18_url: str) -> Project:
    """HISTORY with its SQL."""
    folder = tmp_path_factory.mktemp("rehearsed")
    project = Project(folder, {"PYBASE_REHEARSAL_URL": server18_url}).lay_out(*HISTORY)
    project.done("sql")
    return project


@pytest.mark.parametrize(("way", "revision"), GOLDEN)
def test_file_shows_what_was_observed(way: str, revision: str, rehearsed: Project) -> None:
    (path,) = (rehearsed.sql / way).glob(f"*_{revision}_*")
    text = CHECK.sub("", path.read_text("utf-8"))
    text = text.replace("BEGIN;\n\nSET LOCAL lock_timeout = '2s';\n\nUPDATE", "UPDATE")
    assert re.split("\n(?=UPDATE alembic_version|DO )", text)[0] == GOLDEN[way, revision]


def test_revision_behind_one_without_sql_is_rehearsed(compose: Compose, project: Project) -> None:
    """It is led over that one by Alembic's online mode."""
    online, column = HISTORY[9:11]
    first = Revision(online.parents or "", None)
    files = compose(project.lay_out(first, online, column))
    assert "audits" in header(files, column)
    assert "CREATE TABLE public.audits" in files["schema/audits.sql"]


def test_revision_behind_a_failing_one_is_rehearsed(compose: Compose, project: Project) -> None:
    failing = Revision("bbbbbbbbbbbb", ONE.id, "op.drop_column('cities', 'nothing')")
    column = Revision(
        "cccccccccccc", failing.id, "op.add_column('cities', sa.Column('n', sa.Text()))"
    )
    files = compose(project.lay_out(ONE, failing, column))
    assert "rehearsal-failed on cities" in header(files, failing)
    assert "ACCESS EXCLUSIVE" in header(files, column)
    assert "n text" in files["schema/cities.sql"]


@pytest.mark.parametrize(
    "bodies",
    [
        ("ALTER TABLE towns ADD COLUMN m text", "ALTER TABLE towns DROP COLUMN m"),
        ("DROP INDEX IF EXISTS ix_towns_n", "CREATE INDEX ix_towns_n ON towns (n)"),
    ],
)
def test_revision_that_only_follows_a_failing_one_is_not_blamed(
    bodies: tuple[str, str], compose: Compose, project: Project
) -> None:
    failing = Revision("bbbbbbbbbbbb", ONE.id, "op.execute('CREATE EXTENSION citext')")
    behind = Revision("cccccccccccc", failing.id, *(f"op.execute({body!r})" for body in bodies))
    files = compose(project.lay_out(ONE, failing, behind))
    assert "rehearsal-failed" in header(files, failing)
    assert "PYBASE_REHEARSAL_URL" in files[f"upgrade/{failing.name}.sql"]
    for way in ("upgrade", "downgrade"):
        assert "hazards" not in header(files, behind, way)
    assert "-- unseen    not rehearsed" in header(files, behind)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER SEQUENCE cities ADD COLUMN n integer",
        "ALTER TABLE cities ALTER COLUMN name TYPE integer",
        "CREATE TABLE cities (n integer)",
    ],
)
def test_fault_of_its_own_behind_a_failing_one_is_a_finding(
    statement: str, compose: Compose, project: Project
) -> None:
    failing = Revision("bbbbbbbbbbbb", ONE.id, "op.execute('CREATE TABEL towns (n integer)')")
    wrong = Revision("cccccccccccc", failing.id, f"op.execute({statement!r})")
    assert "rehearsal-failed" in header(compose(project.lay_out(ONE, failing, wrong)), wrong)


def test_only_types_that_cannot_hold_every_value_lose_some(
    compose: Compose, project: Project
) -> None:
    types = {
        "a": ("integer", "numeric(10, 2)"),
        "b": ("numeric(10, 2)", "numeric(12, 4)"),
        "c": ("numeric(10, 0)", "bigint"),
        "d": ("integer[]", "text[]"),
        "rounded": ("numeric(12, 4)", "numeric(10, 2)"),
        "whole": ("numeric(10, 2)", "integer"),
    }
    columns = ", ".join(f"{name} {before}" for name, (before, _) in types.items())
    changes = ", ".join(f"ALTER {name} TYPE {after}" for name, (_, after) in types.items())
    one = Revision("aaaaaaaaaaaa", None, f"op.execute('CREATE TABLE numbers ({columns})')")
    two = Revision("bbbbbbbbbbbb", one.id, f"op.execute('ALTER TABLE numbers {changes}')")
    text = header(compose(project.lay_out(one, two)), two)
    assert "-- loses     values of numbers.rounded, values of numbers.whole\n" in text


def test_downgrade_that_fails_is_a_finding(compose: Compose, project: Project) -> None:
    wrong = Revision(
        "bbbbbbbbbbbb",
        ONE.id,
        "op.add_column('cities', sa.Column('n', sa.Text()))",
        "op.drop_column('cities', 'm')",
    )
    files = compose(project.lay_out(ONE, wrong, Revision("cccccccccccc", wrong.id)))
    text = files[f"downgrade/{wrong.name}.sql"]
    assert "-- hazards   downgrade-wrong\n" in text
    detail = 'does not restore the schema: column "m" of relation "cities" does not'
    assert detail in text.replace("\n-- ", " ")


# --- the same bytes -------------------------------------------------------------------------------


def test_two_cold_rehearsals_write_the_same_bytes(compose: Compose, project: Project) -> None:
    first = compose(project.lay_out(*HISTORY))
    shutil.rmtree(project.root / ".pybase")
    assert compose(project) == first


def test_rehearsal_is_the_same_whether_it_is_resumed_or_not(
    compose: Compose, project: Project
) -> None:
    """Each revision in a run of its own, upon the template that the run before left."""
    whole = compose(project.lay_out(*HISTORY))
    shutil.rmtree(project.root / ".pybase")
    shutil.rmtree(project.versions)
    project.lay_out()
    for revision in HISTORY:
        project.add(revision)
        resumed = compose(project)
    assert resumed == whole


def test_rehearsal_goes_on_when_its_templates_are_gone(
    compose: Compose, project: Project, servers_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are pruned, and the server is not for ever; the reports stay."""
    server = scratch_cluster(servers_folder / f"forgetful-{os.getpid()}")
    server.ensure_running()
    monkeypatch.setenv("PYBASE_REHEARSAL_URL", server.url())
    *most, last = LINE
    compose(project.lay_out(*most))
    server.destroy()
    server.ensure_running()
    project.add(last)
    assert "ACCESS EXCLUSIVE" in header(compose(project), last)
    server.destroy()


# --- sample rows ----------------------------------------------------------------------------------

FILLED = {
    "numbers": "a smallint, b integer, c bigint, d numeric(4, 2), e real, f double precision",
    "words": "a text NOT NULL, b varchar(3), c char(2), d boolean NOT NULL, e uuid",
    "times": "a date, b time, c timestamp, d timestamptz NOT NULL, e interval",
    "shapes": "a jsonb NOT NULL, b json, c bytea, d inet, e text[], f int4range, g tsvector",
    "counted": "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "computed": "n integer NOT NULL, twice integer GENERATED ALWAYS AS (n * 2) STORED",
    "moody": "m mood NOT NULL, n short NOT NULL",
    "unique_words": "w text UNIQUE, n integer UNIQUE",
    "listed": "kind text NOT NULL CHECK (kind IN ('red', 'green'))",
    "child": "id bigint PRIMARY KEY, parent bigint NOT NULL REFERENCES parents (id)",
    "parents": "id bigint PRIMARY KEY",
    "tree": "id bigint PRIMARY KEY, parent bigint REFERENCES tree (id)",
    '"Odd ""name"""': '"Odd ""column""" text NOT NULL',
}
UNFILLED = {
    "checked_by_pattern": "code text NOT NULL CHECK (code ~ '^[A-Z]{3}-[0-9]+$')",
    "ring": "id bigint PRIMARY KEY, next bigint NOT NULL REFERENCES ring (id) CHECK (next <> id)",
}


def test_what_could_not_be_filled_is_reported(compose: Compose, project: Project) -> None:
    tables = dict(sorted((FILLED | UNFILLED).items(), key=lambda each: each[0] == "child"))
    create = "; ".join(f"CREATE TABLE {name} ({columns})" for name, columns in tables.items())
    create = f"CREATE TYPE mood AS ENUM ('good'); CREATE DOMAIN short AS text; {create}"
    scan = "; ".join(f"ALTER TABLE {name} ADD CHECK (true)" for name in tables)
    first = Revision(
        "aaaaaaaaaaaa", None, f"op.execute({create!r})", "raise NotImplementedError('x')"
    )
    text = header(compose(project.lay_out(first, after(scan))), after(scan))
    (row,) = (line for line in text.split("\n") if "no sample rows could be made" in line)
    assert row.endswith(f" made for {', '.join(sorted(UNFILLED))}")


def test_table_that_the_revision_does_not_read_is_not_reported(
    compose: Compose, project: Project
) -> None:
    change = after("ALTER TABLE t ADD COLUMN more text", "ALTER TABLE t DROP COLUMN more")
    files = compose(project.lay_out(table("t", UNFILLED["checked_by_pattern"]), change))
    assert "unseen" not in header(files, change)


def test_rows_that_only_a_sample_has_fail_no_revision(compose: Compose, project: Project) -> None:
    """Whether two rows of a boolean column differ is unknown."""
    unique = after("CREATE UNIQUE INDEX ix_t ON t (flag)", "DROP INDEX ix_t")
    files = compose(project.lay_out(table("t", "flag boolean NOT NULL"), unique))
    assert "-- hazards   blocking-index-build on t" in header(files, unique)


def test_update_is_observed_to_change_rows(compose: Compose, project: Project) -> None:
    """In a function's own body, too, where the text does not name the table."""
    change = after("DO $$ BEGIN EXECUTE concat('UPDATE ', 't', ' SET n = 0'); END $$")
    files = compose(project.lay_out(table("t"), change))
    assert "-- t         ROW EXCLUSIVE: blocks nothing; scanned; rows changed" in header(
        files, change
    )


# --- the data of others ---------------------------------------------------------------------------


def test_own_database_is_not_touched(project: Project) -> None:
    url = project.environment["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE cities (name text); INSERT INTO cities VALUES ('Troy')")

        def everything() -> tuple[object, ...]:
            rows = connection.execute("SELECT xmin, * FROM cities").fetchall()
            return catalog.snapshot(connection), rows

        before = everything()
        project.lay_out(*LINE).write_sql()
        assert everything() == before


def test_rehearsal_needs_no_database_of_the_own(project: Project) -> None:
    project.lay_out(*LINE).done("sql", DATABASE_URL="postgresql://127.0.0.1:1/none")


# --- text that people wrote -----------------------------------------------------------------------

HOSTILE = (
    "x\n; DROP TABLE users; --",
    "x\r\nDROP TABLE users;",
    "-- x */ DROP TABLE users; /*",
    "$$ x $$; DROP TABLE users; $$",
    "x'; DROP TABLE users; --",
    'x"; DROP TABLE users; --',
    "x\\",
    "\\! touch x",
    "x\x0bDROP TABLE users;\u2028DROP TABLE users;\x85",
    "%s {x} %(x)s :x",
)
DROP_USERS = "DROP TABLE users"


def hostile(text: str) -> tuple[Revision, str]:
    """A revision with a text wherever people write, and its source."""
    name = visible(text)
    revision = Revision(
        "bbbbbbbbbbbb",
        "aaaaaaaaaaaa",
        f"op.drop_column({name!r}, {name!r})",
        f"op.add_column({name!r}, sa.Column({name!r}, sa.Text()))",
        accepted={"drops-column": text},
    )
    return revision, f"__doc__ = {text!r}\n" + revision.text.rpartition('"""')[2]


def visible(text: str) -> str:
    """A name that is not refused: SQL may not have characters that a reviewer cannot see."""
    return "".join(" " if hidden_character(c) else c for c in text)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_leaves_its_comment(
    text: str, compose: Compose, project: Project, database_url: str
) -> None:
    """Run as psql runs it, a file does what its revision does."""
    name = visible(text)
    make = f"op.create_table({name!r}, sa.Column('id', sa.Text()), sa.Column({name!r}, sa.Text()))"
    first = Revision("aaaaaaaaaaaa", None, make, f"op.drop_table({name!r})")
    second, source = hostile(text)
    project.lay_out(first).write(f"migrations/versions/{second.name}.py", source)
    files = compose(project)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE users (id integer)")
        for way, revision in (
            ("upgrade", first), ("upgrade", second), ("downgrade", second), ("downgrade", first),
        ):  # fmt: skip
            sql = files[f"{way}/{revision.name}.sql"]
            assert not [each for each in split(sql) if each.startswith(DROP_USERS)]
            psql(project.write("run.sql", sql), database_url)
        left = connection.execute("SELECT relname FROM pg_class WHERE relname = 'users'").fetchall()
    assert left == [("users",)]


def psql(file: Path, url: str) -> None:
    done = subprocess.run(
        [str(find_bin(18) / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(file), url],
        env={"PATH": "", "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
