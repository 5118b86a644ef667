"""Give every workspace a slug.

The release that writes slugs is out everywhere; what is still null is older than it. A slug is the
name in letters and digits, then the id: two can only be equal if their ids are, so the backfill
cannot fail on a name that is used twice. Owners may choose a shorter one.

Batch after batch, each committed, so that no workspace stays locked for long. It finds its own
rows, so it may run again; so does the downgrade, because a slug that somebody chose does not end
with the id.

Revision ID: 4769c700cf0e
Revises: 54809042e12d
Create Date: 2026-09-15 06:40:33+00:00
"""

from alembic import op

revision: str = "4769c700cf0e"
down_revision: str | None = "54809042e12d"


def upgrade() -> None:
    op.backfill(
        "workspaces",
        set="slug = ltrim(regexp_replace(lower(name || '-' || id), '[^a-z0-9]+', '-', 'g'), '-')",
        where="slug IS NULL",
    )


def downgrade() -> None:
    op.backfill("workspaces", set="slug = NULL", where="right(slug, 36) = id::text")
