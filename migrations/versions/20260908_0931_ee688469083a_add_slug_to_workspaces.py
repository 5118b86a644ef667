"""Add slug to workspaces.

A workspace gets an address that people can read. The first of five steps to a column that is unique
and never null, none of which makes a writer wait: the column, with the rule for its form; the rule
that it is unique (54809042e12d); the data (4769c700cf0e); the rule that it is there (101d3c9230d7,
d766119b54ba); NOT NULL (85ef73667e67).

The rules come before the data, so no bad address is ever written. Nullable for now, because the
release before this one inserts workspaces without a slug, and no default could be unique.

Revision ID: ee688469083a
Revises: c4400c179466
Create Date: 2026-09-08 09:31:24+00:00
"""

import sqlalchemy as sa
from alembic import op

revision: str = "ee688469083a"
down_revision: str | None = "c4400c179466"


def upgrade() -> None:
    op.add_column("workspaces", sa.Column("slug", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_workspaces_slug_format"),
        "workspaces",
        "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'",
        postgresql_not_valid=True,
    )


def downgrade() -> None:
    op.drop_column("workspaces", "slug")
