"""Create bases and the tables inside them.

Below a base, every key carries base_id: a field or a record that names a table of another base is
refused by the database itself, and the schema can be spread over a cluster by base_id one day with
no key rewritten. A key that starts with base_id is made now or never: to change the primary key of
a full table is to write the table again.

A field's type is text with a check. An enum type would keep every value it ever had.

Revision ID: 71bd8a0cf6b9
Revises: 995c641166b7
Create Date: 2026-06-04 14:32:08+00:00
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "71bd8a0cf6b9"
down_revision: str | None = "995c641166b7"


def upgrade() -> None:
    op.create_table(
        "bases",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bases")),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_bases_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(r"name ~ '\S'", name=op.f("ck_bases_name_not_blank")),
    )
    op.create_index(op.f("ix_bases_workspace_id"), "bases", ["workspace_id"])
    op.create_table(
        "tables",
        sa.Column("base_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
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
        sa.PrimaryKeyConstraint("base_id", "id", name=op.f("pk_tables")),
        sa.ForeignKeyConstraint(
            ["base_id"], ["bases.id"], name=op.f("fk_tables_base_id_bases"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("base_id", "name", name=op.f("uq_tables_base_id_name")),
    )
    op.create_table(
        "fields",
        sa.Column("base_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("table_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column(
            "options", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_primary", sa.Boolean(), server_default=sa.false(), nullable=False),
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
        sa.PrimaryKeyConstraint("base_id", "id", name=op.f("pk_fields")),
        sa.ForeignKeyConstraint(
            ["base_id", "table_id"],
            ["tables.base_id", "tables.id"],
            name=op.f("fk_fields_base_id_table_id_tables"),
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "base_id", "table_id", "name", name=op.f("uq_fields_base_id_table_id_name")
        ),
        sa.CheckConstraint(
            "type IN ('text', 'long_text', 'number', 'currency', 'percent', 'checkbox', 'date', "
            "'datetime', 'duration', 'single_select', 'multi_select', 'email', 'url', 'phone', "
            "'rating', 'user', 'attachment', 'link', 'lookup', 'rollup', 'formula', 'count', "
            "'autonumber', 'created_time', 'modified_time', 'created_by', 'modified_by')",
            name=op.f("ck_fields_type_known"),
        ),
    )
    op.create_index(
        op.f("uq_fields_primary"),
        "fields",
        ["base_id", "table_id"],
        unique=True,
        postgresql_where=sa.text("is_primary"),
    )
    op.create_table(
        "records",
        sa.Column("base_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("table_id", sa.Uuid(), nullable=False),
        sa.Column(
            "data", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
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
        sa.PrimaryKeyConstraint("base_id", "id", name=op.f("pk_records")),
        sa.ForeignKeyConstraint(
            ["base_id", "table_id"],
            ["tables.base_id", "tables.id"],
            name=op.f("fk_records_base_id_table_id_tables"),
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_table("records")
    op.drop_table("fields")
    op.drop_table("tables")
    op.drop_table("bases")
