<%
    title = " ".join(message.split()).replace('"' * 3, "'" * 3).rstrip(".")
    parents = ", ".join(down_revision) if isinstance(down_revision, tuple) else down_revision or ""
    parents_type = "tuple[str, ...]" if isinstance(down_revision, tuple) else "str | None"
%>\
${"r" if "\\" in title else ""}"""${title}.

TODO: the reason, and the invariant that holds after this revision.

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

# TODO: check these rules for a live server, then delete the list.
# - One concern. Data changes in a revision of its own, by SQL, never together with the schema.
# - A table with rows: build an index CONCURRENTLY, alone in op.get_context().autocommit_block(),
#   after dropping it IF EXISTS; add a check or foreign key NOT VALID, and validate it in the next
#   revision; set a column NOT NULL last, after a check has been validated.
# - The previous release still runs: add now, drop one release later.
# - Everything has a name, in op.f(...). downgrade() restores the schema, or raises with the reason.
# migrations/README.md has an example of each.


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
