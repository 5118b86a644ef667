"""The rendered schema: complete, stable, in the right files, and clean to a linter."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from sqlfluff.core import FluffConfig, Linter

from pybase.migrate.catalog import (
    describe,
    difference,
    file_changes,
    read_objects,
    render_schema,
    snapshot,
)
from pybase.migrate.sql.grammar._format import lay_out
from pybase.postgres import scratch_database

SCHEMA = r"""
    CREATE TYPE mood AS ENUM ('sad', 'it''s');
    CREATE DOMAIN positive AS integer CHECK (value > 0);
    CREATE SCHEMA app;
    CREATE TABLE users (
        id bigserial PRIMARY KEY,
        "Name" text COLLATE "C" DEFAULT 'a\b' NOT NULL,
        feeling mood DEFAULT 'sad',
        CONSTRAINT ck_users_name_known CHECK (
            "Name" IN ('a rather long text', 'another text that is long', 'and a third one of them')
        )
    );
    CREATE TABLE app."Odd.Name" (
        user_id bigint NOT NULL,
        rank positive,
        number integer GENERATED ALWAYS AS IDENTITY (START 5),
        twice integer GENERATED ALWAYS AS (number * 2) STORED,
        CONSTRAINT fk_app_odd_name_user_id_users FOREIGN KEY (user_id) REFERENCES users (id)
            ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT ck_app_odd_name_long CHECK (
            rank > 1000000000 AND rank < 2000000000 AND user_id > 1000000000 OR rank = 12345678
        )
    ) WITH (fillfactor = 70, toast.autovacuum_enabled = false);
    ALTER TABLE app."Odd.Name" ADD CONSTRAINT ck_late CHECK (rank <> 3) NOT VALID;
    ALTER TABLE users ENABLE ROW LEVEL SECURITY;
    ALTER TABLE users ALTER feeling SET STATISTICS 500;
    CREATE POLICY own ON users FOR SELECT USING ("Name" = CURRENT_USER);
    CREATE UNIQUE INDEX uq_users_lower_name ON users (lower("Name"));
    CREATE INDEX ix_users_with_a_name_that_makes_it_a_long_line ON users (feeling, "Name", id DESC)
        WHERE feeling <> 'sad';
    CREATE STATISTICS st_users ON feeling, "Name" FROM users;
    CREATE FUNCTION touch(x integer DEFAULT 1) RETURNS integer LANGUAGE plpgsql IMMUTABLE
        AS $body$BEGIN RETURN x; -- $$;
        END$body$;
    CREATE FUNCTION touch(x text) RETURNS text RETURN x;
    CREATE TRIGGER idle BEFORE UPDATE ON users
        FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
    CREATE VIEW happy AS
        SELECT u.id, o.rank FROM users u JOIN app."Odd.Name" o ON o.user_id = u.id
        WHERE u.feeling <> 'sad';
    CREATE MATERIALIZED VIEW counts AS SELECT feeling, count(*) AS n FROM users GROUP BY feeling;
    CREATE TABLE events (
        at date NOT NULL,
        user_id bigint REFERENCES users (id),
        CONSTRAINT pk_events PRIMARY KEY (at, user_id)
    ) PARTITION BY RANGE (at);
    CREATE TRIGGER idle BEFORE UPDATE ON events
        FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
    CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    CREATE INDEX ix_events_user_id ON events (user_id);
    COMMENT ON TABLE users IS 'People; -- it''s /* odd */ $$';
    COMMENT ON COLUMN users."Name" IS 'Zoë''s 100%';
    GRANT SELECT, INSERT ON users TO PUBLIC;
    GRANT UPDATE ("Name") ON users TO PUBLIC;
    CREATE TABLE alembic_version (version_num text PRIMARY KEY);
"""
RULES = "LT01,LT02,LT04,LT05,LT06,LT12,LT13,CP01"


@pytest.fixture
def connection(any_server_url: str) -> Iterator[psycopg.Connection[Any]]:
    with (
        scratch_database(any_server_url, prefix="schema") as url,
        closing(psycopg.connect(url, autocommit=True)) as connection,
    ):
        connection.execute(SCHEMA.encode())
        yield connection


def test_each_object_has_its_file(connection: psycopg.Connection[Any]) -> None:
    files = render_schema(read_objects(connection, ["public.alembic_version"]))
    assert list(files) == [
        "app.odd.name-3dac9207",
        "counts",
        "events",
        "events_2026",
        "happy",
        "mood",
        "positive",
        "schema.app",
        "touch",
        "users",
    ]
    assert all(text.endswith(";\n") and "\n\n\n" not in text for text in files.values())


def test_rendered_schema_creates_the_same_schema(
    connection: psycopg.Connection[Any], any_server_url: str
) -> None:
    files = render_schema(read_objects(connection))
    expected = snapshot(connection)
    with (
        scratch_database(any_server_url, prefix="schema") as url,
        closing(psycopg.connect(url, autocommit=True)) as other,
    ):
        order = ["schema.app", "mood", "positive", "users", "app.odd.name-3dac9207"]
        for stem in [*order, *(stem for stem in files if stem not in order)]:
            other.execute(files[stem].encode())
        assert describe(difference(expected, snapshot(other))) == ""
        assert render_schema(read_objects(other)) == files


def test_rendered_schema_is_clean_to_sqlfluff(connection: psycopg.Connection[Any]) -> None:
    linter = Linter(
        FluffConfig(overrides={"dialect": "postgres", "max_line_length": 100, "rules": RULES})
    )
    connection.execute("DROP TABLE events")  # sqlfluff cannot read ATTACH PARTITION schema.name
    for stem, text in render_schema(read_objects(connection)).items():
        violations = linter.lint_string(text).get_violations()
        assert not violations, f"{stem}: {violations}\n{text}"


def test_change_of_a_comment_in_a_body_is_a_change(connection: psycopg.Connection[Any]) -> None:
    """A removed line that begins with dashes looks like the head of a diff."""
    body = "CREATE OR REPLACE FUNCTION app.f() RETURNS int LANGUAGE sql AS $$\n{}SELECT 1\n$$"
    connection.execute(body.format("-- old\n").encode())
    before = read_objects(connection)
    connection.execute(body.format("").encode())
    (change,) = file_changes(before, read_objects(connection))
    assert change.name == "app.f"
    assert "--- old" in change.diff.splitlines()
    assert file_changes(before, before) == ()


def test_long_check_is_opened_bracket_by_bracket() -> None:
    types = ", ".join(f"'type_{number}'::text" for number in range(8))
    line = f"CONSTRAINT ck CHECK ((type = ANY (ARRAY[{types}])))"
    assert lay_out(line, indent=4) == (
        "    CONSTRAINT ck CHECK (\n"
        "        type = ANY(\n"
        "            ARRAY[\n"
        "                'type_0'::text, 'type_1'::text, 'type_2'::text, 'type_3'::text,"
        " 'type_4'::text,\n"
        "                'type_5'::text, 'type_6'::text, 'type_7'::text\n"
        "            ]\n"
        "        )\n"
        "    )"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "COMMENT ON TABLE t IS 'CHECK ((a)) REFERENCES t(a)  two  blanks'",
        """CREATE INDEX i ON "CHECK ((a))" USING btree (((a)::text), ("REFERENCES t(a)"))""",
        "CREATE TABLE t ()",
        "this 'is not SQL",
    ],
)
def test_layout_leaves_names_and_literals_alone(sql: str) -> None:
    assert lay_out(sql) == sql
