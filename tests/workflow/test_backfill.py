"""Backfills: in batches that commit, resumed after an interruption, one at a time, finite."""

import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from projects import Project, Revision

from pybase.cli import TerminalReporter
from pybase.core import settings
from pybase.core.errors import DatabaseError
from pybase.migrate import sqlfiles
from pybase.migrate.database import Database
from pybase.migrate.deploy import run_backfill
from pybase.migrate.deploy._backfill_runner import DeclaredBackfill
from pybase.migrate.deploy._progress import backfill_progress
from pybase.migrate.record import Direction
from pybase.migrate.sql import Backfill, parse_backfill, render_backfill

ROWS = 5_000
SHOPS = Backfill("shops", "city = upper(name)", "city IS NULL", ("region", "id"))
CREATE = """
    CREATE TABLE shops (
        region integer, id integer, name text NOT NULL, city text, PRIMARY KEY (region, id)
    );
    INSERT INTO shops (region, id, name)
    SELECT n %% 7, n, 'shop ' || n FROM generate_series(1, %s) AS n
"""
LEFT = "SELECT count(*) FROM shops WHERE city IS DISTINCT FROM upper(name)"
OURS = "SELECT relname FROM pg_class WHERE relname LIKE 'backfill%'"


def statement(backfill: Backfill = SHOPS, *, pause_s: float = 0) -> bytes:
    """The loop, in small batches; with a rest after each, for a test to step in."""
    text = render_backfill(backfill).replace("bigint := 1;", "bigint := 100;")
    if pause_s:
        text = text.replace("least(100000,", "least(100,")
        text = text.replace("pg_sleep(took_ms / 10000)", f"pg_sleep({pause_s})")
    return text.encode()


@pytest.fixture
def shops(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for part in (CREATE % ROWS).split(";"):
            connection.execute(part.encode())
        connection.execute("ANALYZE shops")
        yield connection


def one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def other(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    return psycopg.connect(connection.info.dsn, autocommit=True)


def started(
    connection: psycopg.Connection[Any], sql: bytes
) -> "tuple[threading.Thread, list[Any]]":
    """Runs `sql` in a thread; what it raised, in a list."""
    raised: list[Any] = []

    def run() -> None:
        try:
            connection.execute(sql)
        except psycopg.Error as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


def awaited(connection: psycopg.Connection[Any], query: str) -> None:
    deadline = time.monotonic() + 20
    while not one(connection, query):
        assert time.monotonic() < deadline, query
        time.sleep(0.01)


CHANGED = "SELECT count(*) FROM shops WHERE city IS NOT NULL"


def test_every_row_is_changed_and_nothing_else_is_left(shops: psycopg.Connection[Any]) -> None:
    shops.execute("UPDATE shops SET city = 'Paris' WHERE id = 17")
    shops.execute(statement())
    assert one(shops, LEFT) == 1
    assert one(shops, "SELECT city FROM shops WHERE id = 17") == "Paris"
    assert one(shops, OURS) is None


def test_batches_commit_each_and_none_is_long(shops: psycopg.Connection[Any]) -> None:
    shops.execute("ALTER TABLE shops ADD COLUMN transaction xid8, ADD COLUMN at timestamptz")
    marked = Backfill(
        "shops",
        "city = upper(name), transaction = pg_current_xact_id(), at = clock_timestamp()",
        "city IS NULL",
        ("region", "id"),
    )
    shops.execute(statement(marked, pause_s=0.001))
    batches = shops.execute("SELECT count(*), max(at) - min(at) FROM shops GROUP BY transaction")
    sizes = [(count, took.total_seconds()) for count, took in batches]
    assert max(count for count, _ in sizes) == 100
    assert max(took for _, took in sizes) < 1


COSTLY = """
CREATE FUNCTION costly() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.12), nextval('batches');
    RETURN NULL;
END $$
"""


def test_cost_of_each_batch_does_not_shrink_all(shops: psycopg.Connection[Any]) -> None:
    """As on a cluster: with a part that no smaller batch saves, one row a batch never ends."""
    shops.execute("CREATE SEQUENCE batches")
    shops.execute(COSTLY)
    shops.execute("CREATE TRIGGER costly BEFORE UPDATE ON shops EXECUTE FUNCTION costly()")
    shops.execute(render_backfill(SHOPS).encode())
    assert one(shops, LEFT) == 0
    assert one(shops, "SELECT last_value FROM batches") < 200


def test_run_twice_changes_nothing_the_second_time(shops: psycopg.Connection[Any]) -> None:
    shops.execute(statement())
    before = shops.execute("SELECT xmin::text, id FROM shops ORDER BY id").fetchall()
    shops.execute(statement())
    assert shops.execute("SELECT xmin::text, id FROM shops ORDER BY id").fetchall() == before


def test_empty_table_is_done_at_once(shops: psycopg.Connection[Any]) -> None:
    shops.execute("TRUNCATE shops")
    shops.execute(statement())
    assert one(shops, OURS) is None


def test_killed_one_goes_on_where_it_was(shops: psycopg.Connection[Any]) -> None:
    with other(shops) as victim:
        thread, raised = started(victim, statement(pause_s=0.05))
        awaited(shops, f"SELECT ({CHANGED}) >= 300")
        shops.execute("SELECT pg_terminate_backend(%s)", [victim.info.backend_pid])
        thread.join()
    assert isinstance(raised[0], psycopg.OperationalError)
    done = one(shops, CHANGED)
    assert 300 <= done < ROWS
    (cursor,) = shops.execute(OURS).fetchone() or ("",)
    region, last, passed = shops.execute(
        f"SELECT key_1, key_2, passed FROM {cursor}".encode()
    ).fetchone() or (0, 0, 0)
    assert passed == done
    first_left = "SELECT region, id FROM shops WHERE city IS NULL ORDER BY region, id LIMIT 1"
    assert shops.execute(first_left.encode()).fetchone() == (region, last)
    shops.execute(statement())
    assert (one(shops, LEFT), one(shops, OURS)) == (0, None)


def test_two_at_once_take_turns_and_both_end_well(shops: psycopg.Connection[Any]) -> None:
    with other(shops) as one_session, other(shops) as second:
        runs = [started(each, statement(pause_s=0.002)) for each in (one_session, second)]
        for thread, _ in runs:
            thread.join(60)
        assert [raised for _, raised in runs] == [[], []]
    assert (one(shops, LEFT), one(shops, OURS)) == (0, None)
    assert one(shops, "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'shops'") <= ROWS


def test_rows_that_are_written_behind_it_are_met_in_the_end(shops: psycopg.Connection[Any]) -> None:
    with other(shops) as runner:
        thread, raised = started(runner, statement(pause_s=0.02))
        awaited(shops, f"SELECT ({CHANGED}) >= 300")
        shops.execute("INSERT INTO shops (region, id, name) VALUES (-1, 0, 'late')")
        thread.join(60)
    assert raised == []
    assert one(shops, "SELECT city FROM shops WHERE name = 'late'") == "LATE"


def test_condition_that_holds_afterwards_too_is_refused(shops: psycopg.Connection[Any]) -> None:
    endless = Backfill("shops", "city = upper(name)", "name LIKE 'shop%'", ("region", "id"))
    with pytest.raises(psycopg.errors.RaiseException, match="for ever"):
        shops.execute(statement(endless))
    assert one(shops, CHANGED) == 0


def test_locked_row_holds_up_no_other(shops: psycopg.Connection[Any]) -> None:
    """It lets go of its batch while it waits, and goes on when the row is free."""
    with other(shops) as runner, psycopg.connect(shops.info.dsn) as holder:
        holder.execute("SELECT FROM shops WHERE region = 3 ORDER BY id LIMIT 1 FOR UPDATE")
        thread, raised = started(runner, statement())
        awaited(shops, f"SELECT ({CHANGED}) >= 1400")
        stalls = []
        for n in range(10):
            began = time.monotonic()
            shops.execute("UPDATE shops SET name = name WHERE region = 3 AND id = %s", [10 + 7 * n])
            stalls.append(time.monotonic() - began)
            time.sleep(0.02)
        assert thread.is_alive()
        assert max(stalls) < 1
        holder.rollback()
        thread.join(60)
    assert (raised, one(shops, LEFT)) == ([], 0)


def test_ddl_that_waits_gets_its_lock_between_batches(shops: psycopg.Connection[Any]) -> None:
    with other(shops) as runner:
        thread, raised = started(runner, statement(pause_s=0.05))
        awaited(shops, f"SELECT ({CHANGED}) >= 100")
        shops.execute("SET lock_timeout = '2s'")
        shops.execute("ALTER TABLE shops ADD COLUMN note text")
        assert thread.is_alive()
        thread.join(60)
    assert (raised, one(shops, LEFT)) == ([], 0)


@pytest.mark.parametrize("bad", ["", "n = 1; DROP TABLE shops", "n = '$backfill$'"])
def test_text_that_could_not_stand_in_it_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="of a backfill"):
        render_backfill(Backfill("shops", bad, "n IS NULL"))


def test_names_are_quoted(shops: psycopg.Connection[Any]) -> None:
    shops.execute('CREATE SCHEMA "Old"')
    shops.execute('CREATE TABLE "Old"."The Shops" ("Id" integer PRIMARY KEY, v text)')
    shops.execute("""INSERT INTO "Old"."The Shops" VALUES (1), (2)""")
    odd = Backfill("The Shops", "v = ':a %s; it''s'", "v IS NULL", ("Id",), "Old")
    shops.execute(statement(odd))
    assert one(shops, 'SELECT min(v) FROM "Old"."The Shops"') == ":a %s; it's"
    assert one(shops, OURS) is None


def test_words_of_sql_are_names_too(project: Project) -> None:
    table = Revision(
        "aaaaaaaaaaaa",
        None,
        "op.create_table('order', sa.Column('user', sa.Integer(), primary_key=True),"
        " sa.Column('v', sa.Text()))\n"
        "op.execute('INSERT INTO \"order\" SELECT n FROM generate_series(1, 3000) AS n')",
        "op.drop_table('order')",
    )
    fill = Revision(
        "bbbbbbbbbbbb",
        "aaaaaaaaaaaa",
        "op.backfill('order', set=\"v = 'a'\", where='v IS NULL', key=['user'])",
        "op.backfill('order', set='v = NULL', where='v IS NOT NULL', key=['user'])",
    )
    project.lay_out(table, fill).write_sql()
    project.done("migrate")
    project.done("downgrade", "-1", "--allow-data-loss")
    assert project.done("backfill", "order") == "order: 3,000 rows changed, none is left.\n"


# --- in a revision --------------------------------------------------------------------------------

TABLE = Revision(
    "aaaaaaaaaaaa",
    None,
    "op.create_table('shops', sa.Column('id', sa.Integer(), primary_key=True),"
    " sa.Column('city', sa.Text()))\n"
    'op.execute("INSERT INTO shops SELECT n FROM generate_series(1, 30) AS n")',
    "op.drop_table('shops')",
)
FILL = Revision(
    "bbbbbbbbbbbb",
    "aaaaaaaaaaaa",
    "op.backfill('shops', set=\"city = '50% :x \\\\'\", where='city IS NULL')",
    "op.backfill('shops', set='city = NULL', where='city IS NOT NULL')",
    "Fill the cities.",
)


@pytest.fixture
def filled(project: Project) -> Project:
    project.lay_out(TABLE, FILL).write_sql()
    return project


def cities(project: Project) -> list[tuple[str | None, int]]:
    with psycopg.connect(project.environment["DATABASE_URL"]) as connection:
        return connection.execute("SELECT city, count(*) FROM shops GROUP BY 1").fetchall()


def test_record_holds_the_loop_and_what_it_changes(filled: Project) -> None:
    committed = sqlfiles.load(settings.load(filled.root / "alembic.ini"))
    assert committed is not None
    record = committed.record("bbbbbbbbbbbb", Direction.UPGRADE)
    assert (record.revision.parents, record.scripts.upgrade.shape) == (
        ("aaaaaaaaaaaa",),
        "no transaction",
    )
    (effect,) = record.effects(Direction.UPGRADE).tables
    assert (effect.table.label, effect.lock, effect.is_changed) == ("shops", "ROW EXCLUSIVE", True)
    assert record.effects(Direction.UPGRADE).findings == ()
    backfills = [parse_backfill(text) for text in record.scripts.upgrade.texts]
    assert [names[0] for names in backfills if names] == ["shops"]
    text = (filled.sql / "upgrade" / f"{FILL.name}.sql").read_text("utf-8")
    assert "\n-- revision  bbbbbbbbbbbb, after aaaaaaaaaaaa; no transaction\n" in text
    assert "\n-- shops     ROW EXCLUSIVE: blocks nothing; rows changed\n" in text
    assert "hazards" not in text


def test_migrate_and_plain_alembic_run_it_up_and_down(filled: Project) -> None:
    assert filled.alembic("upgrade", "head").code == 0
    assert cities(filled) == [("50% :x \\", 30)]
    assert filled.alembic("downgrade", "-1").code == 0
    assert cities(filled) == [(None, 30)]
    filled.done("migrate")
    assert cities(filled) == [("50% :x \\", 30)]


@pytest.mark.parametrize("name", ["shops", "bbbbbbbbbbbb", "bbbb"])
def test_verb_runs_it_by_itself(name: str, filled: Project) -> None:
    filled.done("migrate", "+1")
    assert filled.done("backfill", name) == "shops: 30 rows changed, none is left.\n"
    assert filled.done("backfill", name) == "shops: 0 rows changed, none is left.\n"
    assert filled.done("migrate").splitlines()[-1] == "1 applied."


def test_verb_names_what_there_is(filled: Project) -> None:
    message = filled.refused("backfill", "nothing", code=2)
    assert "bbbbbbbbbbbb  shops: Fill the cities" in message


def test_verb_before_there_is_such_a_table(filled: Project) -> None:
    message = filled.refused("backfill", "shops", code=1)
    assert 'relation "shops" does not exist' in message
    assert "nox -s backfill -- bbbbbbbbbbbb" in message


def test_progress_is_read_from_another_session(shops: psycopg.Connection[Any]) -> None:
    observations: list[tuple[int, int]] = []
    with other(shops) as runner:
        thread, raised = started(runner, statement(pause_s=0.02))
        while thread.is_alive():
            observations.append(backfill_progress(shops, "shops", SHOPS.cursor))
            thread.join(0.05)
    assert raised == []
    moving = [passed for passed, _ in observations if passed]
    assert moving == sorted(moving)
    assert 0 < moving[0] < ROWS
    assert {total for _, total in observations if total} == {ROWS}


def test_progress_is_shown_in_lines_without_a_terminal(
    shops: psycopg.Connection[Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pybase.cli._reporter.LINE_EVERY_S", 0.2)
    monkeypatch.setattr("pybase.migrate.deploy._progress.PATIENCE_S", 0)
    ours = DeclaredBackfill("b", "Fill.", "shops", statement(pause_s=0.02).decode())
    assert (
        run_backfill(Database(shops.info.dsn, is_embedded=False), ours, TerminalReporter()) == ROWS
    )
    line = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(r"shops: [\d,]+ of about 5,000 rows, [\d,]+ a second, \d+ s left", line)


def test_rows_that_stay_locked_stop_it_in_the_end(shops: psycopg.Connection[Any]) -> None:
    text = statement().decode().replace("interval '600 s'", "interval '1 s'")
    ours = DeclaredBackfill("bbbb", "Fill.", "shops", text)
    with psycopg.connect(shops.info.dsn) as holder:
        holder.execute("SELECT FROM shops WHERE region = 3 ORDER BY id LIMIT 1 FOR UPDATE")
        with pytest.raises(DatabaseError, match="Other sessions hold the rows that are next"):
            run_backfill(Database(shops.info.dsn, is_embedded=False), ours, TerminalReporter())
    assert one(shops, CHANGED) > 1400
    assert run_backfill(Database(shops.info.dsn, is_embedded=False), ours, TerminalReporter()) > 0
    assert one(shops, LEFT) == 0
