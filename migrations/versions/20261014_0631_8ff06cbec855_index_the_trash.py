"""Index the trash.

The trash of a table is listed by age, and emptied by age. The index is partial, so that it is as
small as the trash, and a write to a live record does not pay for it.

CONCURRENTLY, alone, and made to be run again after a crash, as in 82d58978bddb.

Revision ID: 8ff06cbec855
Revises: 0845be6841a8
Create Date: 2026-10-14 06:31:05+00:00
"""

import sqlalchemy as sa
from alembic import op

revision: str = "8ff06cbec855"
down_revision: str | None = "0845be6841a8"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(
            op.f("ix_records_base_id_table_id_deleted_at"),
            "records",
            postgresql_concurrently=True,
            if_exists=True,
        )
        op.create_index(
            op.f("ix_records_base_id_table_id_deleted_at"),
            "records",
            ["base_id", "table_id", "deleted_at"],
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(
            op.f("ix_records_base_id_table_id_deleted_at"),
            "records",
            postgresql_concurrently=True,
            if_exists=True,
        )
