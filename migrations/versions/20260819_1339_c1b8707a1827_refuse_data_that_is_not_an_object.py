"""Refuse data that is not an object.

An import once wrote a record's values as a list, and every filter passed it by in silence. Values
are found by field id, so data is an object.

NOT VALID holds for every write from now on and reads no row; c4400c179466 proves the rest.

Revision ID: c1b8707a1827
Revises: a28935dc496c
Create Date: 2026-08-19 13:39:55+00:00
"""

from alembic import op

revision: str = "c1b8707a1827"
down_revision: str | None = "a28935dc496c"


def upgrade() -> None:
    op.create_check_constraint(
        op.f("ck_records_data_is_object"),
        "records",
        "jsonb_typeof(data) = 'object'",
        postgresql_not_valid=True,
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_records_data_is_object"), "records", type_="check")
