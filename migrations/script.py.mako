<%
    title = " ".join(message.split()).replace('"' * 3, "'" * 3).rstrip(".")
    parents = ", ".join(down_revision) if isinstance(down_revision, tuple) else down_revision or ""
    parents_type = "tuple[str, ...]" if isinstance(down_revision, tuple) else "str | None"
%>\
${"r" if "\\" in title else ""}"""${title}.

TODO: why, and the invariant that this revision makes true.

Revision ID: ${up_revision}
Revises: ${parents}
Create Date: ${create_date.replace(microsecond=0)}
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision: str = ${repr(up_revision)}
down_revision: ${parents_type} = ${repr(down_revision)}
% if branch_labels:
branch_labels: str | tuple[str, ...] = ${repr(branch_labels)}
% endif
% if depends_on:
depends_on: str | tuple[str, ...] = ${repr(depends_on)}
% endif

# TODO: read what follows as a live server would run it, then delete this list.
# - One concern. Rows change in a revision of their own, by SQL, never beside the schema.
# - A table with rows: build an index CONCURRENTLY, alone in op.get_context().autocommit_block(),
#   after dropping it IF EXISTS; add a check or foreign key NOT VALID, and validate it in the next
#   revision; make a column NOT NULL last, once a check has proven it.
# - The release before this one is still running: add now, drop one release later.
# - Everything has a name, in op.f(...). downgrade() undoes it all, or raises saying why it cannot.
# migrations/README.md has a worked example of each.


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
