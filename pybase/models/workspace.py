"""The model of a workspace."""

from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pybase.models._layout import reference
from pybase.models._model import CreatedAt, Model, UpdatedAt, UuidPk

if TYPE_CHECKING:
    from pybase.models.base import Base
    from pybase.models.user import User
    from pybase.models.workspace_member import WorkspaceMember


class Workspace(Model):
    """The workspace of a team: it contains bases, and has members.

    - `fk_workspaces_owner_id_users`: it has an owner, who cannot be deleted.
    - `uq_workspaces_slug`: its slug is unique.
    - `ck_workspaces_slug_format`: its slug needs no escaping in a URL.
    """

    __tablename__ = "workspaces"
    __table_args__ = (
        sa.UniqueConstraint("slug"),
        sa.CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name="slug_format"),
        {"info": reference()},
    )

    id: Mapped[UuidPk]
    owner_id: Mapped[UUID] = mapped_column(
        sa.ForeignKey("users.id", ondelete="RESTRICT"),
        index=True,
        doc="The user who owns it.",
    )

    name: Mapped[str] = mapped_column(doc="Its name, as users see it.")
    slug: Mapped[str] = mapped_column(doc="Its identifier in URLs.")

    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    owner: Mapped["User"] = relationship(back_populates="owned_workspaces")
    members: Mapped[list["WorkspaceMember"]] = relationship(
        back_populates="workspace", cascade="all, delete-orphan", passive_deletes=True
    )
    bases: Mapped[list["Base"]] = relationship(
        back_populates="workspace",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="Base.position",
    )
