"""Add deleted_at to records.

A deleted record goes to the trash, and can come back. Null is a live record, so every record that
exists is right without being touched.

The release that reads deleted_at has to be out before the first one that writes it: an older reader
shows the trash as live. For the same reason, the downgrade brings the trash back to life.

Revision ID: 0845be6841a8
Revises: 85ef73667e67
Create Date: 2026-10-13 11:27:36+00:00
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0845be6841a8"
down_revision: str | None = "85ef73667e67"


def upgrade() -> None:
    op.add_column("records", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("records", "deleted_at")
