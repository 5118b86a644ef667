"""Give every workspace a slug.

The release that writes slugs is out everywhere; what is still null is older than it. A slug is the
name in letters and digits, then the id: two can only be equal if their ids are, so the backfill
cannot fail on a name that is used twice. Owners may choose a shorter one.

One statement, because workspaces are few (tens of thousands) and rarely written; on records it
would keep every row locked until the last one is done. It finds its own rows, so it may run again;
so does the downgrade, because a slug that somebody chose does not end with the id.

Revision ID: 4769c700cf0e
Revises: 54809042e12d
Create Date: 2026-09-15 06:40:33+00:00
"""

from alembic import op

revision: str = "4769c700cf0e"
down_revision: str | None = "54809042e12d"

accepted_hazards = {
    "unbatched-data-change": "workspaces are tens of thousands and rarely written",
}


def upgrade() -> None:
    op.execute(
        """
        UPDATE workspaces
        SET slug = ltrim(regexp_replace(lower(name || '-' || id), '[^a-z0-9]+', '-', 'g'), '-')
        WHERE slug IS NULL
        """
    )


def downgrade() -> None:
    op.execute(
        """
        UPDATE workspaces
        SET slug = NULL
        WHERE right(slug, 36) = id::text
        """
    )
