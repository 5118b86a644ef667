"""Validate that data is an object.

Proves c1b8707a1827 for the records that were there before, in a transaction of its own: readers and
writers pass while it reads. Should it meet a list, it fails, changes nothing, and can be run again
once the record is mended.

PostgreSQL cannot forget a proof, so the downgrade makes the constraint again, unproven.

Revision ID: c4400c179466
Revises: c1b8707a1827
Create Date: 2026-08-20 06:03:17+00:00
"""

from alembic import op

revision: str = "c4400c179466"
down_revision: str | None = "c1b8707a1827"


def upgrade() -> None:
    op.execute("ALTER TABLE records VALIDATE CONSTRAINT ck_records_data_is_object")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_records_data_is_object"), "records", type_="check")
    op.create_check_constraint(
        op.f("ck_records_data_is_object"),
        "records",
        "jsonb_typeof(data) = 'object'",
        postgresql_not_valid=True,
    )
