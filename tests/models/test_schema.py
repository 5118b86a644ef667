"""Rules for every table, read from the catalog of a migrated database."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

INSIDE_A_BASE = ("tables", "fields", "records")
PREFIXES = {"c": "ck", "f": "fk", "p": "pk", "u": "uq"}


def test_columns_have_types_that_never_need_widening(session: Session) -> None:
    types = session.scalars(
        sa.text(
            "SELECT DISTINCT data_type FROM information_schema.columns"
            " WHERE table_schema = 'public'"
            " AND table_name NOT IN ('alembic_version', 'migration_ledger')"
        )
    )
    plain = {"bigint", "boolean", "jsonb", "text", "timestamp with time zone", "uuid"}
    assert set(types) == plain


def test_constraints_are_named_by_the_convention(session: Session) -> None:
    constraints = session.execute(
        sa.text(
            "SELECT contype::text, conname, conrelid::regclass::text FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
            " AND conrelid NOT IN ('alembic_version'::regclass, 'migration_ledger'::regclass)"
        )
    ).all()
    assert constraints
    for kind, name, table in constraints:
        assert name == f"{PREFIXES[kind]}_{table}" or name.startswith(f"{PREFIXES[kind]}_{table}_")


def test_indexes_are_named_by_the_convention(session: Session) -> None:
    indexes = session.execute(
        sa.text(
            "SELECT indexname, tablename, indexdef LIKE 'CREATE UNIQUE %' AS is_unique"
            " FROM pg_indexes WHERE schemaname = 'public'"
            " AND tablename NOT IN ('alembic_version', 'migration_ledger')"
        )
    ).all()
    assert indexes
    for name, table, is_unique in indexes:
        prefixes = ("pk", "uq") if is_unique else ("ix",)
        assert name.startswith(tuple(f"{prefix}_{table}" for prefix in prefixes))


def test_every_constraint_and_index_is_proven(session: Session) -> None:
    unproven = sa.text(
        "SELECT conname FROM pg_constraint WHERE NOT convalidated"
        " UNION ALL SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    )
    assert session.scalars(unproven).all() == []


@pytest.mark.parametrize("table", INSIDE_A_BASE)
def test_keys_inside_a_base_carry_base_id(table: str, session: Session) -> None:
    """Or a row could point into another base, and no cluster could keep a base on one node."""
    without = session.scalars(
        sa.text(
            "SELECT indexrelid::regclass::text FROM pg_index"
            " JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]"
            " WHERE indrelid = CAST(:table AS regclass) AND indisunique AND attname <> 'base_id'"
        ),
        {"table": table},
    )
    assert without.all() == []


@pytest.mark.parametrize("table", INSIDE_A_BASE)
def test_tables_inside_a_base_can_be_distributed(table: str, session: Session) -> None:
    """Citus refuses triggers, and SET NULL on a key that holds the distribution column."""
    refused = session.scalars(
        sa.text(
            "SELECT tgname::text FROM pg_trigger"
            " WHERE tgrelid = CAST(:table AS regclass) AND NOT tgisinternal"
            " UNION ALL SELECT conname::text FROM pg_constraint"
            " JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)"
            " WHERE conrelid = CAST(:table AS regclass) AND confdeltype = 'n'"
            " AND attname = 'base_id'"
        ),
        {"table": table},
    )
    assert refused.all() == []


@pytest.mark.parametrize(
    ("question", "index"),
    [
        (
            "SELECT * FROM records WHERE base_id = gen_random_uuid() AND table_id = :id"
            " AND (created_at, id) > (now(), :id) ORDER BY created_at, id LIMIT 100",
            "ix_records_base_id_table_id_created_at_id",
        ),
        ("SELECT * FROM records WHERE data @> '{\"field\": 1}'", "ix_records_data"),
        (
            "SELECT * FROM records WHERE base_id = :id AND table_id = :id"
            " AND deleted_at < now() ORDER BY deleted_at",
            "ix_records_base_id_table_id_deleted_at",
        ),
        ("SELECT * FROM users WHERE lower(email) = 'ada@example.org'", "uq_users_lower_email"),
    ],
    ids=["a page", "a filter", "the trash", "a sign-in"],
)
def test_index_answers_its_question(question: str, index: str, session: Session) -> None:
    session.execute(sa.text("SET LOCAL enable_seqscan = off"))
    plan = session.scalars(
        sa.text("EXPLAIN " + question.replace(":id", "'00000000-0000-0000-0000-000000000000'"))
    )
    assert any(f" {index} " in line for line in plan)
