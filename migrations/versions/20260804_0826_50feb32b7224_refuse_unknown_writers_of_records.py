"""Refuse unknown writers of records.

A record outlives its writers: when a user is deleted, the names go and the record stays.

NOT VALID holds for every write from now on and reads no row. The records written before are proven
in a28935dc496c: in one transaction with this, the proof would keep these locks while it reads.

Revision ID: 50feb32b7224
Revises: 460160514905
Create Date: 2026-08-04 08:26:40+00:00
"""

from alembic import op

revision: str = "50feb32b7224"
down_revision: str | None = "460160514905"


def upgrade() -> None:
    op.create_foreign_key(
        op.f("fk_records_created_by_users"),
        "records",
        "users",
        ["created_by"],
        ["id"],
        ondelete="SET NULL",
        postgresql_not_valid=True,
    )
    op.create_foreign_key(
        op.f("fk_records_updated_by_users"),
        "records",
        "users",
        ["updated_by"],
        ["id"],
        ondelete="SET NULL",
        postgresql_not_valid=True,
    )


def downgrade() -> None:
    op.drop_constraint(op.f("fk_records_updated_by_users"), "records", type_="foreignkey")
    op.drop_constraint(op.f("fk_records_created_by_users"), "records", type_="foreignkey")
