"""What differs between versions of PostgreSQL for those who migrate: cases, and what is documented.

`test_version_page` runs each case on 16, 18, and 19 where there is such a server, and writes
docs/versions.md from the results.
"""

from dataclasses import dataclass

_NOT_VALID = "ALTER TABLE t ADD CONSTRAINT c NOT NULL n NOT VALID"
_PARTITIONED = "CREATE TABLE p (k integer, id bigint) PARTITION BY RANGE (k)"
_PART = "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9)"
_DOMAIN = "CREATE DOMAIN d AS integer"
_VIRTUAL = "ALTER TABLE t ADD v integer GENERATED ALWAYS AS (n * 2) VIRTUAL"
_CHECK = "ALTER TABLE t ADD CONSTRAINT c CHECK"


@dataclass(frozen=True)
class VersionCase:
    """One statement, after `setup`, on a table `t (id bigint PRIMARY KEY, n integer)` with rows."""

    statement: str
    setup: str = ""
    since: int = 16
    """The first version that runs `setup`."""


CASES = (
    VersionCase("ALTER TABLE t ALTER n SET NOT NULL"),
    VersionCase("ALTER TABLE t ALTER n SET NOT NULL", "ALTER TABLE t ADD CHECK (n IS NOT NULL)"),
    VersionCase("ALTER TABLE t ALTER n SET NOT NULL", _NOT_VALID, 18),
    VersionCase(_NOT_VALID),
    VersionCase("ALTER TABLE t VALIDATE CONSTRAINT c", _NOT_VALID, 18),
    VersionCase("ALTER TABLE t ADD v integer GENERATED ALWAYS AS (n * 2) STORED"),
    VersionCase("ALTER TABLE t ADD v integer GENERATED ALWAYS AS (n * 2) VIRTUAL"),
    VersionCase("ALTER TABLE t ADD v integer GENERATED ALWAYS AS (n * 2)"),
    VersionCase(
        "ALTER TABLE t ALTER v SET EXPRESSION AS (n * 3)",
        "ALTER TABLE t ADD v integer GENERATED ALWAYS AS (n * 2) STORED",
    ),
    VersionCase("ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0) NOT ENFORCED"),
    VersionCase("ALTER TABLE t ADD FOREIGN KEY (n) REFERENCES t NOT ENFORCED"),
    VersionCase(
        "ALTER TABLE p ADD FOREIGN KEY (id) REFERENCES t NOT VALID", f"{_PARTITIONED}; {_PART}"
    ),
    VersionCase("ALTER TABLE p ADD EXCLUDE (k WITH =)", f"{_PARTITIONED}; {_PART}"),
    VersionCase("CREATE UNLOGGED TABLE u (k integer) PARTITION BY RANGE (k)"),
    VersionCase("ALTER TABLE t ADD c d DEFAULT 1", f"{_DOMAIN} CHECK (VALUE > 0)"),
    VersionCase(
        "ALTER DOMAIN d VALIDATE CONSTRAINT c",
        f"{_DOMAIN}; ALTER TABLE t ADD c d; "
        "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID",
    ),
    VersionCase("GRANT MAINTAIN ON t TO CURRENT_USER"),
    VersionCase(
        "ALTER TABLE t ALTER v SET EXPRESSION AS (n * 3)", f"{_VIRTUAL}; {_CHECK} (v > 0)", 18
    ),
    VersionCase("ALTER TABLE t ALTER CONSTRAINT c NOT ENFORCED", f"{_CHECK} (n > 0)"),
    VersionCase("ALTER TABLE t ALTER CONSTRAINT c ENFORCED", f"{_CHECK} (n > 0) NOT ENFORCED", 18),
    VersionCase("REPACK t"),
    VersionCase("REPACK (CONCURRENTLY) t"),
    VersionCase("ALTER TABLE p MERGE PARTITIONS (p1, p2) INTO p3", f"{_PARTITIONED}; {_PART}"),
    VersionCase("SET standard_conforming_strings = off"),
)

DOCUMENTED = (
    ("15", "New databases do not let every role create objects in the schema `public`: grant it."),
    ("15", "`UNIQUE NULLS NOT DISTINCT` is new."),
    ("16", "CREATEROLE is not enough to grant a role or to change it: ADMIN OPTION is needed too."),
    (
        "17",
        "`SET EXPRESSION` of a stored column, which rewrites the table; identity columns and "
        "EXCLUDE on partitioned tables; the privilege MAINTAIN.",
    ),
    (
        "17",
        "An expression index or a materialized view is built with the search path `pg_catalog, "
        "pg_temp`: its functions have to qualify names, or SET their own path.",
    ),
    ("18", "A generated column is VIRTUAL unless it is declared STORED."),
    ("18", "VACUUM and ANALYZE of a parent include its children, unless ONLY is written."),
    (
        "19",
        "`REPACK` replaces VACUUM FULL and CLUSTER, under the same lock; `REPACK (CONCURRENTLY)` "
        "lets others read and write meanwhile, for a permanent table with a primary key or another "
        "identity index: no partitioned one, no materialized view, no REPLICA IDENTITY FULL "
        "(tried on 19rc1).",
    ),
    ("19", "A publication of all tables can leave some out (`EXCEPT`), and publish all sequences."),
    ("19", "The default operator classes of inet and cidr for GiST are no longer btree_gist's."),
    ("19", "`json_array()` of a query without rows is an empty array; before, it was NULL."),
    ("19", "`max_locks_per_transaction` is 128, and counts otherwise: double what is set."),
)
"""What release notes and manuals of PostgreSQL specify, by the first version where it holds."""
