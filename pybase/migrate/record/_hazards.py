"""Hazards, as data: code, level, consequence, and the safe way to do it instead.

A closed set. `rehearsal._rules` finds them in what a rehearsal observed; nothing here reads a
database.
"""

from collections.abc import Mapping

from pybase.migrate.record._hazard import ALONE, ERROR, LATER, WARNING, Hazard
from pybase.migrate.record._hazards_of_locks import OF_LOCKS
from pybase.migrate.record._hazards_of_use import OF_USE

_TABLE = (
    *OF_LOCKS,
    # --- data
    Hazard(
        "unbatched-data-change", ERROR,
        "one transaction works through all of {relation}; row locks, and vacuum, wait for its end.",
        "op.backfill(table, set=..., where=..., key=...), alone in its revision: batches by key "
        "that commit each. A table that stays small: [tool.pybase] small_tables.",
    ),
    Hazard(
        "unfilled-rule", ERROR,
        "a rule is NULL, so no row of {relation} gets a value, and what requires one fails.",
        "Write the value of existing rows where the revision has TODO, as SQL over the row. For a "
        "table without rows, accept it with that reason.",
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
        f"Put it {ALONE}.",
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
