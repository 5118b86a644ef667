"""Behaviour of the models in a session."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pybase.models import Base, Field, Model, Record, Table, User, Workspace, WorkspaceMember


def test_what_was_stored_is_read_back(record: Record, session: Session) -> None:
    key = (record.base_id, record.table_id, record.id)
    session.expunge_all()
    owner = session.scalars(sa.select(User)).one()
    [workspace], [membership] = owner.owned_workspaces, owner.memberships
    [base] = workspace.bases
    [table] = base.tables
    [label] = table.fields
    [read] = session.scalars(table.records.select())

    assert membership.workspace is workspace
    assert (membership.role, label.name, label.is_primary) == ("owner", "Label", True)
    assert (read.base_id, read.table_id, read.id) == key == (base.id, table.id, read.id)
    assert read.table is table
    assert read.creator is read.updater is owner
    assert (read.data, read.deleted_at) == ({}, None)
    assert read.created_at.tzinfo is not None


def test_database_fills_what_the_model_leaves_out(record: Record) -> None:
    label = record.table.fields[0]
    assert (label.options, label.position, label.is_required) == ({}, 0, False)
    assert label.created_at == label.updated_at


def test_change_inside_data_is_stored(record: Record, session: Session) -> None:
    record.data["label"] = "cog"
    session.commit()
    session.expunge_all()
    assert session.scalars(sa.select(Record.data)).one() == {"label": "cog"}


def test_update_moves_updated_at(record: Record, session: Session) -> None:
    long_ago = datetime(1843, 9, 1, tzinfo=UTC)
    session.execute(sa.update(Record).values(created_at=long_ago, updated_at=long_ago))
    session.refresh(record)
    record.data["label"] = "cog"
    session.flush()
    session.refresh(record)
    assert record.created_at == long_ago < record.updated_at


def test_deleting_a_workspace_deletes_its_content(record: Record, session: Session) -> None:
    session.delete(record.table.base.workspace)
    session.commit()
    left = [model for model in MODELS if session.scalars(sa.select(model)).first()]
    assert left == [User]


def test_database_deletes_the_content_of_a_workspace(record: Record, session: Session) -> None:
    """By one statement, without the ORM: the foreign keys cascade."""
    session.execute(sa.delete(Workspace))
    session.expunge_all()
    left = [model for model in MODELS if session.scalars(sa.select(model)).first()]
    assert left == [User]


def test_field_removed_from_its_table_is_deleted(record: Record, session: Session) -> None:
    record.table.fields.clear()
    session.commit()
    assert session.scalars(sa.select(Field)).all() == []


def test_record_outlives_its_writer(record: Record, session: Session) -> None:
    writer = User(email="charles@example.org", display_name="Charles")
    record.creator = record.updater = writer
    session.commit()
    session.delete(writer)
    session.commit()
    assert (record.created_by, record.updated_by) == (None, None)


def test_owner_cannot_be_deleted(record: Record, session: Session) -> None:
    session.delete(record.table.base.workspace.owner)
    with pytest.raises(IntegrityError, match="fk_workspaces_owner_id_users"):
        session.flush()


def test_children_come_in_the_order_of_their_positions(record: Record, session: Session) -> None:
    record.table.fields += [
        Field(name="Last", type="date", position=9),
        Field(name="Second", type="number", position=2),
    ]
    session.commit()
    assert [field.name for field in record.table.fields] == ["Label", "Second", "Last"]


def test_records_are_never_loaded_as_a_list(record: Record) -> None:
    with pytest.raises(TypeError):
        list(record.table.records)


MODELS: tuple[type[Model], ...] = (Base, Field, Record, Table, User, Workspace, WorkspaceMember)
