"""Index the data of records.

Filters ask whether a field has a value: data @> '{"<field id>": ...}'. jsonb_path_ops answers that
question and no other, from a smaller index than the default one.

A GIN build is the longest that a writer could have to wait for (31 s a million records, measured):
CONCURRENTLY, alone, and made to be run again after a crash, as in 82d58978bddb.

Revision ID: 5e9c5e20ce9a
Revises: 82d58978bddb
Create Date: 2026-07-09 15:47:52+00:00
"""

from alembic import op

revision: str = "5e9c5e20ce9a"
down_revision: str | None = "82d58978bddb"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(
            op.f("ix_records_data"), "records", postgresql_concurrently=True, if_exists=True
        )
        op.create_index(
            op.f("ix_records_data"),
            "records",
            ["data"],
            postgresql_using="gin",
            postgresql_ops={"data": "jsonb_path_ops"},
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(
            op.f("ix_records_data"), "records", postgresql_concurrently=True, if_exists=True
        )
