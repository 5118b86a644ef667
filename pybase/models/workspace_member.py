"""The model of a membership."""

from typing import TYPE_CHECKING, Literal, get_args
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pybase.models._layout import reference
from pybase.models._model import CreatedAt, Model, UpdatedAt, check_one_of

if TYPE_CHECKING:
    from pybase.models.user import User
    from pybase.models.workspace import Workspace

Role = Literal["owner", "editor", "commenter", "viewer"]


class WorkspaceMember(Model):
    """The membership of a user in a workspace, with a role.

    - `pk_workspace_members`: a user is in a workspace once, with one role.
    - `ck_workspace_members_role_known`: the role is one of `Role`.
    """

    __tablename__ = "workspace_members"
    __table_args__ = (check_one_of("role", get_args(Role)), {"info": reference()})

    workspace_id: Mapped[UUID] = mapped_column(
        sa.ForeignKey("workspaces.id", ondelete="CASCADE"),
        primary_key=True,
        doc="The workspace.",
    )
    # The primary key finds the members of a workspace, this index the workspaces of a user.
    user_id: Mapped[UUID] = mapped_column(
        sa.ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
        doc="The user.",
    )

    role: Mapped[Role] = mapped_column(sa.Text(), doc="What the user may do in the workspace.")

    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    workspace: Mapped["Workspace"] = relationship(back_populates="members")
    user: Mapped["User"] = relationship(back_populates="memberships")
