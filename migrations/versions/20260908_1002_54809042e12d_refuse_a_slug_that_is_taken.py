"""Refuse a slug that is taken.

One address leads to one workspace.

ADD CONSTRAINT UNIQUE would build its index while nobody can read the table. So the index is built
CONCURRENTLY, and the constraint takes it over in an instant. Nothing here is in a transaction: run
again after a crash, the first two statements clear whatever the last run left behind.

Revision ID: 54809042e12d
Revises: ee688469083a
Create Date: 2026-09-08 10:02:58+00:00
"""

from alembic import op

revision: str = "54809042e12d"
down_revision: str | None = "ee688469083a"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_constraint(op.f("uq_workspaces_slug"), "workspaces", type_="unique", if_exists=True)
        op.drop_index(
            op.f("uq_workspaces_slug"), "workspaces", postgresql_concurrently=True, if_exists=True
        )
        op.create_index(
            op.f("uq_workspaces_slug"),
            "workspaces",
            ["slug"],
            unique=True,
            postgresql_concurrently=True,
        )
        op.execute(
            "ALTER TABLE workspaces "
            "ADD CONSTRAINT uq_workspaces_slug UNIQUE USING INDEX uq_workspaces_slug"
        )


def downgrade() -> None:
    op.drop_constraint(op.f("uq_workspaces_slug"), "workspaces", type_="unique")
