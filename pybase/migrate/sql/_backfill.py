"""Backfills: rows of a table that is in use, changed in batches by key that commit each.

Owns the one loop that does it. The loop is SQL, a DO block, because what was reviewed is what
runs: `op.backfill` puts it into a revision, the committed file holds it, and `migrate`, plain
Alembic, psql and `nox -s backfill` all run the same text. Its position is kept in a table in the
schema of the one that it fills, which it drops at its end.

Imports nothing of Alembic, for which a mere search for backfills would wait.
"""

import re
from collections.abc import Sequence
from textwrap import dedent, indent

from msgspec import Struct

from pybase.core.files import digest
from pybase.migrate.sql.names import LONGEST, quote

BUDGET_MS = 100
"""How much longer than the fastest a batch may take: as long as a writer may have to wait."""

MOST_ROWS = 100_000

MOST_PASSES = 5
"""How often it begins again for rows that were written behind it."""

PATIENCE_S = 600
"""How long it tries again while other sessions hold the very rows that are next."""

BACKFILL_PREFIX = "backfill_"
"""The prefix of the names of the tables that keep a backfill's position."""

_QUOTE = "$backfill$"
_ENDS = ("here", "there")
"""The records of the loop that hold the first key of a batch, and the first of the next."""
_FINGERPRINT = 8
_LAYOUT = "2"
"""Version of the columns of the table of the position: one of another version is not continued."""


class Backfill(Struct, frozen=True):
    """Which rows of which table are to change, and how.

    `set` and `where` are SQL over the row. `where` must be false, or null, once `set` is done: so
    the loop can be run again, and finds only what is left. `key` are the columns of a unique btree
    index without nulls, the primary key as a rule.
    """

    table: str
    set: str
    where: str
    key: Sequence[str] = ("id",)
    schema: str | None = None

    @property
    def cursor(self) -> str:
        """The name of the table that keeps this backfill's position; no other has that name."""
        tail = f"_{self._fingerprint}"
        head = f"{BACKFILL_PREFIX}{self.table}".encode()[: LONGEST - len(tail)]
        return head.decode(errors="ignore") + tail

    @property
    def label(self) -> str:
        """The name that qualifies the loop's variables; no table or column has it."""
        return f"{BACKFILL_PREFIX}{self._fingerprint}"

    @property
    def _fingerprint(self) -> str:
        text = "\n".join((_LAYOUT, self.set, self.where, *self.key))
        return digest(text.encode())[:_FINGERPRINT]


def render_backfill(backfill: Backfill) -> str:
    """Return the statement that does it, without a semicolon; it must not run in a transaction.

    Raises ValueError for a `set` or `where` that is empty, or cannot be quoted.
    """
    for name, text in (("set", backfill.set), ("where", backfill.where)):
        if not text.strip() or _QUOTE in text or ";" in _without_literals(text):
            raise ValueError(f"the {name} of a backfill must be one piece of SQL, not {text!r}")
    if not backfill.key or isinstance(backfill.key, str):
        raise ValueError("the key of a backfill must be a list of columns")
    table = quote(backfill.table)
    keys = [f"{table}.{quote(column)}" for column in backfill.key]
    names = [f"key_{number}" for number in range(1, len(keys) + 1)]
    here, there = ([f"{backfill.label}.{row}.{name}" for name in names] for row in _ENDS)
    schema = f"{quote(backfill.schema)}." if backfill.schema else ""
    return _LOOP.format(
        table=f"{schema}{table}",
        label=backfill.label,
        cursor=f"{schema}{quote(backfill.cursor)}",
        keys=", ".join(keys),
        selected=", ".join(f"{key} AS {name}" for key, name in zip(keys, names, strict=True)),
        from_here=", ".join(here),
        to_there=", ".join(there),
        from_start=", ".join(f"{name} = NULL" for name in names),
        moved=", ".join(f"{name} = {end}" for name, end in zip(names, there, strict=True)),
        set=_laid_out(backfill.set, 20),
        where=_laid_out(backfill.where, 24),
        literal=backfill.table.replace("'", "''").replace("%", "%%"),
        most=MOST_ROWS,
        budget=BUDGET_MS,
        patience=PATIENCE_S,
        passes=MOST_PASSES,
        quote=_QUOTE,
    )


def _laid_out(sql: str, margin: int) -> str:
    text = dedent(sql.strip("\n")).strip()
    return indent(text, " " * margin).lstrip()


def _without_literals(sql: str) -> str:
    return re.sub(r"'(?:[^']|'')*'", "''", sql)


_LOOP = """\
DO {quote}
#variable_conflict use_column
-- Batch after batch, each committed. Interrupted, it goes on where it was when it is run again; two
-- at once take turns. Its position is in a table next to the one that it fills.
<<{label}>>
DECLARE
    batch bigint := 1;  -- rows; the first shows what a batch costs at least
    total bigint := 0;
    here record;
    there record;
    done record;
    first_pass integer;
    is_new_pass boolean := true;
    is_idle boolean := false;
    is_last boolean;
    is_held_up boolean;
    began timestamptz;
    last_success timestamptz := clock_timestamp();
    took_ms double precision;
    fastest_ms double precision;
BEGIN
    LOOP
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        SET LOCAL citus.propagate_set_commands = 'local';  -- of a cluster: nothing elsewhere
        SET LOCAL citus.multi_shard_modify_mode = 'sequential';
        SET LOCAL row_security = off;  -- an error where rows would be hidden
        IF is_new_pass THEN
            EXIT WHEN NOT EXISTS (SELECT 1 FROM {table} WHERE {where} LIMIT 1);
            IF is_idle THEN
                RAISE 'rows of {literal} match, but a complete pass has changed none: a trigger or '
                    'a rule prevents it';
            END IF;
            BEGIN
                CREATE TABLE IF NOT EXISTS {cursor} AS
                SELECT {selected}, 1 AS pass, 0::bigint AS passed, 0::bigint AS changed
                FROM {table} ORDER BY {keys} LIMIT 1;
            EXCEPTION WHEN unique_violation OR duplicate_table OR duplicate_object THEN
                NULL;  -- another one began at this very moment
            END;
            is_new_pass := false;
            CONTINUE;
        END IF;
        is_held_up := false;
        SET LOCAL plan_cache_mode = force_custom_plan;
        SET LOCAL lock_timeout = '{budget}ms';
        BEGIN
            BEGIN
                SELECT * INTO here FROM {cursor} FOR UPDATE;
            EXCEPTION WHEN undefined_table THEN
                EXIT;  -- another one has finished it
            END;
            EXIT WHEN NOT FOUND;  -- there was no row when it began
            first_pass := coalesce(first_pass, here.pass);
            IF here.pass >= first_pass + {passes} THEN
                RAISE 'rows of {literal} that need the backfill are written as fast as it goes';
            END IF;
            SELECT {selected} INTO there FROM {table}
            WHERE {label}.here.key_1 IS NULL OR ({keys}) >= ({from_here})
            ORDER BY {keys} OFFSET {label}.batch LIMIT 1;
            is_last := NOT FOUND;
            IF NOT is_last AND NOT (there IS NOT NULL) THEN
                RAISE 'the key of {literal} has a null: name a key without';
            END IF;
            began := clock_timestamp();
            WITH updated AS (
                UPDATE {table}
                SET
                    {set}
                WHERE ({label}.here.key_1 IS NULL OR ({keys}) >= ({from_here}))
                    AND ({label}.is_last OR ({keys}) < ({to_there}))
                    AND ({where})
                RETURNING ({where}) AS is_left
            )
            SELECT count(*) AS changed, count(*) FILTER (WHERE is_left) AS remaining INTO done
            FROM updated;
            IF done.remaining > 0 THEN
                RAISE 'rows of {literal} would be changed for ever: they match afterwards too';
            END IF;
            IF is_last THEN
                is_idle := here.changed + done.changed = 0;
                UPDATE {cursor} SET {from_start}, pass = pass + 1, passed = 0, changed = 0;
            ELSE
                UPDATE {cursor} SET {moved},
                    passed = passed + {label}.batch, changed = changed + {label}.done.changed;
            END IF;
            is_new_pass := is_last;
            total := total + done.changed;
            last_success := clock_timestamp();
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            is_held_up := true;
            IF clock_timestamp() - last_success > interval '{patience} s' THEN
                RAISE;
            END IF;
        END;
        is_held_up := is_held_up OR EXISTS (
            SELECT FROM pg_locks AS waiting
            WHERE NOT waiting.granted AND pg_backend_pid() = ANY(pg_blocking_pids(waiting.pid))
        );
        COMMIT;
        took_ms := greatest(1, extract(epoch FROM clock_timestamp() - began) * 1000);
        IF is_held_up THEN
            batch := greatest(1, batch / 2);
            PERFORM pg_sleep({budget} / 1000.0);
        ELSE
            fastest_ms := least(fastest_ms, took_ms);
            batch := batch * least(2, greatest(0.5, (fastest_ms + {budget}) / took_ms));
            batch := least({most}, greatest(1, batch));
            PERFORM pg_sleep(took_ms / 10000);
        END IF;
    END LOOP;
    COMMIT;
    SET LOCAL client_min_messages = warning;  -- the table need not be there
    DROP TABLE IF EXISTS {cursor};
    COMMIT;
    RAISE NOTICE '{literal}: % rows changed', total;
END
{quote}"""
"""A sub-block with EXCEPTION may not COMMIT. Custom plans, so that a bound is an index
condition. No lock_timeout above a batch's time: while it waits for one row, others wait for those
that it has changed. `is_left` is computed from the row as the change has left it.

Names of ours cannot be taken for columns: where a table is in scope, columns come first, ours are
qualified by the label of the block, which has a digest, and keys by their table. A null position
is before the first row."""


def is_unfilled(statement: str) -> bool:
    """Whether a generated fill or cast still has NULL where the developer writes the rule."""
    return _UNFILLED.search(statement) is not None


_UNFILLED = re.compile(
    r"\(\s*NULL\s*\)\s+IS\s+NOT\s+NULL\b|\bcoalesce\(\s*\(\s*NULL\s*\)::text\b", re.IGNORECASE
)


STATEMENT = re.compile(
    r"(?P<statement>^DO \$backfill\$.*?CREATE TABLE IF NOT EXISTS (?P<cursor>[^\n]+) AS\n"
    r".*?UPDATE (?P<table>[^\n]+)\n.*?^ *\$backfill\$);",
    re.MULTILINE | re.DOTALL,
)
"""The loop, found again in a SQL file: the table that it fills, and that of its cursor."""


def parse_backfill(statement: str) -> tuple[str, str] | None:
    """Return the table that a loop fills, and that of its cursor; None for another statement."""
    if _QUOTE not in statement:
        return None
    match = STATEMENT.match(f"{statement.strip()};")
    return (match["table"], match["cursor"]) if match else None
