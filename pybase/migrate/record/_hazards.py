"""Hazards, as data: code, level, consequence, and the safe way to do it instead.

A closed set. `_rules` finds them in what a rehearsal observed; nothing here reads a database.
"""

from collections.abc import Mapping

from msgspec import Struct

from pybase.migrate.record._hazard import ERROR, LATER, WARNING, Hazard
from pybase.migrate.record._hazards_of_use import OF_USE
from pybase.migrate.record._script import Direction
from pybase.migrate.sql import QualifiedName


class Finding(Struct, frozen=True):
    """A hazard in one revision and direction.

    `statement` counts the statements of the script from 0, or is -1 for the revision itself.
    `relation` is the relation, type, function or schema that it is about, `detail` a column or
    what else the consequence names, `taken` what is dropped with it. `versions` are those of
    PostgreSQL on which it was found, where it was not found on all that were rehearsed. It
    `loses_nothing` where its hazard may lose data, and what it is about stores none.
    """

    statement: int
    code: str
    relation: QualifiedName | None = None
    detail: str = ""
    taken: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()
    loses_nothing: bool = False

    @property
    def hazard(self) -> "Hazard":
        """The policy's entry for it."""
        return HAZARDS[self.code]

    def level(self, direction: Direction) -> str:
        """Return how serious it is: the hour, and the release, of a downgrade are chosen."""
        is_milder = self.code in _WARNINGS_DOWN and not direction.is_upgrade
        return WARNING if is_milder or self.detail == RESUMED else self.hazard.level

    @property
    def label(self) -> str:
        """The relation as people write it, or an empty text."""
        return self.relation.label if self.relation else ""

    @property
    def place(self) -> str:
        """The relation, with the part of it that the hazard is about: `records.colour`."""
        return f"{self.label}.{self.detail}" if self.detail and self.has_part else self.label

    @property
    def is_about_use(self) -> bool:
        """Whether it hurts only those who use what the database has already."""
        names = "{relation}" in self.hazard.consequence and self.code != "uses-new-enum-value"
        return names or self.code == "many-blocking-locks"

    @property
    def has_part(self) -> bool:
        """Whether `detail` is a column, an index or a constraint of the relation."""
        return self.code in _OF_PARTS or "{relation}.{detail}" in self.hazard.consequence

    @property
    def title(self) -> str:
        """The code, and where: `drops-column on records.colour`."""
        return f"{self.code} on {self.place}" if self.relation else self.code

    @property
    def message(self) -> str:
        """The consequence, as a sentence about this relation."""
        where = f"on PostgreSQL {self.on}: " if self.versions else ""
        hazard = self.hazard
        consequence = hazard.without_loss if self.loses_nothing else hazard.consequence
        text = where + consequence.format(relation=self.label, detail=self.detail)
        return f"{text[:-1]}; with it go {', '.join(self.taken)}." if self.taken else text

    @property
    def on(self) -> str:
        """The versions where it was found, if not on all: `16 and 17`."""
        return " and ".join(map(str, self.versions))

    @property
    def sort_key(self) -> tuple[int, str, str, str]:
        """Statement, code, relation, detail."""
        return self.statement, self.code, self.label, self.detail


RESUMED = "migrate goes on behind what is done, psql does not"
HALF_DONE = "a failure leaves it half done"
"""What an interruption of a revision with several transactions means."""

_OF_PARTS = frozenset(
    {
        *("blocking-index-build", "blocking-index-drop", "validates-constraint", "builds-key"),
        *("adds-exclusion", "sets-not-null", "adds-required-column"),
        *("blocking-index-rebuild", "type-change-scans"),
        *("drops-default", "generates-always", "drops-key", "detaches-child"),
    }
)
"""Hazards whose detail is a part of the relation, though their consequence is about all of it."""

_WARNINGS_DOWN = frozenset(
    {
        *("rewrites-table", "sets-not-null", "validates-constraint", "builds-key"),
        *("adds-exclusion", "blocking-index-build", "blocking-index-drop", "many-blocking-locks"),
        *("adds-required-column", "blocking-index-rebuild", "validates-domain"),
        *("scans-under-lock", "type-change-scans"),
    }
)
"""Hazards that lose nothing: they make other sessions wait, or need the release that they restore.
"""

_ALONE = "in `with op.get_context().autocommit_block():`, alone in its revision"

_TABLE = (
    # --- locks that are held as long as a scan takes
    Hazard(
        "blocking-index-build", ERROR,
        "SHARE lock on {relation}: writers wait until the index is built.",
        f"op.create_index(..., postgresql_concurrently=True) {_ALONE}; drop a leftover first: "
        "op.drop_index(..., postgresql_concurrently=True, if_exists=True). Partitioned: CREATE "
        "INDEX ... ON ONLY the parent, CONCURRENTLY on each partition, ALTER INDEX ... ATTACH "
        "PARTITION.",
    ),
    Hazard(
        "blocking-index-rebuild", ERROR,
        "ACCESS EXCLUSIVE lock on an index of {relation}: readers and writers wait until it is "
        "built or moved.",
        f"op.execute('REINDEX INDEX CONCURRENTLY ...') {_ALONE}; with REINDEX (TABLESPACE ...) it "
        "also moves the index.",
    ),
    Hazard(
        "blocking-index-drop", ERROR,
        "ACCESS EXCLUSIVE lock on {relation}: readers and writers wait, behind whatever the drop "
        "itself waits for.",
        f"op.drop_index(..., postgresql_concurrently=True, if_exists=True) {_ALONE}.",
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
        f"Create the unique index concurrently {_ALONE} (for a primary key, make its columns NOT "
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
        f"ALTER TABLE ... DETACH PARTITION ... CONCURRENTLY {_ALONE}; it leaves a CHECK of the "
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
    # --- data
    Hazard(
        "unbatched-data-change", ERROR,
        "one transaction works through all of {relation}; row locks, and vacuum, wait for its end.",
        "op.backfill(table, set=..., where=..., key=...), alone in its revision: batches by key "
        "that commit each. A table that stays small: [tool.pybase] small_tables.",
    ),
    Hazard(
        "unfilled-rule", ERROR,
        "RULE is NULL, so no row of {relation} gets a value, and what requires one fails later.",
        "Write the value of existing rows as RULE, SQL over the row. For a table without rows, "
        "accept it with that reason.",
    ),
    Hazard(
        "changes-data-under-lock", ERROR,
        "{relation} stays locked while rows are changed.",
        "Change data in a revision of its own, never together with the schema.",
    ),
    Hazard(
        "disables-triggers", ERROR,
        "triggers and foreign keys do not check what is written meanwhile.",
        "Leave triggers enabled, and let them recognize a backfill if they must.",
    ),
    Hazard(
        "discards-writes", ERROR,
        "a rule discards what is written, or does something else, and the writer gets no error.",
        "REVOKE the privilege, or raise an error in a trigger, which the writer sees.",
    ),
    Hazard(
        "truncates", ERROR,
        "ACCESS EXCLUSIVE lock on {relation}: every row is deleted, and readers wait.",
        "Delete in batches by key, or first release a version that does not use it, then do this "
        "one release later.",
    ),
    # --- what an older release of the application still uses
    Hazard(
        "drops-table", ERROR,
        "the rows of {relation} are deleted, and code that still uses it fails.", LATER,
    ),
    Hazard(
        "drops-column", ERROR,
        "the data of {relation}.{detail} are deleted, and code that still selects it fails.",
        LATER,
        "{relation}.{detail} stores nothing here, and code that still selects it fails.",
    ),
    Hazard(
        "drops-schema", ERROR, "code that still names an object in {relation} fails.", LATER,
    ),
    Hazard("drops-view", ERROR, "code that still selects from {relation} fails.", LATER),
    Hazard("drops-function", ERROR, "code that still calls {relation} fails.", LATER),
    Hazard("drops-sequence", ERROR, "code that still calls nextval on {relation} fails.", LATER),
    Hazard("drops-type", ERROR, "code that still casts to {relation} fails.", LATER),
    Hazard(
        "drops-enum-value", ERROR, "code that still writes {detail} to {relation} fails.", LATER,
    ),
    Hazard(
        "renames-table", ERROR, "code that still uses the name {relation} fails.",
        "Rename it and create a view of the old name in the same transaction; drop the view one "
        "release later.",
    ),
    Hazard(
        "renames-column", ERROR, "code that still uses the name {relation}.{detail} fails.",
        "Add the new column, write both, backfill, read the new one; drop the old one a release "
        "later.",
    ),
    Hazard(
        "renames-schema", ERROR, "code that still uses the name {relation} fails.",
        "Create the new schema, and move one table at a time behind a view.",
    ),
    Hazard(
        "renames-function", ERROR, "code that still calls {relation} fails.",
        "Create a function of the new name, and let the old one call it for one release.",
    ),
    Hazard(
        "renames-sequence", ERROR, "code that still calls nextval on {relation} fails.",
        "Leave the name: nothing but its readers depends on it.",
    ),
    Hazard(
        "renames-type", ERROR, "code that still casts to {relation} fails.",
        "Leave the name, or use a domain of the new name first.",
    ),
    Hazard(
        "renames-enum-value", ERROR, "code that still writes {detail} to {relation} fails.",
        "Add the new value, write it, backfill, and leave the old one unused.",
    ),
    Hazard(
        "adds-required-column", ERROR,
        "INSERT into {relation} by an older release fails because {detail} is missing; existing "
        "rows need a value first.",
        "Add it nullable or with a server_default; fill it; make it NOT NULL as for sets-not-null.",
    ),
    Hazard(
        "drops-default", ERROR,
        "INSERT into {relation} by an older release that leaves out {detail} fails.",
        "First release a version that always gives a value, then do this one release later; accept "
        "it with the reason.",
    ),
    Hazard(
        "generates-always", ERROR,
        "INSERT into {relation} by an older release that gives {detail} fails.",
        "Leave an identity BY DEFAULT. Else first release a version that leaves it out, then do "
        "this one release later; accept it with the reason.",
    ),
    Hazard(
        "depends-on-time-zone", ERROR,
        "{relation}.{detail} is converted by the time zone of the session that migrates.",
        "Give the zone of the old values: postgresql_using=\"... AT TIME ZONE 'Europe/Berlin'\"; "
        "where it is UTC, op.execute(\"SET LOCAL timezone = 'UTC'\") before it: timestamp to "
        "timestamptz then rewrites nothing.",
    ),
    Hazard(
        "narrows-access", ERROR,
        "a role that could use {relation} may be refused, or see no rows: {detail}.",
        "Grant, and create the policies, before what they replace is removed.",
    ),
    *OF_USE,
    # --- the shape of the revision
    Hazard(
        "uses-new-enum-value", ERROR,
        "PostgreSQL refuses a value of {relation} that was added in the same transaction.",
        "Add the value in one revision, use it in the next.",
    ),
    Hazard(
        "autocommit-not-alone", ERROR,
        "what precedes or is in an autocommit block is committed without the version: {detail}.",
        "One autocommit block, and nothing else, in a revision. It is a warning where migrate "
        "resumes: only indexes, NOT VALID constraints, validations and what has IF [NOT] EXISTS "
        "precede the last transaction.",
    ),
    Hazard(
        "concurrently-in-transaction", ERROR, "PostgreSQL refuses this in a transaction.",
        f"Put it {_ALONE}.",
    ),
    Hazard(
        "sets-session", WARNING,
        "{detail} stays set for what Alembic runs after it in the same run; `migrate` gives each "
        "revision a session of its own.",
        "Use SET LOCAL, which ends with the revision everywhere; or RESET it at the end.",
    ),
    Hazard(
        "transaction-control", ERROR,
        "a revision that begins or ends transactions itself loses its version when it fails.",
        "Leave BEGIN and COMMIT out: Alembic writes them; use an autocommit block where PostgreSQL "
        "refuses a transaction.",
    ),
    Hazard(
        "cannot-render", ERROR, "it has no SQL to review: {detail}.",
        "Write SQL that decides when it runs: over op.get_bind(), a revision may read the schema, "
        "but no rows, and no connection of its own is rendered.",
    ),
    Hazard(
        "depends-on-database", ERROR,
        "what it does depends on where it runs ({detail}): the rehearsal observed one way only.",
        "Write statements that do the same on every database; pass what differs as a setting of "
        "the application, not of the revision.",
    ),
    Hazard(
        "rehearsal-failed", ERROR, "it fails on a database at the revision before: {detail}.",
        "Correct the statement. What no revision creates, as the tables of an adopted database, a "
        "revision before the first has to create. Or leave a version that production does not have "
        "out of `postgres` in [tool.pybase].",
    ),
    # --- the downgrade
    Hazard(
        "downgrade-missing", ERROR, "there is no downgrade, and no reason for that.",
        "Write downgrade(), or let it raise NotImplementedError with a sentence that gives the "
        "reason.",
    ),
    Hazard(
        "downgrade-empty", ERROR,
        "the downgrade does nothing, and what the upgrade created remains: {detail}.",
        "Undo it, or raise NotImplementedError with a sentence that gives the reason.",
    ),
    Hazard(
        "downgrade-wrong", ERROR, "the downgrade does not restore the schema: {detail}.",
        "Make downgrade() restore exactly what was there.",
    ),
    Hazard(
        "downgrade-loses-data", WARNING,
        "the downgrade deletes data that the upgrade had kept: {detail}.",
        "Copy it back, or explain it in the revision and accept it.",
    ),
    # --- types and names
    Hazard(
        "small-key", WARNING,
        "{relation}.{detail} is a key of 32 bits or less: it ends at 2,147,483,647.",
        "sa.BigInteger() with sa.Identity(), or sa.Uuid().",
    ),
    Hazard(
        "timestamp-without-zone", WARNING,
        "{relation}.{detail} means another moment in every time zone.",
        "sa.DateTime(timezone=True).",
    ),
    Hazard(
        "json-column", WARNING,
        "{relation}.{detail} has no equality and no index: DISTINCT and GROUP BY fail on it.",
        "postgresql.JSONB().",
    ),
    Hazard(
        "char-column", WARNING,
        "{relation}.{detail} is padded with blanks, and compares without them.",
        "sa.Text(), with a check on its length where that matters.",
    ),
    Hazard(
        "cut-identifier", WARNING, "PostgreSQL cut a name at 63 bytes: {detail}.",
        "Give it a shorter name.",
    ),
    # --- acceptances
    Hazard(
        "accepted-without-reason", ERROR, "the hazard {detail} is accepted without a reason.",
        "Write in accepted_hazards why it is safe here, in words.",
    ),
    Hazard(
        "accepted-unknown-hazard", ERROR, "accepted_hazards names {detail}, an unknown hazard.",
        "The codes are listed in docs/hazards.md.",
    ),
    Hazard(
        "accepted-too-broadly", ERROR, "accepted_hazards names {detail}.",
        "Write a key for each finding that is accepted, with a reason of its own.",
    ),
    Hazard(
        "accepted-for-nothing", ERROR, "no finding needs the acceptance of {detail}.",
        "Remove it from accepted_hazards, or write the key of the finding that is meant.",
    ),
)  # fmt: skip

HAZARDS: Mapping[str, Hazard] = {hazard.code: hazard for hazard in _TABLE}
"""Every hazard by its code, in the order of docs/hazards.md."""
