"""Statements of PostgreSQL 19, which no wheel has: the rules know them by their text.

What 19 does is done here by other statements of a real server, and observed; then each observation
gets the text that 19 would have run.
"""

from contextlib import closing

import psycopg
import pytest
from msgspec.structs import replace
from projects import ONE, TWO, Project, Revision

from pybase.migrate.record import Script, Statement
from pybase.migrate.rehearsal._losses import find_losses
from pybase.migrate.rehearsal._observer import Observer
from pybase.migrate.rehearsal._rules import Case, find_hazards

SETUP = """
CREATE TABLE t (id bigint CONSTRAINT pk_t PRIMARY KEY);
CREATE TABLE events (at integer) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (1) TO (2);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (2) TO (3);
INSERT INTO t VALUES (1);
INSERT INTO events VALUES (1), (2);
"""
CLUSTER = "CLUSTER t USING pk_t"
MERGED = """
DO $$ BEGIN
    CREATE TABLE merged (LIKE events);
    INSERT INTO merged SELECT * FROM events_1 UNION ALL SELECT * FROM events_2;
    DROP TABLE events_1, events_2;
    ALTER TABLE events ATTACH PARTITION merged FOR VALUES FROM (1) TO (3);
END $$
"""
NAMES = {("renames-table", "events_1"), ("renames-table", "events_2")}


@pytest.mark.parametrize(
    ("run", "text", "expected"),
    [
        (CLUSTER, "REPACK t USING INDEX pk_t", {("rewrites-by-maintenance", "t")}),
        (CLUSTER, "REPACK (CONCURRENTLY) t", set()),
        (
            MERGED,
            "ALTER TABLE events MERGE PARTITIONS (events_1, events_2) INTO merged",
            {("rewrites-table", "events"), *NAMES},
        ),
        (
            MERGED,
            "DO $$ BEGIN ALTER TABLE events MERGE PARTITIONS (events_1, events_2) INTO m; END $$",
            {("rewrites-table", "events"), *NAMES},
        ),
    ],
    ids=["repack", "concurrently", "merge", "merge-in-a-block"],
)
def test_statement_of_19_has_its_hazards_and_loses_nothing(
    run: str, text: str, expected: set[tuple[str, str]], database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(SETUP)
    with closing(Observer(database_url)) as observer:
        observed = observer.run(Script((Statement(run, 0),)))
    assert observed.error is None
    observations = tuple(replace(item, sql=text) for item in observed.observations)
    case = Case(
        replace(observed, observations=observations), Script((Statement(text, 0),)), observed.start
    )
    assert {(item.code, item.label) for item in find_hazards(case)} == expected
    assert find_losses(case) == ()


def test_server_of_an_older_version_refuses_it_with_the_reason(project: Project) -> None:
    repack = Revision(TWO.id, ONE.id, "op.execute('REPACK cities; SELECT 1')", title="Repack.")
    project.lay_out(ONE, repack)
    project.run("sql")
    linted = project.run("sql-lint")
    assert linted.code == 1
    assert "rehearsal-failed" in linted.text
    assert "REPACK is a statement of PostgreSQL 19: name such a server in" in linted.text
    assert "PRS" not in linted.text
