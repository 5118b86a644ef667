"""Create workspace_members.

A workspace is shared. The primary key is the pair, so a user is in a workspace once and has one
role in it. The key finds the members of a workspace; the second index finds the workspaces of a
user, and keeps the deletion of a user from reading the whole table.

Revision ID: c2df8b017f53
Revises: 71bd8a0cf6b9
Create Date: 2026-06-18 08:51:46+00:00
"""

import sqlalchemy as sa
from alembic import op

revision: str = "c2df8b017f53"
down_revision: str | None = "71bd8a0cf6b9"


def upgrade() -> None:
    op.create_table(
        "workspace_members",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("workspace_id", "user_id", name=op.f("pk_workspace_members")),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_workspace_members_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_workspace_members_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "role IN ('owner', 'editor', 'commenter', 'viewer')",
            name=op.f("ck_workspace_members_role_known"),
        ),
    )
    op.create_index(op.f("ix_workspace_members_user_id"), "workspace_members", ["user_id"])


def downgrade() -> None:
    op.drop_table("workspace_members")
