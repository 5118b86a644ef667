"""The model of a field."""

from typing import TYPE_CHECKING, Literal, get_args
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pybase.models._layout import distributed
from pybase.models._model import (
    CreatedAt,
    FalseByDefault,
    JsonObject,
    Model,
    Position,
    UpdatedAt,
    UuidPk,
    check_one_of,
)

if TYPE_CHECKING:
    from pybase.models.table import Table

FieldType = Literal[
    "text",
    "long_text",
    "number",
    "currency",
    "percent",
    "checkbox",
    "date",
    "datetime",
    "duration",
    "single_select",
    "multi_select",
    "email",
    "url",
    "phone",
    "rating",
    "user",
    "attachment",
    "link",
    "lookup",
    "rollup",
    "formula",
    "count",
    "autonumber",
    "created_time",
    "modified_time",
    "created_by",
    "modified_by",
]


class Field(Model):
    """A column of a user's table: a name, a type, and the options of that type.

    - `fk_fields_base_id_table_id_tables`: it is in the same base as its table.
    - `uq_fields_base_id_table_id_name`: its name is unique in its table.
    - `uq_fields_primary`: at most one field of a table is the title of its records.
    - `ck_fields_type_known`: its type is one of `FieldType`.
    """

    __tablename__ = "fields"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["base_id", "table_id"], ["tables.base_id", "tables.id"], ondelete="CASCADE"
        ),
        sa.UniqueConstraint("base_id", "table_id", "name"),
        sa.Index(
            "uq_fields_primary",
            "base_id",
            "table_id",
            unique=True,
            postgresql_where=sa.text("is_primary"),
        ),
        check_one_of("type", get_args(FieldType)),
        {"info": distributed("base_id", colocated_with="bases")},
    )

    base_id: Mapped[UUID] = mapped_column(primary_key=True, doc="The base of its table.")
    id: Mapped[UuidPk]
    table_id: Mapped[UUID] = mapped_column(doc="The table that it is a column of.")

    name: Mapped[str] = mapped_column(doc="Its name, unique in its table.")
    type: Mapped[FieldType] = mapped_column(sa.Text(), doc="The type of its values.")
    options: Mapped[JsonObject] = mapped_column(doc="Options of its type.")
    position: Mapped[Position]
    is_primary: Mapped[FalseByDefault] = mapped_column(
        doc="Whether it is the title of the records of its table."
    )
    is_required: Mapped[FalseByDefault] = mapped_column(
        doc="Whether every record must have a value for it."
    )

    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    table: Mapped["Table"] = relationship(back_populates="fields")
