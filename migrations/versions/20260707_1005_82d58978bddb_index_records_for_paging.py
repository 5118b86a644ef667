"""Index records for paging.

A page of a table is read by seeking to the last (created_at, id) that the reader saw. The id makes
the order total: records of one import share their created_at. The index also holds the foreign key
to tables, so that deleting a table finds its records.

CONCURRENTLY lets writers go on, and cannot run in a transaction: this revision holds nothing else.
A build that was cut short leaves an invalid index, which IF NOT EXISTS would take for done. So drop
first, then create: run again after a crash, the pair ends in one valid index.

Revision ID: 82d58978bddb
Revises: c2df8b017f53
Create Date: 2026-07-07 10:05:19+00:00
"""

from alembic import op

revision: str = "82d58978bddb"
down_revision: str | None = "c2df8b017f53"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(
            op.f("ix_records_base_id_table_id_created_at_id"),
            "records",
            postgresql_concurrently=True,
            if_exists=True,
        )
        op.create_index(
            op.f("ix_records_base_id_table_id_created_at_id"),
            "records",
            ["base_id", "table_id", "created_at", "id"],
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(
            op.f("ix_records_base_id_table_id_created_at_id"),
            "records",
            postgresql_concurrently=True,
            if_exists=True,
        )
