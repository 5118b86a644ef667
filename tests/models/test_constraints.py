"""Constraints of the database, each with a statement that violates it."""

from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pybase.models import Base, Field, Record, Table, User, Workspace, WorkspaceMember


def user(**values: object) -> sa.Insert:
    return sa.insert(User).values({"email": "new@example.org", "display_name": "New"} | values)


def workspace(r: Record, **values: object) -> sa.Insert:
    return sa.insert(Workspace).values(
        {"name": "New", "slug": "new", "owner_id": r.created_by} | values
    )


def member(r: Record, **values: object) -> sa.Insert:
    defaults = {"workspace_id": r.table.base.workspace_id, "user_id": uuid4(), "role": "viewer"}
    return sa.insert(WorkspaceMember).values(defaults | values)


def base(r: Record, **values: object) -> sa.Insert:
    return sa.insert(Base).values(
        {"name": "New", "workspace_id": r.table.base.workspace_id} | values
    )


def table(r: Record, **values: object) -> sa.Insert:
    return sa.insert(Table).values({"name": "New", "base_id": r.base_id} | values)


def field(r: Record, **values: object) -> sa.Insert:
    place = {"base_id": r.base_id, "table_id": r.table_id}
    return sa.insert(Field).values(place | {"name": "New", "type": "number"} | values)


def record(r: Record, **values: object) -> sa.Insert:
    return sa.insert(Record).values({"base_id": r.base_id, "table_id": r.table_id} | values)


def elsewhere(r: Record, **values: object) -> dict[str, object]:
    """The record's table, under the id of another base."""
    return {"base_id": uuid4(), "table_id": r.table_id} | values


# `r` is the record of the fixture; its relationships lead to all other rows.
REFUSALS: list[tuple[str, Callable[[Record], sa.Insert | sa.Delete]]] = [
    ("pk_users", lambda r: user(id=r.created_by)),
    ("uq_users_lower_email", lambda r: user(email="Ada@Example.ORG")),
    ("pk_workspaces", lambda r: workspace(r, id=r.table.base.workspace_id)),
    ("fk_workspaces_owner_id_users", lambda r: workspace(r, owner_id=uuid4())),
    ("fk_workspaces_owner_id_users", lambda r: sa.delete(User)),
    ("uq_workspaces_slug", lambda r: workspace(r, slug="engines")),
    ("ck_workspaces_slug_format", lambda r: workspace(r, slug="")),
    ("ck_workspaces_slug_format", lambda r: workspace(r, slug="Engines")),
    ("ck_workspaces_slug_format", lambda r: workspace(r, slug="-engines")),
    ("ck_workspaces_slug_format", lambda r: workspace(r, slug="steam--engines")),
    ("ck_workspaces_slug_format", lambda r: workspace(r, slug="engines\n")),
    ("pk_workspace_members", lambda r: member(r, user_id=r.created_by)),
    ("fk_workspace_members_user_id_users", lambda r: member(r)),
    (
        "fk_workspace_members_workspace_id_workspaces",
        lambda r: member(r, user_id=r.created_by, workspace_id=uuid4()),
    ),
    ("ck_workspace_members_role_known", lambda r: member(r, role="admin")),
    ("pk_bases", lambda r: base(r, id=r.base_id)),
    ("fk_bases_workspace_id_workspaces", lambda r: base(r, workspace_id=uuid4())),
    ("ck_bases_name_not_blank", lambda r: base(r, name="")),
    ("ck_bases_name_not_blank", lambda r: base(r, name=" \t\n")),
    ("pk_tables", lambda r: table(r, id=r.table_id)),
    ("fk_tables_base_id_bases", lambda r: table(r, base_id=uuid4())),
    ("uq_tables_base_id_name", lambda r: table(r, name="Parts")),
    ("pk_fields", lambda r: field(r, id=r.table.fields[0].id)),
    ("fk_fields_base_id_table_id_tables", lambda r: field(r, **elsewhere(r))),
    ("uq_fields_base_id_table_id_name", lambda r: field(r, name="Label")),
    ("uq_fields_primary", lambda r: field(r, is_primary=True)),
    ("ck_fields_type_known", lambda r: field(r, type="colour")),
    ("pk_records", lambda r: record(r, id=r.id)),
    ("fk_records_base_id_table_id_tables", lambda r: record(r, **elsewhere(r))),
    ("fk_records_created_by_users", lambda r: record(r, created_by=uuid4())),
    ("fk_records_updated_by_users", lambda r: record(r, updated_by=uuid4())),
    ("ck_records_data_is_object", lambda r: record(r, data=[])),
]


@pytest.mark.parametrize(("constraint", "statement"), REFUSALS, ids=[name for name, _ in REFUSALS])
def test_statement_is_refused_by(
    constraint: str,
    statement: Callable[[Record], sa.Insert | sa.Delete],
    record: Record,
    session: Session,
) -> None:
    with pytest.raises(IntegrityError) as refusal:
        session.execute(statement(record))
    assert diagnosis(refusal.value).constraint_name == constraint


def test_every_constraint_is_in_the_list_of_refusals(session: Session) -> None:
    in_database = session.scalars(
        sa.text(
            "SELECT conname FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
            " AND conrelid NOT IN ('alembic_version'::regclass, 'migration_ledger'::regclass)"
            " UNION SELECT indexrelid::regclass::text FROM pg_index"
            " WHERE indisunique AND indrelid IN (SELECT conrelid FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace)"
            " AND indrelid NOT IN ('alembic_version'::regclass, 'migration_ledger'::regclass)"
        )
    )
    assert {name for name, _ in REFUSALS} == set(in_database)


def test_a_workspace_without_a_slug_is_refused(record: Record, session: Session) -> None:
    with pytest.raises(IntegrityError) as refusal:
        session.execute(workspace(record, slug=None))
    assert diagnosis(refusal.value).column_name == "slug"


def test_a_table_of_another_existing_base_is_refused(record: Record, session: Session) -> None:
    other = Base(name="Analytical engine", workspace=record.table.base.workspace)
    session.add(other)
    session.flush()
    with pytest.raises(IntegrityError) as refusal:
        session.execute(field(record, base_id=other.id))
    assert diagnosis(refusal.value).constraint_name == "fk_fields_base_id_table_id_tables"


@pytest.mark.parametrize(
    "statement",
    [
        lambda r: field(r, name="label"),
        lambda r: field(r, is_primary=False),
        lambda r: record(r, data={"any": ["value", None]}),
        lambda r: workspace(r, slug="24-steam-engines"),
        lambda r: user(password_hash=None),
    ],
    ids=["name in other letters", "second field", "nested data", "slug of words", "single sign-on"],
)
def test_neighbour_of_a_refusal_is_accepted(
    statement: Callable[[Record], sa.Insert], record: Record, session: Session
) -> None:
    session.execute(statement(record))


def diagnosis(error: IntegrityError) -> psycopg.errors.Diagnostic:
    assert isinstance(error.orig, psycopg.Error)
    return error.orig.diag
