"""The declarative class, the naming convention, and the column types that recur."""

import inspect
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import DeclarativeBase, mapped_column

# A constraint that the server names by itself is named differently by another server or version,
# and then no revision can drop it. A check gives its own last word: ck_<table>_<that word>.
# A unique *index* is named by hand with uq_: it promises as much as a constraint does.
NAMING_CONVENTION = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}

# `doc` is what docs/schema.md says of a column. It is Python only; a `comment` would be SQL, and a
# revision.
UuidPk = Annotated[
    UUID,
    mapped_column(
        primary_key=True, server_default=sa.func.gen_random_uuid(), doc="Made by the server."
    ),
]
CreatedAt = Annotated[
    datetime, mapped_column(server_default=sa.func.now(), doc="When it was made.")
]
UpdatedAt = Annotated[
    datetime,
    mapped_column(
        server_default=sa.func.now(), onupdate=sa.func.now(), doc="When it last changed."
    ),
]
Position = Annotated[
    int,
    mapped_column(
        server_default=sa.text("0"),
        doc="Its place among its siblings, lowest first; may be shared.",
    ),
]
TrueByDefault = Annotated[bool, mapped_column(server_default=sa.true())]
FalseByDefault = Annotated[bool, mapped_column(server_default=sa.false())]
JsonObject = Annotated[
    dict[str, Any],
    # Mutable, or `record.data[key] = value` would be lost without a word.
    mapped_column(MutableDict.as_mutable(JSONB()), server_default=sa.text("'{}'::jsonb")),
]


class Model(DeclarativeBase):
    """What every model of PyBase is. `Base` is an entity of the product; this is the class."""

    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
    # No varchar(n): a limit is a rule, and rules are checks with a name. No 32-bit number and no
    # timestamp without time zone: to mend one later is to rewrite the table.
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: sa.Text(),
        int: sa.BigInteger(),
        datetime: sa.DateTime(timezone=True),
    }

    def __init_subclass__(cls, **options: Any) -> None:
        """Let the table know what one row is: docs/schema.md says it with the docstring's words."""
        super().__init_subclass__(**options)
        what, *_invariants = inspect.cleandoc(cls.__doc__ or "").split("\n\n- ")
        cls.metadata.tables[cls.__tablename__].info["doc"] = what


def check_one_of(column: str, values: Iterable[str]) -> sa.CheckConstraint:
    """Allow `values` only: text and a check, since an enum type can never lose a value again."""
    known = sa.column(column, sa.Text()).in_(list(values))
    return sa.CheckConstraint(known, name=f"{column}_known")
