"""Validate the writers of records.

Proves 50feb32b7224 for the records that were there before. Reading them all takes a while, under a
lock that lets readers and writers pass.

PostgreSQL cannot forget a proof, so the downgrade makes the constraints again, unproven.

Revision ID: a28935dc496c
Revises: 50feb32b7224
Create Date: 2026-08-05 06:12:29+00:00
"""

from alembic import op

revision: str = "a28935dc496c"
down_revision: str | None = "50feb32b7224"


def upgrade() -> None:
    op.execute("ALTER TABLE records VALIDATE CONSTRAINT fk_records_created_by_users")
    op.execute("ALTER TABLE records VALIDATE CONSTRAINT fk_records_updated_by_users")


def downgrade() -> None:
    op.drop_constraint(op.f("fk_records_updated_by_users"), "records", type_="foreignkey")
    op.drop_constraint(op.f("fk_records_created_by_users"), "records", type_="foreignkey")
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
