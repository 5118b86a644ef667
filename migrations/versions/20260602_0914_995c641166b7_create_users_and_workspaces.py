"""Create users and workspaces.

Everything in PyBase lies in a workspace, and every workspace has an owner who can be asked about
it: the owner's key is RESTRICT, so that nobody disappears and leaves a workspace behind.

An address is one user's however it is typed, which only an index on lower(email) can hold.

An index built in the transaction that created its table blocks nobody, since nobody else can see
the table yet. From the next release on, the same index has to be built CONCURRENTLY.

Revision ID: 995c641166b7
Revises:
Create Date: 2026-06-02 09:14:37+00:00
"""

import sqlalchemy as sa
from alembic import op

revision: str = "995c641166b7"
down_revision: str | None = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_index(op.f("uq_users_lower_email"), "users", [sa.text("lower(email)")], unique=True)
    op.create_table(
        "workspaces",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["users.id"],
            name=op.f("fk_workspaces_owner_id_users"),
            ondelete="RESTRICT",
        ),
    )
    op.create_index(op.f("ix_workspaces_owner_id"), "workspaces", ["owner_id"])


def downgrade() -> None:
    op.drop_table("workspaces")
    op.drop_table("users")
