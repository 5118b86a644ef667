"""Add created_by and updated_by to records.

Users ask who wrote a record. Nobody knows that of the records written before, so null stays a legal
answer. Without a default, the columns are an entry in the catalog; their foreign keys follow in
50feb32b7224, since a key made with the column reads every record before it lets a writer pass.

Revision ID: 460160514905
Revises: 1d2037d9809c
Create Date: 2026-08-04 07:58:11+00:00
"""

import sqlalchemy as sa
from alembic import op

revision: str = "460160514905"
down_revision: str | None = "1d2037d9809c"


def upgrade() -> None:
    op.add_column("records", sa.Column("created_by", sa.Uuid(), nullable=True))
    op.add_column("records", sa.Column("updated_by", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("records", "updated_by")
    op.drop_column("records", "created_by")
