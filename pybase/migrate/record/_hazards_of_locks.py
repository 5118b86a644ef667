"""Hazards of locks that are held as long as a scan takes: readers and writers wait."""

from pybase.migrate.record._hazard import ALONE, ERROR, Hazard

OF_LOCKS = (
    Hazard(
        "blocking-index-build", ERROR,
        "SHARE lock on {relation}: writers wait until the index is built.",
        f"op.create_index(..., postgresql_concurrently=True) {ALONE}; drop a leftover first: "
        "op.drop_index(..., postgresql_concurrently=True, if_exists=True). Partitioned: CREATE "
        "INDEX ... ON ONLY the parent, CONCURRENTLY on each partition, ALTER INDEX ... ATTACH "
        "PARTITION.",
    ),
    Hazard(
        "blocking-index-rebuild", ERROR,
        "ACCESS EXCLUSIVE lock on an index of {relation}: readers and writers wait until it is "
        "built or moved.",
        f"op.execute('REINDEX INDEX CONCURRENTLY ...') {ALONE}; with REINDEX (TABLESPACE ...) it "
        "also moves the index.",
    ),
    Hazard(
        "blocking-index-drop", ERROR,
        "ACCESS EXCLUSIVE lock on {relation}: readers and writers wait, behind whatever the drop "
        "itself waits for.",
        f"op.drop_index(..., postgresql_concurrently=True, if_exists=True) {ALONE}.",
    ),
    Hazard(
        "validates-constraint", ERROR,
        "SHARE ROW EXCLUSIVE lock or stronger on {relation}: writers wait while every row is "
        "checked.",
        "Add it with postgresql_not_valid=True, and run ALTER TABLE ... VALIDATE CONSTRAINT in the "
        "next revision.",
    ),
    Hazard(
        "validates-with-not-valid", ERROR,
        "the lock of ADD ... NOT VALID on {relation} is held until the validation ends.",
        "Move VALIDATE CONSTRAINT into a revision of its own, which has its own transaction.",
    ),
    Hazard(
        "validates-domain", ERROR,
        "SHARE lock on each table with a column of {relation}: writers wait while every row is "
        "checked.",
        "ALTER DOMAIN ... ADD CONSTRAINT ... NOT VALID, and VALIDATE CONSTRAINT in the next "
        "revision, which takes the same lock up to PostgreSQL 18: there, add the check to the "
        "tables, NOT VALID first, or accept it for a quiet hour.",
    ),
    Hazard(
        "type-change-scans", ERROR,
        "ACCESS EXCLUSIVE lock on {relation}: readers and writers wait while {detail} is built or "
        "checked again for the new type.",
        "Drop it first: an index concurrently, a constraint in the revision of the type change; "
        "create it after that, the index concurrently, the constraint NOT VALID, and VALIDATE it "
        "in the next revision. Or add a new column and switch over, as for rewrites-table.",
    ),
    Hazard(
        "sets-not-null", ERROR,
        "ACCESS EXCLUSIVE lock on {relation}: readers and writers wait while every row is read.",
        "Add CHECK (column IS NOT NULL) with postgresql_not_valid=True; VALIDATE it in the next "
        "revision; in a third, op.alter_column(nullable=False), which then reads nothing, and "
        "drop the check. Since PostgreSQL 18 shorter: ADD CONSTRAINT ... NOT NULL column NOT "
        "VALID, and VALIDATE it in the next revision.",
    ),
    Hazard(
        "builds-key", ERROR,
        "ACCESS EXCLUSIVE lock on {relation}: readers and writers wait until the key is built or "
        "proved.",
        f"Create the unique index concurrently {ALONE} (for a primary key, make its columns NOT "
        "NULL first); in the next revision, op.execute('ALTER TABLE ... ADD CONSTRAINT ... UNIQUE "
        "USING INDEX ...'). Partitioned, where PostgreSQL refuses USING INDEX: do both for each "
        "partition, then ADD CONSTRAINT ... UNIQUE (...) on the parent, which takes theirs.",
    ),
    Hazard(
        "adds-exclusion", ERROR,
        "ACCESS EXCLUSIVE lock on {relation}: readers and writers wait until the constraint's "
        "index is built.",
        "PostgreSQL has no concurrent form: add it to a new table and copy the rows in batches, or "
        "accept it for a quiet hour.",
    ),
    Hazard(
        "rewrites-table", ERROR,
        "ACCESS EXCLUSIVE lock on {relation}: readers and writers wait while the table is "
        "rewritten.",
        "Add a new nullable column (its default, if any, in a second statement), fill it in "
        "batches, and switch over; a type change is made in the same way. A generated column "
        "cannot be filled: make it VIRTUAL (PostgreSQL 18), or a plain one that a trigger keeps.",
    ),
    Hazard(
        "rewrites-by-maintenance", ERROR,
        "ACCESS EXCLUSIVE lock on {relation}: readers and writers wait while the table is "
        "rewritten.",
        "Leave it out of migrations: run pg_repack, plain VACUUM or, since PostgreSQL 19, REPACK "
        "(CONCURRENTLY) in operations.",
    ),
    Hazard(
        "refreshes-view", ERROR,
        "ACCESS EXCLUSIVE lock on {relation}: readers wait until it is computed again, or find it "
        "empty.",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY, with a unique index on the view.",
    ),
    Hazard(
        "attaches-partition", ERROR,
        "rows are read to prove the bounds of a partition of {relation} while it is locked.",
        "Add CHECK (key IS NOT NULL AND its bounds) NOT VALID to the table that is attached, and "
        "CHECK (NOT (key IS NOT NULL AND its bounds)) to the default partition; VALIDATE each in a "
        "next revision; after that attach, and drop the checks.",
    ),
    Hazard(
        "detaches-partition", ERROR,
        "ACCESS EXCLUSIVE lock on {relation}: readers and writers wait for it.",
        f"ALTER TABLE ... DETACH PARTITION ... CONCURRENTLY {ALONE}; it leaves a CHECK of the "
        "bounds, to be dropped. Next to a default partition PostgreSQL refuses that: accept it, "
        "since nothing is read under the lock.",
    ),
    Hazard(
        "scans-under-lock", ERROR,
        "{relation} stays locked while {detail} is read from end to end.",
        "Two revisions: a transaction of its own for what locks, and one for what reads. Before "
        "the type of a foreign key's column changes, drop the key, and add it after that with "
        "postgresql_not_valid=True.",
    ),
    Hazard(
        "locks-table", ERROR,
        "LOCK TABLE holds {relation} until the transaction ends.",
        "Leave LOCK TABLE out: each statement takes the lock that it needs.",
    ),
    Hazard(
        "many-blocking-locks", ERROR,
        "locks of SHARE or stronger on {detail} are held until the last statement is done, in an "
        "order that may deadlock.",
        "One revision a table.",
    ),
)  # fmt: skip
