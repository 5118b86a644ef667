"""`sql/citus.sql`, and `sql/citus.json` with the same layout for programs: pure text."""

from collections.abc import Sequence
from itertools import count

import msgspec

from pybase.migrate.layout._declared import TableLayout
from pybase.migrate.sql import literal

SCRIPT, DATA = "citus.sql", "citus.json"

LOCK_TIMEOUT = "2s"

SETTINGS = (
    # else DDL fails once a reference table was read or changed over several connections
    "citus.multi_shard_modify_mode = 'sequential'",
    # else Citus takes each table that is linked with a reference table for one of its own, and
    # then refuses to distribute it
    "citus.enable_local_reference_table_foreign_keys = off",
)
"""Settings of each session that changes a schema on a cluster (Citus 13.2); the last is for one
with a layout, in which every table that is linked with a reference table is declared."""

_HEADER = """\
-- The layout of the tables on a Citus cluster, as the models declare it
--
-- On PostgreSQL without Citus it has no effect, nor has a second run. All in one transaction: it
-- copies the rows of each table, which blocks writes to all of them meanwhile, not reads.
-- `nox -s distribute -- --plan` shows how long that may be, and what is in the way.

"""


def files(layouts: Sequence[TableLayout]) -> dict[str, str]:
    """Return the files of a layout by path below `sql/`; none where nothing is declared."""
    if not layouts:
        return {}
    data = msgspec.json.format(msgspec.json.encode(layouts), indent=1).decode()
    return {SCRIPT: f"{_HEADER}{rendered_block(layouts)};\n", DATA: f"{data}\n"}


def parse(data: bytes) -> tuple[TableLayout, ...]:
    """Return the layout of a `citus.json`. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(data, type=tuple[TableLayout, ...])


def rendered_block(layouts: Sequence[TableLayout]) -> str:
    """Return the statement that distributes what is not distributed yet, in one transaction."""
    rows = ",\n".join(
        f"            ({number}, {_row(layout)})" for number, layout in enumerate(layouts, 1)
    )
    settings = "".join(f"    SET LOCAL {s};\n" for s in (*_limits(LOCK_TIMEOUT), *SETTINGS))
    body = _BODY.format(has_citus=HAS_CITUS, settings=settings, rows=rows)
    tag = next(tag for n in count() if (tag := f"$layout{n or ''}$") not in body)
    return f"DO {tag}\n{body}{tag}"


def lock_timeout_everywhere(lock_timeout: str) -> str:
    """Return the statement that limits waits for locks in this transaction, on workers too.

    Citus sends its workers the text of the message that a propagated SET LOCAL is in, with all
    that is in it: so it is in a block, and is the only one that is propagated.
    """
    settings = "; ".join(f"SET LOCAL {setting}" for setting in _limits(lock_timeout))
    return f"DO $$ BEGIN {settings}; SET LOCAL citus.propagate_set_commands = 'none'; END $$"


def _limits(lock_timeout: str) -> tuple[str, str]:
    return "citus.propagate_set_commands = 'local'", f"lock_timeout = {literal(lock_timeout)}"


def _row(layout: TableLayout) -> str:
    name = literal(layout.table.quoted)
    if layout.column is None:
        return f"{name}, NULL, NULL"
    other = layout.colocated_with
    return f"{name}, {literal(layout.column)}, {literal(other.quoted if other else 'none')}"


HAS_CITUS = "EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus')"
"""The condition for a database with Citus; plain PostgreSQL evaluates it too."""

_BODY = """\
DECLARE item record;
BEGIN
    -- Nothing below is planned without Citus, whose catalog it needs.
    IF NOT {has_citus} THEN
        RETURN;
    END IF;
{settings}\
    FOR item IN
        SELECT * FROM (VALUES
{rows}
        ) AS layout (number, name, distribution_column, colocated_with)
        WHERE to_regclass(name) IS NOT NULL AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_dist_partition AS p
            WHERE p.logicalrelid = to_regclass(name)
            AND (p.partmethod = 'h' OR p.repmodel = 't')
        )
        ORDER BY number
    LOOP
        IF item.distribution_column IS NULL THEN
            PERFORM pg_catalog.create_reference_table(item.name::regclass);
        ELSE
            PERFORM pg_catalog.create_distributed_table(
                item.name::regclass, item.distribution_column,
                colocate_with := item.colocated_with
            );
        END IF;
    END LOOP;
END
"""
"""A local table that is linked with a reference table may have a row in pg_dist_partition too."""
