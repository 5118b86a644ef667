"""Make slug NOT NULL.

From here on the catalog itself says that a workspace has a slug, and the model may too. PostgreSQL
takes the proven check for an answer and reads no row; then the check has done its work.

The order is the point: without the check, SET NOT NULL would read the table. The downgrade
puts the check back not validated: the revision before validates it when it is run again.

Revision ID: 85ef73667e67
Revises: d766119b54ba
Create Date: 2026-09-18 07:44:15+00:00
"""

import sqlalchemy as sa
from alembic import op

revision: str = "85ef73667e67"
down_revision: str | None = "d766119b54ba"


def upgrade() -> None:
    op.alter_column("workspaces", "slug", existing_type=sa.Text(), nullable=False)
    op.drop_constraint(op.f("ck_workspaces_slug_not_null"), "workspaces", type_="check")


def downgrade() -> None:
    op.create_check_constraint(
        op.f("ck_workspaces_slug_not_null"),
        "workspaces",
        "slug IS NOT NULL",
        postgresql_not_valid=True,
    )
    op.alter_column("workspaces", "slug", existing_type=sa.Text(), nullable=True)
