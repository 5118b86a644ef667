"""A small layout, and the states of a database on the way to it, as Citus 13.2.2 has them.

`golden/citus_catalogs.json` was recorded from a coordinator with two workers; `test_citus.py`
compares it with the cluster of PYBASE_CITUS_URL.
"""

from pathlib import Path

import msgspec

from pybase.migrate.layout import ObservedSchema, TableLayout
from pybase.migrate.sql import QualifiedName

RECORDED = Path(__file__).parent / "golden/citus_catalogs.json"


def table(name: str, column: str | None = None, group: str | None = None) -> TableLayout:
    return TableLayout(
        QualifiedName("public", name), column, QualifiedName("public", group) if group else None
    )


LAYOUT = (
    table("accounts"),
    table("spaces", "id"),
    table("items", "space_id", "spaces"),
    table("events", "space_id", "spaces"),
)

CREATE = """
CREATE TABLE accounts (id bigint CONSTRAINT pk_accounts PRIMARY KEY);
CREATE TABLE spaces (
    id bigint CONSTRAINT pk_spaces PRIMARY KEY,
    account_id bigint NOT NULL CONSTRAINT fk_spaces_account_id REFERENCES accounts
);
CREATE TABLE items (
    space_id bigint CONSTRAINT fk_items_space_id REFERENCES spaces ON DELETE CASCADE,
    id bigint,
    CONSTRAINT pk_items PRIMARY KEY (space_id, id)
);
CREATE TABLE events (space_id bigint, id bigint, CONSTRAINT pk_events PRIMARY KEY (space_id, id));
"""
ROWS = """
INSERT INTO accounts VALUES (1);
INSERT INTO spaces VALUES (1, 1), (2, 1);
INSERT INTO items VALUES (1, 1), (2, 1);
INSERT INTO events VALUES (1, 1), (2, 1);
"""
SPREAD = """
SET citus.enable_local_reference_table_foreign_keys = off;
SET citus.multi_shard_modify_mode = 'sequential';
SELECT create_reference_table('accounts');
SELECT create_distributed_table('spaces', 'id', colocate_with := 'none');
SELECT create_distributed_table('items', 'space_id', colocate_with := 'spaces');
"""
EVENTS = "SELECT create_distributed_table('events', 'space_id', colocate_with := 'spaces');"

STATES: dict[str, str] = {
    "empty": CREATE,
    "with rows": CREATE + ROWS,
    "without events": CREATE + ROWS + SPREAD,
    "events half done": CREATE
    + ROWS
    + SPREAD
    + "SELECT citus_add_local_table_to_metadata('events');",
    "done, rows left": CREATE + ROWS + SPREAD + EVENTS,
    "done": CREATE + SPREAD + EVENTS,
    "managed by Citus": CREATE + "SELECT create_reference_table('accounts');",
    "by another column": CREATE
    + SPREAD
    + "SELECT create_distributed_table('events', 'id', colocate_with := 'none');",
    "not colocated": CREATE
    + SPREAD
    + "SELECT create_distributed_table('events', 'space_id', colocate_with := 'none');",
    "reference instead": CREATE + SPREAD + "SELECT create_reference_table('events');",
}
"""The statements that lead to each state, from an empty database; each is a message of its own."""


def recorded() -> dict[str, ObservedSchema]:
    """What `observe` has read of each state."""
    return msgspec.json.decode(RECORDED.read_bytes(), type=dict[str, ObservedSchema])


GROUPS = "CREATE TABLE g (id bigint CONSTRAINT pk_g PRIMARY KEY);"
USERS = "CREATE TABLE u (id bigint CONSTRAINT pk_u PRIMARY KEY);"
G, U, T, R = table("g", "id"), table("u"), table("t", "g_id", "g"), table("r")
KEY = "g_id bigint, id bigint, CONSTRAINT pk_t PRIMARY KEY (g_id, id)"

RULES: dict[str, tuple[str, tuple[TableLayout, ...], list[tuple[str, str]]]] = {
    "all of it possible": (CREATE, LAYOUT, []),
    "primary key": ("CREATE TABLE t (g_id int, CONSTRAINT k PRIMARY KEY (g_id))", (table("t", "id"),),
                    [("t", "k"), ("t", "id")]),
    "unique constraint": (f"CREATE TABLE t ({KEY}, CONSTRAINT k UNIQUE (id))", (table("t", "g_id"),),
                          [("t", "k")]),
    "unique index": (f"CREATE TABLE t ({KEY}); CREATE UNIQUE INDEX k ON t (id) WHERE id > 5",
                     (table("t", "g_id"),), [("t", "k")]),
    "unique index of an expression": (
        f"CREATE TABLE t ({KEY}); CREATE UNIQUE INDEX k ON t ((g_id + 1))", (table("t", "g_id"),),
        [("t", "k")]),
    "included column": (f"CREATE TABLE t ({KEY}); CREATE UNIQUE INDEX k ON t (id) INCLUDE (g_id)",
                        (table("t", "g_id"),), [("t", "k")]),
    "exclusion": (f"CREATE TABLE t ({KEY}, r int4range, CONSTRAINT k EXCLUDE USING gist (r WITH &&))",
                  (table("t", "g_id"),), [("t", "k")]),
    "unique key of a reference table": ("CREATE TABLE r (id int, CONSTRAINT k UNIQUE (id))", (R,), []),
    "plain index": (f"CREATE TABLE t ({KEY}); CREATE INDEX k ON t (id)", (table("t", "g_id"),), []),
    "trigger": (
        f"CREATE TABLE t ({KEY}); CREATE TRIGGER k BEFORE UPDATE ON t FOR EACH ROW"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()", (table("t", "g_id"),),
        [("t", "k")]),
    "missing column": ("CREATE TABLE t (id int)", (table("t", "g_id"),), [("t", "g_id")]),
    "types differ": (f"{GROUPS} CREATE TABLE t (g_id int)", (G, T), [("t", "g_id")]),
    "missing table": (GROUPS, (G, T), []),
    "key to a local table": (f"{USERS} CREATE TABLE t ({KEY}, u_id bigint CONSTRAINT k REFERENCES u)",
                             (table("t", "g_id"),), [("t", "k")]),
    "key from a local table": (f"{USERS} CREATE TABLE t ({KEY}, u_id bigint CONSTRAINT k REFERENCES u)",
                               (U,), [("t", "k")]),
    "key from a reference table": (f"{GROUPS} CREATE TABLE r (g_id bigint CONSTRAINT k REFERENCES g)",
                                   (G, R), [("r", "k")]),
    "key to a reference table": (
        f"{USERS} CREATE TABLE t ({KEY}, u_id bigint CONSTRAINT k REFERENCES u ON DELETE SET NULL)",
        (U, table("t", "g_id")), []),
    "key to another group": (f"{GROUPS} CREATE TABLE t ({KEY}, CONSTRAINT k FOREIGN KEY (g_id) REFERENCES g)",
                             (G, table("t", "g_id")), [("t", "k")]),
    "key without the column": (f"{GROUPS} CREATE TABLE t ({KEY}, o bigint CONSTRAINT k REFERENCES g)",
                               (G, T), [("t", "k")]),
    "key with the column elsewhere": (
        "CREATE TABLE g (id bigint, o bigint, CONSTRAINT pk_g PRIMARY KEY (id, o));"
        f"CREATE TABLE t ({KEY}, CONSTRAINT k FOREIGN KEY (id, g_id) REFERENCES g (id, o))",
        (G, T), [("t", "k")]),
    "key to itself": (f"CREATE TABLE t ({KEY}, p bigint, CONSTRAINT k FOREIGN KEY (g_id, p) REFERENCES t)",
                      (table("t", "g_id"),), []),
    "set null": (f"{GROUPS} CREATE TABLE t ({KEY}, CONSTRAINT k FOREIGN KEY (g_id) REFERENCES g ON DELETE SET NULL)",
                 (G, T), [("t", "k")]),
    "set default": (f"{GROUPS} CREATE TABLE t ({KEY}, CONSTRAINT k FOREIGN KEY (g_id) REFERENCES g ON DELETE SET DEFAULT)",
                    (G, T), [("t", "k")]),
    "update cascade": (f"{GROUPS} CREATE TABLE t ({KEY}, CONSTRAINT k FOREIGN KEY (g_id) REFERENCES g ON UPDATE CASCADE)",
                       (G, T), [("t", "k")]),
    "name with quotes": ('CREATE TABLE "T x" (id int, CONSTRAINT "k\'y" UNIQUE (id))', (table("T x", "o"),),
                         [("T x", "k'y"), ("T x", "o")]),
}  # fmt: skip
"""Statements, the layout, and the table and name of what is in the way."""
