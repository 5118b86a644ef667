"""Hazards of what readers and writers rely on and do not name: keys, grants, results, content."""

from pybase.migrate.record._hazard import ERROR, LATER, WARNING, Hazard

OF_USE = (
    Hazard(
        "drops-attribute", ERROR,
        "the values of {relation}.{detail} in every column of that type are out of reach, and code "
        "that still uses it fails.",
        LATER,
    ),
    Hazard(
        "renames-attribute", ERROR, "code that still uses the name {relation}.{detail} fails.",
        "Leave the name: a view can show the attribute under another one.",
    ),
    Hazard(
        "drops-key", ERROR,
        "{relation} may get rows that {detail} refused, and an ON CONFLICT that needs it fails.",
        "Keep a unique index over the same columns. Else first release a version without ON "
        "CONFLICT on them, then do this one release later; accept it with the reason.",
    ),
    Hazard(
        "loses-replica-identity", ERROR,
        "UPDATE and DELETE of {relation} fail: it is published, and has no replica identity.",
        "op.execute('ALTER TABLE ... REPLICA IDENTITY USING INDEX ...') before it, with a unique "
        "index over columns that are NOT NULL; or REPLICA IDENTITY FULL.",
    ),
    Hazard(
        "detaches-child", ERROR, "queries of {relation} no longer find the rows of {detail}.",
        LATER,
    ),
    Hazard(
        "changes-function", ERROR,
        "code that calls {relation} as before fails or gets another result: {detail}.",
        "Create a function of another name; drop this one a release later.",
    ),
    Hazard(
        "drops-extension", ERROR, "code that still uses what {relation} provides fails.", LATER,
    ),
    Hazard("drops-object", ERROR, "code that still uses {relation} fails.", LATER),
    Hazard(
        "narrows-publication", ERROR,
        "subscribers to {relation} no longer get {detail}.",
        "Let the subscribers do without it first, then do this; accept it with the reason.",
    ),
    Hazard(
        "narrows-sequence", ERROR,
        "nextval on {relation} fails sooner, or returns values that rows have: {detail}.",
        "Leave it, or make it longer. Where it is behind the rows: SELECT setval('...', (SELECT "
        "max(id) FROM ...)).",
    ),
    Hazard(
        "empties-view", ERROR, "every query of {relation} fails until it is refreshed.",
        "Leave its data: REFRESH MATERIALIZED VIEW CONCURRENTLY replaces them. For another query, "
        "create a view of another name with its data, and drop this one a release later.",
    ),
    Hazard(
        "view-without-data", WARNING, "every query of {relation} fails until it is refreshed.",
        "REFRESH MATERIALIZED VIEW in the same revision, or create it with its data.",
    ),
    Hazard(
        "recreates-object", WARNING,
        "what was granted on {relation} is lost with DROP, and so are comments.",
        "CREATE OR REPLACE keeps them, and suffices here.",
    ),
)  # fmt: skip
"""By the order of docs/hazards.md."""
