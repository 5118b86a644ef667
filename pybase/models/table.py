"""The model of a table."""

from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from pybase.models._layout import distributed
from pybase.models._model import CreatedAt, Model, Position, UpdatedAt, UuidPk

if TYPE_CHECKING:
    from pybase.models.base import Base
    from pybase.models.field import Field
    from pybase.models.record import Record


class Table(Model):
    """A table inside a base: its fields are the columns that a user sees, its records the rows.

    - `pk_tables`: the key contains `base_id`, and so do the references of fields and records.
    - `uq_tables_base_id_name`: its name is unique in its base.
    """

    __tablename__ = "tables"
    __table_args__ = (
        sa.UniqueConstraint("base_id", "name"),
        {"info": distributed("base_id", colocated_with="bases")},
    )

    base_id: Mapped[UUID] = mapped_column(
        sa.ForeignKey("bases.id", ondelete="CASCADE"),
        primary_key=True,
        doc="The base that contains it.",
    )
    id: Mapped[UuidPk]

    name: Mapped[str] = mapped_column(doc="Its name, unique in its base.")
    description: Mapped[str | None] = mapped_column(doc="What it is for; null where not given.")
    position: Mapped[Position]

    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    base: Mapped["Base"] = relationship(back_populates="tables")
    fields: Mapped[list["Field"]] = relationship(
        back_populates="table",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="Field.position",
    )
    # Write-only: a table may have a million records, and no attribute should load them all.
    records: WriteOnlyMapped["Record"] = relationship(
        back_populates="table", cascade="all, delete-orphan", passive_deletes=True
    )
