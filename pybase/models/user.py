"""The model of a user."""

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pybase.models._layout import reference
from pybase.models._model import CreatedAt, Model, TrueByDefault, UpdatedAt, UuidPk

if TYPE_CHECKING:
    from pybase.models.workspace import Workspace
    from pybase.models.workspace_member import WorkspaceMember


class User(Model):
    """A person who may sign in.

    A user without a password hash signs in through single sign-on. A user who leaves is
    deactivated, not deleted: deletion is for the right to be forgotten, and may be slow.

    - `uq_users_lower_email`: one user per address, regardless of case.
    """

    __tablename__ = "users"
    __table_args__ = (
        sa.Index("uq_users_lower_email", sa.text("lower(email)"), unique=True),
        {"info": reference()},
    )

    id: Mapped[UuidPk]

    email: Mapped[str] = mapped_column(doc="The address to sign in with, as it was entered.")
    display_name: Mapped[str] = mapped_column(doc="The name that other users see.")
    password_hash: Mapped[str | None] = mapped_column(doc="Null for single sign-on.")
    is_active: Mapped[TrueByDefault] = mapped_column(doc="Whether the user may sign in.")

    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    # "all": the database refuses to delete an owner, so the ORM must not set owner_id to null.
    owned_workspaces: Mapped[list["Workspace"]] = relationship(
        back_populates="owner", passive_deletes="all"
    )
    memberships: Mapped[list["WorkspaceMember"]] = relationship(
        back_populates="user", cascade="all, delete-orphan", passive_deletes=True
    )
