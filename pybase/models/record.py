"""The model of a record."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pybase.models._layout import distributed
from pybase.models._model import CreatedAt, JsonObject, Model, UpdatedAt, UuidPk

if TYPE_CHECKING:
    from pybase.models.table import Table
    from pybase.models.user import User


class Record(Model):
    """A row of a user's table: its values by field id, in one document.

    The largest table. A record with `deleted_at` is in the trash, and can be restored. `created_by`
    and `updated_by` have no index, which would slow every write for the rare deletion of a user.

    - `fk_records_base_id_table_id_tables`: it is in the same base as its table.
    - `fk_records_created_by_users`, `fk_records_updated_by_users`: it outlives these users.
    - `ck_records_data_is_object`: its values are found by field id, never by position.
    """

    __tablename__ = "records"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["base_id", "table_id"], ["tables.base_id", "tables.id"], ondelete="CASCADE"
        ),
        sa.CheckConstraint("jsonb_typeof(data) = 'object'", name="data_is_object"),
        # Paging: continue after the last (created_at, id) of the previous page. Never OFFSET.
        sa.Index(None, "base_id", "table_id", "created_at", "id"),
        # Only for equality of any field: `data @> '{"<field id>": ...}'`.
        sa.Index(None, "data", postgresql_using="gin", postgresql_ops={"data": "jsonb_path_ops"}),
        # The trash of a table, in either order; as small as the trash.
        sa.Index(
            None,
            "base_id",
            "table_id",
            "deleted_at",
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        ),
        {"info": distributed("base_id", colocated_with="bases")},
    )

    base_id: Mapped[UUID] = mapped_column(primary_key=True, doc="The base of its table.")
    id: Mapped[UuidPk]
    table_id: Mapped[UUID] = mapped_column(doc="The table that it is a row of.")

    data: Mapped[JsonObject] = mapped_column(doc="Its values by field id.")
    created_by: Mapped[UUID | None] = mapped_column(
        sa.ForeignKey("users.id", ondelete="SET NULL"),
        doc="The user who created it; null after that user is deleted.",
    )
    updated_by: Mapped[UUID | None] = mapped_column(
        sa.ForeignKey("users.id", ondelete="SET NULL"),
        doc="The user who last changed it; null after that user is deleted.",
    )
    deleted_at: Mapped[datetime | None] = mapped_column(
        doc="When it was moved to the trash; null if it is not there."
    )

    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    table: Mapped["Table"] = relationship(back_populates="records")
    creator: Mapped["User | None"] = relationship(foreign_keys=[created_by])
    updater: Mapped["User | None"] = relationship(foreign_keys=[updated_by])
