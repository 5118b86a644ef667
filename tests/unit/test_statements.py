"""Cutting SQL into statements and tidying it: the meaning stays, byte by byte where it matters."""

import pytest
from pglast import parser

from pybase.migrate.sql.grammar import client_fault, newer_form
from pybase.migrate.sql.grammar._format import WIDTH
from pybase.migrate.sql.grammar._split import split, tidy


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        ("", []),
        (" \n;;\n ", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;", ["SELECT 1"]),
        ("SELECT 1; SELECT 2;\n", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';'; SELECT 2", ["SELECT ';'", "SELECT 2"]),
        ('SELECT 1 AS "a;b"; SELECT 2', ['SELECT 1 AS "a;b"', "SELECT 2"]),
        ("SELECT $$;$$; SELECT $a$ ; $$ ; $a$", ["SELECT $$;$$", "SELECT $a$ ; $$ ; $a$"]),
        (r"SELECT E'\';'; SELECT 2", [r"SELECT E'\';'", "SELECT 2"]),
        ("SELECT 1 /* ; */; SELECT 2", ["SELECT 1 /* ; */", "SELECT 2"]),
        ("SELECT 'ä;', 'ß'; SELECT '日本;'", ["SELECT 'ä;', 'ß'", "SELECT '日本;'"]),
        (
            "DO $$ BEGIN PERFORM 1; END $$; SELECT 2",
            ["DO $$ BEGIN PERFORM 1; END $$", "SELECT 2"],
        ),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3",
            ["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", "SELECT 3"],
        ),
    ],
)  # fmt: skip
def test_text_is_cut_into_statements(sql: str, statements: list[str]) -> None:
    assert split(sql) == statements


def test_comment_stays_with_the_statement_behind_it() -> None:
    assert split("-- one;\nSELECT 1;\n-- two\nSELECT 2;") == [
        "-- one;\nSELECT 1",
        "-- two\nSELECT 2",
    ]


@pytest.mark.parametrize("last", ["-- done", "/* done */", "-- done\n", "; -- done"])
def test_comment_behind_the_last_statement_cannot_swallow_its_terminator(last: str) -> None:
    assert split(f"SELECT 1;\n{last}") == ["SELECT 1"]


@pytest.mark.parametrize(
    "sql",
    ["{} -- done", "{} -- done\n", "{} -- a;b", "{}\n-- one\n-- two", "{} /* one */ -- two"],
)
@pytest.mark.parametrize("statement", ["SELECT 'ä--'", "FROBNICATE '--'"])
def test_comment_at_the_end_cannot_swallow_the_terminator(statement: str, sql: str) -> None:
    assert split(sql.format(statement)) == [statement]


def test_comment_before_a_terminator_cannot_swallow_it() -> None:
    assert split("SELECT 1 -- one\n; SELECT 2") == ["SELECT 1", "SELECT 2"]


def test_comments_alone_are_no_statement() -> None:
    assert split("-- nothing to do here;\n") == []


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        ("FROBNICATE 1; SELECT ';' ;", ["FROBNICATE 1", "SELECT ';'"]),
        ("repack t; -- of 19\nSELECT 2", ["repack t", "-- of 19\nSELECT 2"]),
        ("REPACK; CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", 2),
        ("FROBNICATE '1; SELECT 2", 1),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC FROBNICATE; SELECT 2; END", 1),
    ],
    ids=["unknown", "of 19", "rule", "no tokens", "body"],
)
def test_text_that_no_grammar_knows_is_cut_by_its_tokens(
    sql: str, statements: list[str] | int
) -> None:
    found = split(sql)
    assert (len(found) if isinstance(statements, int) else found) == statements


@pytest.mark.parametrize(
    ("sql", "form"),
    [
        ("REPACK", "REPACK"),
        ("repack (verbose) t USING INDEX i", "REPACK"),
        ("/* now */ REPACK (VERBOSE, CONCURRENTLY) t", "REPACK (CONCURRENTLY)"),
        ("REPACK (CONCURRENTLY off) t", "REPACK"),
        ("REPACK (CONCURRENTLY on) t", "REPACK (CONCURRENTLY)"),
        ("REPACK (VERBOSE) concurrently", "REPACK"),
        ("ALTER TABLE t MERGE PARTITIONS (a, b) INTO c", "MERGE PARTITIONS"),
        ("alter table t split partition a into (partition b default)", "SPLIT PARTITION"),
        ("ALTER TABLE t DETACH PARTITION p", ""),
        ("REPAC t", ""),
        ("SELECT 'REPACK t'", ""),
    ],
)
def test_statement_of_postgresql_19_is_known_by_its_tokens(sql: str, form: str) -> None:
    assert newer_form(sql) == form


NASTY = (
    "INSERT INTO t (a)\nVALUES\t\n('a\t b\t\n  c'),   \n\t(E'\\t\t'),\t\n"
    "($$ x \t\n\t y $$), -- \t why \t\n('\t" + "word " * 40 + "')"
)


def tokens(sql: str) -> list[tuple[str, str]]:
    return [
        (token.name, sql[token.start : token.end + 1].rstrip(" \t") if "COMMENT" in token.name else
         sql[token.start : token.end + 1])
        for token in parser.scan(sql)
    ]  # fmt: skip


def test_tidying_changes_no_token() -> None:
    assert tokens(tidy(NASTY)) == tokens(NASTY)


def test_tidying_twice_changes_nothing_more() -> None:
    assert tidy(tidy(NASTY)) == tidy(NASTY)


def test_tabs_between_tokens_become_blanks() -> None:
    assert tidy("CREATE TABLE t (\n\ta int,\n\tb int\n)") == (
        "CREATE TABLE t (\n    a int,\n    b int\n)"
    )


def test_blanks_at_line_ends_go() -> None:
    assert tidy("CREATE TABLE t ( \n  a int  \n)  ") == "CREATE TABLE t (\n  a int\n)"


def test_blanks_at_line_ends_inside_a_literal_stay() -> None:
    assert tidy("SELECT 'a  \nb' ") == "SELECT 'a  \nb'"


def test_long_line_is_broken_before_its_clauses() -> None:
    name = "n" * 40
    sql = (
        f"ALTER TABLE {name} ADD CONSTRAINT fk_{name} FOREIGN KEY(a) REFERENCES {name} (id)"
        " ON DELETE CASCADE"
    )
    assert tidy(sql).splitlines() == [
        f"ALTER TABLE {name}",
        f"ADD CONSTRAINT fk_{name}",
        "FOREIGN KEY (a)",
        f"REFERENCES {name} (id) ON DELETE CASCADE",
    ]


def test_line_that_fits_is_left_alone() -> None:
    sql = "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES u (id)"
    assert tidy(sql) == sql
    assert len(sql) < WIDTH


def test_text_that_cannot_be_scanned_is_left_alone() -> None:
    sql = "SELECT 'never closed \t\n"
    assert tidy(sql) == sql


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("COPY t FROM STDIN", "COPY FROM STDIN"),
        ("copy (SELECT 1) to stdout", "COPY TO STDOUT"),
        ("COPY t FROM '/a/file'", None),
        ("SET NAMES 'latin1'", "client_encoding to latin1"),
        ("SET LOCAL client_encoding TO sql_ascii", "client_encoding to sql_ascii"),
        ("SELECT pg_catalog.set_config('client_encoding', 'BIG5', false)", "to BIG5"),
        ("SET client_encoding = 'utf-8'", None),
        ("RESET client_encoding", None),
        ("ALTER ROLE app SET client_encoding = 'LATIN1'", None),
        ("INSERT INTO copy (names) VALUES ('COPY t FROM STDIN')", None),
    ],
)
def test_what_needs_more_of_a_client_is_no_sql_of_a_file(sql: str, fault: str | None) -> None:
    found = client_fault(sql)
    assert found is None if fault is None else fault in (found or "")
