"""Add is_required to fields.

A required field refuses an empty cell. No existing field is required, so one constant is right for
every row: PostgreSQL keeps it in the catalog and touches no row, which makes NOT NULL safe at once.
The default stays, because the release before this one inserts fields without naming the column.

Revision ID: 1d2037d9809c
Revises: 5e9c5e20ce9a
Create Date: 2026-07-22 12:20:03+00:00
"""

import sqlalchemy as sa
from alembic import op

revision: str = "1d2037d9809c"
down_revision: str | None = "5e9c5e20ce9a"


def upgrade() -> None:
    op.add_column(
        "fields",
        sa.Column("is_required", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("fields", "is_required")
