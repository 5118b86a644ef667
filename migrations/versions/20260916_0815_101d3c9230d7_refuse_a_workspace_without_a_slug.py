"""Refuse a workspace without a slug.

NOT VALID holds for every write from now on and reads no row. SET NOT NULL at once would read the
whole table while nobody else may, to prove what d766119b54ba proves without standing in the way.

Revision ID: 101d3c9230d7
Revises: 4769c700cf0e
Create Date: 2026-09-16 08:15:02+00:00
"""

from alembic import op

revision: str = "101d3c9230d7"
down_revision: str | None = "4769c700cf0e"


def upgrade() -> None:
    op.create_check_constraint(
        op.f("ck_workspaces_slug_not_null"),
        "workspaces",
        "slug IS NOT NULL",
        postgresql_not_valid=True,
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_workspaces_slug_not_null"), "workspaces", type_="check")
