"""The model of a base."""

from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pybase.models._layout import distributed
from pybase.models._model import CreatedAt, Model, Position, UpdatedAt, UuidPk

if TYPE_CHECKING:
    from pybase.models.table import Table
    from pybase.models.workspace import Workspace


class Base(Model):
    """A spreadsheet-database: tables that belong together, and may refer to each other.

    Its id is part of every key below it, so nothing in it can refer to another base, and a cluster
    can keep all rows of a base on one node.

    - `fk_bases_workspace_id_workspaces`: it is deleted with its workspace, and so is its content.
    - `ck_bases_name_not_blank`: its name is visible.
    """

    __tablename__ = "bases"
    __table_args__ = (
        sa.CheckConstraint(r"name ~ '\S'", name="name_not_blank"),
        {"info": distributed("id")},
    )

    id: Mapped[UuidPk]
    workspace_id: Mapped[UUID] = mapped_column(
        sa.ForeignKey("workspaces.id", ondelete="CASCADE"),
        index=True,
        doc="The workspace that contains it.",
    )

    name: Mapped[str] = mapped_column(doc="Its name, as users see it.")
    description: Mapped[str | None] = mapped_column(doc="What it is for; null where not given.")
    position: Mapped[Position]

    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    workspace: Mapped["Workspace"] = relationship(back_populates="bases")
    tables: Mapped[list["Table"]] = relationship(
        back_populates="base",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="Table.position",
    )
