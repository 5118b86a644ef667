"""Validate the slugs of workspaces.

Proves for the workspaces that were there before that each has a slug (101d3c9230d7) and that it is
well formed (ee688469083a), while readers and writers pass.

PostgreSQL cannot forget a proof, so the downgrade makes the constraints again, unproven.

Revision ID: d766119b54ba
Revises: 101d3c9230d7
Create Date: 2026-09-17 06:09:48+00:00
"""

from alembic import op

revision: str = "d766119b54ba"
down_revision: str | None = "101d3c9230d7"


def upgrade() -> None:
    op.execute("ALTER TABLE workspaces VALIDATE CONSTRAINT ck_workspaces_slug_format")
    op.execute("ALTER TABLE workspaces VALIDATE CONSTRAINT ck_workspaces_slug_not_null")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_workspaces_slug_not_null"), "workspaces", type_="check")
    op.drop_constraint(op.f("ck_workspaces_slug_format"), "workspaces", type_="check")
    op.create_check_constraint(
        op.f("ck_workspaces_slug_format"),
        "workspaces",
        "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'",
        postgresql_not_valid=True,
    )
    op.create_check_constraint(
        op.f("ck_workspaces_slug_not_null"),
        "workspaces",
        "slug IS NOT NULL",
        postgresql_not_valid=True,
    )
