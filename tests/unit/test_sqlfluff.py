"""What sqlfluff checks of a file of `sql/`: all but the statements that it cannot read."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from pybase.core import settings
from pybase.migrate.sqlfiles import LintFinding, SqlFile, lint_draft

READ = """
CREATE TABLE films (code char(5) CONSTRAINT firstkey PRIMARY KEY, title varchar(40) NOT NULL)
CREATE TABLE distributors (did integer CHECK (did > 100), name varchar(40)) WITH (fillfactor = 70)
ALTER TABLE distributors ADD COLUMN address varchar(30)
ALTER TABLE distributors ALTER COLUMN street DROP NOT NULL
ALTER TABLE distributors VALIDATE CONSTRAINT distfk
ALTER TABLE distributors ALTER COLUMN street SET STORAGE EXTERNAL
CREATE MATERIALIZED VIEW mymatview AS SELECT * FROM mytable
CREATE POLICY user_policy ON users USING (user_name = CURRENT_USER)
CREATE TYPE bug_status AS ENUM ('new', 'open', 'closed')
CREATE SEQUENCE serial START 101
COMMENT ON TABLE mytable IS 'This is my table.'
CREATE PUBLICATION active_departments FOR TABLE departments WHERE (active IS TRUE)
ALTER TABLE distributors ALTER COLUMN street SET COMPRESSION lz4
ALTER TABLE measurement DETACH PARTITION measurement_y2015m12 CONCURRENTLY
ALTER TABLE measurement DETACH PARTITION measurement_y2015m12 FINALIZE
ALTER TABLE distributors ALTER CONSTRAINT distfk NOT ENFORCED
ALTER TABLE distributors ALTER COLUMN total SET EXPRESSION AS (price * 2)
ALTER TABLE films REPLICA IDENTITY USING INDEX title_idx
ALTER TABLE films CLUSTER ON title_idx
ALTER INDEX coord_idx ALTER COLUMN 3 SET STATISTICS 1000
CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL)
CREATE SUBSCRIPTION mysub CONNECTION 'host=192.168.1.50' PUBLICATION mypublication
ALTER PUBLICATION mypublication ADD TABLES IN SCHEMA marketing, sales
CREATE FOREIGN TABLE films (code char(5) NOT NULL) SERVER film_server OPTIONS (format 'csv')
IMPORT FOREIGN SCHEMA foreign_films FROM SERVER film_server INTO films
REASSIGN OWNED BY doomed_role TO successor_role
SECURITY LABEL FOR selinux ON TABLE mytable IS 'system_u:object_r:sepgsql_table_t:s0'
SET LOCAL search_path TO myschema, public
UPDATE films SET kind = 'Dramatic' WHERE CURRENT OF c_films
MERGE INTO wines AS w USING new AS s ON s.name = w.name WHEN NOT MATCHED BY SOURCE THEN DELETE
CALL do_db_maintenance()
COPY country FROM '/usr1/proj/bray/sql/country_data' WITH (FORMAT csv)
REINDEX (VERBOSE) TABLE CONCURRENTLY my_broken_table
VACUUM (PARALLEL 4) onek
LOCK TABLE films IN SHARE ROW EXCLUSIVE MODE
""".strip().split("\n")
"""Statements of PostgreSQL's manual that sqlfluff reads, too."""

UNREAD = """
ALTER TABLE distributors ADD CONSTRAINT street_set NOT NULL street NOT VALID
ALTER TABLE distributors ADD CONSTRAINT period PRIMARY KEY (id, valid_at WITHOUT OVERLAPS)
ALTER TABLE distributors ALTER COLUMN street SET STATISTICS -1
ALTER TABLE t ADD FOREIGN KEY (id, PERIOD valid_at) REFERENCES p (id, PERIOD valid_at)
CREATE RULE notify_me AS ON UPDATE TO mytable DO ALSO NOTIFY mytable
CREATE EVENT TRIGGER abort_ddl ON ddl_command_start EXECUTE FUNCTION abort_any_command()
CREATE OPERATOR CLASS gist__int_ops DEFAULT FOR TYPE _int4 USING gist AS OPERATOR 3 &&
CREATE OPERATOR FAMILY integer_ops USING btree
ALTER OPERATOR FAMILY integer_ops USING btree ADD OPERATOR 1 < (int4, int2)
CREATE OPERATOR === (LEFTARG = box, RIGHTARG = box, FUNCTION = area_equal_function)
CREATE CONVERSION myconv FOR 'UTF8' TO 'LATIN1' FROM myfunc
CREATE TRANSFORM FOR hstore LANGUAGE plpython3u (FROM SQL WITH FUNCTION to_plpython(internal))
CREATE ACCESS METHOD heptree TYPE INDEX HANDLER heptree_handler
CREATE LANGUAGE plsample HANDLER plsample_call_handler
CREATE TEXT SEARCH PARSER p (START = a, GETTOKEN = b, END = c, LEXTYPES = d)
CREATE TEXT SEARCH TEMPLATE my_template (LEXIZE = dsimple_lexize)
GRANT MAINTAIN ON films TO alice
SET app.tenant = 'x'
DELETE FROM logs USING (SELECT id FROM logs FOR UPDATE LIMIT 10) AS b WHERE logs.id = b.id
""".strip().split("\n")
"""Those that only PostgreSQL's grammar reads."""

NOTED = ("unread-by-sqlfluff", "note")
ROOT = Path(__file__).parents[2]


def lint(*statements: str) -> list[LintFinding]:
    """Lint a file that has one statement in every other line."""
    lines = [line for statement in statements for line in (f"{statement};", "")]
    places = tuple((line, line) for line in range(1, len(lines), 2))
    file = SqlFile("\n".join(lines), places)
    return list(lint_draft(settings.load(ROOT / "alembic.ini"), {"upgrade/x.sql": file}))


@pytest.fixture(scope="module")
def of_the_manual() -> dict[str, list[tuple[str, str]]]:
    """Code and level of the findings of each statement, all of them in one file."""
    statements = [*READ, *UNREAD]
    codes: dict[str, list[tuple[str, str]]] = {statement: [] for statement in statements}
    for finding in lint(*statements):
        codes[statements[finding.line // 2]].append((finding.code, finding.level))
    return codes


@pytest.mark.parametrize("statement", READ)
def test_statement_of_the_manual_is_linted(
    statement: str, of_the_manual: dict[str, list[tuple[str, str]]]
) -> None:
    assert of_the_manual[statement] == []


@pytest.mark.parametrize("statement", UNREAD)
def test_statement_that_only_postgresql_reads_is_noted(
    statement: str, of_the_manual: dict[str, list[tuple[str, str]]]
) -> None:
    assert of_the_manual[statement] == [NOTED]


SLOPPY = "SELECT 1 as one,2 as two"


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ((UNREAD[0], SLOPPY), {(1, *NOTED), (3, "CP01", "error"), (3, "LT01", "error")}),
        (("SELEC 1", READ[0]), {(1, "PRS", "error")}),
        (("ALTER TABLE t ADD COLUMN", UNREAD[0]), {(1, "PRS", "error"), (3, *NOTED)}),
        (
            ("REPACK (CONCURRENTLY) films", SLOPPY),
            {(1, *NOTED), (3, "CP01", "error"), (3, "LT01", "error")},
        ),
    ],
    ids=["layout of what follows", "neither reads it", "one wrong, one noted", "of PostgreSQL 19"],
)
def test_only_what_postgresql_reads_is_left_out(
    statements: Sequence[str], expected: set[tuple[int, str, str]]
) -> None:
    found = {(each.line, each.code, each.level) for each in lint(*statements)}
    assert {(line, code, level) for line, code, level in found if code != "LT09"} == expected
