"""Filling a column of a table that is in use: in batches that commit, to be resumed at any time.

A loop of its own beside `op.backfill`, which goes by a key and has to be known to `op`. What is
written here runs on a table without a key too, and with the env.py of another project, which plain
`alembic` reads and which brings in no operation of ours.
"""

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._schema_snapshot import Column
from pybase.migrate.sql._names import plain, raw, shown

PAGES = 200
"""Pages of a table, 8 kB each, that one batch goes through."""

_LOOP = """\
DO $$
DECLARE
    first_page bigint := 0;
    changed bigint := 0;
    found bigint;
BEGIN
    LOOP
        UPDATE {table}
        SET {column} = {value}
        WHERE ctid >= format('(%s,0)', first_page)::tid
            AND ctid < format('(%s,0)', first_page + {pages})::tid
            AND {condition};
        GET DIAGNOSTICS found = ROW_COUNT;
        COMMIT;
        changed := changed + found;
        first_page := first_page + {pages};
        IF first_page * 8192 > pg_relation_size('{quoted}') THEN
            EXIT WHEN changed = 0;
            first_page := 0;
            changed := 0;
        END IF;
    END LOOP;
END
$$"""
"""Goes through the table page by page, again and again until it finds nothing more to change:
a row that was moved behind its back is met the next time."""


def loop(table: str, column: str, value: str, condition: str) -> str:
    """Return the statement that fills a column, batch after batch."""
    return _LOOP.format(
        table=shown(table),
        quoted=shown(table).replace("'", "''"),
        column=column,
        value=value,
        condition=condition,
        pages=PAGES,
    )


_WHY = (
    "Batch after batch, each committed, so that no row stays locked for long. It finds its own "
    "rows: interrupted, it goes on where it was when it is run again."
)


def by_default(column: Column) -> Part:
    """Plan to give older rows the default that new ones get."""
    statement = loop(column.table, column.name, "DEFAULT", f"{column.name} IS NULL")
    return Part(
        Stage.BACKFILL, f"Fill {plain(column.table)}.{raw(column.name)}",
        (source.block(statement),), (), autocommit=True, alone=True, why=_WHY,
    )  # fmt: skip


def by_expression(column: Column, expression: str) -> Part:
    """Plan to give older rows what was computed for them before."""
    condition = f"{column.name} IS NULL AND ({expression}) IS NOT NULL"
    statement = loop(column.table, column.name, expression, condition)
    return Part(
        Stage.BACKFILL, f"Fill {plain(column.table)}.{raw(column.name)}",
        (source.block(statement),), (), autocommit=True, alone=True, why=_WHY,
    )  # fmt: skip


def by_rule(column: Column) -> Part:
    """Plan to give older rows a value by a rule that somebody has to write."""
    name = f"{plain(column.table)}.{raw(column.name)}"
    statement = loop(
        column.table, column.name, "RULE", f"{column.name} IS NULL AND (RULE) IS NOT NULL"
    )
    body = source.block(statement)[: -len(")")].rstrip()
    return Part(
        Stage.BACKFILL, f"Fill {name}", (f'{body}.replace("RULE", RULE)\n)',), (),
        autocommit=True, alone=True, why=_WHY,
        owes=f"what rows that are there hold in {name}: write it as RULE",
        constants=(
            f"# TODO: what {name} is in rows that were there before, as SQL over the row.",
            '# NULL changes nothing, which is right only for a table without rows.',
            'RULE = "NULL"',
        ),
    )  # fmt: skip


def skeleton(placeholder: str) -> Part:
    """Plan a backfill by three constants, which as they stand name `placeholder`."""
    statement = loop("TABLE", "COLUMN", "RULE", "COLUMN IS NULL AND (RULE) IS NOT NULL")
    body = source.block(statement)[: -len(")")].rstrip()
    names = ("TABLE", "COLUMN", "RULE")
    filled = "".join(f'.replace("{name}", {name})' for name in names)
    return Part(
        Stage.BACKFILL, "Fill rows", (f"{body}{filled}\n)",), (),
        autocommit=True, alone=True, why=_WHY,
        owes="the table, the column and the value: TABLE, COLUMN and RULE",
        constants=(
            "# TODO: what is filled, by which SQL over the row. As it stands nothing is changed.",
            f'TABLE = "{placeholder}"',
            'COLUMN = "version_num"',
            'RULE = "NULL"',
        ),
    )  # fmt: skip
