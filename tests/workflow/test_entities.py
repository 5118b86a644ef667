"""What a person would draw of a database: tables, their columns, and what refers to what."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import psycopg
import pytest

from pybase.migrate.catalog import Entity, EntityColumn, ForeignKey, read_entities
from pybase.postgres import scratch_database

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(any_server_url: str) -> Iterator[Connection]:
    with (
        scratch_database(any_server_url, prefix="entities") as url,
        closing(psycopg.connect(url, autocommit=True)) as connection,
    ):
        yield connection


def entities_of(connection: Connection, sql: str) -> dict[str, Entity]:
    """The entities that `sql` creates, by their label."""
    connection.execute(sql.encode())
    return {entity.label: entity for entity in read_entities(connection)}


def only_key(entity: Entity) -> ForeignKey:
    (key,) = entity.foreign_keys
    return key


def test_empty_database_has_no_entity(connection: Connection) -> None:
    assert read_entities(connection) == ()


def test_entity_has_its_columns_in_order_with_types_defaults_and_comments(
    connection: Connection,
) -> None:
    entities = entities_of(
        connection,
        """
        CREATE DOMAIN always AS integer DEFAULT 7 NOT NULL;
        CREATE TABLE things (
            number bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_things PRIMARY KEY,
            price numeric(10, 2) DEFAULT 1.50 NOT NULL,
            tags text[],
            at timestamptz DEFAULT now(),
            twice numeric GENERATED ALWAYS AS (price * 2) STORED,
            luck always,
            gone integer
        );
        ALTER TABLE things DROP COLUMN gone;
        COMMENT ON TABLE things IS 'All that is for sale';
        COMMENT ON COLUMN things.tags IS 'Words, in any order';
        """,
    )
    assert entities["things"] == Entity(
        identity="public.things",
        schema="public",
        name="things",
        comment="All that is for sale",
        columns=(
            EntityColumn("number", "bigint", False, "GENERATED ALWAYS AS IDENTITY", ""),
            EntityColumn("price", "numeric(10,2)", False, "1.50", ""),
            EntityColumn("tags", "text[]", True, "", "Words, in any order"),
            EntityColumn("at", "timestamp with time zone", True, "now()", ""),
            EntityColumn(
                "twice",
                "numeric",
                True,
                "GENERATED ALWAYS AS ((price * (2)::numeric)) STORED",
                "",
            ),
            EntityColumn("luck", "public.always", False, "7", ""),
        ),
        primary_key=("number",),
        unique_keys=(),
        foreign_keys=(),
    )


KEYS = [
    pytest.param("owner integer NOT NULL REFERENCES users", False, False, id="many to one"),
    pytest.param("owner integer REFERENCES users", True, False, id="many to perhaps one"),
    pytest.param("owner integer NOT NULL UNIQUE REFERENCES users", False, True, id="one to one"),
    pytest.param("owner integer PRIMARY KEY REFERENCES users", False, True, id="the same key"),
    pytest.param("owner integer REFERENCES users UNIQUE", True, True, id="one to perhaps one"),
    pytest.param(
        "owner integer NOT NULL REFERENCES users, place integer, UNIQUE (owner, place)",
        False,
        False,
        id="unique with another column",
    ),
]


@pytest.mark.parametrize(("columns", "is_optional", "is_unique"), KEYS)
def test_foreign_key_has_its_cardinality(
    columns: str, is_optional: bool, is_unique: bool, connection: Connection
) -> None:
    entities = entities_of(
        connection,
        f"CREATE TABLE users (id integer PRIMARY KEY); CREATE TABLE shops ({columns})",
    )
    expected = ForeignKey(
        "shops_owner_fkey", ("owner",), "public.users", ("id",), is_optional, is_unique
    )
    assert only_key(entities["shops"]) == expected


def test_partial_and_expression_indexes_are_no_unique_keys(
    connection: Connection,
) -> None:
    entities = entities_of(
        connection,
        """
        CREATE TABLE users (id integer PRIMARY KEY);
        CREATE TABLE shops (owner integer REFERENCES users, is_open boolean);
        CREATE UNIQUE INDEX ON shops (owner) WHERE is_open;
        CREATE UNIQUE INDEX ON shops (abs(owner));
        CREATE INDEX ON shops (owner);
        """,
    )
    assert entities["shops"].unique_keys == ()
    assert not only_key(entities["shops"]).is_unique


def test_included_column_is_not_part_of_the_key(connection: Connection) -> None:
    entities = entities_of(
        connection,
        "CREATE TABLE shops (id integer, name text);"
        " CREATE UNIQUE INDEX ON shops (id) INCLUDE (name)",
    )
    assert entities["shops"].unique_keys == (("id",),)


@pytest.mark.parametrize(
    ("match", "nullable", "is_optional"),
    [("SIMPLE", "one", True), ("FULL", "one", False), ("FULL", "both", True)],
)
def test_composite_key_is_optional_by_its_match_type(
    match: str, nullable: str, is_optional: bool, connection: Connection
) -> None:
    entities = entities_of(
        connection,
        f"""
        CREATE TABLE tables (base_id integer, id integer, PRIMARY KEY (base_id, id));
        CREATE TABLE fields (
            base_id integer {"NOT NULL" if nullable == "one" else ""},
            table_id integer,
            FOREIGN KEY (table_id, base_id) REFERENCES tables (id, base_id) MATCH {match}
        );
        """,
    )
    key = only_key(entities["fields"])
    assert (key.columns, key.target_columns) == (("table_id", "base_id"), ("id", "base_id"))
    assert key.is_optional is is_optional


def test_table_may_refer_to_itself(connection: Connection) -> None:
    entities = entities_of(
        connection, "CREATE TABLE staff (id integer PRIMARY KEY, boss integer REFERENCES staff)"
    )
    assert only_key(entities["staff"]).target == entities["staff"].identity


def test_partitions_are_part_of_their_table(connection: Connection) -> None:
    entities = entities_of(
        connection,
        """
        CREATE TABLE days (at date PRIMARY KEY) PARTITION BY RANGE (at);
        CREATE TABLE days_2026 PARTITION OF days
            FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY RANGE (at);
        CREATE TABLE days_2026_first PARTITION OF days_2026
            FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
        CREATE TABLE events (at date NOT NULL REFERENCES days, id integer) PARTITION BY HASH (id);
        CREATE TABLE events_0 PARTITION OF events FOR VALUES WITH (MODULUS 1, REMAINDER 0);
        CREATE TABLE notes (at date REFERENCES days_2026_first);
        """,
    )
    assert list(entities) == ["days", "events", "notes"]
    assert only_key(entities["events"]).target == "public.days"
    assert only_key(entities["notes"]).target == "public.days"


def test_tables_of_other_schemas_are_distinct(connection: Connection) -> None:
    entities = entities_of(
        connection,
        """
        CREATE SCHEMA "Old App";
        CREATE TABLE users (id integer PRIMARY KEY);
        CREATE TABLE "Old App".users (id integer REFERENCES public.users);
        CREATE TABLE public."Old App.users" (id integer PRIMARY KEY);
        """,
    )
    assert sorted(entity.identity for entity in read_entities(connection)) == [
        '"Old App".users',
        'public."Old App.users"',
        "public.users",
    ]
    assert entities["users"].label == "users"


def test_views_temporary_tables_and_extensions_are_no_entities(connection: Connection) -> None:
    entities = entities_of(
        connection,
        """
        CREATE TABLE alembic_version (version_num text);
        CREATE VIEW versions AS SELECT * FROM alembic_version;
        CREATE TEMPORARY TABLE shortly (id integer);
        CREATE EXTENSION vector;
        """
        if connection.info.server_version >= 180000
        else "CREATE TABLE alembic_version (version_num text)",
    )
    assert list(entities) == ["alembic_version"]
    assert read_entities(connection, ignore_tables=["public.alembic_version"]) == ()


def test_entities_survive_a_round_trip_through_json(connection: Connection) -> None:
    entities_of(
        connection,
        """
        CREATE TABLE users (id integer PRIMARY KEY, mail text UNIQUE);
        CREATE TABLE shops (id integer REFERENCES users, mail text REFERENCES users (mail));
        CREATE TABLE "empty" ();
        """,
    )
    entities = read_entities(connection)
    assert msgspec.json.decode(msgspec.json.encode(entities), type=tuple[Entity, ...]) == entities
